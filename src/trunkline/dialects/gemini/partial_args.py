"""Arguments of a call that come in pieces, each at a JSON path (gemini §8, Vertex's ``streamFunctionCallArguments``)."""

from __future__ import annotations

import re
from typing import Any

from ...values.late_pattern import LatePattern

_STEP = LatePattern(r"""\.([^.\[\]]+)|\[(\d{1,6})\]|\['((?:[^'\\]|\\.)*)'\]|\["((?:[^"\\]|\\.)*)"\]""", re.DOTALL)
_WHOLE = LatePattern(r"""\$?(?:\.[^.\[\]]+|\[\d{1,6}\]|\['(?:[^'\\]|\\.)*'\]|\["(?:[^"\\]|\\.)*"\])*""", re.DOTALL)
_VALUES = ("stringValue", "numberValue", "boolValue", "nullValue")
_MOST = 100_000


class PartialArgs:
    """The arguments so far. Pieces of text at one path are joined as long as each says ``willContinue``."""

    __slots__ = ("_open", "args")

    def __init__(self) -> None:
        self.args: dict[str, Any] = {}
        self._open: str | None = None

    def take(self, piece: dict[str, Any]) -> bool:
        """Take one piece; False where it names no place in an object of arguments."""
        path, value, said = piece.get("jsonPath"), None, False
        for name in _VALUES:
            if name in piece:
                value, said = (None if name == "nullValue" else piece[name]), True
        if not isinstance(path, str) or not (steps := _steps(path)) or not isinstance(steps[0], str):
            return False
        if said:
            continues = self._open == path and isinstance(value, str)
            if not _put(self.args, steps, value, joined=continues):
                return False
        self._open = path if piece.get("willContinue") is True else None
        return True


def _steps(path: str) -> list[str | int]:
    if not _WHOLE().fullmatch(path):
        return []
    return [int(number) if number else plain or quoted or double for plain, number, quoted, double in _STEP().findall(path)]


def _put(into: Any, steps: list[str | int], value: Any, *, joined: bool) -> bool:
    """Put ``value`` at the end of ``steps``, making what is on the way."""
    for n, step in enumerate(steps):
        if isinstance(step, int) != isinstance(into, list) or (isinstance(step, int) and step > min(len(into), _MOST)):
            return False
        last = n == len(steps) - 1
        held = into.get(step) if isinstance(into, dict) else into[step] if isinstance(step, int) and step < len(into) else None
        if last:
            held = held + value if joined and isinstance(held, str) else value
        elif not isinstance(held, (dict, list)):
            held = [] if isinstance(steps[n + 1], int) else {}
        if isinstance(into, list) and step == len(into):
            into.append(held)
        else:
            into[step] = held
        into = held
    return True
