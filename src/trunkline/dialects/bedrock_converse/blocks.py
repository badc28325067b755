"""The blocks of a reply as our parts (bedrock-converse §4). Whole replies and streams come through here, so that both read the
same. A block is an object with one key, which says what it is; what has no name among ours becomes an ``Opaque``, verbatim."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from ...values.errors import UsageError
from ...values.input_media import read_base64
from ...values.media import Data, Source, Url
from ...values.message import (
    Audio,
    Citation,
    HostedToolCall,
    HostedToolResult,
    Image,
    Opaque,
    Part,
    Reasoning,
    Text,
    ToolCall,
    Video,
)
from ...wire.loose_json import loads
from ..dialect import Context
from ..reply_fields import REFUSED, Fields, encode, fields_of, list_of, malformed, text_of, value_of
from .pieces import AUDIOS, CUSTOM_INPUT, IMAGES, SERVER_TOOL, VIDEOS, inner, media_type_of, state, without_nulls


class _Text(msgspec.Struct, forbid_unknown_fields=True):
    text: str


_text = msgspec.json.Decoder(_Text).decode
RESULT = "toolResult"
"""The kind of a server tool's result that does not say its own."""


def part_of(raw: bytes | msgspec.Raw, context: Context, path: str) -> Part:
    """One block."""
    try:
        return Text(_text(raw).text)
    except REFUSED:
        return part_of_fields(fields_of(raw, context, path), raw, context, path)


def part_of_fields(block: Fields, raw: bytes | msgspec.Raw, context: Context, path: str) -> Part:
    said = without_nulls(block, ())
    kind = next((name for name in said if name in _PARTS), next(iter(said), ""))
    read = _PARTS.get(kind)
    if read is None or len(said) > 1:
        return opaque(kind, raw, context)
    if kind == "text":
        return Text(text_of(said, "text", context, path))
    return read(inner(said, kind, context, path), raw, context, f"{path}.{kind}")


def opaque(kind: str, raw: bytes | msgspec.Raw, context: Context) -> Opaque:
    return Opaque(kind, state(bytes(raw), context, bound=False))


# --- what is thought and cited ----------------------------------------------------------------------------------------------


def _reasoning(fields: Fields, raw: bytes | msgspec.Raw, context: Context, path: str) -> Part:
    said = inner(fields, "reasoningText", context, path)
    hidden = "redactedContent" in fields and "reasoningText" not in fields
    words = text_of(said, "text", context, f"{path}.reasoningText")
    return Reasoning(words, redacted=hidden, state=state(bytes(raw), context, bound=True))


def _cited(fields: Fields, raw: bytes | msgspec.Raw, context: Context, path: str) -> Part:
    """Text with what it rests on. One that our own form of it would not say again to the letter keeps its own."""
    pieces = [fields_of(item, context, f"{path}.content") for item in list_of(fields, "content", context, path)]
    words = [text_of(piece, "text", context, f"{path}.content") for piece in pieces]
    citations = tuple(citation_of(item, context, path) for item in list_of(fields, "citations", context, path))
    plain = len(pieces) <= 1 and all(piece.keys() == {"text"} for piece in pieces) and all(words)
    plain = plain and bool(citations) and not without_nulls(fields, ("content", "citations"))
    return Text("".join(words), citations, state=None if plain else state(bytes(raw), context, bound=False))


_PLACES = {"documentChar": "char", "documentPage": "page", "documentChunk": "block", "searchResultLocation": "search_result"}


def citation_of(raw: msgspec.Raw, context: Context, path: str) -> Citation:
    """A citation with its own form kept for the way back. One of a kind that we do not know keeps its own name."""
    value = value_of(raw)
    if not isinstance(value, dict):
        raise malformed(context, f"{path}.citations")
    place = value.get("location")
    kind, where = next(iter(place.items()), ("", None)) if isinstance(place, dict) else ("", None)
    where = where if isinstance(where, dict) else {}
    quoted = value.get("sourceContent")
    words = [str(item.get("text") or "") for item in quoted if isinstance(item, dict)] if isinstance(quoted, list) else []
    return Citation(
        "web" if kind == "web" else _PLACES.get(kind, kind or "unknown"),
        cited_text="".join(words) or None,
        title=_str(value.get("title")),
        url=_str(where.get("url")),
        source=_str(value.get("source")) or _str(where.get("domain")),
        document=_int(where.get("documentIndex", where.get("searchResultIndex"))),
        start=_int(where.get("start")),
        end=_int(where.get("end")),
        state=state(bytes(raw), context, bound=False),
    )


