"""A streamed reply: chunks to events.

Most chunks hold one piece of one choice's text: those are read into a struct of exactly that shape. Whatever else a chunk holds
makes the strict reading fail, and the same bytes are walked without types.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, Any

import msgspec

from ...values.errors import MalformedResponseError, ProviderError, StreamInterruptedError
from ...values.events import Event, OpaqueEvent, ReasoningDelta, Start, TextDelta, ToolCallDelta, UsageUpdate
from ...wire.loose_json import loads
from ...wire.sse import Frame
from ..dialect import Context
from .errors import error_within, malformed, says_error
from .gathered import Gathered
from .pieces import objects
from .plain import FirstChunk, plain_first
from .response import CHOICE_FIELDS, TOP_FIELDS, choice_number, find_usage, gathered, text_or_none
from .usage import read_usage, reported_cost

_NoText = Annotated[str, msgspec.Meta(max_length=0)]
_NoList = Annotated[list[Any], msgspec.Meta(max_length=0)]


class _Function(msgspec.Struct, gc=False):
    arguments: str
    name: _NoText | None = None


class _Piece(msgspec.Struct, gc=False):
    """More of the arguments of a tool call that has begun."""

    index: int
    function: _Function
    id: _NoText | None = None
    custom: None = None
    extra_content: None = None


class _Delta(msgspec.Struct, gc=False):
    """Text, reasoning or more arguments, and nothing else: a field typed None accepts null only."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[_Piece] | None = None
    refusal: None = None
    reasoning_details: None = None
    reasoning_encrypted: None = None
    function_call: None = None
    audio: None = None
    annotations: _NoList | None = None
    images: None = None


class _Choice(msgspec.Struct, gc=False):
    delta: _Delta
    index: int = 0
    finish_reason: _NoText | None = None
    logprobs: None = None
    error: None = None
    usage: None = None


class _Chunk(msgspec.Struct, gc=False):
    choices: tuple[_Choice]
    usage: None = None
    error: None = None
    x_groq: None = None
    base_resp: None = None


_decode = msgspec.json.Decoder(_Chunk).decode


