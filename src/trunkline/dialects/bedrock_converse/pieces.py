"""What both halves share: the dialect's id, JSON objects as fields that stay verbatim, formats of media."""

from __future__ import annotations

from typing import Any

from ...values.message import ProviderState, Scope
from ..dialect import Context
from ..reply_fields import Fields, fields_of, value_of

ID = "bedrock-converse"
SERVER_TOOL = "server_tool_use"
"""The ``type`` of a call of a tool that the provider runs itself."""
SYSTEM_TOOL = "systemTool"
"""The key of such a tool among ``tools``, and our ``HostedTool.kind`` for it."""
CUSTOM_INPUT = "input"
"""The one argument of the function that stands for a tool whose input is plain text."""


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


def inner(fields: Fields, name: str, context: Context, path: str) -> Fields:
    """A field that is an object; absent and null are empty."""
    raw = fields.get(name)
    return {} if raw is None or bytes(raw) == b"null" else fields_of(raw, context, f"{path}.{name}")


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
