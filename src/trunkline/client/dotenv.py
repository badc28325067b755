"""Reading a ``.env`` file: names and texts, no expansion of variables, no commands."""

from __future__ import annotations

import re

from ..values.errors import UsageError
from ..values.late_pattern import LatePattern

_START = LatePattern(r"[ \t]*(?:(export)[ \t]+)?([A-Za-z_][A-Za-z0-9_.]*)[ \t]*(=[ \t]*|(?=\n|#|\Z))")
_SINGLE = LatePattern(r"'([^']*)'")
_DOUBLE = LatePattern(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_REST = LatePattern(r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)")
_EMPTY = LatePattern(r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)")
_BARE = LatePattern(r"[^\n]*")
_ESCAPE = LatePattern(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def read_dotenv(text: str, path: str) -> dict[str, str]:
    """The variables of a ``.env`` file's text; of two with one name the later holds.

    Understood: ``NAME=value``, ``export NAME=value``, ``#`` comments (after a bare value with a space before), values in
    single quotes (as they stand) and double quotes (``\\n \\r \\t \\" \\\\``), both over several lines, CRLF and CR, a byte order
    mark. ``$NAME`` stays as it stands. ``export NAME`` alone sets nothing. Any other line is a ``UsageError`` with the file
    and the line, never with what stands there.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        empty = _EMPTY().match(text, at)
        if empty is not None:
            at = max(empty.end(), at + 1)
            continue
        name, value, at = _entry(text, at, path)
        if value is not None:
            found[name] = value
    return found


def _entry(text: str, at: int, path: str) -> tuple[str, str | None, int]:
    start = _START().match(text, at)
    if start is None:
        raise _bad(text, at, path, "this is no NAME=value")
    name = start[2]
    if not start[3]:
        if not start[1]:
            raise _bad(text, at, path, "this is no NAME=value")
        return name, None, start.end()
    begin = start.end()
    quote = text[begin : begin + 1]
    if quote in ("'", '"'):
        quoted = (_SINGLE if quote == "'" else _DOUBLE)().match(text, begin)
        if quoted is None:
            raise _bad(text, at, path, "the quote is never closed")
        rest = _REST().match(text, quoted.end())
        if rest is None:
            raise _bad(text, at, path, "something stands behind the closing quote")
        return name, quoted[1] if quote == "'" else _ESCAPE().sub(_unescape, quoted[1]), rest.end()
    bare = _BARE().match(text, begin)
    assert bare is not None  # it matches nothing at least
    return name, _without_comment(bare[0]), bare.end()


def _without_comment(value: str) -> str:
    if value.startswith("#"):
        return ""
    return re.split(r"[ \t]#", value, maxsplit=1)[0].strip()


def _unescape(found: re.Match[str]) -> str:
    return _ESCAPES.get(found[1], found[1] if found[1] in "\"\\$'`\n" else found[0])


def _bad(text: str, at: int, path: str, why: str) -> UsageError:
    line = text.count("\n", 0, at) + 1
    return UsageError(f"{path}:{line}: {why}", allowed="NAME=value, export NAME=value, # comment; values in '…' or \"…\"")
