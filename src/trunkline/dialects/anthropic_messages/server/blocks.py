"""The blocks of a request (§5) as our parts. What has no name among ours, or not where it stands, is an ``Opaque``, verbatim."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from ....values.errors import UsageError
from ....values.input_media import read_base64
from ....values.media import Data, FileId, Source, Url
from ....values.message import CacheMark, File, Image, Opaque, Part, ProviderState, Reasoning, Text, ToolResult
from ...dialect import Context
from ...reply_fields import Fields
from ...served_fields import is_null
from ..blocks import own_state, part_of_fields
from ..turns import ID
from . import stand_in
from .fields import cache_mark, flag, is_list, items_at, object_at, refuse, required_text, text, value_at

_BOM = "\ufeff"
_UNMARKED = (Reasoning, Opaque)
_PDF, _PLAIN = "application/pdf", "text/plain"


def user_part(raw: msgspec.Raw, context: Context, path: str) -> Part:
    """One block of a user's turn."""
    fields = object_at(raw, path)
    kind = required_text(fields, "type", f"{path}.")
    read = _BY_USERS.get(kind)
    return _verbatim(kind, raw) if read is None else read(raw, fields, context, f"{path}.")


def shown_part(raw: msgspec.Raw, context: Context, path: str) -> Part:
    """One block of what a tool answered, likewise."""
    fields = object_at(raw, path)
    kind = required_text(fields, "type", f"{path}.")
    read = None if kind == "tool_result" else _BY_USERS.get(kind)
    return _verbatim(kind, raw) if read is None else read(raw, fields, context, f"{path}.")


def said_part(raw: msgspec.Raw, context: Context, path: str) -> Part:
    """One block of the assistant's turn."""
    fields = object_at(raw, path)
    at = f"{path}."
    kind = required_text(fields, "type", at)
    if kind == "text":
        return _text(raw, fields, context, at)
    if kind in ("thinking", "redacted_thinking"):
        return _thought(kind, raw, fields, context, at)
    called = kind == "tool_use" or (kind.endswith("_tool_use") and "input" in fields)
    if not called and not (kind.endswith("_tool_result") and kind != "tool_result" and "content" in fields):
        return _verbatim(kind, raw)
    mark = cache_mark(fields, at)
    if called:
        required_text(fields, "id", at)
        required_text(fields, "name", at)
        if not is_null(fields.get("input")):
            object_at(fields["input"], f"{at}input")
    else:
        required_text(fields, "tool_use_id", at)
    return _marked(part_of_fields(fields, context, path), mark)


def _marked(part: Part, mark: CacheMark | None) -> Part:
    return part if mark is None or type(part) in _UNMARKED else msgspec.structs.replace(part, cache=mark)


def _state(data: bytes, *, must_return: bool = False) -> ProviderState:
    return ProviderState(ID, data, must_return=must_return)


def _verbatim(kind: str, raw: msgspec.Raw) -> Opaque:
    return Opaque(kind, _state(bytes(raw)))


def _text(_: msgspec.Raw, fields: Fields, context: Context, at: str) -> Part:
    if text(fields, "text", at) is None:
        refuse(f"{at}text", "text is expected")
    if not is_null(fields.get("citations")):
        for n, item in enumerate(items_at(fields["citations"], f"{at}citations")):
            object_at(item, f"{at}citations[{n}]")
    mark = cache_mark(fields, at)
    return _marked(part_of_fields(fields, context, at[:-1]), mark)


def _thought(kind: str, raw: msgspec.Raw, fields: Fields, context: Context, at: str) -> Part:
    """Thinking, verbatim; what we signed ourselves for want of a signature is ours again, and nobody's state."""
    hidden = kind == "redacted_thinking"
    words = "" if hidden else text(fields, "thinking", at)
    if words is None:
        refuse(f"{at}thinking", "text is expected")
    seal = required_text(fields, "data", at) if hidden else text(fields, "signature", at)
    if seal == stand_in.SIGNATURE:
        return Reasoning(words, redacted=hidden)
    return Reasoning(words, redacted=hidden, state=_state(bytes(raw), must_return=True))


