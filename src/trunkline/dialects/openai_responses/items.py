"""The items of a reply as our parts (``pieces`` says how). Whole replies and streams come through here, so that both read the
same."""

from __future__ import annotations

import binascii
from typing import Any

import msgspec

from ...values.media import Data
from ...values.message import (
    Citation,
    HostedToolCall,
    Image,
    Opaque,
    Part,
    ProviderState,
    Reasoning,
    Refusal,
    Scope,
    Text,
    ToolCall,
)
from ...values.response import TokenLogprob
from ..dialect import Context
from ..reply_fields import Fields, encode, fields_of, list_of, text_of, value_of
from .errors import malformed
from .pieces import BETWEEN, CALL_FIELDS, HOSTED, ID, PICTURE

_MESSAGE_FIELDS = frozenset({"type", "role", "content"})
_ARGUMENTS = ("arguments", "action", "actions", "operation", "queries", "code", "input")
"""Where a hosted call says what was asked of the tool."""


def state_of(data: bytes, context: Context, *, must_return: bool = False) -> ProviderState:
    """Items are bound to the model and the account that they come from (§6): what is encrypted cannot be read by others, and an
    id means nothing to them. What a server is asked is bound to nobody: it cannot know who said it first."""
    data = _sound(data)
    if context.served is not None:
        return ProviderState(ID, data, must_return=must_return)
    target = context.target
    return ProviderState(ID, data, Scope(target.owner, target.model, target.key), must_return)


def _sound(data: bytes) -> bytes:
    """``data``, mended only where it is no UTF-8: a request with it would be no JSON."""
    try:
        if not data.isascii():
            data.decode()
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace").encode()
    return data


def parts_of(raw: bytes | msgspec.Raw, context: Context, path: str) -> list[Part]:
    """One item. What has no name among ours becomes an ``Opaque``, verbatim."""
    fields = fields_of(raw, context, path)
    kind = text_of(fields, "type", context, path)
    if kind == "message" or (not kind and "role" in fields):
        return _message(fields, raw, context, path)
    if kind in ("function_call", "custom_tool_call"):
        return [_call(kind, fields, context, path)]
    if kind == "reasoning":
        return [_reasoning(fields, raw, context, path)]
    if kind in HOSTED:
        return _hosted(kind, fields, raw, context, path)
    return [Opaque(kind, state_of(bytes(raw), context))]


# --- messages ---------------------------------------------------------------------------------------------------------


def _message(fields: Fields, raw: bytes | msgspec.Raw, context: Context, path: str) -> list[Part]:
    contents = _contents(fields, context, path)
    own = {name: value for name, value in fields.items() if name not in _MESSAGE_FIELDS}
    state = state_of(encode(own), context) if own else None
    parts: list[Part] = []
    for n, content in enumerate(contents):
        place = f"{path}.content[{n}]"
        inner = fields_of(content, context, place)
        kind = text_of(inner, "type", context, place)
        if kind == "output_text" or (kind == "text" and "text" in inner):
            parts.append(Text(text_of(inner, "text", context, place), _citations(inner, context, place), state=state))
        elif kind == "refusal":
            parts.append(Refusal(text_of(inner, "refusal", context, place), state=state))
        else:  # an item of its own, so that it goes back verbatim
            whole = encode({**fields, "content": [content]})
            parts.append(Opaque(kind, state_of(whole, context)))
    return parts or [Opaque("message", state_of(bytes(raw), context))]


def _contents(fields: Fields, context: Context, path: str) -> list[msgspec.Raw]:
    """The parts of a message; a bare text is the one that it is short for."""
    if isinstance(text := value_of(fields.get("content")), str):
        return [msgspec.Raw(encode({"type": "output_text", "text": text, "annotations": []}))]
    return list_of(fields, "content", context, path)


def _citations(inner: Fields, context: Context, path: str) -> tuple[Citation, ...]:
    if "annotations" not in inner:
        return ()
    notes = list_of(inner, "annotations", context, path)
    return tuple([citation_of(raw, context, f"{path}.annotations[{n}]") for n, raw in enumerate(notes)]) if notes else ()


def citation_of(raw: bytes | msgspec.Raw, context: Context, path: str) -> Citation:
    """An annotation, its own form kept for the way back. One of a kind that we do not know keeps its own name."""
    note = value_of(msgspec.Raw(bytes(raw)))
    if not isinstance(note, dict):
        raise malformed(path, context)
    kind = note.get("type")
    state = state_of(bytes(raw), context)
    if kind == "url_citation":
        return Citation(
            "url", title=_str(note.get("title")), url=_str(note.get("url")),
            text_start=_int(note.get("start_index")), text_end=_int(note.get("end_index")), state=state,
        )  # fmt: skip
    return Citation(
        "file" if kind in ("file_citation", "container_file_citation", "file_path") else _str(kind) or "unknown",
        title=_str(note.get("filename")) or _str(note.get("title")),
        url=_str(note.get("url")),
        file_id=_str(note.get("file_id")),
        text_start=_int(note.get("start_index")),
        text_end=_int(note.get("end_index")),
        state=state,
    )


