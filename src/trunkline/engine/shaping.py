"""A request for output of a shape, made for a target that has no field for it; and its reply, made into what others say.

However it was asked for, the answer is the reply's text: that of a forced tool too, so that ``text``, streams, folds and
histories are alike everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ..dialects.dialect import EventDecoder, Frame
from ..dialects.losses import Losses
from ..dialects.request_body import json_bytes
from ..policy.output_mode import OutputMode, has_plain_json, is_crowded, output_mode
from ..values.errors import ProviderError
from ..values.events import Event, Finish, PartDone, TextDelta, ToolCallDelta
from ..values.message import Message, Part, Text, ToolCall
from ..values.request import OutputFormat, Request, Tool, ToolChoice
from ..values.response import FinishReason, Response, Warning
from ..values.schema import resolve
from .destination import Wire

ANSWER = "final_answer"
"""What the forced tool is called, unless a tool of yours is."""
_TOLD = "Gives the answer. Call it once, with the whole answer."
_ONLY_JSON = "Reply with one JSON object and nothing else: no prose, no code fence."
_FITTING = f"{_ONLY_JSON} It must fit this JSON Schema:"
_BY_TOOL = Warning("approximated", "output.schema", "not by a field for it: it must call a tool that has the schema")
_IN_WORDS = Warning("approximated", "output.schema", "not by a field for it: it is asked for in words")
_WITHOUT_FIELD = Warning("approximated", "output", "this model takes no such field beside the rest: JSON is asked for in words")
_NAMES = frozenset({"properties", "$defs", "definitions", "patternProperties"})
_VALUES = frozenset({"enum", "const", "default", "examples", "required"})


def mode_of(request: Request, wire: Wire) -> OutputMode:
    """How ``wire`` is held to the output of ``request``; natively too where none is asked for."""
    output, target, record = request.output, wire.target, wire.record
    if output is None or (output.schema is None and not is_crowded(request, target.dialect, target.quirks)):
        return "native"
    return output_mode(request, target.dialect, target.quirks, None if record is None else record.abilities)


def shaped(request: Request, wire: Wire) -> tuple[Request, tuple[Warning, ...]]:
    """``request`` as ``wire`` can take it, and what is to be known of that."""
    mode = mode_of(request, wire)
    output = request.output
    if mode == "native" or output is None:
        return request, ()
    if output.schema is None:
        return msgspec.structs.replace(request, messages=_instructed(request.messages, _ONLY_JSON), output=None), (
            _WITHOUT_FIELD,
        )
    if mode == "tool":
        return _with_tool(request, output, output.schema), (_BY_TOOL,)
    plain = OutputFormat() if has_plain_json(request, wire.target.dialect, wire.target.quirks) else None
    messages = _instructed(request.messages, _words(output, output.schema))
    return msgspec.structs.replace(request, messages=messages, output=plain), (_IN_WORDS,)


def answer_name(request: Request, wire: Wire) -> str | None:
    """The tool whose arguments are the answer; None where it is not asked for so."""
    return _free_name(request) if mode_of(request, wire) == "tool" else None


def _free_name(request: Request) -> str:
    taken = {tool.name for tool in request.tools}
    name = ANSWER
    while name in taken:
        name += "_"
    return name


def _with_tool(request: Request, output: OutputFormat, schema: dict[str, Any]) -> Request:
    """One of your tools, or the answer, must be called; the answer, where you let none be called."""
    name = _free_name(request)
    root = resolve(schema, definitions := schema.get("$defs") or {})
    parameters = {**root, "$defs": definitions} if definitions else root
    tool = Tool(name, " ".join(filter(None, (output.description, _TOLD))), parameters)
    choice = request.tool_choice
    if not request.tools or (choice is not None and choice.mode == "none"):
        forced = ToolChoice("tool", (name,))
    elif choice is not None and choice.names:
        forced = ToolChoice("required", (*choice.names, name), choice.custom)
    else:
        forced = ToolChoice("required")
    return msgspec.structs.replace(request, tools=(*request.tools, tool), tool_choice=forced, output=None)


def _words(output: OutputFormat, schema: dict[str, Any]) -> str:
    schema_text = json_bytes(_compact(schema), Losses()).decode()
    return "\n".join(filter(None, (_FITTING, schema_text, output.description)))


def _compact(node: Any, names: bool = False) -> Any:
    """A schema without what tells a model nothing. ``names``: these keys are names, not words of the schema."""
    if isinstance(node, list):
        return [_compact(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: value if key in _VALUES and not names else _compact(value, key in _NAMES and not names)
        for key, value in node.items()
        if names or not (key in ("title", "$schema") or (key == "additionalProperties" and value is False))
    }


def _instructed(messages: tuple[Message, ...], words: str) -> tuple[Message, ...]:
    """The conversation with ``words`` at the end of the system message that opens it, or as one."""
    if messages and (first := messages[0]).role == "system":
        return (msgspec.structs.replace(first, parts=(*first.parts, Text(f"\n\n{words}"))), *messages[1:])
    return (Message.system(words), *messages)


# --- the way back -----------------------------------------------------------------------------------------------------


def as_text(response: Response, name: str) -> Response:
    """``response`` with the arguments of the tool ``name`` as its text; further choices likewise."""
    message, reason = _said(response.message, name, response.finish_reason)
    others = []
    for each in response.alternatives:
        of_other, reason_of_other = _said(each.message, name, each.finish_reason)
        others.append(msgspec.structs.replace(each, message=of_other, finish_reason=reason_of_other))
    return msgspec.structs.replace(response, message=message, finish_reason=reason, alternatives=tuple(others))


def _said(message: Message, name: str, reason: FinishReason) -> tuple[Message, FinishReason]:
    parts = tuple(_part(part, name) for part in message.parts)
    if reason == "tool_calls" and not any(isinstance(part, ToolCall) for part in parts):
        reason = "stop"
    return msgspec.structs.replace(message, parts=parts), reason


def _part(part: Part, name: str) -> Part:
    return Text(part.raw_arguments) if isinstance(part, ToolCall) and part.name == name else part


def as_said(decoder: EventDecoder, request: Request, wire: Wire) -> EventDecoder | TextDecoder:
    """``decoder``, or where the answer is the arguments of a tool, one that tells them as text."""
    name = answer_name(request, wire)
    return decoder if name is None else TextDecoder(decoder, name)


class TextDecoder:
    """The events of ``inner`` with those of the tool ``name`` as text."""

    __slots__ = ("_answers", "_inner", "_others", "_unnamed", "name")

    def __init__(self, inner: EventDecoder, name: str) -> None:
        self._inner = inner
        self.name: str = name
        self._answers: set[tuple[int, int]] = set()
        self._others: set[tuple[int, int]] = set()
        """Calls by choice and number: of that tool, and of others."""
        self._unnamed: dict[tuple[int, int], list[ToolCallDelta]] = {}

    @property
    def done(self) -> bool:
        return self._inner.done

    @property
    def error(self) -> ProviderError | None:
        return self._inner.error

    def feed(self, frames: Sequence[Frame]) -> list[Event]:
        return self._told(self._inner.feed(frames))

    def finish(self) -> list[Event]:
        made = self._told(self._inner.finish())
        nameless, self._unnamed = self._unnamed, {}
        return [*made, *(event for held in nameless.values() for event in held)]

    def _told(self, events: list[Event]) -> list[Event]:
        made: list[Event] = []
        for event in events:
            if isinstance(event, ToolCallDelta):
                made += self._delta(event)
            elif isinstance(event, PartDone) and isinstance(part := event.part, ToolCall):
                self._unnamed.pop((event.choice, event.index or 0), None)
                if part.name != self.name:
                    self._others.add((event.choice, event.index or 0))
                    made.append(event)
                else:
                    made.append(PartDone(Text(part.raw_arguments), None, event.choice, event.raw))
            elif isinstance(event, Finish) and event.reason == "tool_calls" and not self._calls_others(event.choice):
                made.append(msgspec.structs.replace(event, reason="stop"))
            else:
                made.append(event)
        return made

    def _calls_others(self, choice: int) -> bool:
        return any(of == choice for of, _ in self._others)

    def _delta(self, event: ToolCallDelta) -> list[Event]:
        call = event.choice, event.index
        if call in self._others:
            return [event]
        if call not in self._answers:
            held = self._unnamed.setdefault(call, [])
            held.append(event)
            if event.name is None:
                return []
            del self._unnamed[call]
            if event.name != self.name:
                self._others.add(call)
                return [*held]
            self._answers.add(call)
            return [told for each in held for told in self._delta(each)]
        return [TextDelta(event.arguments, event.choice, event.raw)] if event.arguments else []
