"""The body of a request as fields, each verbatim, and what is refused in it: by its path, never by its content."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import msgspec

from ....values.message import CacheMark
from ...served_fields import FieldReader, Fields

_reader = FieldReader(kind="invalid_request_error")
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


def is_list(raw: msgspec.Raw) -> bool:
    return bytes(memoryview(raw)[:1]) == b"["


def cache_mark(fields: Fields, path: str) -> CacheMark | None:
    """The mark that ``cache_control`` is, taken out of ``fields``; one in words that we do not know stays there."""
    raw = fields.get("cache_control")
    if raw is None:
        return None
    said = value_at(raw, f"{path}cache_control")
    if said is None:
        del fields["cache_control"]
        return None
    if not isinstance(said, dict):
        refuse(f"{path}cache_control", "an object is expected")
    ttl = said.get("ttl")
    if said.get("type") != "ephemeral" or said.keys() - {"type", "ttl"} or (ttl is not None and ttl not in _TTLS):
        return None
    del fields["cache_control"]
    return CacheMark(ttl)
