"""What a reply has said: one body, or the lines of a stream as they come. One reading for both, so that the two agree."""

from __future__ import annotations

from typing import Any, Literal

from ...values.events import Event, Finish, PartDone, ReasoningDelta, Start, TextDelta, ToolCallDelta, UsageUpdate
from ...values.message import Part, Reasoning, Text, ToolCall
from ...values.response import FinishReason, TokenLogprob, Usage
from ..dialect import Context
from ..markup import Splitter, tool_name
from ..markup_thought import Piece
from .errors import malformed
from .pieces import (
    CUSTOM_INPUT,
    DURATIONS,
    arguments_text,
    call_id,
    count_of,
    finish_reason,
    logprobs_of,
    seconds_of,
    text_or_none,
)

_FIELDS = frozenset({
    "model", "created_at", "message", "done", "done_reason", "prompt_eval_count", "eval_count", "logprobs", "error", "response",
    "thinking",
})  # fmt: skip
_MESSAGE = frozenset({"role", "content", "thinking", "tool_calls"})
_COUNTS = ("prompt_eval_count", "eval_count")


def _says(name: str, value: object) -> bool:
    return value is not None and not (value == 0 and name in DURATIONS)


class _Call:
    __slots__ = ("arguments", "id", "kind", "name")

    def __init__(self, id: str, name: str) -> None:
        self.id, self.name = id, name
        self.arguments: list[str] = []
        self.kind: Literal["function", "custom"] = "function"


