"""Events of ours as a stream of this protocol: one item of content or call at a time, whatever order they come in."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from ....values.errors import ProviderError
from ....values.events import (
    AudioDelta,
    CitationDelta,
    Event,
    Finish,
    OpaqueEvent,
    PartDone,
    ReasoningDelta,
    RefusalDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    UsageUpdate,
)
from ....values.message import Citation, Part, Reasoning, Refusal, Text, ToolCall
from ....values.response import TokenLogprob, Usage, Warning
from ...dialect import Context
from ...losses import Losses
from ...served_words import sayable
from ..pieces import ID, object_of, objects
from .errors import error_end
from .pieces import call_of, cite, is_citation, is_plan, item_of, judge, logprob, reason_of, thought, usage_of, words_of
from .response import NAMED, NO_MODEL, reply_id
from .writing import Writer

_encode = msgspec.json.Encoder().encode
_any = msgspec.json.Decoder().decode
_OWN_EVENTS = frozenset({
    "message-start", "message-end", "content-start", "content-delta", "content-end", "tool-plan-delta", "tool-call-start",
    "tool-call-delta", "tool-call-end", "citation-end",
})  # fmt: skip


class CohereEventEncoder:
    """Events to bytes (see ``dialect.EventEncoder``). A call that is open ends with its ``PartDone``: what comes before that and
    is not its own waits."""

    __slots__ = (
        "_arguments", "_call", "_calls", "_cited", "_context", "_done", "_ended", "_held", "_losses", "_over", "_said", "_source",
        "_text", "_usage", "_waiting", "_words", "_writer", "warnings",
    )  # fmt: skip

    def __init__(self, context: Context) -> None:
        self._losses = Losses()
        self.warnings: list[Warning] = self._losses.warnings
        self._context = context
        self._writer = Writer(reply_id(context), self._losses)
        self._source: str | None = None  # what is said: text, refusal, audio, thinking, plan
        self._said: dict[str, list[str]] = {}  # by source, since its last part was done
        self._words: list[str] = []  # of the item that is open
        self._text: tuple[int, list[str]] | None = None  # the number of the last text, and its words
        self._cited = 0  # how many citations of the text at hand have come
        self._held: list[Citation] = []  # those that wait for their words
        self._call: int | None = None
        self._arguments: list[str] = []
        self._done: set[int] = set()
        self._waiting: deque[Event | int] = deque()
        self._calls: dict[int, list[Event]] = {}
        """The events of each call that stands among those that wait, by its number."""
        self._usage = Usage()
        self._ended: Finish | None = None
        self._over = False

    def push(self, event: Event) -> bytes:
        """What can be said by now."""
        if type(event) is TextDelta and self._source == "text" and self._call is None and not event.choice and event.text:
            try:
                data = _encode(event.text)
            except UnicodeEncodeError:
                data = b""
            if data and not event.logprobs:
                self._words.append(event.text)
                self._said["text"].append(event.text)
                self._writer.words(data)
                return self._writer.taken()
        if self._over or type(event) not in _TAKE:
            return b""
        if event.choice:
            self._losses.dropped("alternatives", "there is one choice here")
            return b""
        self._take(event)
        self._go_on()
        return self._writer.taken()

    def _take(self, event: Event) -> None:
        if self._call is not None and not self._of_the_call(event):
            self._wait(event)
        else:
            _TAKE[type(event)](self, event)

    def _wait(self, event: Event) -> None:
        """Events of one call wait together, where the first of them stands."""
        call = type(event) is ToolCallDelta or (type(event) is PartDone and type(event.part) is ToolCall)
        index: int | None = event.index if call else None  # type: ignore[attr-defined]
        if index is None:
            self._waiting.append(event)
        elif index in self._calls:
            self._calls[index].append(event)
        else:
            self._calls[index] = [event]
            self._waiting.append(index)

    def _go_on(self) -> None:
        """Say what waits, until a call is open again."""
        while self._call is None and self._waiting:
            head = self._waiting.popleft()
            for event in self._calls.pop(head) if isinstance(head, int) else (head,):
                _TAKE[type(event)](self, event)

    def _of_the_call(self, event: Event) -> bool:
        if type(event) in (Start, UsageUpdate, Finish):
            return True
        if type(event) is ToolCallDelta:
            return event.index == self._call
        return type(event) is PartDone and type(event.part) is ToolCall and event.index == self._call

    def finish(self) -> bytes:
        """What was held, why it ended, and the end."""
        if self._over:
            return b""
        self._drain()
        self._over = True
        ended = self._ended or Finish("tool_calls" if self._writer.calls else "stop")
        reason = reason_of(ended.reason, ended.raw_reason, ended.stop_sequence, self._losses, calls=self._writer.calls > 0)
        extra = {name: value for name, value in ended.extra.items() if name not in NAMED}
        kept = ended.extra.get("message")
        for name in kept if isinstance(kept, dict) else ():
            if name != "citations":  # they have been said
                self._losses.dropped(f"message.{name}", "the message has begun when it is known")
        self._writer.end({"finish_reason": reason, "usage": usage_of(self._usage, self._losses), **extra})
        return self._writer.taken()

    def _drain(self) -> None:
        """Say all that waits, and close what is open."""
        while self._call is not None or self._waiting:
            self._end_call()
            self._go_on()
        self._close()
        self._say_held()

    def error(self, error: ProviderError) -> bytes:
        """The error, as the last word."""
        if self._over:
            return b""
        self._over = True
        self._close()
        self._writer.end(error_end(error))
        return self._writer.taken()

    def ping(self) -> bytes:
        """A comment, which readers pass over."""
        return b"" if self._over else b": ping\n\n"

    # --- words --------------------------------------------------------------------------------------------------------

    def _speak(self, source: str, text: str, logprobs: tuple[TokenLogprob, ...] = ()) -> None:
        if not text and not logprobs:
            return
        if source == "plan":
            self._close()
            self._writer.plan(sayable(text, self._losses))
        else:
            kind = "thinking" if source == "thinking" else "text"
            if self._source != source and not (not text and self._writer.kind == "thinking"):
                self._begin(source, kind)
            self._pieces(text, logprobs)
            self._words.append(text)
        if text:
            self._said.setdefault(source, []).append(text)

    def _begin(self, source: str, kind: str) -> None:
        self._close()
        self._writer.open(kind)
        self._source, self._words = source, []
        if source == "text":
            self._text = (self._writer.items - 1, self._words)
            self._said.setdefault("text", [])

    def _pieces(self, text: str, logprobs: tuple[TokenLogprob, ...]) -> None:
        """One piece, or as many as there are tokens with a log probability."""
        text = sayable(text, self._losses)
        if not logprobs:
            self._writer.words(_encode(text))
        elif len(logprobs) > 1 and "".join(token.token for token in logprobs) == text:
            for token in logprobs:
                self._writer.words_with(token.token, logprob(token, self._losses))
        else:
            for n, token in enumerate(logprobs):
                self._writer.words_with("" if n else text, logprob(token, self._losses))

    def _close(self) -> None:
        if self._held and self._source == "text":
            self._say_held()
        self._writer.close()
        self._source, self._words = None, []

    def _take_text(self, event: TextDelta) -> None:
        self._speak("text", event.text, event.logprobs)

    def _take_refusal(self, event: RefusalDelta) -> None:
        self._speak("refusal", event.text, event.logprobs)

    def _take_audio(self, event: AudioDelta) -> None:
        self._speak("audio", event.transcript)

    def _take_reasoning(self, event: ReasoningDelta) -> None:
        """A thought is told as the plan where it came as that."""
        plan = event.raw is not None and b'"tool-plan-delta"' in event.raw
        self._speak("plan" if plan and not self._writer.items and not self._writer.calls else "thinking", event.text)

    def _take_citation(self, event: CitationDelta) -> None:
        """A citation is said once the words that it names are: one that names none, or comes before its text, when that ends."""
        self._cited += 1
        self._held.append(event.citation)
        if self._source == "text" and len(self._held) == 1:
            end = event.citation.text_end
            if end is not None and end <= sum(map(len, self._words)):
                self._say_held()

    def _say_held(self) -> None:
        """Say what is held, of the last text."""
        held, self._held = self._held, []
        if self._text is None:
            if held:
                self._losses.dropped("message.citations", "there is no text that they belong to")
            return
        place, words = self._text
        for citation in held:
            self._writer.cite(cite(citation, "".join(words), place, self._losses))

    # --- calls --------------------------------------------------------------------------------------------------------

    def _take_call(self, event: ToolCallDelta) -> None:
        if event.index in self._done:
            self._losses.dropped("message.tool_call", "more of a call that has ended")
            return
        if self._call is None:
            self._close()
            self._call, self._arguments = event.index, []
            self._writer.call(call_of(ToolCall(event.id or "", event.name or ""), self._writer.calls, self._losses))
        self._say_arguments(event.arguments)

    def _call_done(self, part: ToolCall) -> None:
        """What the call has not said of its arguments, and its end."""
        said = "".join(self._arguments)
        whole = call_of(part, self._writer.calls, self._losses)["function"]["arguments"]
        if not said:
            self._say_arguments(whole if whole != "{}" else "")
        elif part.raw_arguments.startswith(said):
            self._say_arguments(part.raw_arguments[len(said) :])
        else:
            self._losses.approximated("message.tool_call.arguments", "others were said already")
        if part.state is not None and part.state.dialect == ID:
            self._losses.dropped("message.tool_call.state", "the call had begun when it was known")
        self._end_call()

    def _say_arguments(self, text: str) -> None:
        if text:
            self._arguments.append(text)
            self._writer.arguments(sayable(text, self._losses))

    def _end_call(self) -> None:
        if self._call is not None:
            judge("".join(self._arguments), self._losses)
            self._done.add(self._call)
            self._call = None
            self._close()

    # --- parts --------------------------------------------------------------------------------------------------------

    def _take_part(self, event: PartDone) -> None:
        part = event.part
        if type(part) is ToolCall:
            self._whole_call(part, event.index)
        elif type(part) is Reasoning:
            self._thought_done(part)
        elif (words := words_of(part, self._losses)) is not None:
            self._words_done(part, words)
        elif (item := item_of(part, self._losses)) is not None:
            self._close()
            self._writer.whole(item)

    def _whole_call(self, part: ToolCall, index: int | None) -> None:
        if index is not None and index == self._call:
            self._call_done(part)
            return
        if index is not None and index in self._done:
            return
        self._close()
        call = call_of(part, self._writer.calls, self._losses)
        self._writer.call(call)
        self._writer.arguments(sayable(call["function"]["arguments"], self._losses))
        self._close()
        if index is not None:
            self._done.add(index)

    def _words_done(self, part: Part, words: str) -> None:
        source = "text" if type(part) is Text else "refusal" if type(part) is Refusal else "audio"
        self._rest(source, words)
        if type(part) is Text:
            for citation in part.citations[self._cited :]:
                self._take_citation(CitationDelta(citation))
            self._cited = 0
            if self._source is None:
                self._say_held()
        if self._source == source:
            self._close()

    def _rest(self, source: str, words: str) -> None:
        """What of ``words`` has not been said since the last part of this source was done."""
        said = "".join(self._said.pop(source, ()))
        if words.startswith(said):
            self._speak(source, words[len(said) :])
        else:
            self._losses.approximated(f"message.{source}", "other words were said already")
        self._said.pop(source, None)

    def _thought_done(self, part: Reasoning) -> None:
        if "plan" in self._said:
            self._rest("plan", part.text)
            return
        if "thinking" in self._said and is_plan(part):
            self._losses.approximated("message.reasoning", "the plan was begun as a thought")
        early = not self._writer.items and not self._writer.calls
        words = thought(part, self._losses)
        self._rest("plan" if is_plan(part) and early and "thinking" not in self._said else "thinking", words)
        if self._source == "thinking":
            self._close()

    # --- the head and the end -----------------------------------------------------------------------------------------

    def _take_start(self, event: Start) -> None:
        if event.model not in (None, self._context.model):  # who asked knows which
            self._losses.dropped("model", NO_MODEL)
        if event.id and not self._writer.started:
            self._writer.reply_id = event.id

    def _take_usage(self, event: UsageUpdate) -> None:
        self._usage = event.usage
        if event.reported_cost is not None:
            self._losses.dropped("reported_cost", "replies do not say what they cost here")

    def _take_finish(self, event: Finish) -> None:
        self._ended = event

    def _take_opaque(self, event: OpaqueEvent) -> None:
        """An event of this protocol that we do not name goes out as it came; those of items are said with their part."""
        if event.kind in _OWN_EVENTS:
            return
        try:
            said = _any(event.data)
        except (ValueError, RecursionError):
            said = None
        if not isinstance(said, dict) or said.get("type") != event.kind or not event.kind.isprintable() or not event.kind:
            self._losses.dropped(f"event.{event.kind[:40]}", "it is none of this protocol")
        elif event.kind == "citation-start":
            for item in objects(object_of(object_of(said.get("delta")).get("message")).get("citations")):
                if is_citation(item) and item.get("content_index", -1) < self._writer.items:
                    self._writer.cite(item)
                else:
                    self._losses.dropped("message.citations", "they lack what every citation has")
        else:
            self._writer.raw(event.kind, _encode(said))


_TAKE: dict[type[Event], Callable[[CohereEventEncoder, Any], None]] = {
    Start: CohereEventEncoder._take_start,
    TextDelta: CohereEventEncoder._take_text,
    ReasoningDelta: CohereEventEncoder._take_reasoning,
    RefusalDelta: CohereEventEncoder._take_refusal,
    AudioDelta: CohereEventEncoder._take_audio,
    ToolCallDelta: CohereEventEncoder._take_call,
    CitationDelta: CohereEventEncoder._take_citation,
    PartDone: CohereEventEncoder._take_part,
    OpaqueEvent: CohereEventEncoder._take_opaque,
    UsageUpdate: CohereEventEncoder._take_usage,
    Finish: CohereEventEncoder._take_finish,
}
"""``Warned`` and ``Moved`` are no part of the reply, and have no word here."""
