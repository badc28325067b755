"""One part of a reply as ours: media, tools that the provider ran, and what only this protocol knows (see ``pieces``)."""

from __future__ import annotations

import binascii
from collections.abc import Callable
from typing import Any

import msgspec

from ...values.media import Data, FileId, Source, Url
from ...values.message import (
    Audio,
    File,
    HostedToolCall,
    HostedToolResult,
    Image,
    Opaque,
    Part,
    ProviderState,
    Scope,
    Video,
)
from ..dialect import Context
from .errors import malformed
from .pieces import DATA_FIELDS, ID

Fields = dict[str, Any]
encode: Callable[[Any], bytes] = msgspec.json.Encoder().encode


def field_of(part: Fields) -> str | None:
    """The part's data field."""
    return next((name for name in DATA_FIELDS if part.get(name) is not None), None)


def beside(part: Fields, field: str, *inner: str) -> Fields:
    """What a part says that our value does not: its siblings, and under the data field's name what stands there beside ``inner``.
    That a thought is one says ``Reasoning``."""
    found = {name: value for name, value in part.items() if name not in (field, "thought") and value is not None}
    if part.get("thought") is True and field != "text":
        found["thought"] = True
    data = part[field]
    if isinstance(data, dict) and (rest := {name: value for name, value in data.items() if name not in inner}):
        found[field] = rest
    return found


def state_of(fields: Fields, context: Context, *, must_return: bool = False) -> ProviderState | None:
    """The state that ``fields`` are. A signature is bound to the model, the provider and the key (gemini §6), the rest to the
    provider."""
    if not fields:
        return None
    target = context.target
    if "thoughtSignature" not in fields:
        return ProviderState(ID, encode(fields), Scope(target.owner))
    return ProviderState(ID, encode(fields), Scope(target.owner, target.model, target.key), must_return)


def media_of(part: Fields, field: str, context: Context, path: str) -> tuple[Source, str, str | None, Fields]:
    """The source of ``inlineData`` or ``fileData``, its media type, its name, and what stands beside those."""
    data = part[field]
    if not isinstance(data, dict):
        raise malformed(f"{path}.{field}", context)
    kind = data.get("mimeType")
    kind = kind if isinstance(kind, str) else ""
    named = data.get("displayName") if isinstance(data.get("displayName"), str) else None
    said = ("mimeType", "displayName") if _is_file(kind) else ("mimeType",)
    if field == "inlineData":
        source: Source = Data(_bytes(data.get("data"), context, f"{path}.inlineData.data"), kind or "application/octet-stream")
        return source, kind, named, beside(part, field, "data", *said)
    uri = data.get("fileUri")
    if not isinstance(uri, str):
        raise malformed(f"{path}.fileData.fileUri", context)
    if "://" in uri:
        return Url(uri, kind or None), kind, named, beside(part, field, "fileUri", *said)
    return FileId(uri), kind, named, beside(part, field, "fileUri", *said[1:])


def _is_file(kind: str) -> bool:
    return kind.partition("/")[0] not in ("image", "audio", "video")


def _bytes(value: object, context: Context, path: str) -> bytes:
    if value is None:
        return b""
    if not isinstance(value, str):
        raise malformed(path, context)
    try:
        return binascii.a2b_base64(value.replace("-", "+").replace("_", "/"))
    except (ValueError, UnicodeError):
        raise malformed(path, context) from None


def media_part(source: Source, kind: str, name: str | None, state: ProviderState | None) -> Part:
    family = kind.partition("/")[0]
    if family == "image":
        return Image(source, state=state)
    if family == "audio":
        return Audio(source, state=state)
    return Video(source, state=state) if family == "video" else File(source, filename=name, state=state)


def hosted_call(part: Fields, field: str, number: str, context: Context) -> HostedToolCall:
    """A call of a tool that the provider runs, its arguments all that stands there."""
    inner = part[field]
    return HostedToolCall(_id(inner) or number, field, encode(inner).decode(), state=state_of(_siblings(part, field), context))


def hosted_result(part: Fields, field: str, call: str, context: Context) -> HostedToolResult:
    inner = part[field]
    outcome = inner.get("outcome") if isinstance(inner, dict) else None
    failed = outcome in ("OUTCOME_FAILED", "OUTCOME_DEADLINE_EXCEEDED", 2, 3)
    state = state_of(_siblings(part, field), context)
    return HostedToolResult(_id(inner) or call, field, encode(inner), is_error=failed, state=state)


def _siblings(part: Fields, field: str) -> Fields:
    return {name: value for name, value in part.items() if name != field and value is not None}


def _id(inner: object) -> str | None:
    found = inner.get("id") if isinstance(inner, dict) else None
    return found if isinstance(found, str) and found else None


def opaque(part: Fields, kind: str, context: Context) -> Opaque:
    target = context.target
    signed = "thoughtSignature" in part
    scope = Scope(target.owner, target.model, target.key) if signed else Scope(target.owner)
    return Opaque(kind, ProviderState(ID, encode(part), scope))
