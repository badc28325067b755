"""Messages as callers write them."""

from __future__ import annotations

import binascii
from collections import deque
from typing import Any

import msgspec

from ....values.media import Data
from ....values.message import Image, Message, Part, Reasoning, Role, Text, ToolCall, ToolResult
from ...losses import Losses
from ...openai_fields import Json, filled, items, mapping, only, optional_text, refuse, text

_ROLES: dict[str, Role] = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant", "tool": "tool"}
_SAID = frozenset({"role", "content", "images"})
_ASSISTANT = _SAID | {"thinking", "tool_calls"}
_TOOL = _SAID | {"tool_name", "tool_call_id", "name"}
_MAGIC = (
    (b"\x89PNG", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"), (b"RIFF", "image/webp"),
    (b"BM", "image/bmp"),
)  # fmt: skip


class MessageReader:
    """Reads the messages of one request. A call without an id gets one of its place; an answer that names no call is that of the
    first call of its tool that has none, else of the first that has none."""

    __slots__ = ("_answered", "_losses", "_open")

    def __init__(self, losses: Losses) -> None:
        self._losses = losses
        self._open: dict[tuple[str, str | None], deque[ToolCall]] = {}
        """The calls in order: all of them, those of each tool, of each id, of each tool and id."""
        self._answered: set[int] = set()

    def read(self, value: object) -> tuple[Message, ...]:
        """All of them; none means that the model is to be loaded."""
        return tuple([self._message(item, n) for n, item in enumerate(items(value, "messages"))]) if value is not None else ()

    def _message(self, item: object, n: int) -> Message:
        at = f"messages[{n}]"
        fields = mapping(item, at)
        role = _ROLES.get(filled(fields.get("role"), f"{at}.role"))
        if role is None:
            refuse(f"{at}.role", "expected system, user, assistant or tool")
        content = optional_text(fields, "content", at)
        parts: list[Part] = [Text(content)] if content else []
        parts += self._images(fields.get("images"), at)
        if role == "assistant":
            only(fields, _ASSISTANT, "messages.assistant", self._losses)
            return Message(role, (*self._thought(fields, at), *parts, *self._calls(fields, at, n)))
        if role == "tool":
            only(fields, _TOOL, "messages.tool", self._losses)
            return self._result(fields, tuple(parts), at, n)
        only(fields, _SAID, f"messages.{role}", self._losses)
        return Message(role, tuple(parts))

    def _images(self, value: object, at: str) -> list[Part]:
        if value is None:
            return []
        return [_image(item, f"{at}.images[{n}]") for n, item in enumerate(items(value, f"{at}.images"))]

    def _thought(self, fields: Json, at: str) -> list[Part]:
        thought = optional_text(fields, "thinking", at)
        return [Reasoning(thought)] if thought else []

    def _calls(self, fields: Json, at: str, n: int) -> list[ToolCall]:
        calls: list[ToolCall] = []
        for k, item in enumerate(items(fields.get("tool_calls") or [], f"{at}.tool_calls")):
            place = f"{at}.tool_calls[{k}]"
            call = mapping(item, place)
            function = mapping(call.get("function"), f"{place}.function")
            only(call, ("id", "type", "function"), "messages.tool_calls", self._losses)
            only(function, ("index", "name", "arguments", "description"), "messages.tool_calls.function", self._losses)
            name, given = filled(function.get("name"), f"{place}.function.name"), optional_text(call, "id", place)
            calls.append(
                ToolCall(given or f"call_{n}_{k}", name, _arguments(function.get("arguments"), f"{place}.function.arguments"))
            )
        for made in calls:
            for kind in (("", None), ("", made.name), (made.id, None), (made.id, made.name)):
                self._open.setdefault(kind, deque()).append(made)
        return calls

    def _result(self, fields: Json, parts: tuple[Part, ...], at: str, n: int) -> Message:
        name = optional_text(fields, "tool_name", at) or optional_text(fields, "name", at) or None
        call_id = optional_text(fields, "tool_call_id", at)
        found = self._first(call_id or "", name)
        if found is None and (call_id or name is None):
            found = self._first(call_id or "", None)
        if found is not None:
            self._answered.add(id(found))
        return Message("tool", (ToolResult(call_id or (found.id if found else f"call_{n}"), parts, name=name),))

    def _first(self, call_id: str, name: str | None) -> ToolCall | None:
        """The first call of that id (empty: of any) and tool (None: of any) that has no answer."""
        waiting = self._open.get((call_id, name))
        while waiting and id(waiting[0]) in self._answered:
            waiting.popleft()
        return waiting[0] if waiting else None


def _arguments(value: object, at: str) -> str:
    """Arguments as JSON text. Some write the text themselves."""
    if isinstance(value, str):
        return value
    return "{}" if value is None else msgspec.json.encode(mapping(value, at)).decode()


def _image(value: object, at: str) -> Image:
    encoded = text(value, at)
    if encoded[:5].lower() == "data:":
        encoded = encoded.partition(",")[2]
    try:
        data = binascii.a2b_base64(encoded)
    except ValueError:
        data = b""
    if not data:
        refuse(at, "expected a picture in base64")
    return Image(Data(data, next((kind for mark, kind in _MAGIC if data.startswith(mark)), "application/octet-stream")))


def read_tools(value: Any, losses: Losses) -> list[Json]:
    """The functions among ``tools``, and what stands beside each under ``extra``."""
    found: list[Json] = []
    for n, item in enumerate(items(value or [], "tools")):
        tool = mapping(item, f"tools[{n}]")
        if tool.get("type") not in (None, "", "function"):
            refuse(f"tools[{n}].type", "expected function")
        function = mapping(tool.get("function"), f"tools[{n}].function")
        known = ("name", "description", "parameters", "strict")
        beside = {name: held for name, held in tool.items() if name not in ("type", "function") and held is not None}
        inside = {name: held for name, held in function.items() if name not in known and held is not None}
        found.append({**function, "extra": {**beside, **({"function": inside} if inside else {})}})
    return found