# --- media ----------------------------------------------------------------------------------------------------------------


def _source(fields: Fields, at: str) -> tuple[str, Source | None]:
    """The kind of a source, and ours; None for one that only this protocol can say."""
    if is_null(fields.get("source")):
        refuse(f"{at}source", "this field is required")
    source = object_at(fields["source"], f"{at}source")
    where = f"{at}source."
    kind = required_text(source, "type", where)
    keys = _SOURCE_KEYS.get(kind)
    if keys is None or source.keys() != keys:
        return kind, None
    if kind == "url":
        return kind, Url(required_text(source, "url", where))
    if kind == "file":
        return kind, FileId(required_text(source, "file_id", where))
    media_type = required_text(source, "media_type", where)
    if kind == "text":
        words = text(source, "data", where)
        if words is None:
            refuse(f"{where}data", "text is expected")
        return kind, Data((_BOM + words if words.startswith(_BOM) else words).encode(), media_type)
    try:
        return kind, Data(read_base64(required_text(source, "data", where), "data"), media_type)
    except UsageError:
        refuse(f"{where}data", "base64 is expected")


_SOURCE_KEYS = {
    "base64": {"type", "media_type", "data"}, "url": {"type", "url"}, "file": {"type", "file_id"},
    "text": {"type", "media_type", "data"},
}  # fmt: skip


def _image(raw: msgspec.Raw, fields: Fields, context: Context, at: str) -> Part:
    kind, source = _source(fields, at)
    if source is None or kind == "text":
        return _verbatim("image", raw)
    mark = cache_mark(fields, at)
    return Image(source, None, mark, own_state(fields, ("source",), context))


def _document(raw: msgspec.Raw, fields: Fields, context: Context, at: str) -> Part:
    kind, source = _source(fields, at)
    if source is None or (isinstance(source, Data) and source.media_type != (_PLAIN if kind == "text" else _PDF)):
        return _verbatim("document", raw)
    mark = cache_mark(fields, at)
    title, about = text(fields, "title", at), text(fields, "context", at)
    cited = _cited(fields, at)
    ours = (
        "source",
        *(["title"] if title else []),
        *(["context"] if about else []),
        *(["citations"] if cited is not None else []),
    )
    return File(source, None, title or None, about or None, cited, mark, own_state(fields, ours, context))


def _cited(fields: Fields, at: str) -> bool | None:
    """Whether the document shall be cited, where that is all that ``citations`` says."""
    raw = fields.get("citations")
    said = None if raw is None else value_at(raw, f"{at}citations")
    if said is None:
        return None
    if not isinstance(said, dict):
        refuse(f"{at}citations", "an object is expected")
    enabled = said.get("enabled")
    return enabled if isinstance(enabled, bool) and len(said) == 1 else None


# --- results of tools -------------------------------------------------------------------------------------------------------


def _result(_: msgspec.Raw, fields: Fields, context: Context, at: str) -> Part:
    answered = required_text(fields, "tool_use_id", at)
    is_error = flag(fields, "is_error", at)
    mark = cache_mark(fields, at)
    state = own_state(fields, ("tool_use_id", "content", "is_error"), context)
    return ToolResult(answered, _shown(fields.get("content"), context, f"{at}content"), is_error or False, None, mark, state)


def _shown(raw: msgspec.Raw | None, context: Context, path: str) -> tuple[Part, ...]:
    """What a tool answered: text or blocks; nothing at all is an answer too."""
    if raw is None:
        return ()
    if is_list(raw):
        return tuple([shown_part(item, context, f"{path}[{n}]") for n, item in enumerate(items_at(raw, path))])
    words = value_at(raw, path)
    if words is not None and not isinstance(words, str):
        refuse(path, "text or a list of blocks is expected")
    return (Text(words),) if words else ()


_Read = Callable[[msgspec.Raw, Fields, Context, str], Part]
_BY_USERS: dict[str, _Read] = {"text": _text, "image": _image, "document": _document, "tool_result": _result}
