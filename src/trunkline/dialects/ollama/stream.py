"""A streamed reply: lines of JSON to events (local-servers §3).

Most lines hold one piece of text or of the thought: those are read into a struct of exactly that shape. Whatever else a line
holds makes the strict reading fail, and the same bytes are walked without types.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ...values.errors import ProviderError, StreamInterruptedError
from ...values.events import Event, OpaqueEvent, ReasoningDelta, TextDelta
from ...wire.loose_json import loads
from ...wire.sse import Frame
from ..dialect import Context
from .errors import error_within, malformed
from .gathered import Gathered


class _Message(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    content: str | None = None
    thinking: str | None = None
    role: str | None = None
    tool_calls: None = None


class _Line(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    message: _Message
    done: bool
    model: str | None = None
    created_at: str | None = None


_decode = msgspec.json.Decoder(_Line).decode


class OllamaEventDecoder:
    """The decoder of one stream (see ``EventDecoder``). A line with ``done`` is its last word, and one with ``error`` too."""

    __slots__ = ("_context", "_gathered", "_plain", "done", "error")

    def __init__(self, context: Context) -> None:
        self.done: bool = False
        self.error: ProviderError | None = None
        self._context = context
        self._gathered = Gathered(context)
        self._plain = False  # the head is known, and text is just text

    def feed(self, frames: Sequence[Frame]) -> list[Event]:
        """The events of one read's frames."""
        events: list[Event] = []
        for frame in frames:
            if self.done:
                break
            if not (self._plain and self._quick(frame.data, events)):
                self._line(frame.data, events)
        return events

    def finish(self) -> list[Event]:
        """What remains once the bytes have ended properly: nothing, for the last line is the end."""
        if self.done:
            return []
        self.done = True
        events: list[Event] = []
        self._gathered.close(events)
        target = self._context.target
        self.error = StreamInterruptedError("the stream ended before its end", provider=target.provider, model=target.model)
        return events

    def _quick(self, data: bytes, events: list[Event]) -> bool:
        """Read a line with one piece of text or thought; False, and nothing read, where it holds anything else."""
        try:
            line = _decode(data)
        except (ValueError, RecursionError):
            return False
        text, thought = line.message.content, line.message.thinking
        if line.done or (not text) == (not thought):
            return False
        if text:
            self._gathered.text.append(text)
            events.append(TextDelta(text, 0, data))
        elif thought:
            self._gathered.reasoning.append(thought)
            events.append(ReasoningDelta(thought, 0, data))
        return True

    def _line(self, data: bytes, events: list[Event]) -> None:
        before = len(events)
        try:
            self._read(data, events)
        except ProviderError as error:
            self.error, self.done = error, True
        except RecursionError:
            self.error, self.done = malformed("$", self._context), True
        self._plain = self._gathered.model is not None and self._gathered.plain
        if len(events) > before:
            events[-1] = msgspec.structs.replace(events[-1], raw=data)

    def _read(self, data: bytes, events: list[Event]) -> None:
        try:
            line = loads(data)
        except ValueError as reason:
            raise malformed("$", self._context, message=f"a line of the stream is {reason}") from None
        if not isinstance(line, dict):
            raise malformed("$", self._context)
        if line.get("error"):
            raise error_within(line, self._context)
        gathered, known, before = self._gathered, len(self._gathered.extra), len(events)
        gathered.take(line, events)
        if line.get("done") is True:
            self.done = True
            gathered.close(events)
            events += gathered.done()
        elif len(gathered.extra) > known and len(events) == before:
            events.append(OpaqueEvent(next(reversed(gathered.extra)), data))