def _str(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _int(value: Any) -> int | None:
    return value if type(value) is int else None


def logprobs_of(raw: bytes | msgspec.Raw, context: Context, path: str) -> list[TokenLogprob]:
    """The tokens of a message item, where they were asked for."""
    fields = fields_of(raw, context, path)
    if bytes(fields.get("type", msgspec.Raw(b""))) != b'"message"':
        return []
    found: list[TokenLogprob] = []
    for n, content in enumerate(_contents(fields, context, path)):
        found += tokens_of(value_of(fields_of(content, context, f"{path}.content[{n}]").get("logprobs")))
    return found


def tokens_of(items: object) -> list[TokenLogprob]:
    """Tokens as the wire has them; what is none is passed over."""
    if not isinstance(items, list):
        return []
    return [token for item in items if isinstance(item, dict) and (token := _token(item)) is not None]


def _token(item: dict[str, Any]) -> TokenLogprob | None:
    token, number, raw = item.get("token"), item.get("logprob"), item.get("bytes")
    if not isinstance(token, str) or not isinstance(number, (int, float)) or abs(number) > 1e300:
        return None
    whole = tuple(raw) if isinstance(raw, list) and all(type(byte) is int for byte in raw) else None
    return TokenLogprob(token, float(number), whole, tuple(tokens_of(item.get("top_logprobs"))))


# --- other items ------------------------------------------------------------------------------------------------------


def _call(kind: str, fields: Fields, context: Context, path: str) -> ToolCall:
    name = text_of(fields, "name", context, path)
    call_id = text_of(fields, "call_id", context, path) or text_of(fields, "id", context, path)
    own = {field: value for field, value in fields.items() if field not in CALL_FIELDS}
    return ToolCall(
        context.call_ids.get(call_id, call_id),
        context.tool_names.get(name, name),
        text_of(fields, "input", context, path) if kind == "custom_tool_call" else _arguments(fields, context, path),
        "custom" if kind == "custom_tool_call" else "function",
        state=state_of(encode(own), context) if own else None,
    )


def _arguments(fields: Fields, context: Context, path: str) -> str:
    """A call's arguments as text; a server that sends the object itself is borne with."""
    raw = bytes(fields.get("arguments", msgspec.Raw(b'""')))
    if raw[:1] == b"{":
        return raw.decode("utf-8", "replace")
    return text_of(fields, "arguments", context, path)


def _reasoning(fields: Fields, raw: bytes | msgspec.Raw, context: Context, path: str) -> Reasoning:
    texts = [
        text
        for name in ("summary", "content")
        for n, inner in enumerate(list_of(fields, name, context, path))
        if (text := text_of(fields_of(inner, context, f"{path}.{name}[{n}]"), "text", context, f"{path}.{name}[{n}]"))
    ]
    text = BETWEEN.join(texts)
    sealed = bytes(fields.get("encrypted_content", msgspec.Raw(b"null"))) not in (b"null", b'""')
    return Reasoning(text, redacted=not text, state=state_of(bytes(raw), context, must_return=sealed))


def _hosted(kind: str, fields: Fields, raw: bytes | msgspec.Raw, context: Context, path: str) -> list[Part]:
    name = text_of(fields, "name", context, path) if kind == "mcp_call" else ""
    call = HostedToolCall(
        text_of(fields, "call_id", context, path) or text_of(fields, "id", context, path),
        name or kind.removesuffix("_call"),
        _asked(fields),
        state=state_of(bytes(raw), context),
    )
    picture = _picture(call.id, fields, context) if kind == PICTURE else None
    return [call] if picture is None else [call, picture]


def _picture(call_id: str, fields: Fields, context: Context) -> Image | None:
    """What was drawn; its state says that it stands in its call, for the way back."""
    drawn, form = value_of(fields.get("result")), value_of(fields.get("output_format"))
    try:
        data = binascii.a2b_base64(drawn) if isinstance(drawn, str) else b""
    except ValueError:
        return None
    if not data:
        return None
    media_type = f"image/{'svg+xml' if form == 'svg' else form if isinstance(form, str) and form.isalnum() else 'png'}"
    return Image(Data(data, media_type), state=state_of(encode({"type": PICTURE, "id": call_id}), context))


def _asked(fields: Fields) -> str:
    for name in _ARGUMENTS:
        value = value_of(raw := fields.get(name))
        if isinstance(value, str) and name in ("arguments", "input"):
            return value
        if isinstance(value, dict) and raw is not None:
            return bytes(raw).decode("utf-8", "replace")
        if value is not None:
            return encode({name: value}).decode("utf-8", "replace")
    return "{}"
