"""What was handed to us, checked: each refusal names the field, the type that stood there (never the content), and what may."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

import msgspec

from .errors import UsageError
from .tool_arguments import DEEPEST, too_deep

Json = Mapping[str, Any]
"""A JSON object as callers write it."""

_NAME_SHOWN = 40


def kind_of(value: object) -> str:
    """The type of ``value`` in a reader's words; for a type itself, that it is one."""
    if value is None:
        return "None"
    return f"the type {value.__name__}" if isinstance(value, type) else type(value).__name__


def wrong(at: str, value: object, allowed: str, message: str = "wrong type") -> NoReturn:
    """Refuse ``value``: only its type is told."""
    raise UsageError(message, field=at, got=kind_of(value), allowed=allowed)


def did_you_mean(word: object, allowed: Iterable[str]) -> str:
    """``; did you mean 'x'?`` for a word that is nearly one of those allowed, else nothing. The word itself is not repeated."""
    if not isinstance(word, str):
        return ""
    import difflib  # costs milliseconds, and only a mistake needs it

    near = difflib.get_close_matches(word[:_NAME_SHOWN], list(allowed), n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""


def one_of(value: object, at: str, allowed: Iterable[str], what: str = "value") -> str:
    """``value``, if it is one of the words ``allowed``."""
    words = tuple(allowed)
    if isinstance(value, str) and value in words:
        return value
    raise UsageError(
        f"unknown {what}{did_you_mean(value, words)}", field=at, got=kind_of(value), allowed=", ".join(map(repr, words))
    )


def only(given: Iterable[object], at: str, allowed: Iterable[str], what: str = "key") -> None:
    """Refuse whatever in ``given`` is not ``allowed``, by name."""
    known = frozenset(allowed)
    for name in given:
        if name not in known:
            if not isinstance(name, str):
                wrong(at, name, "text", f"a {what} is text")
            shown = name[:_NAME_SHOWN]
            field = f"{at}.{shown}" if at else shown
            allowed_names = ", ".join(sorted(known)) or "none"
            raise UsageError(f"unknown {what}{did_you_mean(name, known)}", field=field, allowed=allowed_names)


def text(value: object, at: str) -> str:
    if not isinstance(value, str):
        wrong(at, value, "text")
    return value


def filled(value: object, at: str) -> str:
    """Text with something in it."""
    if not isinstance(value, str):
        wrong(at, value, "text")
    if not value:
        wrong(at, value, "text that is not empty", "empty")
    return value


def mapping(value: object, at: str, allowed: str = "a dict") -> Json:
    if not isinstance(value, Mapping):
        wrong(at, value, allowed)
    return value


def items(value: object, at: str, allowed: str = "a list") -> list[Any] | tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        wrong(at, value, allowed)
    return value


def flag(value: object, at: str) -> bool:
    if not isinstance(value, bool):
        wrong(at, value, "True or False")
    return value


def whole(value: object, at: str, least: int | None = None, most: int | None = None) -> int:
    """A whole number within the bounds; True and False are none."""
    if not isinstance(value, int) or isinstance(value, bool):
        wrong(at, value, "a whole number" + _bounds(least, most))
    if (least is not None and value < least) or (most is not None and value > most):
        wrong(at, value, "a whole number" + _bounds(least, most), "out of range")
    return value


def number(value: object, at: str, least: float | None = None, most: float | None = None) -> float:
    """A finite number within the bounds; True and False are none."""
    if type(value) is float and least is not None and most is not None and least <= value <= most:
        return value
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        wrong(at, value, "a number" + _bounds(least, most))
    try:
        finite = math.isfinite(value)
    except OverflowError:
        finite = False
    if not finite or (least is not None and value < least) or (most is not None and value > most):
        wrong(at, value, "a number" + _bounds(least, most), "out of range")
    return value


def _bounds(least: float | None, most: float | None) -> str:
    if least is None and most is None:
        return ""
    if most is None:
        return f" of at least {least}"
    return f" up to {most}" if least is None else f" from {least} to {most}"


def json_object(value: object, at: str) -> dict[str, Any]:
    """A dict that JSON can say: text as keys, no NaN, no infinity, nothing that has no JSON form, not endless."""
    if not isinstance(value, dict):
        wrong(at, value, "a dict that JSON can say")
    json_value(value, at)
    return value


def json_value(value: object, at: str) -> None:
    """Refuse what JSON cannot say, naming the place. Costs one encoding; only a mistake is walked."""
    try:
        encoded = msgspec.json.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        encoded = None
    # NaN and infinity are written as null; the word itself, as text, is common in schemas
    if encoded is None or encoded.count(b"null") > encoded.count(b'"null"'):
        _find_unsayable(value, at, 0)
        if encoded is None:
            wrong(at, value, "what JSON can say", "cannot be written as JSON")
    elif encoded.count(b"{") + encoded.count(b"[") > DEEPEST and too_deep(value):
        wrong(at, value, f"at most {DEEPEST} levels", "too deep")  # what walks it would run out of stack


def _find_unsayable(value: object, at: str, depth: int) -> None:
    if depth > DEEPEST:
        wrong(at[:DEEPEST], value, "JSON that ends", "too deep, or contains itself")
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                wrong(at, key, "text", "a JSON object's keys are text")
            _find_unsayable(item, f"{at}.{key[:_NAME_SHOWN]}", depth + 1)
    elif isinstance(value, (list, tuple)):
        for n, item in enumerate(value):
            _find_unsayable(item, f"{at}[{n}]", depth + 1)
    elif isinstance(value, float):
        number(value, at)
    else:
        _leaf(value, at)


def _leaf(value: object, at: str) -> None:
    try:
        msgspec.json.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        wrong(at, value, "text, number, True, False, None, list or dict", "has no JSON form")
