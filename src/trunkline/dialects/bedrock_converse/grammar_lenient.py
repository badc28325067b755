"""The lenient profile: a stream of anybody's, refused only where a reader would lose or garble something.

Not refused, because it is common and harms nobody (bedrock-converse §6, the corpus): events, blocks, deltas and fields that are
new, padding, texts that say nothing, a start for text, a stream without ``metadata``.
"""

from __future__ import annotations

from typing import Any

from ...wire.aws_event_stream import EXCEPTION
from ...wire.sse import Frame
from ..grammar import Automaton, is_count, loose_object, numbered
from .grammar_rules import CUT_SHORT, KIND_OF, LENIENT, STARTS

_SAYING = frozenset({"messageStart", "contentBlockStart", "contentBlockDelta"})


class _Block:
    __slots__ = ("kind", "pieces")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.pieces: list[str] = []


class LenientConverse(Automaton):
    """See the module's word."""

    def __init__(self) -> None:
        super().__init__(LENIENT)
        self._started: bool = False
        self._open: dict[int, _Block] = {}
        self._blocks: int = 0
        self._reason: str | None = None
        self._broken: list[tuple[int, int]] = []
        self._ended: str | None = None

    def _frame(self, frame: Frame) -> None:
        kind = frame.event or ""
        if self._ended is not None:
            if kind in _SAYING:
                self._fault("after-end", f"{kind} after {self._ended}")
                return
        elif kind.startswith(EXCEPTION):
            self._ended = "an exception"
            return
        try:
            said = loose_object(frame.data)
        except ValueError as reason:
            self._fault("json", f"the frame is {reason}")
            return
        if not kind:
            self._fault("event-name", "the frame has no name")
        elif kind == "metadata":
            if "usage" in said and type(said["usage"]) is not dict:
                self._fault("metadata", "usage is not an object")
        elif self._ended is None:
            self._event(kind, said)

    def _event(self, kind: str, said: dict[str, Any]) -> None:
        if kind == "messageStart":
            if self._blocks:
                self._fault("start", "a second message begins")
                self._open, self._blocks = {}, 0
            self._started = True
        elif kind == "contentBlockStart":
            self._begin(said)
        elif kind == "contentBlockDelta":
            self._delta(said)
        elif kind == "contentBlockStop":
            self._close(said)
        elif kind == "messageStop":
            self._stop(said)

    def _end(self) -> None:
        if self._ended is None:
            self._fault("end", "the stream stops without messageStop")

    def _stop(self, said: dict[str, Any]) -> None:
        self._ended = "messageStop"
        if self._open:
            self._fault("block-closed", f"{len(self._open)} blocks are open at messageStop")
        reason = said.get("stopReason")
        if type(reason) is not str or not reason:
            self._fault("message-stop", "it has no reason")
        for frame, index in self._broken:
            if reason not in CUT_SHORT or index < self._blocks - 1:
                self._fault("tool-input", f"the input of block {index} is not a JSON object", frame)

    # --- blocks -------------------------------------------------------------------------------------------------------

    def _new(self, index: object, kind: str) -> _Block:
        if not self._started:
            self._started = True  # said once
            self._fault("start", "a block before messageStart")
        if index != self._blocks or not is_count(index):
            self._fault("block-index", f"block {numbered(index)} where {self._blocks} was due")
        number = index if is_count(index) else self._blocks
        block = self._open[number] = _Block(kind)
        self._blocks = max(self._blocks, number) + 1
        return block

    def _begin(self, said: dict[str, Any]) -> None:
        index, start = said.get("contentBlockIndex"), said.get("start")
        if type(start) is not dict:
            self._fault("shape", "$.start is not an object")
            start = {}
        if is_count(index) and index in self._open:
            self._fault("block-open", f"block {numbered(index)} begins and is open")
            del self._open[index]
            self._blocks = index
        self._new(index, next((name for name in start if name in STARTS), ""))

    def _delta(self, said: dict[str, Any]) -> None:
        index, delta = said.get("contentBlockIndex"), said.get("delta")
        if type(delta) is not dict:
            self._fault("shape", "$.delta is not an object")
            return
        kind = next((name for name in delta if name in KIND_OF), "")
        block = self._open.get(index) if is_count(index) else None
        if block is None:
            block = self._new(index, KIND_OF.get(kind, ""))
            if kind in STARTS:
                self._fault("block-open", f"block {numbered(index)} has no start")
        elif kind and block.kind and block.kind != KIND_OF[kind]:
            self._fault("delta-kind", f"{kind} in a block of kind {block.kind}")
        if kind == "toolUse":
            words = delta[kind].get("input") if type(delta[kind]) is dict else None
            if type(words) is str:
                block.pieces.append(words)
            else:
                self._fault("shape", "$.delta.toolUse.input is not text")
        elif kind == "text" and type(delta[kind]) is not str:
            self._fault("shape", "$.delta.text is not text")

    def _close(self, said: dict[str, Any]) -> None:
        index = said.get("contentBlockIndex")
        block = self._open.pop(index, None) if is_count(index) else None
        if block is None:
            self._fault("block-open", f"block {numbered(index)} is closed and is not open")
        elif block.kind == "toolUse" and "".join(block.pieces).strip():
            try:
                loose_object("".join(block.pieces).encode("utf-8", "surrogatepass"))
            except ValueError:
                self._broken.append((self._number, index if is_count(index) else 0))
