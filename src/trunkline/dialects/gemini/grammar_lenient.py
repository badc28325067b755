"""The lenient profile: a stream of anybody's, refused only where a reader would lose or garble something.

Not refused, because it is common and harms nobody (gemini §7, §8, the corpus' oddities): fields that are new or missing, enums as
numbers, contents without parts or role, empty texts and parts, tokens and signatures after the finish reason, several of those.
"""

from __future__ import annotations

from typing import Any

from ...wire.sse import Frame
from ..grammar import Automaton, is_count, loose_object, numbered
from .grammar_rules import LENIENT


class LenientGemini(Automaton):
    """See the module's word."""

    def __init__(self) -> None:
        super().__init__(LENIENT)
        self._begun: set[int] = set()
        self._closed: set[int] = set()
        self._blocked: bool = False
        self._ended: str | None = None

    def _frame(self, frame: Frame) -> None:
        data = frame.data
        if not data.strip() or data.strip() == b"[DONE]":
            return
        try:
            said = [loose_object(data)]
        except ValueError as reason:
            said = _lines(data)
            if not said:
                self._fault("json", f"the frame is {reason}")
        for item in said:
            self._piece(item)

    def _piece(self, said: dict[str, Any]) -> None:
        if said.get("error") and not said.get("candidates"):
            self._ended = self._ended or "an error"
            return
        candidates = said.get("candidates")
        feedback = said.get("promptFeedback")
        self._blocked = self._blocked or (type(feedback) is dict and bool(feedback.get("blockReason")))
        for n, candidate in enumerate(self._objects(candidates, "$.candidates")):
            number = candidate.get("index")
            self._candidate(candidate, number if is_count(number) else n, f"$.candidates[{n}]")

    def _candidate(self, candidate: dict[str, Any], number: int, path: str) -> None:
        content = candidate.get("content")
        if content is not None and type(content) is not dict:
            self._fault("shape", f"{path}.content is not an object")
            content = None
        speaks = False
        for n, part in enumerate(self._objects((content or {}).get("parts"), f"{path}.content.parts")):
            speaks = self._speaks(part, f"{path}.content.parts[{n}]") or speaks
        if speaks:
            if self._ended is not None:
                self._fault("after-end", f"{path} speaks after {self._ended}")
            elif number in self._closed:
                self._fault("after-finish", f"candidate {numbered(number)} speaks after its finish reason")
            self._begun.add(number)
        if candidate.get("finishReason"):
            self._closed.add(number)

    def _speaks(self, part: dict[str, Any], path: str) -> bool:
        """Whether the part says words or makes a call."""
        text, call = part.get("text"), part.get("functionCall")
        if text is not None and type(text) is not str:
            self._fault("shape", f"{path}.text is not text")
        if call is not None and type(call) is not dict:
            self._fault("shape", f"{path}.functionCall is not an object")
        if type(call) is dict and type(call.get("args")) not in (dict, str, type(None)):
            self._fault("shape", f"{path}.functionCall.args is not an object")
        return bool(text) or call is not None

    def _objects(self, value: object, path: str) -> list[dict[str, Any]]:
        if value is None:
            return []
        if type(value) is list and all(type(item) is dict for item in value):
            return value
        self._fault("shape", f"{path} is not a list of objects")
        return []

    def _end(self) -> None:
        if self._ended is not None or self._blocked:
            return
        if not self._closed:
            self._fault("end", "the stream stops without a finish reason")
        for number in sorted(self._begun - self._closed):
            if self._closed:
                self._fault("finish-missing", f"candidate {numbered(number)} has no finish reason")


def _lines(data: bytes) -> list[dict[str, Any]]:
    """The objects of a frame whose lines are one each: events without the blank line between them."""
    try:
        return [loose_object(line) for line in data.split(b"\n")]
    except ValueError:
        return []
