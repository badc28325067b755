"""One choice of an endpoint whose models may write reasoning and tool calls as markup inside the text (quirk ``markup``)."""

from __future__ import annotations

from typing import Any

from ...values.events import Event, ReasoningDelta, TextDelta, ToolCallDelta
from ..dialect import Context
from ..markup import Splitter, Style, tool_name
from ..markup_thought import Piece
from .gathered import Gathered


class Marked(Gathered):
    """Takes what it is told as ``Gathered`` does, and the markup out of its text."""

    __slots__ = ("splitter",)

    def __init__(self, number: int, context: Context, style: Style) -> None:
        super().__init__(number, context)
        self.splitter: Splitter = Splitter(style)

    def settled(self) -> bool:
        return self.splitter.plain

    def take(self, said: dict[str, Any], events: list[Event], logprobs: object = None, *, whole: bool = False) -> None:
        super().take(said, events, logprobs, whole=whole)
        if whole:
            self._flush(events)

    def done(self, extra: dict[str, Any]) -> list[Event]:
        events: list[Event] = []
        self._flush(events)
        return events + super().done(extra)

    def _flush(self, events: list[Event]) -> None:
        before = len(self.text)
        self._split(self.splitter.finish(), events)
        if text := "".join(self.text[before:]):
            events.append(TextDelta(text, self.number))

    def _content(self, content: object, events: list[Event]) -> None:
        before = len(self.text)
        super()._content(content, events)
        if not self.splitter.plain:
            text = "".join(self.text[before:])
            del self.text[before:]
            self._split(self.splitter.feed(text), events)

    def _split(self, pieces: list[Piece], events: list[Event]) -> None:
        """Text is only kept: whoever took it tells it."""
        for kind, text in pieces:
            if kind == "text":
                self.text.append(text)
            elif kind == "reasoning":
                self.reasoning.append(text)
                events.append(ReasoningDelta(text, self.number))
            elif kind == "call":
                call = self._new_call({"index": (self.splitter, len(self.calls))})
                call.name = self.context.tool_names.get(text, text)
                call.id = self._call_id(call)
                events.append(ToolCallDelta(call.ordinal, call.id, call.name, "", self.number))
            else:
                call = next(call for call in reversed(self.calls) if isinstance(call.wire_index, tuple))
                call.arguments.append(text)
                events.append(ToolCallDelta(call.ordinal, None, None, text, self.number))

    def _call(self, item: dict[str, Any], events: list[Event], *, whole: bool) -> None:
        function = item.get("function")
        if isinstance(function, dict) and isinstance(name := function.get("name"), str) and "<|" in name:
            item = {**item, "function": {**function, "name": tool_name(name)}}
        super()._call(item, events, whole=whole)