class ChatEventDecoder:
    """The decoder of one stream (see ``EventDecoder``). It is complete when ``[DONE]`` came, or when every choice that began
    has a finish reason and the body ended properly: usage that has not come by then is not known."""

    __slots__ = ("_choices", "_context", "_extra", "_fast", "_head", "_marked", "_plain", "_usage", "done", "error")

    def __init__(self, context: Context) -> None:
        self.done: bool = False
        self.error: ProviderError | None = None
        self._context = context
        self._plain = False  # the head is known
        self._marked = context.target.quirks.markup is not None
        self._fast = False  # a plain chunk needs no more than its text
        self._choices: dict[int, Gathered] = {}
        self._head: dict[str, Any] = {}
        self._usage: dict[str, Any] | None = None
        self._extra: dict[str, Any] = {}

    def feed(self, frames: Sequence[Frame]) -> list[Event]:
        """The events of one read's frames."""
        events: list[Event] = []
        if self.done:
            return events
        choices = self._choices
        for frame in frames:
            data = frame.data
            if self._fast:
                try:
                    choice = _decode(data).choices[0]
                except (ValueError, RecursionError):
                    pass
                else:
                    index = choice.index
                    if (known := choices.get(index)) is not None:
                        delta = choice.delta
                        if (
                            (text := delta.content)
                            and not delta.reasoning_content
                            and not delta.reasoning
                            and not delta.tool_calls
                        ):
                            known.text.append(text)
                            events.append(TextDelta(text, index, data))
                            continue
                        if _take(known, delta, data, events):
                            continue
            elif (
                not choices
                and not self._head
                and not self._marked
                and frame.event is None
                and (first := plain_first(data)) is not None
            ):
                self._first(first, data, events)
                continue
            self._frame(frame, events)
            if self.done:
                break
        return events

    def _first(self, chunk: FirstChunk, data: bytes, events: list[Event]) -> None:
        """The usual beginning; what ``_chunk`` would make of it."""
        text = chunk.choices[0].delta.content
        raw = None if text else data  # on the last event of the chunk
        events.append(Start(chunk.id, chunk.model, 0, chunk.created, chunk.service_tier, chunk.system_fingerprint, raw))
        for name in ("id", "model", "service_tier", "system_fingerprint", "created"):
            if (value := getattr(chunk, name)) is not None:
                self._head[name] = value
        self._plain = self._fast = True
        choice = self._choices[0] = Gathered(0, self._context)
        choice.reply_id = chunk.id
        if text:
            choice.text.append(text)
            events.append(TextDelta(text, 0, data))

    def finish(self) -> list[Event]:
        """What remains once the bytes have ended properly."""
        if self.done:
            return []
        if self._choices and all(choice.raw_reason for choice in self._choices.values()):
            events: list[Event] = []
            self._end(events)
            return events
        self.done = True
        target = self._context.target
        self.error = StreamInterruptedError(
            "the stream ended before its end", provider=target.provider, model=target.model, request_id=self._head.get("id")
        )
        return []

    # --- frames that are not plain text -------------------------------------------------------------------------------

    def _frame(self, frame: Frame, events: list[Event]) -> None:
        data = frame.data
        if data.startswith(b"[DONE]"):
            self._end(events)
            return
        if not data.strip():
            return
        before = len(events)
        try:
            self._chunk(self._parse(frame, events), events, data)
        except ProviderError as error:
            self.error, self.done = error, True
        except RecursionError:
            self.error, self.done = malformed("$", self._context), True
        if len(events) > before:
            events[-1] = msgspec.structs.replace(events[-1], raw=data)
        self._fast = self._plain and (not self._marked or all(choice.settled() for choice in self._choices.values()))

    def _parse(self, frame: Frame, events: list[Event]) -> dict[str, Any]:
        try:
            chunk = loads(frame.data)
        except ValueError as reason:
            if frame.event == "error":
                raise error_within(frame.data.decode("utf-8", "replace"), self._context) from None
            raise malformed("$", self._context, message=f"a chunk of the stream is {reason}") from None
        if frame.event == "error" or (isinstance(chunk, dict) and says_error(chunk)):
            if isinstance(chunk, dict):
                self._last_words(chunk, events)
            raise error_within(chunk, self._context)
        if not isinstance(chunk, dict):
            raise malformed("$", self._context)
        return chunk

    def _last_words(self, chunk: dict[str, Any], events: list[Event]) -> None:
        """What the choices of a chunk still say that is an error; how it says it matters less than the error."""
        for choice in objects(chunk.get("choices")):
            with suppress(MalformedResponseError):
                self._choice({name: value for name, value in choice.items() if name != "error"}, events)

    def _chunk(self, chunk: dict[str, Any], events: list[Event], data: bytes) -> None:
        before = len(events)
        self._start(chunk, events)
        choices = chunk.get("choices")
        if choices is not None and not isinstance(choices, list):
            raise malformed("$.choices", self._context)
        for n, choice in enumerate(choices or ()):
            if not isinstance(choice, dict):
                raise malformed(f"$.choices[{n}]", self._context)
            self._choice(choice, events)
        usage = find_usage(chunk)
        if usage is not None and usage != self._usage:
            self._usage = usage
            quirks = self._context.target.quirks
            events.append(UsageUpdate(read_usage(usage, quirks), reported_cost=reported_cost(usage, quirks)))
        own = {name: value for name, value in chunk.items() if name not in TOP_FIELDS and value is not None}
        if own:
            if len(events) == before:
                events.append(OpaqueEvent(next(iter(own)), data))
            self._extra.update(own)

    def _start(self, chunk: dict[str, Any], events: list[Event]) -> None:
        """``Start`` once an id or a model is known (Azure's first chunk has neither), again for a fact that comes later."""
        head = self._head
        news: dict[str, Any] = {}
        for name in ("id", "model", "service_tier", "system_fingerprint"):
            if (value := text_or_none(chunk.get(name))) is not None and name not in head:
                news[name] = value
        created = chunk.get("created")
        if type(created) is int and "created" not in head and (created > 0 or chunk.get("choices")):
            news["created"] = created
        head.update(news)
        if self._plain:
            if news:
                events.append(Start(**news))
        elif "id" in head or "model" in head or chunk.get("choices"):
            events.append(Start(**head))
            self._plain = True

    def _choice(self, choice: dict[str, Any], events: list[Event]) -> None:
        number = choice_number(choice)
        held = self._choices.get(number)
        fresh = held is None
        if held is None:
            held = self._choices[number] = gathered(number, self._context)
            held.reply_id = self._head.get("id")
        said = choice.get("delta")
        if said is None and fresh:  # the whole reply as one event; Perplexity's ``message`` beside ``delta`` only repeats
            said = choice.get("message") or {"content": choice.get("text")}
        if isinstance(said, dict):
            held.take(said, events, choice.get("logprobs"))
        elif said is not None:
            raise malformed(f"$.choices[{number}].delta", self._context)
        if (reason := text_or_none(choice.get("finish_reason"))) is not None:
            held.raw_reason = reason
        if number == 0:
            own = {name: value for name, value in choice.items() if name not in CHOICE_FIELDS and value is not None}
            if own:
                self._extra.setdefault("choice", {}).update(own)
        if isinstance(choice.get("error"), dict) and choice["error"]:
            raise error_within(choice, self._context)

    def _end(self, events: list[Event]) -> None:
        self.done = True
        try:
            events += self._close()
        except RecursionError:
            self.error = malformed("$", self._context)

    def _close(self) -> list[Event]:
        events: list[Event] = []
        if not self._plain:
            events.append(Start(**self._head))
        choices = self._choices or {0: gathered(0, self._context)}
        for number in sorted(choices):
            choice = choices[number]
            first = number == min(choices)
            if first and choice.extra:
                self._extra["message"] = choice.extra
            events += choice.done(self._extra if first else {})
        return events


def _take(gathered: Gathered, delta: _Delta, data: bytes, events: list[Event]) -> bool:
    """Take a plain delta; False, and nothing taken, where it needs the longer reading after all."""
    number, content, pieces = gathered.number, delta.content, delta.tool_calls
    if pieces:
        call = gathered.call_at(pieces[0].index)
        if call is None or len(pieces) > 1 or content or delta.reasoning_content or delta.reasoning:
            return False
        if arguments := pieces[0].function.arguments:
            call.arguments.append(arguments)
            events.append(ToolCallDelta(call.ordinal, None, None, arguments, number, data))
        return True
    if thought := delta.reasoning_content or delta.reasoning:
        gathered.reasoning_name = "reasoning_content" if delta.reasoning_content else "reasoning"
        gathered.reasoning.append(thought)
        events.append(ReasoningDelta(thought, number, None if content else data))
    if content:
        gathered.text.append(content)
        events.append(TextDelta(content, number, data))
    return bool(content or thought)  # else it may hold what only this server knows
