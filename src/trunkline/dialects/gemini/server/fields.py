"""The body of a request as fields, each verbatim, and what is refused in it: by its path, never by its content.

Names are read as proto3 JSON reads them, ``inlineData`` and ``inline_data`` alike, and are ours in camel case.
"""

from __future__ import annotations

from typing import Any, NoReturn

import msgspec

from ....values.errors import InvalidRequestError
from ....wire.loose_json import DEEPEST, loads
from ..schemas import camel

Fields = dict[str, msgspec.Raw]
REFUSED = (ValueError, RecursionError)
"""What a strict decoder raises: malformed, not UTF-8, of another shape, nested too deeply."""
_fields = msgspec.json.Decoder(Fields).decode
_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_any = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_INT32 = 2**31 - 1


def refuse(path: str, problem: str) -> NoReturn:
    """Refuse a request for what stands at ``path``."""
    error = InvalidRequestError(f"{path}: {problem}", status=400, kind="INVALID_ARGUMENT")
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
    if not sound or body.count(b"[") + body.count(b"{") > DEEPEST:
        try:
            value = loads(body)
        except ValueError:
            refuse("$", "the body is not JSON, or nested too deeply")
        if not isinstance(value, dict):
            refuse("$", "a JSON object is expected")
        try:
            fields = fields if sound else _fields(_encode(value))
        except (*REFUSED, TypeError, OverflowError):
            refuse("$", "the body is not JSON")
    return _camel(fields)


def _camel(fields: Fields) -> Fields:
    return {camel(name): raw for name, raw in fields.items()} if any("_" in name for name in fields) else fields


def object_at(raw: msgspec.Raw, path: str) -> Fields:
    try:
        return _camel(_fields(raw))
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


def first_sign(raw: msgspec.Raw) -> bytes:
    """What a value begins with: ``[``, ``{``, a quote…"""
    return bytes(memoryview(raw)[:1])


def plain_object(fields: Fields, name: str, at: str = "") -> dict[str, Any]:
    """A field that is an object, parsed, its own names in camel case; absent and null are empty."""
    raw = fields.get(name)
    if raw is None or is_null(raw):
        return {}
    return {key: value_at(inner, f"{at}{name}.{key}") for key, inner in object_at(raw, f"{at}{name}").items()}


def text(fields: Fields, name: str, at: str) -> str | None:
    """A field that is text; None where it is absent or null."""
    raw = fields.get(name)
    value = None if raw is None else value_at(raw, f"{at}{name}")
    if value is not None and not isinstance(value, str):
        refuse(f"{at}{name}", "text is expected")
    return value


def required_text(fields: Fields, name: str, at: str) -> str:
    """A field that is text with something in it."""
    value = text(fields, name, at)
    if not value:
        refuse(f"{at}{name}", "this field is required, as text" if value is None else "this text must not be empty")
    return value


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
