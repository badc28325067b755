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

    __slots__ = ("_args", "_open", "_place", "_said")

    def __init__(self) -> None:
        self._args: dict[str, Any] = {}
        self._open: str | None = None
        self._place: list[str | int] = []
        self._said: list[str] = []
        """Pieces of the text at ``_place`` that is being written."""

    @property
    def args(self) -> dict[str, Any]:
        """All of them, as far as they are known."""
        if len(self._said) > 1:
            self._said = ["".join(self._said)]
            _put(self._args, self._place, self._said[0])
        return self._args

    def take(self, piece: dict[str, Any]) -> bool:
        """Take one piece; False where it names no place in an object of arguments."""
        path, value, said = piece.get("jsonPath"), None, False
        for name in _VALUES:
            if name in piece:
                value, said = (None if name == "nullValue" else piece[name]), True
        more = piece.get("willContinue") is True
        if self._said and self._open == path and (not said or isinstance(value, str)):
            self._said += [value] if isinstance(value, str) else []
        elif not isinstance(path, str) or not (steps := _steps(path)) or not isinstance(steps[0], str):
            return False
        else:
            held = self.args  # what was being written is over
            if said and not _put(held, steps, value):
                return False
            self._place, self._said = steps, [value] if said and more and isinstance(value, str) else []
        self._open = path if more else None
        return True


def _steps(path: str) -> list[str | int]:
    if not _WHOLE().fullmatch(path):
        return []
    return [int(number) if number else plain or quoted or double for plain, number, quoted, double in _STEP().findall(path)]


def _put(into: Any, steps: list[str | int], value: Any) -> bool:
    """Put ``value`` at the end of ``steps``, making what is on the way."""
    for n, step in enumerate(steps):
        if isinstance(step, int) != isinstance(into, list) or (isinstance(step, int) and step > min(len(into), _MOST)):
            return False
        last = n == len(steps) - 1
        held = into.get(step) if isinstance(into, dict) else into[step] if isinstance(step, int) and step < len(into) else None
        if last:
            held = value
        elif not isinstance(held, (dict, list)):
            held = [] if isinstance(steps[n + 1], int) else {}
        if isinstance(into, list) and step == len(into):
            into.append(held)
        else:
            into[step] = held
        into = held
    return True
