"""The strict profile: what a stream of ours is, to the letter. The rules: ``grammar_rules``."""

from __future__ import annotations

from typing import Any

from ...wire.sse import Frame
from ..grammar import Automaton, strict_object
from .grammar_rules import ERROR, LAST_LINE, LINE, SAME, STRICT
from .pieces import objects

_WORDS = ("content", "thinking", "tool_calls")


class StrictOllama(Automaton):
    """See the module's word."""

    def __init__(self) -> None:
        super().__init__(STRICT)
        self._head: dict[str, Any] = {}
        self._ids: set[str] = set()
        self._calls: int = 0
        self._ended: str | None = None

    def _frame(self, frame: Frame) -> None:
        if frame.event is not None or frame.id is not None:
            self._fault("bare-frame", "the frame has an event's name or an id")
        if self._ended is not None:
            self._fault("after-end", f"a line after {self._ended}")
            return
        try:
            line = strict_object(frame.data)
        except ValueError as reason:
            self._fault("json", f"the line is {reason}")
            return
        if "error" in line:
            self._misfits(ERROR, line, "$")
            self._ended = "an error"
        else:
            self._line(line)

    def _end(self) -> None:
        if self._ended is None:
            self._fault("end", "the stream stops without a line that is done")

    def _line(self, line: dict[str, Any]) -> None:
        last = line.get("done") is True
        self._misfits(LAST_LINE if last else LINE, line, "$")
        for name in SAME:
            if self._head.setdefault(name, line.get(name)) != line.get(name):
                self._fault("same-head", f"$.{name} is another than before")
        message = line.get("message")
        if last:
            self._ended = "the line that is done"
        if type(message) is dict:
            said = [name for name in _WORDS if message.get(name)]
            if len(said) > (0 if last else 1):
                self._fault("one-thing", f"$.message says {' and '.join(said)}")
            for call in objects(message.get("tool_calls")):
                self._call(call)

    def _call(self, call: dict[str, Any]) -> None:
        function, id = call.get("function"), call.get("id")
        if type(function) is dict and function.get("index") != self._calls:
            self._fault("call-index", f"call number {self._calls} has another index")
        self._calls += 1
        if type(id) is str:
            if id in self._ids:
                self._fault("call-id", "two calls have the same id")
            self._ids.add(id)
