"""Items of a request's ``input`` as callers write them, as messages of ours (see ``..pieces`` for what stands for what)."""

from __future__ import annotations

import msgspec

from ....values.errors import MalformedResponseError
from ....values.message import Message, Part, Reasoning, Refusal, Role, Text, ToolCall, ToolResult
from ...dialect import Context
from ...losses import Losses
from ...openai_fields import Json, filled, mapping, refuse, text, wrong
from ..items import parts_of
from . import stand_in
from .parts import PartReader, opaque, unbound

_encode = msgspec.json.Encoder().encode
_ROLES: dict[str, Role] = {"system": "system", "developer": "system", "user": "user"}
_MESSAGE = ("type", "role", "content")
_RESULT = frozenset({"type", "call_id", "output"})
_CUSTOM_RESULT = "custom_tool_call_output"
NO_STORE = "no store is configured here: send the whole history in input, with store: false"


class ItemReader:
    """Reads the items of one request. What an assistant said, thought and called gathers in one message until another speaks."""

    __slots__ = ("_context", "_custom", "_losses", "_messages", "_open", "_parts")

    def __init__(self, context: Context, losses: Losses) -> None:
        self._context, self._losses = context, losses
        self._parts = PartReader(losses)
        self._messages: list[Message] = []
        self._open: list[Part] = []
        self._custom: set[str] = set()

    def read(self, instructions: str | None, value: object) -> tuple[Message, ...]:
        """All of them; instructions come first."""
        if instructions:
            self._messages.append(Message("system", (Text(instructions),)))
        if isinstance(value, str):
            self._messages.append(Message("user", (Text(value),)))
            return tuple(self._messages)
        if not isinstance(value, list):
            wrong("input", value, "text or a list of items")
        for n, item in enumerate(value):
            self._item(mapping(item, f"input[{n}]"), f"input[{n}]")
        self._close()
        return tuple(self._messages)

    def _close(self) -> None:
        if self._open:
            self._messages.append(Message("assistant", tuple(self._open)))
            self._open = []

    def _say(self, role: Role, *parts: Part) -> None:
        self._close()
        self._messages.append(Message(role, parts))

    def _item(self, item: Json, at: str) -> None:
        kind = item.get("type")
        if kind is None and "role" in item:
            kind = "message"
        kind = filled(kind, f"{at}.type")
        if kind == "message":
            self._message(item, at)
        elif kind == "reasoning":
            self._reasoning(item, at)
        elif kind in ("function_call", "custom_tool_call"):
            self._call(item, kind, at)
        elif kind in ("function_call_output", _CUSTOM_RESULT):
            self._say("tool", self._result(item, at))
        elif kind == "item_reference":
            refuse(at, f"an item_reference names what a store holds, and {NO_STORE}", "unsupported_parameter")
        elif kind.endswith("_output") or kind == "mcp_approval_response":
            self._say("tool", opaque(kind, item))
        else:
            self._open += self._own(item, at)

    def _own(self, item: Json, at: str) -> list[Part]:
        """An assistant's item, as a reply's is read."""
        try:
            return parts_of(_encode(item), self._context, at)
        except MalformedResponseError as error:
            refuse(error.path or at, "not what the protocol has there")

    def _message(self, item: Json, at: str) -> None:
        said, content = item.get("role"), item.get("content")
        role = _ROLES.get(said) if isinstance(said, str) else None
        if role is not None:
            self._parts.only(item, _MESSAGE, f"input.{role}")
            self._say(role, *self._parts.parts(content, f"{at}.content"))
        elif said == "assistant":
            self._assistant(item, content, at)
        elif isinstance(said, str):
            refuse(f"{at}.role", "expected user, assistant, system or developer")
        else:
            wrong(f"{at}.role", said, "text")

    def _assistant(self, item: Json, content: object, at: str) -> None:
        if content is None or content in ("", []):
            return
        if isinstance(content, list):
            said = [_of_assistant(part, f"{at}.content[{n}]") for n, part in enumerate(content)]
            for part in said:
                if (kind := part.get("type")) in ("output_text", "refusal"):
                    self._parts.only(part, _SAID, f"input.{kind}")
            item = {**item, "content": said}
        parts = self._own({**item, "type": "message"}, at)
        last = self._open[-1] if self._open else None
        if isinstance(last, (Text, Refusal)) and isinstance(parts[0], (Text, Refusal)) and last.state == parts[0].state:
            self._close()  # else the two could not be told apart
        self._open += parts

    def _reasoning(self, item: Json, at: str) -> None:
        parts = self._own(item, at)
        if item.get("encrypted_content") == stand_in.SEALED:
            parts = [Reasoning(part.text) for part in parts if isinstance(part, Reasoning) and part.text]
        self._open += parts

    # --- tools --------------------------------------------------------------------------------------------------------

    def _call(self, item: Json, kind: str, at: str) -> None:
        call_id = filled(item.get("call_id"), f"{at}.call_id")
        filled(item.get("name"), f"{at}.name")
        if kind == "custom_tool_call":
            text(item.get("input"), f"{at}.input")
            self._custom.add(call_id)
        self._open += [_with_arguments(part) for part in self._own(item, at)]

    def _result(self, item: Json, at: str) -> ToolResult:
        call_id, output = filled(item.get("call_id"), f"{at}.call_id"), item.get("output")
        parts = () if output is None else tuple(self._parts.parts(output, f"{at}.output"))
        told = _RESULT
        if item["type"] == _CUSTOM_RESULT and call_id not in self._custom:
            told = _RESULT - {"type"}  # no call of this request tells that it is a custom tool's
        own = {name: value for name, value in item.items() if name not in told and value is not None}
        return ToolResult(call_id, parts, state=unbound(own) if own else None)


_SAID = ("type", "text", "refusal", "annotations", "logprobs")


def _of_assistant(part: object, at: str) -> Json:
    """A part of an assistant's message; some write text as users do."""
    if isinstance(part, str):
        return {"type": "output_text", "text": part}
    said = mapping(part, at)
    return {**said, "type": "output_text"} if said.get("type") == "input_text" else said


def _with_arguments(part: Part) -> Part:
    """A call without any has an empty object of them."""
    if type(part) is ToolCall and not part.raw_arguments and part.kind == "function":
        return msgspec.structs.replace(part, raw_arguments="{}")
    return part
