"""JSON as senders really write it: what a strict parser refuses is mended where its meaning is plain."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from ..values.late_pattern import LatePattern

DEEPEST = 200
_BOM = b"\xef\xbb\xbf"
# An escaped surrogate pair, an escaped lone surrogate, or any other escape (so that ``\\ud800`` is not taken for one).
_ESCAPE = LatePattern(r"\\(u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[dD][89a-fA-F][0-9a-fA-F]{2}|.)", re.DOTALL)
_strict = msgspec.json.Decoder()


def loads(data: bytes) -> Any:
    """The value of a JSON text. A byte order mark, space around it, bytes that are not UTF-8, NaN, control characters and
    lone surrogates (read as U+FFFD) are borne; of duplicate keys the last wins. Raises ``ValueError`` without content, also
    for what is nested deeper than ``DEEPEST``: what we took could not be pickled."""
    try:
        value = _strict.decode(data)
    except (ValueError, RecursionError):
        value = _loose(data)
    return _not_too_deep(value, data)


def _loose(data: bytes) -> Any:
    text = data.removeprefix(_BOM).decode("utf-8", "replace").strip()
    if "\\ud" in text or "\\uD" in text:
        text = _ESCAPE().sub(_mend, text)
    import json  # costs a millisecond, and few need it

    try:
        return json.loads(text, strict=False)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except ValueError:
        raise ValueError("not JSON") from None


def _not_too_deep(value: Any, data: bytes) -> Any:
    """``value``, unless it is nested deeper than ``DEEPEST``; only a text with so many brackets is looked into."""
    if data.count(b"[") + data.count(b"{") <= DEEPEST:
        return value
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return value
    raise ValueError("nested too deeply")


def _inside(value: Any) -> list[Any]:
    """The containers that a container holds."""
    held = value.values() if type(value) is dict else value if type(value) is list else ()
    return [inner for inner in held if type(inner) is dict or type(inner) is list]


def _mend(escape: re.Match[str]) -> str:
    found = escape[0]
    return "\\ufffd" if len(found) == 6 else found


def clean_text(text: str) -> str:
    """``text`` with lone surrogates, which no encoder takes, replaced by U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def sound(value: Any, depth: int = 0) -> Any:
    """``value`` as JSON can hold it: U+FFFD for half surrogates, null in place of what has no JSON or lies too deep."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict) and depth < DEEPEST:
        return {clean_text(str(name)): sound(item, depth + 1) for name, item in value.items()}
    if isinstance(value, (list, tuple)) and depth < DEEPEST:
        return [sound(item, depth + 1) for item in value]
    if value is None or isinstance(value, (bool, float, msgspec.Raw)) or (type(value) is int and value.bit_length() < 64):
        return value
    return None
