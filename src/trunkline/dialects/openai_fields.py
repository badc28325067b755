"""What callers of OpenAI's protocols send, checked: a refusal names the JSON path and what may stand there, never the content."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from typing import Any, NoReturn

from ..values.errors import InvalidRequestError
from ..wire.loose_json import loads
from .losses import Losses

Json = dict[str, Any]

MOST = 1 << 53
"""Whole numbers beyond this are no numbers of anything here, and not every reader of JSON can hold them."""
_NAME_SHOWN = 40
# Only such a text can hold what is read as NaN or infinity.
_ENDLESS = re.compile(rb"NaN|Infinity|[eE]\+?[0-9]{3}|(?<![0-9])[0-9]{300}")
_KINDS: dict[type, str] = {
    type(None): "null", bool: "a boolean", int: "a number", float: "a number", str: "text", list: "a list", dict: "an object"
}  # fmt: skip


def refuse(at: str | None, reason: str, code: str = "invalid_value") -> NoReturn:
    """Raise the error that says: no request of this protocol, for ``reason``, at the path ``at``."""
    error = InvalidRequestError(f"{at}: {reason}" if at else reason, status=400, code=code, kind="invalid_request_error")
    error.param = at
    raise error


def wrong(at: str, value: object, allowed: str) -> NoReturn:
    """Refuse ``value``: only its kind is told."""
    if value is None:
        refuse(at, f"is missing; expected {allowed}", "missing_required_parameter")
    refuse(at, f"expected {allowed}, got {_KINDS.get(type(value), 'something else')}", "invalid_type")


def read_body(data: bytes) -> Json:
    """The object that a body holds."""
    try:
        body = loads(data)
    except ValueError as reason:
        refuse(None, f"the body is {reason}", "invalid_json")
    if not isinstance(body, dict):
        refuse(None, f"expected the body to be an object, got {_KINDS.get(type(body), 'something else')}", "invalid_type")
    if _ENDLESS.search(data):
        _finite(body, "")
    return body


def _finite(value: object, at: str) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        refuse(at, "expected a finite number")
    if isinstance(value, dict):
        for name, item in value.items():
            _finite(item, inner(at, name))
    elif isinstance(value, list):
        for n, item in enumerate(value):
            _finite(item, f"{at}[{n}]")


def inner(at: str, name: str) -> str:
    """The path of a field."""
    shown = name[:_NAME_SHOWN]
    return f"{at}.{shown}" if at else shown


def text(value: object, at: str) -> str:
    if not isinstance(value, str):
        wrong(at, value, "text")
    return value


def filled(value: object, at: str) -> str:
    """Text with something in it."""
    if not isinstance(value, str):
        wrong(at, value, "text")
    if not value:
        refuse(at, "expected text that is not empty")
    return value


def optional_text(fields: Json, name: str, at: str) -> str | None:
    value = fields.get(name)
    return None if value is None else text(value, inner(at, name))


def mapping(value: object, at: str) -> Json:
    if not isinstance(value, dict):
        wrong(at, value, "an object")
    return value


def items(value: object, at: str) -> list[Any]:
    if not isinstance(value, list):
        wrong(at, value, "a list")
    return value


def flag(value: object, at: str) -> bool:
    if not isinstance(value, bool):
        wrong(at, value, "true or false")
    return value


def whole(value: object, at: str) -> int:
    """A whole number, however it is written (``100.0``)."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        wrong(at, value, "a whole number")
    if abs(value) > MOST:
        refuse(at, "the number is out of range")
    return value


def count(value: object, at: str) -> int:
    """A whole number of at least 1."""
    if (found := whole(value, at)) < 1:
        refuse(at, "expected a number of at least 1")
    return found


def number(value: object, at: str) -> float:
    """A number; one that is written whole stays whole."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        wrong(at, value, "a number")
    if abs(value) > MOST:
        refuse(at, "the number is out of range")
    return value


def only(fields: Json, known: Collection[str], field: str, losses: Losses) -> None:
    """Note each of ``fields`` that is not ``known``: we have no place to keep it."""
    for name, value in fields.items():
        if name not in known and value is not None:
            losses.dropped(inner(field, name), "our values have no such field")
