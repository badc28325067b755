"""The turns of a request (gemini §3) as our messages: as the client half would have had them to say just that."""

from __future__ import annotations

import msgspec

from ....values.message import Message, Part, Role, Text, ToolCall, ToolResult
from ...losses import Losses
from ...served_fields import Fields, is_null
from .calls import Calls
from .fields import first_sign, items_at, object_at, refuse, text
from .parts import part_of

_ROLES: dict[str, Role] = {"user": "user", "model": "assistant", "function": "user", "tool": "user", "assistant": "assistant"}


def messages_of(fields: Fields, losses: Losses) -> tuple[Message, ...]:
    """``systemInstruction`` and ``contents`` of a body. One turn, one part or a text stand for a list of one turn."""
    turns = _Turns(losses)
    instruction = fields.get("systemInstruction")
    if instruction is not None and not is_null(instruction):
        turns.system(instruction)
    contents = fields.get("contents")
    if contents is None or is_null(contents):
        refuse("contents", "this field is required")
    if first_sign(contents) == b"[":
        for n, item in enumerate(items_at(contents, "contents")):
            turns.add(item, f"contents[{n}]")
    else:
        turns.add(contents, "contents")
    turns.end()
    turns.heard()
    if not any(message.role != "system" for message in turns.messages):
        refuse("contents", "at least one turn is expected")
    return tuple(turns.messages)


class _Turns:
    __slots__ = ("_bare", "_calls", "_losses", "_spoken", "_turn_said", "messages")

    def __init__(self, losses: Losses) -> None:
        self.messages: list[Message] = []
        self._losses = losses
        self._calls = Calls()
        self._spoken: list[Part] = []
        self._turn_said: tuple[Part, ...] | None = None
        """Of the model, as long as it speaks: the last of its turns."""
        self._bare: list[Part] = []
        """Parts that stand where turns should: they make up one of the user's."""

    def system(self, raw: msgspec.Raw) -> None:
        parts = self._parts(raw, "systemInstruction")
        if (
            first_sign(raw) == b"{"
            and {"parts", "role"} & (said := object_at(raw, "systemInstruction").keys())
            and said - {"parts", "role"}
        ):
            self._losses.dropped("systemInstruction", "instructions have parts, and nothing else")
        if any(isinstance(part, (ToolCall, ToolResult)) for part in parts):
            refuse("systemInstruction", "instructions are text")
        if any(part != Text("") for part in parts):
            self.messages.append(Message("system", parts))

    def add(self, raw: msgspec.Raw, path: str) -> None:
        if first_sign(raw) == b'"' or not {"parts", "role"} & object_at(raw, path).keys():
            part = part_of(raw, path, self._calls)
            self._bare += [] if part is None else [part]
            return
        self.end()
        fields = object_at(raw, path)
        role = text(fields, "role", f"{path}.")
        parts = self._parts(raw, path)
        for name in fields.keys() - {"role", "parts"}:
            self._losses.dropped(f"{path}.{name}", "a turn has a role and parts, and nothing else")
        if not role:
            self._turn("assistant" if any(type(part) is ToolCall for part in parts) else "user", parts, path)
        elif role in _ROLES:
            self._turn(_ROLES[role], parts, path)
        else:
            refuse(f"{path}.role", "user or model is expected")

    def end(self) -> None:
        bare, self._bare = self._bare, []
        if bare:
            self._turn("user", tuple(bare), "contents")

    def _parts(self, raw: msgspec.Raw, path: str) -> tuple[Part, ...]:
        """The parts of a turn, or of what may stand for one: a text, a part, a list of either."""
        if first_sign(raw) == b"{":
            fields = object_at(raw, path)
            if fields.keys() & {"parts", "role"}:
                inner = fields.get("parts")
                if inner is None or is_null(inner):
                    return ()
                raw, path = inner, f"{path}.parts"
        several = first_sign(raw) == b"["
        items = items_at(raw, path) if several else [raw]
        parts = [part_of(item, f"{path}[{n}]" if several else path, self._calls) for n, item in enumerate(items)]
        if None in parts:
            self._losses.dropped(path, "a part without data says nothing")
        return tuple([part for part in parts if part is not None])

    def _turn(self, role: Role, parts: tuple[Part, ...], path: str) -> None:
        """Answers of tools are messages of their own, and come first."""
        results = tuple([part for part in parts if type(part) is ToolResult])
        others = tuple([part for part in parts if type(part) is not ToolResult])
        if role == "user" and any(type(part) is ToolCall for part in others):
            refuse(path, "calls of functions are the model's")
        if results or role != "assistant":
            self.heard()
        if results:
            if parts[: len(results)] != results:
                self._losses.approximated("contents.functionResponse", "answers of tools come before all else in their turn")
            self.messages.append(Message("tool", results))
        if results and not others:
            return
        if role == "assistant":
            self._said(others)
        else:
            self.messages.append(Message(role, others))

    def _said(self, parts: tuple[Part, ...]) -> None:
        """A turn of the model's; programs that keep the pieces of a stream send each as a turn of its own: they are one."""
        self._spoken += [part for part in parts if part != Text("")]
        self._turn_said = parts

    def heard(self) -> None:
        """The model's turn is over."""
        if self._turn_said is not None:
            self.messages.append(Message("assistant", tuple(self._spoken) or self._turn_said))
            self._spoken, self._turn_said = [], None
