"""The body of a request as fields, each verbatim, and what is refused in it: by its path, never by its content."""

from __future__ import annotations

from typing import Any, NoReturn

import msgspec

from ....values.errors import InvalidRequestError
from ....values.message import CacheMark
from ....wire.loose_json import DEEPEST, loads
from ..pieces import REFUSED, Fields, encode

_fields = msgspec.json.Decoder(Fields).decode
_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_any = msgspec.json.Decoder().decode
_TTLS = ("5m", "1h")


def refuse(path: str, problem: str) -> NoReturn:
    """Refuse a request for what stands at ``path``."""
    error = InvalidRequestError(f"{path}: {problem}", status=400, code="ValidationException")
    error.param = path
    raise error


def fields_of_body(body: bytes) -> Fields:
    """The fields of a body. What a strict parser refuses is mended first, where its meaning is plain."""
    try:
        body.decode()  # what is skipped over is checked for all but this
        fields = _fields(body)
        sound = True
    except REFUSED:
        fields, sound = {}, False
    if sound and body.count(b"[") + body.count(b"{") <= DEEPEST:
        return fields
    try:
        value = loads(body)
    except ValueError:
        refuse("$", "the body is not JSON, or nested too deeply")
    if not isinstance(value, dict):
        refuse("$", "a JSON object is expected")
    try:
        return fields if sound else _fields(encode(value))
    except (*REFUSED, TypeError, OverflowError):
        refuse("$", "the body is not JSON")


def object_at(raw: msgspec.Raw, path: str) -> Fields:
    try:
        return _fields(raw)
    except REFUSED:
        refuse(path, "an object is expected")


def items_at(raw: msgspec.Raw, path: str) -> list[msgspec.Raw]:
    try:
        return _items(raw)
    except REFUSED:
        refuse(path, "a list is expected")


def value_at(raw: msgspec.Raw, path: str) -> Any:
    try:
        return _any(raw)
    except REFUSED:
        refuse(path, "this is not JSON")


def is_null(raw: msgspec.Raw | None) -> bool:
    """Whether a field is absent or null: the protocol makes no difference."""
    return raw is None or bytes(raw) == b"null"


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


def text(fields: Fields, name: str, path: str) -> str | None:
    """A field that is text; None where it is absent or null."""
    raw = fields.get(name)
    if raw is None:
        return None
    value = value_at(raw, f"{path}{name}")
    if value is not None and not isinstance(value, str):
        refuse(f"{path}{name}", "text is expected")
    return value


def required_text(fields: Fields, name: str, path: str) -> str:
    """A field that is text with something in it."""
    value = text(fields, name, path)
    if not value:
        refuse(f"{path}{name}", "this field is required, as text" if value is None else "this text must not be empty")
    return value


def flag(fields: Fields, name: str, path: str) -> bool | None:
    raw = fields.get(name)
    value = None if raw is None else value_at(raw, f"{path}{name}")
    if value is not None and not isinstance(value, bool):
        refuse(f"{path}{name}", "true or false is expected")
    return value


def whole(fields: Fields, name: str, path: str) -> int | None:
    """A field that is a whole number of at least 0 (``1024.0`` is one)."""
    value = number(fields, name, path)
    if value is None:
        return None
    if value != value // 1 or value < 0 or value > 2**53:
        refuse(f"{path}{name}", "a whole number of at least 0 is expected")
    return int(value)


def number(fields: Fields, name: str, path: str) -> float | None:
    raw = fields.get(name)
    value = None if raw is None else value_at(raw, f"{path}{name}")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > 1e300:
        refuse(f"{path}{name}", "a number is expected")
    return value


def cache_mark(raw: msgspec.Raw, path: str) -> CacheMark | None:
    """The mark that a ``cachePoint`` is; None for one in words that we do not know."""
    said = value_at(raw, path)
    if not isinstance(said, dict):
        refuse(path, "an object is expected")
    ttl = said.get("ttl")
    if said.get("type") != "default" or said.keys() - {"type", "ttl"} or (ttl is not None and ttl not in _TTLS):
        return None
    return CacheMark(ttl)
