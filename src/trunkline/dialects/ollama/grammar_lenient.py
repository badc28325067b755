"""The lenient profile: a stream of anybody's, refused only where a reader would lose or garble something.

Not refused, because it is common and harms nobody: heads that vary, fields absent or of one's own, several things on one line,
calls without ids or numbers, words on the last line, an end without a reason, lines of ``/api/generate``.
"""

from __future__ import annotations

from typing import Any

from ...wire.sse import Frame
from ..grammar import Automaton, loose_object, misfits
from .grammar_rules import LENIENT, LOOSE_LINE
from .pieces import objects


class LenientOllama(Automaton):
    """See the module's word."""

    def __init__(self) -> None:
        super().__init__(LENIENT)
        self._ended: str | None = None

    def _frame(self, frame: Frame) -> None:
        if not frame.data.strip():
            return
        try:
            line = loose_object(frame.data)
        except ValueError as reason:
            self._fault("json", f"the line is {reason}")
            return
        if self._ended is not None:
            if _says_something(line):
                self._fault("after-end", f"something is said after {self._ended}")
        elif line.get("error"):
            self._ended = "an error"
        else:
            self._line(line)

    def _end(self) -> None:
        if self._ended is None:
            self._fault("end", "the stream stops without a line that is done")

    def _line(self, line: dict[str, Any]) -> None:
        for _, detail in misfits(LOOSE_LINE, line, "$"):
            self._fault("shape", detail)
        for call in _calls(line):
            function = call.get("function")
            if type(function) is dict and not function.get("name"):
                self._fault("call-name", "a call has no name")
        if line.get("done") is True:
            self._ended = "the line that is done"


def _calls(line: dict[str, Any]) -> list[dict[str, Any]]:
    message = line.get("message")
    return objects(message.get("tool_calls")) if type(message) is dict else []


def _says_something(line: dict[str, Any]) -> bool:
    message = line.get("message")
    said = message if type(message) is dict else line
    return any(said.get(name) for name in ("content", "thinking", "tool_calls", "response")) or bool(line.get("error"))
