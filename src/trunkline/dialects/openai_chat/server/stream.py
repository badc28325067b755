"""Events to the chunks of a stream (openai-chat §8).

The head is held until something is said, and the reasons why choices ended until the end: so whatever comes in whatever order,
the role comes first, then what is said, then one reason for each choice, then usage where it was asked for, and ``[DONE]``.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, cast

import msgspec

from ....values.errors import ProviderError
from ....values.events import (
    AnyEvent,
    AudioDelta,
    CitationDelta,
    Event,
    Finish,
    Moved,
    OpaqueEvent,
    PartDone,
    ReasoningDelta,
    RefusalDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    UsageUpdate,
)
from ....values.message import Audio, Image, Opaque, Reasoning, Refusal, Text, ToolCall
from ....values.response import Usage, Warning
from ...dialect import Context
from ...losses import Losses
from ...openai_errors import error_json
from ..parts import tag
from . import pieces
from .choice import Choice
from .pieces import Wire
from .response import REPLY_FIELDS, head, lay_under
from .usage import write_usage

_encode = msgspec.json.Encoder().encode
_HEAD = ("id", "model", "created", "service_tier", "system_fingerprint")
_MOST_CHOICES = 1024
_UNKNOWN = Usage(0, 0)


class ChatEventEncoder:
    """The encoder of one stream (see ``EventEncoder``)."""

    __slots__ = (
        "_choices", "_context", "_cost", "_end", "_extra", "_field", "_head", "_losses", "_over", "_said", "_start", "_strange",
        "_text_end", "_usage", "warnings",
    )  # fmt: skip

    def __init__(self, context: Context) -> None:
        self._context = context
        self._losses = Losses()
        self.warnings: list[Warning] = self._losses.warnings
        self._choices: dict[int, Choice] = {}
        self._start = Start()
        self._head: bytes = b""
        self._end: bytes = b'],"usage":null}\n\n' if context.include_usage else b"]}\n\n"
        self._text_end: bytes = b'},"finish_reason":null}' + self._end
        self._field: str = pieces.reasoning_field(context)
        self._said = False
        self._over = False
        self._usage: Usage | None = None
        self._cost: Decimal | None = None
        self._extra: dict[str, Any] = {}
        self._strange: list[str] = []

    def push(self, event: Event) -> bytes:
        """What can be said by now."""
        if type(event) is TextDelta and not event.logprobs:
            choice = self._choices.get(event.choice)
            if choice is not None and choice.opened and (text := event.text):
                try:
                    said = choice.text_prefix + _encode(text) + self._text_end
                except UnicodeEncodeError:
                    said = choice.text_prefix + pieces.as_json(text, self._losses) + self._text_end
                choice.text.append(text)
                return said
        if self._over or (take := _TAKE.get(type(event))) is None:
            return b""
        return take(self, event) if 0 <= cast("AnyEvent", event).choice < _MOST_CHOICES else self._no_choice()

    def _no_choice(self) -> bytes:
        self._losses.dropped("choice", f"choices are numbered from 0 to {_MOST_CHOICES - 1}")
        return b""

    def ping(self) -> bytes:
        """A comment, which readers pass over."""
        return b"" if self._over else b": keep-alive\n\n"

    def error(self, error: ProviderError) -> bytes:
        """The error, as the last word."""
        if self._over:
            return b""
        self._close()
        return b"data: " + error_json(error) + b"\n\n"

    def finish(self) -> bytes:
        """What was held, why each choice ended, usage, and the end."""
        if self._over:
            return b""
        choices = [self._choice(number) for number in range(max(self._choices, default=0) + 1)]
        said = [self._chunk(choice, delta) for choice in choices for delta in choice.close()]
        message, moderation = self._extra.pop("message", None), self._extra.pop("moderation", None)
        message = pieces.saying(message) if isinstance(message, dict) else {}
        if own := {name: value for name, value in message.items() if name not in pieces.FIELDS}:
            said.append(self._chunk(choices[0], own))
        said += [self._last(choice, first=choice is choices[0]) for choice in choices]
        if self._context.include_usage:
            said.append(self._usage_chunk())
        if isinstance(moderation, dict):
            said.append(self._head + b'],"moderation":' + pieces.as_json(moderation, self._losses) + self._end[1:])
        for kind in self._strange:
            if kind not in self._extra and kind != "moderation":
                self._losses.dropped(f"event.{kind}", "this protocol has no such event")
        self._close()
        return b"".join(said) + b"data: [DONE]\n\n"

    def _close(self) -> None:
        self._over = True
        self._choices = {}

    # --- chunks -------------------------------------------------------------------------------------------------------

    def _choice(self, number: int) -> Choice:
        choice = self._choices.get(number)
        if choice is None:
            choice = self._choices[number] = Choice(number, self._context, self._losses)
        return choice

    def _open(self, choice: Choice, content: bytes = b'""') -> bytes:
        """The chunk with which a choice begins. Its content is null where something other than text comes first."""
        if not self._said:
            self._said = True
            self._set_head()
        choice.opened = True
        self._set_prefix(choice)
        return choice.prefix + b'{"role":"assistant","content":' + content + self._text_end

    def _set_head(self) -> None:
        fields = pieces.as_json(head(self._start, self._context), self._losses)
        self._head = b"data: " + fields[:-1] + b',"choices":['

    def _set_prefix(self, choice: Choice) -> None:
        choice.prefix = self._head + b'{"index":%d,"delta":' % choice.number
        choice.text_prefix = choice.prefix + b'{"content":'

    def _chunk(self, choice: Choice, delta: Wire, tokens: Wire | None = None) -> bytes:
        opening = b"" if choice.opened else self._open(choice, b'""' if "content" in delta else b"null")
        said = pieces.as_json(delta, self._losses)
        more = b"" if tokens is None else b',"logprobs":' + pieces.as_json(tokens, self._losses)
        return opening + choice.prefix + said + more + self._text_end[1:]

    def _chunks(self, number: int, deltas: list[Wire]) -> bytes:
        choice = self._choice(number)
        return b"".join([self._chunk(choice, delta) for delta in deltas])

    def _last(self, choice: Choice, *, first: bool) -> bytes:
        """Why a choice ended; with the first one's word comes what only this protocol knows, back where it stood."""
        opening = b"" if choice.opened else self._open(choice)
        said: Wire = {"index": choice.number, "delta": {}, "finish_reason": choice.reason(self._losses)}
        if not first or not self._extra:
            return opening + self._head + pieces.as_json(said, self._losses) + self._end
        own = self._extra.get("choice")
        if isinstance(own, dict):
            lay_under(said, {name: value for name, value in own.items() if name != "logprobs"})
        chunk: Wire = {**head(self._start, self._context), "choices": [said]}
        if self._context.include_usage:
            chunk["usage"] = None
        lay_under(chunk, {name: value for name, value in self._extra.items() if name not in REPLY_FIELDS})
        return opening + b"data: " + pieces.as_json(chunk, self._losses) + b"\n\n"

    def _usage_chunk(self) -> bytes:
        quirks, losses = self._context.target.quirks, self._losses
        usage = write_usage(self._usage or Usage(), self._cost, quirks, losses)
        if usage is None:
            losses.approximated("usage", "it is not known, and was asked for: 0 was said")
            usage = write_usage(_UNKNOWN, None, quirks, losses)
        return self._head + b'],"usage":' + pieces.as_json(usage, losses) + b"}\n\n"

    # --- events -------------------------------------------------------------------------------------------------------

    def _take_start(self, event: Start) -> bytes:
        """What becomes known once something was said changes no id, model or time: all chunks share those."""
        known = ("service_tier", "system_fingerprint") if self._said else _HEAD
        news = {name: value for name in known if (value := getattr(event, name)) is not None}
        if news:
            self._start = msgspec.structs.replace(self._start, **news)
            if self._said:
                self._set_head()
                for choice in self._choices.values():
                    if choice.opened:
                        self._set_prefix(choice)
        return b""

    def _take_text(self, event: TextDelta) -> bytes:
        if not event.text and not event.logprobs:
            return b""
        choice = self._choice(event.choice)
        choice.text.append(event.text)
        tokens = pieces.logprobs(event.logprobs, ()) if event.logprobs else None
        return self._chunk(choice, {"content": event.text}, tokens)

    def _take_reasoning(self, event: ReasoningDelta) -> bytes:
        if not event.text:
            return b""
        choice = self._choice(event.choice)
        choice.reasoning.append(event.text)
        return self._chunk(choice, {self._field: event.text})

    def _take_refusal(self, event: RefusalDelta) -> bytes:
        if not event.text and not event.logprobs:
            return b""
        choice = self._choice(event.choice)
        choice.refusal.append(event.text)
        tokens = pieces.logprobs((), event.logprobs) if event.logprobs else None
        return self._chunk(choice, {"refusal": event.text}, tokens)

    def _take_call(self, event: ToolCallDelta) -> bytes:
        return self._chunks(event.choice, self._choice(event.choice).call_delta(event))

    def _take_citation(self, event: CitationDelta) -> bytes:
        return self._chunks(event.choice, self._choice(event.choice).cite(event.citation))

    def _take_audio(self, event: AudioDelta) -> bytes:
        return self._chunks(event.choice, self._choice(event.choice).audio_delta(event))

    def _take_part(self, event: PartDone) -> bytes:
        part, choice = event.part, self._choice(event.choice)
        deltas: list[Wire] = []
        if type(part) is Text:
            deltas = choice.text_done(part)
        elif type(part) is Reasoning:
            deltas = choice.reasoning_done(part)
        elif type(part) is Refusal:
            deltas = choice.refusal_done(part)
        elif type(part) is ToolCall:
            deltas = choice.call_done(part, event.index)
        elif type(part) is Audio:
            deltas = choice.audio_done(part)
        elif type(part) is Image:
            picture = pieces.image(part, self._losses)
            deltas = [] if picture is None else [{"images": [picture]}]
        elif type(part) is Opaque:
            deltas = choice.opaque(part)
        else:
            self._losses.dropped(tag(part), "a reply of this protocol has no such part")
        return self._chunks(event.choice, deltas)

    def _take_usage(self, event: UsageUpdate) -> bytes:
        self._usage, self._cost = event.usage, event.reported_cost
        return b""

    def _take_finish(self, event: Finish) -> bytes:
        self._choice(event.choice).finish = event
        self._extra.update(event.extra)
        if event.stop_sequence is not None:
            self._losses.dropped("stop_sequence", "this protocol does not say which it was")
        return b""

    def _take_opaque(self, event: OpaqueEvent) -> bytes:
        """An event of this protocol that we have no name for: its fields come with the end (``Finish.extra``)."""
        if event.kind not in self._strange:
            self._strange.append(event.kind)
        return b""

    def _take_moved(self, event: Moved) -> bytes:
        self._losses.dropped("moved", "this protocol does not say that another carries on")
        return b""


_TAKE: dict[type[msgspec.Struct], Callable[[ChatEventEncoder, Any], bytes]] = {
    Start: ChatEventEncoder._take_start,
    TextDelta: ChatEventEncoder._take_text,
    ReasoningDelta: ChatEventEncoder._take_reasoning,
    RefusalDelta: ChatEventEncoder._take_refusal,
    ToolCallDelta: ChatEventEncoder._take_call,
    CitationDelta: ChatEventEncoder._take_citation,
    AudioDelta: ChatEventEncoder._take_audio,
    PartDone: ChatEventEncoder._take_part,
    UsageUpdate: ChatEventEncoder._take_usage,
    Finish: ChatEventEncoder._take_finish,
    OpaqueEvent: ChatEventEncoder._take_opaque,
    Moved: ChatEventEncoder._take_moved,
}