class Gathered:
    """``take`` reads a body or a line and tells its events; ``parts`` is what they amount to."""

    __slots__ = (
        "calls", "context", "created", "extra", "ids", "logprobs", "model", "moment", "raw_reason", "reasoning", "splitter",
        "text", "usage",
    )  # fmt: skip

    def __init__(self, context: Context) -> None:
        self.context: Context = context
        style = context.target.quirks.markup
        self.splitter: Splitter | None = None if style is None else Splitter(style)
        self.moment: str | None = None  # when it was made, as sent
        self.created: int | None = None
        self.model: str | None = None
        self.text: list[str] = []
        self.reasoning: list[str] = []
        self.calls: list[_Call] = []
        self.ids: set[str] = set()
        self.logprobs: list[TokenLogprob] = []
        self.usage: Usage = Usage()
        self.raw_reason: str | None = None
        self.extra: dict[str, Any] = {}

    @property
    def plain(self) -> bool:
        """Whether text is just text from here on."""
        return self.splitter is None or self.splitter.plain

    # --- reading ------------------------------------------------------------------------------------------------------

    def take(self, said: dict[str, Any], events: list[Event]) -> None:
        """Read a body or a line. Raises ``MalformedResponseError`` for what is neither."""
        self._head(said, events)
        message = said.get("message")
        if message is None:  # a reply to /api/generate has its words at the top
            message = {"content": said.get("response"), "thinking": said.get("thinking")}
        if not isinstance(message, dict):
            raise malformed("$.message", self.context)
        self._message(message, logprobs_of(said.get("logprobs")), events)
        if not _FIELDS.issuperset(said):
            self.extra.update({name: value for name, value in said.items() if name not in _FIELDS and _says(name, value)})
        if (reason := text_or_none(said.get("done_reason"))) is not None:
            self.raw_reason = reason
        counts = {name: said[name] for name in _COUNTS if count_of(said.get(name)) is not None}
        if counts and counts != self.usage.raw:
            self.usage = Usage(counts.get("prompt_eval_count"), counts.get("eval_count"), raw=counts)
            events.append(UsageUpdate(self.usage))

    def _head(self, said: dict[str, Any], events: list[Event]) -> None:
        model, moment = text_or_none(said.get("model")), text_or_none(said.get("created_at"))
        if (self.model is None and model is not None) or (self.moment is None and moment is not None):
            self.model, self.moment = self.model or model, self.moment or moment
            self.created = seconds_of(self.moment)
            events.append(Start(None, self.model, created=self.created))

    def _message(self, message: dict[str, Any], tokens: tuple[TokenLogprob, ...], events: list[Event]) -> None:
        thought, content = self._words(message, "thinking"), self._words(message, "content")
        if thought:
            self._think(thought, events)
        if self.splitter is not None and not self.splitter.plain:
            content = self._split(self.splitter.feed(content), events)
        self.logprobs += tokens
        if content or tokens:
            self.text.append(content)
            events.append(TextDelta(content, 0, None, tokens))
        if calls := message.get("tool_calls"):
            if not isinstance(calls, list):
                raise malformed("$.message.tool_calls", self.context)
            for n, call in enumerate(calls):
                self._call(call, n, events)
        if not _MESSAGE.issuperset(message) and (
            own := {name: value for name, value in message.items() if name not in _MESSAGE and value is not None}
        ):
            self.extra["message"] = {**self.extra.get("message", {}), **own}

    def _words(self, message: dict[str, Any], field: str) -> str:
        value = message.get(field)
        if value is not None and not isinstance(value, str):
            raise malformed(f"$.message.{field}", self.context)
        return value or ""

    def _think(self, text: str, events: list[Event]) -> None:
        self.reasoning.append(text)
        events.append(ReasoningDelta(text))

    def _call(self, item: object, n: int, events: list[Event]) -> None:
        function = item.get("function") if isinstance(item, dict) else None
        if not isinstance(item, dict) or not isinstance(function, dict):
            raise malformed(f"$.message.tool_calls[{n}]", self.context)
        name, arguments = text_or_none(function.get("name")) or "", function.get("arguments")
        call = self._begin(name if self.splitter is None else tool_name(name), text_or_none(item.get("id")))
        if call.name in self.context.custom_tools and isinstance(arguments, dict) and arguments.keys() == {CUSTOM_INPUT}:
            call.kind, arguments = "custom", arguments[CUSTOM_INPUT]
        if text := arguments_text(arguments):
            call.arguments.append(text)
        events.append(ToolCallDelta(len(self.calls) - 1, call.id, call.name, text))

    def _begin(self, name: str, id: str | None = None) -> _Call:
        if not id or id in self.ids:  # answers name their call: no two may share an id (local-servers §7)
            id = call_id(self.moment, len(self.calls))
        self.ids.add(id)
        call = _Call(id, self.context.tool_names.get(name, name))
        self.calls.append(call)
        return call

    def _split(self, pieces: list[Piece], events: list[Event]) -> str:
        """Takes the markup out of text; what is text after all is given back."""
        text: list[str] = []
        for kind, words in pieces:
            if kind == "text":
                text.append(words)
            elif kind == "reasoning":
                self._think(words, events)
            elif kind == "call":
                call = self._begin(words)
                events.append(ToolCallDelta(len(self.calls) - 1, call.id, call.name))
            else:
                self.calls[-1].arguments.append(words)
                events.append(ToolCallDelta(len(self.calls) - 1, None, None, words))
        return "".join(text)

    def close(self, events: list[Event]) -> None:
        """There is no more: text that was held back is said."""
        if self.splitter is not None and (text := self._split(self.splitter.finish(), events)):
            self.text.append(text)
            events.append(TextDelta(text))

    # --- what it amounts to -------------------------------------------------------------------------------------------

    def parts(self) -> tuple[Part, ...]:
        """Its parts: reasoning, text, tool calls."""
        parts: list[Part] = []
        if thought := "".join(self.reasoning):
            parts.append(Reasoning(thought))
        if self.text:
            parts.append(Text("".join(self.text)))
        return (*parts, *[ToolCall(call.id, call.name, "".join(call.arguments), call.kind) for call in self.calls])

    def reason(self) -> FinishReason:
        """Why it ended."""
        return finish_reason(self.raw_reason, calls=bool(self.calls))

    def done(self) -> list[Event]:
        """The events that close it."""
        events: list[Event] = []
        ordinal = 0
        for part in self.parts():
            if type(part) is ToolCall:
                events.append(PartDone(part, ordinal))
                ordinal += 1
            else:
                events.append(PartDone(part))
        events.append(Finish(self.reason(), self.raw_reason, extra=self.extra))
        return events
