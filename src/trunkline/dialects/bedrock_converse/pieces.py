"""What both halves share: the dialect's id, JSON objects as fields that stay verbatim, formats of media."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from ...values.errors import MalformedResponseError
from ...values.message import ProviderState, Scope
from ...wire.loose_json import loads
from ..dialect import Context

ID = "bedrock-converse"
SERVER_TOOL = "server_tool_use"
"""The ``type`` of a call of a tool that the provider runs itself."""
SYSTEM_TOOL = "systemTool"
"""The key of such a tool among ``tools``, and our ``HostedTool.kind`` for it."""
CUSTOM_INPUT = "input"
"""The one argument of the function that stands for a tool whose input is plain text."""

Fields = dict[str, msgspec.Raw]
encode: Callable[[Any], bytes] = msgspec.json.Encoder().encode
REFUSED = (ValueError, RecursionError)
"""What a strict decoder raises: malformed, not UTF-8, of another shape, nested too deeply."""
_fields = msgspec.json.Decoder(Fields).decode
_list = msgspec.json.Decoder(list[msgspec.Raw] | None).decode
_text = msgspec.json.Decoder(str | None).decode
_PATH = re.compile(r" - at `(key in )?(\$[^`]*)`$")

IMAGES = {"image/png": "png", "image/jpeg": "jpeg", "image/jpg": "jpeg", "image/gif": "gif", "image/webp": "webp"}
VIDEOS = {
    "video/x-matroska": "mkv", "video/quicktime": "mov", "video/mp4": "mp4", "video/webm": "webm", "video/x-flv": "flv",
    "video/mpeg": "mpeg", "video/mpg": "mpg", "video/x-ms-wmv": "wmv", "video/3gpp": "three_gp",
}  # fmt: skip
AUDIOS = {
    "audio/mpeg": "mp3", "audio/mp3": "mp3", "audio/opus": "opus", "audio/wav": "wav", "audio/x-wav": "wav", "audio/wave": "wav",
    "audio/aac": "aac", "audio/flac": "flac", "audio/x-flac": "flac", "audio/mp4": "mp4", "audio/ogg": "ogg",
    "audio/x-matroska": "mka", "audio/x-m4a": "m4a", "audio/m4a": "m4a", "audio/pcm": "pcm", "audio/l16": "pcm",
    "audio/webm": "webm",
}  # fmt: skip
DOCUMENTS = {
    "application/pdf": "pdf", "text/csv": "csv", "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "text/html": "html", "text/plain": "txt", "text/markdown": "md",
}  # fmt: skip
"""Formats of media, by media type (bedrock-converse §4); the first type of a format is the one that it is read as."""


def media_type_of(format: str, among: dict[str, str]) -> str | None:
    return next((kind for kind, known in among.items() if known == format), None)


def malformed(context: Context, path: str) -> MalformedResponseError:
    return MalformedResponseError(path=path, provider=context.target.provider, model=context.target.model)


def path_of(error: BaseException) -> str:
    """Where a strict decoder stopped, from its message, which is not shown: it may quote the content."""
    found = _PATH.search(str(error))
    return found[2] if found else "$"


def fields_of(data: bytes | msgspec.Raw, context: Context, path: str) -> Fields:
    """The fields of a JSON object, each verbatim. What a strict parser refuses is mended first, where its meaning is plain."""
    try:
        return _fields(data)
    except REFUSED:
        pass
    try:
        return _fields(encode(loads(bytes(data))))
    except (*REFUSED, TypeError, OverflowError):
        raise malformed(context, path) from None


def inner(fields: Fields, name: str, context: Context, path: str) -> Fields:
    """A field that is an object; absent and null are empty."""
    raw = fields.get(name)
    return {} if raw is None or bytes(raw) == b"null" else fields_of(raw, context, f"{path}.{name}")


def text_of(fields: Fields, name: str, context: Context, path: str) -> str:
    """A field that is text; absent and null are empty."""
    raw = fields.get(name)
    if raw is None:
        return ""
    try:
        return _text(raw) or ""
    except REFUSED:
        pass
    try:
        mended = loads(bytes(raw))
    except REFUSED:
        mended = None
    if not isinstance(mended, str):
        raise malformed(context, f"{path}.{name}")
    return mended


def list_of(fields: Fields, name: str, context: Context, path: str) -> list[msgspec.Raw]:
    """A field that is a list; absent and null are empty."""
    raw = fields.get(name)
    if raw is None:
        return []
    try:
        return _list(raw) or []
    except REFUSED:
        raise malformed(context, f"{path}.{name}") from None


def value_of(raw: msgspec.Raw) -> Any:
    """What a field says; None for what cannot be read."""
    try:
        return loads(bytes(raw))
    except ValueError:
        return None


def values_of(fields: Fields, name: str) -> dict[str, Any]:
    """A field that is an object, parsed; anything else is an empty one."""
    raw = fields.get(name)
    value = None if raw is None else value_of(raw)
    return value if isinstance(value, dict) else {}


def state(data: bytes, context: Context, *, bound: bool) -> ProviderState:
    """Reasoning is bound to the model that thought it, everything else to the provider. What a server is asked is bound to
    nobody: it cannot know who said it first."""
    if context.served is not None:
        return ProviderState(ID, data, must_return=bound)
    target = context.target
    return ProviderState(ID, data, Scope(target.owner, target.model if bound else None), must_return=bound)


def without_nulls(fields: Fields, ours: tuple[str, ...]) -> Fields:
    """The fields that are not among ``ours`` and say something."""
    return {name: raw for name, raw in fields.items() if name not in ours and bytes(raw) != b"null"}
