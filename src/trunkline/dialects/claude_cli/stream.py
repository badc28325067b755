"""The lines of the program's output as our events.

Its ``stream_event`` lines carry the events of ``anthropic-messages``; the last line, ``result``, has the sums and the verdict. A
program that would go on by itself (it asks a model that ran out of tokens to resume) is not waited for.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from ...values.errors import ProviderError, StreamInterruptedError
from ...values.events import Event, Finish, OpaqueEvent, ReasoningDelta, Start, TextDelta, UsageUpdate
from ...wire.loose_json import loads
from ...wire.sse import Frame
from ..anthropic_messages.response import reason_of, usage_of
from ..anthropic_messages.stream import MessagesDecoder
from ..dialect import Context
from .errors import error_of_result

_SILENT = frozenset({
    "system", "user", "rate_limit_event", "control_request", "control_response", "control_cancel_request", "keep_alive",
    "tool_progress", "tool_use_summary", "auth_status", "prompt_suggestion",
})  # fmt: skip
"""Lines about the program itself, not about the reply."""
_SCHEMA_TOOL = "StructuredOutput"
_MADE_UP = "<synthetic>"
"""The model of a message in which the program speaks itself, of an error."""
_ENDED_BY_LENGTH = frozenset({"max_tokens", "model_context_window_exceeded"})


class _Line(msgspec.Struct):
    """What of a line is read before all of it is."""

    type: str = ""
    subtype: str | None = None
    event: msgspec.Raw = msgspec.Raw()
    parent_tool_use_id: str | None = None


_decode = msgspec.json.Decoder(_Line).decode


class ClaudeEventDecoder:
    """Lines to events (see ``dialect.EventDecoder``). ``result`` is the last word."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.done: bool = False
        self.error: ProviderError | None = None
        self._inner = MessagesDecoder(context)
        self._started = False
        self._schema = False
        self._text: list[str] = []
        self._ended: Finish | None = None
        self._word: str | None = None

    def feed(self, frames: Sequence[Frame]) -> list[Event]:
        events: list[Event] = []
        for frame in frames:
            if self.done:
                break
            line = _line(frame.data)
            if line.type == "stream_event":
                if line.parent_tool_use_id is None:
                    self._event(bytes(line.event), events)
            elif line.type == "result":
                self._result(_object(frame.data), frame.data, events)
            elif line.type == "assistant":
                self._assistant(_object(frame.data), frame.data, events)
            elif line.type == "system" and line.subtype == "init":
                self._schema = _SCHEMA_TOOL in _list(_object(frame.data).get("tools"))
            elif line.type and line.type not in _SILENT:
                events.append(OpaqueEvent(line.type, frame.data, raw=frame.data))
        return events

    def finish(self) -> list[Event]:
        if not self.done:
            self._fail("the program ended before its result")
        return []

    def _event(self, data: bytes, events: list[Event]) -> None:
        """One event of the protocol inside. Where a schema is asked for, only what is thought: the program's own tool writes the
        answer, and ``result`` has it."""
        inner = self._inner
        if inner.done:
            inner = self._inner = MessagesDecoder(self._context)  # another message of the same reply
        for event in inner.feed([Frame(data)]):
            if type(event) is TextDelta:
                self._text.append(event.text)
            if type(event) is Finish:
                self._ended = event
            elif type(event) is Start and self._started:
                continue
            elif not self._schema or type(event) in (Start, ReasoningDelta, UsageUpdate):
                self._started = self._started or type(event) is Start
                events.append(event)
        if inner.error is not None:
            return  # the program tells in its result what came of it
        if inner.done and self._ended is not None and self._ended.raw_reason in _ENDED_BY_LENGTH:
            events.append(self._ended)
            self.done = True

    def _assistant(self, said: dict[str, Any], data: bytes, events: list[Event]) -> None:
        """A whole message, which the stream has told of already, unless that broke: then the result has the words."""
        word = said.get("error")
        if isinstance(word, str):
            self._word = word
        message = said.get("message")
        if not self._started and isinstance(message, dict) and message.get("model") != _MADE_UP:
            self._started = True
            id, model = message.get("id"), message.get("model")
            events.append(Start(id if isinstance(id, str) else None, model if isinstance(model, str) else None, raw=data))

    def _result(self, said: dict[str, Any], data: bytes, events: list[Event]) -> None:
        if said.get("is_error") is not False or said.get("subtype") != "success":
            self.error, self.done = error_of_result(said, self._word, self._context), True
            return
        self._last_words(said, data, events)
        if self.done:
            return
        usage = said.get("usage")
        if isinstance(usage, dict):
            events.append(UsageUpdate(usage_of(usage), reported_cost=_cost(said.get("total_cost_usd"))))
        raw = said.get("stop_reason")
        raw = raw if isinstance(raw, str) else None
        if self._schema and raw == "tool_use":
            raw = "end_turn"  # of its own tool
        sequence = self._ended.stop_sequence if self._ended is not None else None
        events.append(Finish(reason_of(raw, calls=False), raw, stop_sequence=sequence, raw=data))
        self.done = True

    def _last_words(self, said: dict[str, Any], data: bytes, events: list[Event]) -> None:
        """What the result says and nobody has heard. The program repeats a request whose stream broke: when it answers otherwise
        then, what was told cannot be taken back."""
        if self._schema:
            if "structured_output" in said:
                events.append(TextDelta(msgspec.json.encode(said["structured_output"]).decode(), raw=data))
            else:
                self._fail("the program gave no structured output")
            return
        whole, told = said.get("result"), "".join(self._text)
        if not isinstance(whole, str) or whole == told or told.endswith(whole):
            return
        if not whole.startswith(told):
            self._fail("the stream of the program broke, and its second answer is another")
        elif whole:
            events.append(TextDelta(whole[len(told) :], raw=data))

    def _fail(self, words: str) -> None:
        target = self._context.target
        self.error = StreamInterruptedError(words, provider=target.provider, model=target.model or None)
        self.done = True


def _line(data: bytes) -> _Line:
    """A line's head. What is no JSON to the letter (half of a pair of surrogates) is mended first; what a program may print
    besides has no type."""
    try:
        return _decode(data)
    except (ValueError, RecursionError):
        pass
    try:
        said = _object(data)
        return msgspec.convert(said | {"event": msgspec.Raw(msgspec.json.encode(said.get("event")))}, _Line)
    except (ValueError, RecursionError):
        return _Line()


def _object(data: bytes) -> dict[str, Any]:
    try:
        value = loads(data)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _cost(value: object) -> Decimal | None:
    if type(value) not in (int, float):
        return None
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None
