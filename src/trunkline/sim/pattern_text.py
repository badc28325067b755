"""A text that a regular expression takes: what a schema's ``pattern`` asks for."""

from __future__ import annotations

import re
from re import _constants, _parser  # type: ignore[attr-defined]  # the standard library's own reading of a pattern
from typing import Any

_CATEGORIES = {
    _constants.CATEGORY_DIGIT: "0",
    _constants.CATEGORY_NOT_DIGIT: "a",
    _constants.CATEGORY_SPACE: " ",
    _constants.CATEGORY_NOT_SPACE: "a",
    _constants.CATEGORY_WORD: "a",
    _constants.CATEGORY_NOT_WORD: "-",
}
_LETTERS = "aA0_- .,:/@!#\x00é"


def text_like(pattern: str) -> str | None:
    """The shortest plain text that ``pattern`` is found in; None where we find none."""
    try:
        found = _all(_parser.parse(pattern), {})
        return found if re.search(pattern, found) else None
    except (re.error, KeyError, OverflowError, RecursionError, ValueError):
        return None


def _all(parsed: Any, groups: dict[int, str]) -> str:
    return "".join(_one(kind, value, groups) for kind, value in parsed)


def _one(kind: Any, value: Any, groups: dict[int, str]) -> str:
    match str(kind):
        case "LITERAL":
            return chr(value)
        case "NOT_LITERAL":
            return "a" if value != ord("a") else "b"
        case "ANY":
            return "a"
        case "IN":
            return _member(value)
        case "BRANCH":
            return _all(value[1][0], groups)
        case "SUBPATTERN":
            group, _, _, inner = value
            text = _all(inner, groups)
            if group is not None:
                groups[group] = text
            return text
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            least, _, inner = value
            return "".join(_all(inner, groups) for _ in range(min(least, 10_000)))
        case "GROUPREF":
            return groups[value]
        case "ATOMIC_GROUP":
            return _all(value, groups)
        case _:  # anchors and look-arounds add nothing; what they forbid is found out by searching
            return ""


def _member(options: Any) -> str:
    """A character of a class such as ``[a-z]`` or ``[^,]``."""
    kind, value = options[0]
    match str(kind):
        case "NEGATE":
            return next(letter for letter in _LETTERS if not _is_in(letter, options[1:]))
        case "RANGE":
            return chr(value[0])
        case "CATEGORY":
            return _CATEGORIES[value]
        case _:
            return chr(value)


def _is_in(letter: str, options: Any) -> bool:
    for kind, value in options:
        match str(kind):
            case "RANGE":
                found = value[0] <= ord(letter) <= value[1]
            case "CATEGORY":
                word = str(value).removeprefix("CATEGORY_").replace("NOT_", "")
                found = {"DIGIT": letter.isdigit(), "SPACE": letter.isspace(), "WORD": letter.isalnum() or letter == "_"}[word]
                found = found != ("NOT_" in str(value))
            case _:
                found = ord(letter) == value
        if found:
            return True
    return False
