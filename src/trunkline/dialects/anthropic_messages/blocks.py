"""The blocks of a reply as our parts. Whole replies and streams come through here, so that both read the same."""

from __future__ import annotations

from typing import Any

import msgspec

from ...values.message import (
    Citation,
    HostedToolCall,
    HostedToolResult,
    Opaque,
    Part,
    ProviderState,
    Reasoning,
    Scope,
    Text,
    ToolCall,
)
from ...wire.loose_json import loads
from ..dialect import Context
from ..reply_fields import REFUSED, Fields, encode, fields_of, list_of, malformed, text_of
from .tools import CUSTOM_INPUT
from .turns import ID


class _Text(msgspec.Struct, tag="text", tag_field="type", forbid_unknown_fields=True):
    text: str
    citations: list[msgspec.Raw] | None = None


class _Thinking(msgspec.Struct, tag="thinking", tag_field="type", forbid_unknown_fields=True):
    thinking: str
    signature: str = ""


class _ToolUse(msgspec.Struct, tag="tool_use", tag_field="type", forbid_unknown_fields=True):
    id: str
    name: str
    input: msgspec.Raw


_known = msgspec.json.Decoder(_Text | _Thinking | _ToolUse).decode
_NULL = msgspec.Raw(b"null")


# --- parts ----------------------------------------------------------------------------------------------------------------


def part_of(raw: bytes | msgspec.Raw, context: Context, path: str) -> Part:
    """One block. What has no name among ours becomes an ``Opaque``, verbatim."""
    try:
        block = _known(raw)
    except REFUSED:
        return part_of_fields(fields_of(raw, context, path), context, path)
    if type(block) is _Text:
        if not block.citations:
            return Text(block.text)
        return Text(block.text, tuple(citation_of(item, context, path) for item in block.citations))
    if type(block) is _ToolUse:
        return tool_call(block.id, block.name, bytes(block.input).decode(), None, context)
    return Reasoning(block.thinking, state=_state(bytes(raw), context, bound=True))


def part_of_fields(fields: Fields, context: Context, path: str) -> Part:
    kind = text_of(fields, "type", context, path)
    if kind == "text":
        citations = tuple(citation_of(item, context, path) for item in list_of(fields, "citations", context, path))
        return Text(text_of(fields, "text", context, path), citations, state=own_state(fields, ("text", "citations"), context))
    if kind == "thinking":
        return Reasoning(text_of(fields, "thinking", context, path), state=_state(encode(fields), context, bound=True))
    if kind == "redacted_thinking":
        return Reasoning("", redacted=True, state=_state(encode(fields), context, bound=True))
    if kind == "tool_use":
        return tool_use(fields, _json(fields, "input"), context, path)
    if kind.endswith("_tool_use") and "input" in fields:
        return hosted_call(fields, _json(fields, "input"), context, path)
    if kind.endswith("_tool_result"):
        return _hosted_result(kind, fields, context, path)
    return Opaque(kind, _state(encode(fields), context, bound=False))


def _json(fields: Fields, name: str) -> str:
    return bytes(fields.get(name, _NULL)).decode("utf-8", "replace")


def _state(data: bytes, context: Context, *, bound: bool) -> ProviderState:
    """Thinking is bound to the model that thought it, everything else to the provider. What a server is asked is bound to nobody:
    it cannot know who said it first."""
    if context.served is not None:
        return ProviderState(ID, data, must_return=bound)
    target = context.target
    scope = Scope(
        provider=target.owner,
        model=target.model if bound else None,
        account=target.key if bound and target.quirks.thinking_bound_to_account else None,
    )
    return ProviderState(ID, data, scope, must_return=bound)


def own_state(fields: Fields, ours: tuple[str, ...], context: Context) -> ProviderState | None:
    """What a block says beside the fields that we name, for the way back; None where that is nothing but nulls."""
    extra = {name: value for name, value in fields.items() if name not in ours and (name == "type" or bytes(value) != b"null")}
    return _state(encode(extra), context, bound=False) if len(extra) > 1 else None


def tool_use(fields: Fields, arguments: str, context: Context, path: str) -> ToolCall:
    """A call of a tool of the user's; ``arguments`` its JSON text."""
    state = own_state(fields, ("id", "name", "input"), context)
    return tool_call(text_of(fields, "id", context, path), text_of(fields, "name", context, path), arguments, state, context)


def tool_call(id: str, name: str, arguments: str, state: ProviderState | None, context: Context) -> ToolCall:
    custom = name in context.custom_tools
    name = context.tool_names.get(name, name)
    if custom:
        return ToolCall(id, name, _plain_input(arguments), "custom", state=state)
    return ToolCall(id, name, arguments if arguments not in ("", "null") else "{}", state=state)


def _plain_input(arguments: str) -> str:
    """The text of a tool with plain input; where the model did not keep to the form, what it wrote."""
    try:
        value = loads(arguments.encode("utf-8", "surrogatepass"))
    except ValueError:
        return arguments
    inner = value.get(CUSTOM_INPUT) if isinstance(value, dict) else None
    return inner if isinstance(inner, str) else arguments


def hosted_call(fields: Fields, arguments: str, context: Context, path: str) -> HostedToolCall:
    return HostedToolCall(
        text_of(fields, "id", context, path),
        text_of(fields, "name", context, path),
        arguments if arguments not in ("", "null") else "{}",
        state=_rest(fields, ("id", "name", "input"), context),
    )


def _hosted_result(kind: str, fields: Fields, context: Context, path: str) -> HostedToolResult:
    content = fields.get("content", _NULL)
    return HostedToolResult(
        text_of(fields, "tool_use_id", context, path),
        kind,
        bytes(content),
        is_error=_is_error(fields, content),
        state=_rest(fields, ("tool_use_id", "content"), context),
    )


def _rest(fields: Fields, ours: tuple[str, ...], context: Context) -> ProviderState:
    return _state(encode({name: value for name, value in fields.items() if name not in ours}), context, bound=False)


class _Typed(msgspec.Struct):
    type: str


_typed = msgspec.json.Decoder(_Typed).decode


def _is_error(fields: Fields, content: msgspec.Raw) -> bool:
    if bytes(fields.get("is_error", _NULL)) == b"true":
        return True
    try:
        return _typed(content).type.endswith("_error")
    except REFUSED:
        return False


# --- citations ------------------------------------------------------------------------------------------------------------

_KINDS = {
    "char_location": ("char", "start_char_index", "end_char_index"),
    "page_location": ("page", "start_page_number", "end_page_number"),
    "content_block_location": ("block", "start_block_index", "end_block_index"),
    "web_search_result_location": ("web", "", ""),
    "search_result_location": ("search_result", "start_block_index", "end_block_index"),
}


def citation_of(raw: msgspec.Raw, context: Context, path: str) -> Citation:
    """A citation with its own form kept for the way back. One of a kind that we do not know keeps its own name."""
    try:
        value = loads(bytes(raw))
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise malformed(context, f"{path}.citations")
    kind, start, end = _KINDS.get(str(value.get("type")), (str(value.get("type") or "unknown"), "start", "end"))
    number = value.get("document_index", value.get("search_result_index"))
    return Citation(
        kind,
        cited_text=_str(value.get("cited_text")),
        title=_str(value.get("document_title")) or _str(value.get("title")),
        url=_str(value.get("url")),
        source=_str(value.get("source")),
        document=_int(number),
        file_id=_str(value.get("file_id")),
        start=_int(value.get(start)),
        end=_int(value.get(end)),
        state=_state(bytes(raw), context, bound=False),
    )


def _str(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _int(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
