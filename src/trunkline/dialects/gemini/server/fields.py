"""The body of a request as fields, each verbatim, and what is refused in it: by its path, never by its content.

Names are read as proto3 JSON reads them, ``inlineData`` and ``inline_data`` alike, and are ours in camel case.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import msgspec

from ...served_fields import FieldReader, Fields, is_null
from ..schemas import camel

_INT32 = 2**31 - 1


def _camel(fields: Fields) -> Fields:
    return {camel(name): raw for name, raw in fields.items()} if any("_" in name for name in fields) else fields


_reader = FieldReader(kind="INVALID_ARGUMENT", spelt=_camel)
refuse: Callable[[str, str], NoReturn] = _reader.refuse
fields_of_body: Callable[[bytes], Fields] = _reader.fields_of_body
object_at: Callable[[msgspec.Raw, str], Fields] = _reader.object_at
items_at: Callable[[msgspec.Raw, str], list[msgspec.Raw]] = _reader.items_at
value_at: Callable[[msgspec.Raw, str], Any] = _reader.value_at
text: Callable[[Fields, str, str], str | None] = _reader.text
required_text: Callable[[Fields, str, str], str] = _reader.required_text


def first_sign(raw: msgspec.Raw) -> bytes:
    """What a value begins with: ``[``, ``{``, a quote…"""
    return bytes(memoryview(raw)[:1])


def plain_object(fields: Fields, name: str, at: str = "") -> dict[str, Any]:
    """A field that is an object, parsed, its own names in camel case; absent and null are empty."""
    raw = fields.get(name)
    if raw is None or is_null(raw):
        return {}
    return {key: value_at(inner, f"{at}{name}.{key}") for key, inner in object_at(raw, f"{at}{name}").items()}


def take_number(said: dict[str, Any], name: str, at: str) -> float | None:
    """A number, taken out of ``said``; text that is one (int64 may be text) is one too."""
    value = said.pop(name, None)
    if isinstance(value, str):
        try:
            value = float(value) if any(sign in value for sign in ".eE") else int(value[:20])
        except ValueError:
            refuse(f"{at}{name}", "a number is expected")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e300:
        refuse(f"{at}{name}", "a number is expected")
    return value


def take_whole(said: dict[str, Any], name: str, at: str, least: int = 0) -> int | None:
    """A whole number, taken out of ``said`` (``1024.0`` is one)."""
    value = take_number(said, name, at)
    if value is None:
        return None
    if value != value // 1 or value < least or value > _INT32:
        refuse(f"{at}{name}", f"a whole number of at least {least} is expected")
    return int(value)


def take_flag(said: dict[str, Any], name: str, at: str) -> bool | None:
    value = said.pop(name, None)
    if value is not None and not isinstance(value, bool):
        refuse(f"{at}{name}", "true or false is expected")
    return value


def texts(value: Any, path: str) -> tuple[str, ...]:
    """A list of texts; one text is such a list too."""
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list):
        refuse(path, "a list of texts is expected")
    for n, item in enumerate(found):
        if not isinstance(item, str):
            refuse(f"{path}[{n}]", "text is expected")
    return tuple(found)
