"""The fields of JSON objects, each verbatim until it is looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from ...wire.loose_json import loads
from ..dialect import Context
from .errors import malformed

Fields = dict[str, msgspec.Raw]

encode: Callable[[Any], bytes] = msgspec.json.Encoder().encode
REFUSED = (ValueError, RecursionError)
"""What a strict decoder raises: malformed, not UTF-8, of another shape, nested too deeply."""

_fields = msgspec.json.Decoder(Fields).decode
_text = msgspec.json.Decoder(str | None).decode
_list = msgspec.json.Decoder(list[msgspec.Raw] | None).decode
_number = msgspec.json.Decoder(int | None).decode


def fields_of(data: bytes | msgspec.Raw, context: Context, path: str) -> Fields:
    """The fields of a JSON object. What a strict parser refuses is mended first, where its meaning is plain."""
    try:
        return _fields(data)
    except REFUSED:
        pass
    try:
        return _fields(encode(loads(bytes(data))))
    except (*REFUSED, TypeError, OverflowError):
        raise malformed(path, context) from None


def text_of(fields: Fields, name: str, context: Context, path: str) -> str:
    """A field that is text; absent and null are empty."""
    raw = fields.get(name)
    if raw is None:
        return ""
    try:
        return _text(raw) or ""
    except REFUSED:
        pass
    value = value_of(raw)
    if not isinstance(value, str):
        raise malformed(f"{path}.{name}", context)
    return value


def list_of(fields: Fields, name: str, context: Context, path: str) -> list[msgspec.Raw]:
    """A field that is a list; absent and null are empty."""
    raw = fields.get(name)
    if raw is None:
        return []
    try:
        return _list(raw) or []
    except REFUSED:
        pass
    value = value_of(raw)
    if not isinstance(value, list):
        raise malformed(f"{path}.{name}", context)
    try:
        return [msgspec.Raw(encode(item)) for item in value]
    except (*REFUSED, TypeError, OverflowError):
        raise malformed(f"{path}.{name}", context) from None


def number_of(fields: Fields, name: str) -> int | None:
    """A field that is a whole number, not below 0; anything else is none."""
    raw = fields.get(name)
    if raw is None:
        return None
    try:
        number = _number(raw)
    except REFUSED:
        return None
    return number if number is not None and number >= 0 else None


def value_of(raw: msgspec.Raw | None) -> Any:
    """The value of a field; None for what is none."""
    if raw is None:
        return None
    try:
        return loads(bytes(raw))
    except ValueError:
        return None
