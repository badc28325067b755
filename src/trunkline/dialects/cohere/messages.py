"""Messages as this protocol writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ...values.message import Message, Part, Reasoning, Refusal, Text, ToolCall, ToolResult
from ...values.model import Target
from ..losses import Losses
from .names import Names
from .parts import PartWriter, Wire
from .pieces import CUSTOM_INPUT, ID, PLAN


class MessageWriter:
    """Writes the messages of one request, and notes what is lost. ``documents``: what users gave besides words and pictures."""

    __slots__ = ("_losses", "_names", "_parts", "_target")

    def __init__(self, target: Target, losses: Losses, names: Names) -> None:
        self._target, self._losses, self._names = target, losses, names
        self._parts = PartWriter(target, losses)

    @property
    def documents(self) -> list[Any]:
        return self._parts.documents

    def write(self, messages: Sequence[Message]) -> list[Wire]:
        """All of them, in the wire's order: answers of tools right behind their calls, and before what the user says."""
        wire: list[Wire] = []
        moved: list[Any] = []  # pictures that tools gave: they follow once all answers of the turn are said
        for message in messages:
            if moved and not _is_results(message):
                wire.append({"role": "user", "content": moved})
                moved = []
            if message.name is not None:
                self._losses.dropped("messages.name", "who speaks has no name here")
            if message.role == "assistant":
                wire.append(self._assistant(message))
            else:
                self._others(message, wire, moved)
        if moved:
            wire.append({"role": "user", "content": moved})
        return _answers_first(wire)

    def _others(self, message: Message, wire: list[Wire], moved: list[Any]) -> None:
        rest: list[Part] = []
        for part in message.parts:
            if type(part) is ToolResult:
                wire.append(self._result(part, moved))
            else:
                rest.append(part)
        if message.parts and not rest:
            return
        role = "user" if message.role == "tool" else message.role
        documents = len(self.documents)
        content = self._content(rest, role)
        if not content and not moved and len(self.documents) == documents and any(type(part) is not Text for part in rest):
            return  # all of it is lost, and an empty message is refused
        if moved:
            content = [*moved, *([{"type": "text", "text": content}] if isinstance(content, str) and content else content or ())]
            moved.clear()
        wire.append({"role": role, "content": content})

    def _content(self, parts: Sequence[Part], role: str) -> Any:
        if len(parts) == 1 and type(parts[0]) is Text and parts[0].cache is None:
            return parts[0].text
        return [item for part in parts if (item := self._parts.part(part, role)) is not None] or ""

    # --- the assistant ------------------------------------------------------------------------------------------------

    def _assistant(self, message: Message) -> Wire:
        said: Wire = {"role": "assistant"}
        content: list[Any] = []
        calls: list[Wire] = []
        citations: list[Any] = []
        for part in message.parts:
            if type(part) is Text:
                citations += self._citations(part)
            if type(part) is ToolCall:
                calls.append(self._call(part))
            elif type(part) is Reasoning:
                self._reasoning(part, said, content)
            elif type(part) is Refusal:
                self._losses.approximated("messages.refusal", "a refusal is text like any other here")
                content.append({"type": "text", "text": part.text})
            elif (item := self._parts.part(part, "assistant")) is not None:
                content.append(item)
        if len(content) == 1 and content[0].keys() == {"type", "text"} and isinstance(content[0]["text"], str):
            said["content"] = content[0]["text"]
        elif content:
            said["content"] = content
        elif not calls:
            said["content"] = ""
        if calls:
            said["tool_calls"] = calls
        if citations:
            said["citations"] = citations
        return said

    def _citations(self, part: Text) -> list[msgspec.Raw]:
        """This provider's own go back as they came."""
        kept: list[msgspec.Raw] = []
        for citation in part.citations:
            if citation.state is None:
                self._losses.dropped("messages.citations", "only what this provider cited itself goes back to it")
            elif (raw := self._parts.raw(citation.state, "messages.citations")) is not None:
                kept.append(raw)
        return kept

    def _reasoning(self, part: Reasoning, said: Wire, content: list[Any]) -> None:
        """A plan goes back as the plan, every other thought as thinking; of another's state nothing goes."""
        own = part.state
        if own is not None and own.fits(ID, self._target) and PLAN not in said:
            fields = self._parts.fields(own, "messages.reasoning.state")
            if fields is not None:
                said.update(fields)
                return
        elif own is not None and not own.fits(ID, self._target):
            self._losses.dropped("messages.reasoning.state", "it is bound to another provider or model")
        if part.text:
            content.append({"type": "thinking", "thinking": part.text})
        else:
            self._losses.dropped("messages.reasoning", "a thought without words is none here")

    def _call(self, call: ToolCall) -> Wire:
        if call.cache is not None:
            self._losses.dropped("cache", "prompts are cached without being asked here")
        arguments = call.raw_arguments or "{}"
        if call.kind == "custom":
            arguments = msgspec.json.encode({CUSTOM_INPUT: call.raw_arguments}).decode()
        wire: Wire = {"id": call.id, "type": "function"}
        wire["function"] = {"name": self._names.of(call.name), "arguments": arguments}
        if call.state is not None and (fields := self._parts.fields(call.state, "messages.tool_call.state")) is not None:
            wire.update(fields)
        return wire

    # --- answers of tools ---------------------------------------------------------------------------------------------

    def _result(self, result: ToolResult, moved: list[Any]) -> Wire:
        said: list[Any] = []
        pictures: list[Any] = []
        for part in result.parts:
            if (item := self._parts.part(part, "user" if part.__struct_config__.tag == "image" else "tool")) is None:
                continue
            (pictures if "image_url" in item else said).append(item)
        if pictures:
            self._losses.approximated(
                "messages.tool_result", "a tool's answer has no pictures here: they follow in a user message"
            )
            moved.append({"type": "text", "text": f"From the tool call {result.tool_call_id}:"})
            moved += pictures
            said = said or [{"type": "text", "text": "See the next user message."}]
        if result.is_error:
            self._losses.approximated("messages.tool_result.is_error", "that it failed is said by its text only")
        if result.cache is not None:
            self._losses.dropped("cache", "prompts are cached without being asked here")
        one = len(said) == 1 and said[0].keys() == {"type", "text"} and isinstance(said[0]["text"], str)
        return {"role": "tool", "tool_call_id": result.tool_call_id, "content": said[0]["text"] if one else said or ""}


def _answers_first(wire: list[Wire]) -> list[Wire]:
    behind = -1  # where the last answer to the calls at hand stands, or the calls themselves
    for n, said in enumerate(wire):
        if said["role"] == "assistant":
            behind = n if "tool_calls" in said else -1
        elif said["role"] == "tool" and behind >= 0:
            behind += 1
            if behind < n:
                wire.insert(behind, wire.pop(n))
    return wire


def _is_results(message: Message) -> bool:
    return message.role == "tool" or any(type(part) is ToolResult for part in message.parts)
