"""The body of a request as fields, each verbatim, and what is refused in it: by its path, never by its content."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import msgspec

from ....values.message import CacheMark
from ...served_fields import FieldReader, Fields, is_null

_reader = FieldReader(code="ValidationException")
refuse: Callable[[str, str], NoReturn] = _reader.refuse
fields_of_body: Callable[[bytes], Fields] = _reader.fields_of_body
object_at: Callable[[msgspec.Raw, str], Fields] = _reader.object_at
items_at: Callable[[msgspec.Raw, str], list[msgspec.Raw]] = _reader.items_at
value_at: Callable[[msgspec.Raw, str], Any] = _reader.value_at
text: Callable[[Fields, str, str], str | None] = _reader.text
required_text: Callable[[Fields, str, str], str] = _reader.required_text
flag: Callable[[Fields, str, str], bool | None] = _reader.flag
whole: Callable[[Fields, str, str], int | None] = _reader.whole
number: Callable[[Fields, str, str], float | None] = _reader.number
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
