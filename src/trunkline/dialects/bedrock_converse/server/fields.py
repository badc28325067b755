"""The body of a request as fields, each verbatim, and what is refused in it: by its path, never by its content."""

from __future__ import annotations

from typing import Any

import msgspec

from ....values.message import CacheMark
from ...served_fields import FieldReader, Fields, is_null

_reader = FieldReader(code="ValidationException")
refuse = _reader.refuse
fields_of_body = _reader.fields_of_body
object_at = _reader.object_at
items_at = _reader.items_at
value_at = _reader.value_at
text = _reader.text
required_text = _reader.required_text
flag = _reader.flag
whole = _reader.whole
number = _reader.number
_TTLS = ("5m", "1h")


def inner_object(fields: Fields, name: str, path: str) -> Fields:
    """A field that is an object; absent and null are empty."""
    raw = fields.get(name)
    return {} if raw is None or is_null(raw) else object_at(raw, f"{path}{name}")


def inner_values(fields: Fields, name: str, path: str) -> dict[str, Any]:
    """A field that is an object, parsed; absent and null are empty."""
    raw = fields.get(name)
    value = None if raw is None else value_at(raw, f"{path}{name}")
    if value is not None and not isinstance(value, dict):
        refuse(f"{path}{name}", "an object is expected")
    return value or {}


def cache_mark(raw: msgspec.Raw, path: str) -> CacheMark | None:
    """The mark that a ``cachePoint`` is; None for one in words that we do not know."""
    said = value_at(raw, path)
    if not isinstance(said, dict):
        refuse(path, "an object is expected")
    ttl = said.get("ttl")
    if said.get("type") != "default" or said.keys() - {"type", "ttl"} or (ttl is not None and ttl not in _TTLS):
        return None
    return CacheMark(ttl)
