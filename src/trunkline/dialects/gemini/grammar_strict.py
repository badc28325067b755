"""The strict profile: what a stream of ours is, to the letter. The rules: ``grammar_rules``."""

from __future__ import annotations

from typing import Any

from ...wire.sse import Frame
from ..grammar import Automaton, is_count, misfits, numbered, strict_object
from .grammar_rules import BESIDE, ERROR, PARTS, PIECE, STRICT


class StrictGemini(Automaton):
    """Pieces of one reply, then one piece that ends all candidates; or an error at any time."""

    def __init__(self) -> None:
        super().__init__(STRICT)
        self._head: tuple[object, object] | None = None
        self._begun: set[int] = set()
        self._closed: set[int] = set()
        self._called: set[int] = set()
        self._ended: str | None = None

    def _frame(self, frame: Frame) -> None:
        if self._ended is not None:
            self._fault("after-end", f"a frame after {self._ended}")
            return
        if frame.event is not None or frame.id is not None:
            self._fault("event-name", "the frame has an event's name, or an id")
        try:
            said = strict_object(frame.data)
        except ValueError as reason:
            self._fault("json", f"the frame is {reason}")
            return
        if "error" in said:
            self._misfits(ERROR, said, "$")
            self._ended = "an error"
            return
        found = list(misfits(PIECE, said, "$"))
        for rule, detail in found:
            self._fault(rule, detail)
        head = (said.get("modelVersion"), said.get("responseId"))
        if self._head is not None and head != self._head:
            self._fault("same-reply", "$.modelVersion or $.responseId is not what it was")
        self._head = head
        self._piece(said)

    def _piece(self, said: dict[str, Any]) -> None:
        candidates = said.get("candidates")
        numbers: list[int] = []
        ends = False
        for n, candidate in enumerate(candidates if type(candidates) is list else ()):
            if type(candidate) is dict and is_count(number := candidate.get("index")):
                if number in numbers:
                    self._fault("candidate", f"index {numbered(number)} stands twice")
                numbers.append(number)
                ends = self._candidate(candidate, number, f"$.candidates[{n}]") or ends
        if ends:
            self._ended = "the last piece"
            for number in sorted(self._begun - self._closed):
                self._fault("last-piece", f"candidate {numbered(number)} has no finish reason beside the others")
        feedback = said.get("promptFeedback")
        if type(feedback) is dict and feedback.get("blockReason") and not self._begun:
            self._ended = "a blocked prompt"
        elif not numbers:
            self._fault("field-missing", "$.candidates is missing")

    def _candidate(self, candidate: dict[str, Any], number: int, path: str) -> bool:
        """Whether it ends here."""
        self._begun.add(number)
        ends = "finishReason" in candidate
        content = candidate.get("content")
        parts = content.get("parts") if type(content) is dict else None
        for n, part in enumerate(parts if type(parts) is list else ()):
            if type(part) is dict:
                self._part(part, number, f"{path}.content.parts[{n}]", ends=ends)
        if not parts and not ends and "logprobsResult" not in candidate:
            self._fault("empty-text", f"{path} says nothing")
        if ends:
            self._closed.add(number)
        return ends

    def _part(self, part: dict[str, Any], number: int, path: str, *, ends: bool) -> None:
        held = [name for name in PARTS if name in part]
        if len(held) > 1 or (not held and not part.keys() - BESIDE):
            self._fault("part", f"{path} has {len(held)} fields of data")
            return
        if not held:
            return
        kind = held[0]
        self._misfits(PARTS[kind], part, path)
        if kind == "text" and part["text"] == "" and not ends and not part.keys() - {"text", "thought"}:
            self._fault("empty-text", f"{path} says nothing")
        if kind == "functionCall":
            if number not in self._called and "thoughtSignature" not in part:
                self._fault("signed-call", f"{path} is not signed")
            self._called.add(number)

    def _end(self) -> None:
        if self._ended is None:
            self._fault("end", "the stream stops without a finish reason")
            for number in sorted(self._begun - self._closed):
                self._fault("finish-missing", f"candidate {numbered(number)} has no finish reason")
