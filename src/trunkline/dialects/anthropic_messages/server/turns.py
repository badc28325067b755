"""The turns of a request as our messages: as the client half would have had them to say just that."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from ....values.message import Message, Part, Text, ToolResult
from ...dialect import Context
from ...losses import Losses
from ...reply_fields import Fields
from ...served_fields import is_null
from .blocks import said_part, user_part
from .fields import is_list, items_at, object_at, refuse, required_text, value_at

_Reader = Callable[[msgspec.Raw, Context, str], Part]


def messages_of(fields: Fields, context: Context, losses: Losses) -> tuple[Message, ...]:
    """``system`` and ``messages`` of a body."""
    if is_null(fields.get("messages")):
        refuse("messages", "this field is required")
    messages = _system(fields.get("system"), context)
    for n, raw in enumerate(items_at(fields["messages"], "messages")):
        path = f"messages[{n}]"
        _turn(object_at(raw, path), path, messages, context, losses)
    return tuple(messages)


def _system(raw: msgspec.Raw | None, context: Context) -> list[Message]:
    if raw is None or is_null(raw):
        return []
    parts = _content(raw, "system", _instruction, context)
    return [Message("system", parts)] if any(part != Text("") for part in parts) else []


def _instruction(raw: msgspec.Raw, context: Context, path: str) -> Part:
    part = user_part(raw, context, path)
    if type(part) is not Text:
        refuse(f"{path}.type", "instructions are text")
    return part


def _content(raw: msgspec.Raw | None, path: str, read: _Reader, context: Context) -> tuple[Part, ...]:
    if raw is not None and is_list(raw):
        return tuple([read(item, context, f"{path}[{n}]") for n, item in enumerate(items_at(raw, path))])
    words = None if raw is None else value_at(raw, path)
    if not isinstance(words, str):
        refuse(path, "this field is required" if words is None else "text or a list of blocks is expected")
    return (Text(words),)


def _turn(fields: Fields, path: str, messages: list[Message], context: Context, losses: Losses) -> None:
    role = required_text(fields, "role", f"{path}.")
    for name in fields:
        if name not in ("role", "content"):
            losses.dropped(f"{path}.{name}", "a turn has a role and content, and nothing else")
    if role == "user":
        _user(_content(fields.get("content"), f"{path}.content", user_part, context), messages, losses)
    elif role == "assistant":
        messages.append(Message("assistant", _content(fields.get("content"), f"{path}.content", said_part, context)))
    elif role == "system":
        messages.append(Message("system", _content(fields.get("content"), f"{path}.content", _instruction, context)))
    else:
        refuse(f"{path}.role", "user, assistant or system is expected")


def _user(parts: tuple[Part, ...], messages: list[Message], losses: Losses) -> None:
    """A user's turn holds results of tools too: these are messages of their own, and come first, as the protocol has it."""
    results = tuple([part for part in parts if type(part) is ToolResult])
    if not results:
        messages.append(Message("user", parts))
        return
    others = tuple([part for part in parts if type(part) is not ToolResult])
    if parts[: len(results)] != results:
        losses.approximated("messages.tool_result", "results of tools come before all else that stands in their turn")
    messages.append(Message("tool", results))
    if others:
        messages.append(Message("user", others))
