"""The message of a reply as our parts. Whole replies and streams come through here, so that both read the same."""

from __future__ import annotations

from typing import Any

from ...values.message import Citation, Opaque, Part, Reasoning, Text, ToolCall
from ...wire.loose_json import loads
from ..dialect import Context
from .errors import malformed
from .pieces import (
    CUSTOM_INPUT,
    PLAN,
    arguments_text,
    citation_of,
    cites_text,
    number,
    object_of,
    objects,
    other_fields,
    plan_state,
    state,
    text_of,
)

Item = dict[str, Any]

MESSAGE_FIELDS = frozenset({"role", "content", PLAN, "tool_calls", "citations"})
_CALL_FIELDS = frozenset({"id", "type", "index", "function"})


class Said:
    """What a message says: its parts, and what we have no field for (``extra``)."""

    __slots__ = ("extra", "parts")

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.extra: Item = {}


def read_message(message: Item, context: Context, reply_id: str | None) -> Said:
    """A whole message: the plan, then the content, then the calls."""
    said = Said()
    said.extra = other_fields(message, MESSAGE_FIELDS)
    if plan := text_of(message.get(PLAN)):
        said.parts.append(plan_of(plan))
    said.parts += _content(message, context, said)
    calls = message.get("tool_calls")
    if calls is not None and not isinstance(calls, list):
        raise malformed("$.message.tool_calls", context)
    said.parts += [call_of(call, n, context, reply_id) for n, call in enumerate(objects(calls))]
    return said


def plan_of(text: str) -> Reasoning:
    """What the model plans to do with its tools."""
    return Reasoning(text, state=plan_state(text))


def _content(message: Item, context: Context, said: Said) -> list[Part]:
    content = message.get("content")
    if content is None:
        content = []
    elif isinstance(content, str):
        content = [{"type": "text", "text": content}]
    elif not isinstance(content, list):
        raise malformed("$.message.content", context)
    cited, homeless = _by_item(content, objects(message.get("citations")), context)
    if homeless:
        said.extra["citations"] = homeless
    parts: list[Part] = []
    for n, item in enumerate(content):
        if not isinstance(item, dict):
            raise malformed(f"$.message.content[{n}]", context)
        if (part := part_of(item, tuple(cited.get(n, ())), context)) is not None:
            parts.append(part)
    return parts


def _by_item(content: list[Any], citations: list[Item], context: Context) -> tuple[dict[int, list[Citation]], list[Item]]:
    """Citations by the number of the text that they belong to, and those that belong to none. Where they do not say which, it is
    the last."""
    texts = [n for n, item in enumerate(content) if isinstance(item, dict) and item.get("type", "text") == "text"]
    cited: dict[int, list[Citation]] = {}
    homeless: list[Item] = []
    for item in citations:
        if not texts or not cites_text(item):
            homeless.append(item)
            continue
        place = number(item.get("content_index"))
        cited.setdefault(place if place in texts else texts[-1], []).append(citation_of(item, context))
    return cited, homeless


def part_of(item: Item, citations: tuple[Citation, ...], context: Context) -> Part | None:
    """One item of the content; None where it says nothing."""
    kind = item.get("type", "text")
    if kind == "text":
        text = text_of(item.get("text"))
        return Text(text, citations) if text or citations else None
    if kind == "thinking":
        text = text_of(item.get("thinking"))
        return Reasoning(text) if text else None
    return Opaque(str(kind), state(item, context))


def call_of(call: Item, n: int, context: Context, reply_id: str | None) -> ToolCall:
    """Call number ``n``. One that came without an id gets one, so that it can be answered."""
    function = object_of(call.get("function"))
    name = text_of(function.get("name"))
    call_id = text_of(call.get("id")) or f"{name or 'call'}_{reply_id or 'reply'}_{n}"
    arguments = arguments_text(function.get("arguments")) or "{}"
    others = other_fields(call, _CALL_FIELDS)
    own = state(others, context) if others else None
    if name in context.custom_tools:
        return ToolCall(call_id, context.tool_names.get(name, name), _plain_input(arguments), "custom", state=own)
    return ToolCall(call_id, context.tool_names.get(name, name), arguments, state=own)


def _plain_input(arguments: str) -> str:
    """The text of a tool with plain input; where the model did not keep to the form, what it wrote."""
    try:
        inner = object_of(loads(arguments.encode("utf-8", "surrogatepass"))).get(CUSTOM_INPUT)
    except ValueError:
        return arguments
    return inner if isinstance(inner, str) else arguments