def _str(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _int(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


# --- tools --------------------------------------------------------------------------------------------------------------------

_CALL = ("toolUseId", "name", "input")


def tool_use(fields: Fields, arguments: str, context: Context, path: str) -> Part:
    """A call of a tool of the user's, or of the provider's own; ``arguments`` its JSON text."""
    kind = text_of(fields, "type", context, path)
    id, name = text_of(fields, "toolUseId", context, path), text_of(fields, "name", context, path)
    plain = arguments if arguments.strip() not in ("", "null") else "{}"
    if kind == SERVER_TOOL:
        return HostedToolCall(id, name, plain, state=state(encode(without_nulls(fields, _CALL)), context, bound=False))
    rest = without_nulls(fields, (*_CALL, "type") if kind in ("", "tool_use") else _CALL)
    own = state(encode(rest), context, bound=False) if rest else None
    custom = name in context.custom_tools
    name = context.tool_names.get(name, name)
    if custom:
        return ToolCall(id, name, _plain_input(arguments), "custom", state=own)
    return ToolCall(id, name, plain, state=own)


def _tool_use(fields: Fields, raw: bytes | msgspec.Raw, context: Context, path: str) -> Part:
    return tool_use(fields, raw_text(fields, "input"), context, path)


def raw_text(fields: Fields, name: str) -> str:
    return bytes(fields[name]).decode("utf-8", "replace") if name in fields else ""


def _plain_input(arguments: str) -> str:
    """The text of a tool with plain input; where the model did not keep to the form, what it wrote."""
    try:
        value = loads(arguments.encode("utf-8", "surrogatepass"))
    except ValueError:
        return arguments
    held = value.get(CUSTOM_INPUT) if isinstance(value, dict) else None
    return held if isinstance(held, str) else arguments


def _tool_result(fields: Fields, raw: bytes | msgspec.Raw, context: Context, path: str) -> Part:
    """What a tool of the provider's gave."""
    return HostedToolResult(
        text_of(fields, "toolUseId", context, path),
        text_of(fields, "type", context, path) or RESULT,
        bytes(fields.get("content", b"[]")),
        is_error=text_of(fields, "status", context, path) == "error",
        state=state(encode(without_nulls(fields, ("toolUseId", "content"))), context, bound=False),
    )


# --- media --------------------------------------------------------------------------------------------------------------------


def source_of(fields: Fields, media_type: str | None, context: Context, path: str) -> Source | None:
    """Where media come from; None for what only this protocol can say."""
    source = inner(fields, "source", context, path)
    if media_type is None or len(source) != 1:
        return None
    if "bytes" in source:
        try:
            return Data(read_base64(text_of(source, "bytes", context, f"{path}.source"), "bytes"), media_type)
        except UsageError:
            raise malformed(context, f"{path}.source.bytes") from None
    place = inner(source, "s3Location", context, f"{path}.source")
    uri = text_of(place, "uri", context, f"{path}.source.s3Location") if place.keys() == {"uri"} else ""
    return Url(uri, media_type) if uri else None


def _media(kind: str, formats: dict[str, str], made: type[Image | Video | Audio]) -> _Read:
    def read(fields: Fields, raw: bytes | msgspec.Raw, context: Context, path: str) -> Part:
        format = text_of(fields, "format", context, path)
        source = source_of(fields, media_type_of(format, formats), context, path)
        if source is None or fields.keys() - {"format", "source"}:
            return opaque(kind, raw, context)
        return made(source)

    return read


_Read = Callable[[Fields, bytes | msgspec.Raw, Context, str], Part]
_PARTS: dict[str, _Read] = {
    "text": _cited,  # never called: text is no object
    "reasoningContent": _reasoning,
    "citationsContent": _cited,
    "toolUse": _tool_use,
    RESULT: _tool_result,
    "image": _media("image", IMAGES, Image),
    "video": _media("video", VIDEOS, Video),
    "audio": _media("audio", AUDIOS, Audio),
}
