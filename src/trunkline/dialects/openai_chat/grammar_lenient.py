"""The lenient profile: a stream of anybody's, refused only where a reader would lose or garble something.

Not refused, because it is common and harms nobody (wire/README, REAL, the corpus' oddities): roles repeated or absent, ids and
times that vary, usage anywhere and any number of times, a finish reason twice, on a chunk with text or an empty text, no
``[DONE]`` after finish reasons, ``[DONE]`` without any, chunks without ``choices``, names and ids of events, fields of one's own.
"""

from __future__ import annotations

from typing import Any

from ...wire.sse import Frame
from ..grammar import ANY, Automaton, Fields, Nullable, is_count, loose_object, misfits, numbered
from .errors import says_error
from .grammar_rules import LENIENT, LOOSE_CHOICES
from .pieces import objects

_SAYING = ("content", "refusal", "reasoning", "reasoning_content", "tool_calls", "function_call", "audio", "images")
_USAGE = Nullable(Fields({}, {}, ANY))


class _Call:
    """One call: whom its pieces name."""

    __slots__ = ("id", "name")

    def __init__(self, id: str, name: str) -> None:
        self.id, self.name = id, name


class _Choice:
    __slots__ = ("by_id", "by_index", "function_call", "last", "nameless", "reason")

    def __init__(self) -> None:
        self.reason: str | None = None
        self.by_index: dict[int, _Call] = {}
        self.by_id: dict[str, _Call] = {}
        self.last: _Call | None = None
        self.nameless: int = 0


class LenientChat(Automaton):
    """See the module's word."""

    def __init__(self) -> None:
        super().__init__(LENIENT)
        self._choices: dict[int, _Choice] = {}
        self._unfinished: int = 0
        self._ended: str | None = None

    def _frame(self, frame: Frame) -> None:
        data = frame.data
        if data.startswith(b"[DONE]"):
            self._ended = self._ended or "[DONE]"
            return
        if not data.strip():
            return
        try:
            chunk = loose_object(data)
        except ValueError as reason:
            if frame.event == "error":
                self._ended = self._ended or "an error"
            else:
                self._fault("json", f"the frame is {reason}")
            return
        if self._ended is not None:
            if _says_something(chunk):
                self._fault("after-end", f"something is said after {self._ended}")
        elif frame.event == "error" or says_error(chunk):
            self._ended = "an error"
        else:
            self._chunk(chunk)

    def _end(self) -> None:
        if self._ended is None and (self._unfinished or not self._choices):
            missing = f"{self._unfinished} of {len(self._choices)} choices have not ended" if self._choices else "no choice began"
            self._fault("end", f"the stream stops without [DONE], and {missing}")
        for number, choice in self._choices.items():
            if choice.nameless:
                self._fault("call-first", f"{choice.nameless} calls of choice {numbered(number)} have no name")

    def _chunk(self, chunk: dict[str, Any]) -> None:
        for _, detail in misfits(LOOSE_CHOICES, chunk.get("choices"), "$.choices"):
            self._fault("shape", detail)
        for _, detail in misfits(_USAGE, chunk.get("usage"), "$.usage"):
            self._fault("usage", detail)
        for choice in objects(chunk.get("choices")):
            index = choice.get("index")
            number = index if is_count(index) else 0
            state = self._choices.get(number)
            if state is None:
                state = self._choices[number] = _Choice()
                self._unfinished += 1
            self._choice(state, number, choice)

    def _choice(self, state: _Choice, number: int, choice: dict[str, Any]) -> None:
        delta = choice.get("delta")
        if type(delta) is dict:
            if state.reason is not None and any(delta.get(name) for name in _SAYING):
                self._fault("after-finish", f"choice {numbered(number)} says more after its finish reason")
            for fragment in objects(delta.get("tool_calls")):
                self._fragment(state, fragment)
        reason = choice.get("finish_reason")
        if type(reason) is not str or not reason:
            return
        if state.reason is None:
            self._unfinished -= 1
        elif reason != state.reason:
            self._fault("finish", f"choice {numbered(number)} has two finish reasons that differ")
        state.reason = reason

    def _fragment(self, state: _Choice, fragment: dict[str, Any]) -> None:
        """A piece belongs to the call of its index, else of its id, else the last; another id and name begin another."""
        index, body = fragment.get("index"), fragment.get("function") or fragment.get("custom")
        id = _text(fragment.get("id"))
        name = _text(body.get("name")) if type(body) is dict else ""
        call = self._which(state, index, id, name)
        if call is None:
            if not name and not id and not is_count(index):
                self._fault("call-first", "a piece of a call belongs to none")
                return
            call = _Call(id, "")
            state.nameless += 1
        if is_count(index):
            state.by_index[index] = call
        if id:
            state.by_id[id] = call
            call.id = call.id or id
        if name and not call.name:
            state.nameless -= 1
            call.name = name
        state.last = call

    def _which(self, state: _Choice, index: object, id: str, name: str) -> _Call | None:
        if is_count(index):
            call = state.by_index.get(index)
            if call is not None and id and call.id and call.id != id and name:
                self._fault("call-collides", f"two calls share the index {numbered(index)}")
                return None
            return call
        if id:
            return state.by_id.get(id)
        return None if state.last is None or (name and state.last.name) else state.last


def _text(value: object) -> str:
    return value if type(value) is str else ""


def _says_something(chunk: dict[str, Any]) -> bool:
    return any(
        type(choice.get("delta")) is dict and any(choice["delta"].get(name) for name in _SAYING)
        for choice in objects(chunk.get("choices"))
    )
