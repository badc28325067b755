"""Messages as callers write them."""

from __future__ import annotations

from msgspec.structs import replace

from ....values.message import Citation, Message, Part, Role, Text, ToolCall, ToolResult
from ...dialect import Context
from ...losses import Losses
from ..message import plan_of
from ..pieces import PLAN, arguments_text, citation_of, number, other_fields
from .fields import Json, filled, items, mapping, only, optional_text, refuse, wrong
from .parts import every_part, read_document, read_parts, unbound

_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "chatbot": "assistant",
}
_KNOWN = frozenset({"role", "content"})
_OF_ASSISTANTS = frozenset({"role", "content", "tool_calls", PLAN, "citations"})
_OF_TOOLS = frozenset({"role", "content", "tool_call_id"})
_CALL = frozenset({"id", "type", "index", "function"})


def read_messages(value: object, context: Context, losses: Losses) -> tuple[Message, ...]:
    """All of them; answers of tools that follow each other are one message."""
    messages: list[Message] = []
    answers: list[Part] = []
    for n, item in enumerate(items(value, "messages")):
        at = f"messages[{n}]"
        message = _message(mapping(item, at), at, context, losses)
        if message.role == "tool":
            answers += message.parts
            continue
        if answers:
            messages.append(Message("tool", tuple(answers)))
            answers = []
        messages.append(message)
    return (*messages, Message("tool", tuple(answers))) if answers else tuple(messages)


def with_documents(messages: tuple[Message, ...], value: object) -> tuple[Message, ...]:
    """``messages`` with the documents that stand beside them: in front of what the user says last."""
    files: list[Part] = [read_document(item, f"documents[{n}]") for n, item in enumerate(items(value, "documents"))]
    last = next((n for n in range(len(messages) - 1, -1, -1) if messages[n].role == "user"), None)
    if last is None:
        return (*messages, Message("user", tuple(files))) if files else messages
    asked = messages[last]
    return (*messages[:last], replace(asked, parts=(*files, *asked.parts)), *messages[last + 1 :])


def _message(fields: Json, at: str, context: Context, losses: Losses) -> Message:
    said = fields.get("role")
    if not isinstance(said, str):
        wrong(f"{at}.role", said, "text")
    said = said.lower()
    if said == "tool":
        return _answer(fields, at, losses)
    role = _ROLES.get(said)
    if role is None:
        refuse(f"{at}.role", "expected system, user, assistant or tool")
    if role == "assistant":
        only(fields, _OF_ASSISTANTS, "messages.assistant", losses)
        return Message(role, tuple(_assistant(fields, at, context, losses)))
    only(fields, _KNOWN, f"messages.{role}", losses)
    return Message(role, tuple(read_parts(fields.get("content"), f"{at}.content", losses)))


def _answer(fields: Json, at: str, losses: Losses) -> Message:
    only(fields, _OF_TOOLS, "messages.tool", losses)
    content = fields.get("content")
    parts = read_parts([] if content is None else content, f"{at}.content", losses)
    return Message("tool", (ToolResult(filled(fields.get("tool_call_id"), f"{at}.tool_call_id"), tuple(parts)),))


def _assistant(fields: Json, at: str, context: Context, losses: Losses) -> list[Part]:
    parts: list[Part] = []
    if plan := optional_text(fields, PLAN, at):
        parts.append(plan_of(plan))
    content = fields.get("content")
    said: list[Part] = [] if content in (None, "") else every_part(content, f"{at}.content", losses)
    if (cited := fields.get("citations")) is not None:
        _cite(said, items(cited, f"{at}.citations"), at, context, losses)
    parts += [part for part in said if part != Text("")]
    for n, call in enumerate(items(fields.get("tool_calls") or [], f"{at}.tool_calls")):
        parts.append(_call(mapping(call, f"{at}.tool_calls[{n}]"), f"{at}.tool_calls[{n}]", losses))
    return parts


def _cite(said: list[Part], cited: list[object], at: str, context: Context, losses: Losses) -> None:
    """Citations go to the texts that they name, else to the last one."""
    texts = [n for n, part in enumerate(said) if type(part) is Text]
    found: dict[int, list[Citation]] = {}
    for n, item in enumerate(cited):
        fields = mapping(item, f"{at}.citations[{n}]")
        place = number(fields.get("content_index"))
        if texts:
            found.setdefault(place if place in texts else texts[-1], []).append(citation_of(fields, context))
        else:
            losses.dropped("messages.citations", "there is no text that they belong to")
    for n, citations in found.items():
        said[n] = replace(said[n], citations=tuple(citations))


def _call(call: Json, at: str, losses: Losses) -> ToolCall:
    function = mapping(call.get("function"), f"{at}.function")
    if other_fields(function, frozenset({"name", "arguments"})):
        losses.dropped(f"{at}.function", "our values have no such field")
    others = other_fields(call, _CALL)
    return ToolCall(
        filled(call.get("id"), f"{at}.id"),
        filled(function.get("name"), f"{at}.function.name"),
        arguments_text(function.get("arguments")) or "{}",
        state=unbound(others) if others else None,
    )
