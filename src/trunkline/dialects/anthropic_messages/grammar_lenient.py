"""The lenient profile: a stream of anybody's, refused only where a reader would lose or garble something.

Not refused, because it is common and harms nobody (anthropic-messages §3, §10, the corpus' oddities): events, blocks, deltas and
fields that are new, several ``message_delta``, figures in any of them, pings anywhere, empty texts, ``[DONE]`` at the end.
"""

from __future__ import annotations

from typing import Any

from ...wire.sse import Frame
from ..grammar import Automaton, is_count, loose_object, numbered
from .grammar_rules import CALLS, CUT_SHORT, DELTAS, DELTAS_OF, EVENTS, LENIENT, NO_DELTAS, WORDS

_SAYING = frozenset({"message_start", "content_block_start", "content_block_delta"})


class _Block:
    __slots__ = ("kind", "pieces")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.pieces: list[str] = []


class LenientMessages(Automaton):
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
        data = frame.data
        if not data.strip() or data.startswith(b"[DONE]"):
            return
        try:
            said = loose_object(data)
        except ValueError as reason:
            if frame.event == "error":
                self._ended = self._ended or "an error"
            else:
                self._fault("json", f"the frame is {reason}")
            return
        kind = said.get("type")
        kind = kind if type(kind) is str and kind else frame.event or ""
        if self._ended is not None:
            if kind in _SAYING:
                self._fault("after-end", f"{kind} after {self._ended}")
        elif "error" in (kind, frame.event) or (not kind and "error" in said):
            self._ended = "an error"
        else:
            if kind in EVENTS and kind not in ("ping", frame.event):
                self._fault("event-name", f"the event's name is not {kind}")
            self._event(kind, said)

    def _event(self, kind: str, said: dict[str, Any]) -> None:
        if kind == "message_start":
            self._start(said)
        elif kind == "content_block_start":
            self._begin(said)
        elif kind == "content_block_delta":
            self._delta(said)
        elif kind == "content_block_stop":
            self._close(said)
        elif kind == "message_delta":
            self._take_end(self._inner(said, "delta"), said)
        elif kind == "message_stop":
            self._stop()

    def _end(self) -> None:
        if self._ended is None:
            self._fault("end", "the stream stops without message_stop")

    # --- the message --------------------------------------------------------------------------------------------------

    def _start(self, said: dict[str, Any]) -> None:
        if self._blocks:
            self._fault("start", "a second message begins")
            self._open, self._blocks = {}, 0
        self._started = True
        message = self._inner(said, "message")
        self._take_end(message, message)

    def _take_end(self, end: dict[str, Any], owner: dict[str, Any]) -> None:
        if type(reason := end.get("stop_reason")) is str and reason:
            self._reason = reason
        if type(owner.get("usage")) not in (dict, type(None)):
            self._fault("usage", "usage is not an object")

    def _stop(self) -> None:
        self._ended = "message_stop"
        if self._open:
            self._fault("block-closed", f"{len(self._open)} blocks are open at message_stop")
        if self._reason is None:
            self._fault("stop-reason", "none was given")
        for frame, index in self._broken:
            if self._reason not in CUT_SHORT or index < self._blocks - 1:
                self._fault("tool-input", f"the input of block {index} is not a JSON object", frame)

    # --- blocks -------------------------------------------------------------------------------------------------------

    def _begin(self, said: dict[str, Any]) -> None:
        if not self._started:
            self._started = True  # said once
            self._fault("start", "a block before message_start")
        index = said.get("index", self._blocks)
        if index != self._blocks or not is_count(index):
            self._fault("block-index", f"block {numbered(index)} where {self._blocks} was due")
        index = index if is_count(index) else self._blocks
        if index in self._open:
            self._fault("block-open", f"block {numbered(index)} begins and is open")
        kind = self._inner(said, "content_block").get("type")
        self._open[index] = _Block(kind if type(kind) is str else "")
        self._blocks += 1

    def _delta(self, said: dict[str, Any]) -> None:
        index, delta = said.get("index"), self._inner(said, "delta")
        block = self._which(index)
        if block is None:
            self._fault("delta-kind", f"a delta of block {numbered(index)}, which is not open")
            return
        kind = delta.get("type")
        kind = kind if type(kind) is str else ""
        if kind in DELTAS and block.kind in DELTAS_OF and kind not in DELTAS_OF.get(block.kind, NO_DELTAS):
            self._fault("delta-kind", f"{kind} in a block of kind {block.kind}")
        if kind in WORDS:
            words = delta.get(WORDS[kind])
            if words is not None and type(words) is not str:
                self._fault("shape", f"$.delta.{WORDS[kind]} is not text")
            elif words and kind == "input_json_delta":
                block.pieces.append(words)

    def _close(self, said: dict[str, Any]) -> None:
        index = said.get("index")
        block = self._which(index)
        if block is None:
            self._fault("block-open", f"block {numbered(index)} is closed and is not open")
            return
        number = index if is_count(index) else next(iter(self._open))
        del self._open[number]
        if block.kind in CALLS and block.pieces:
            try:
                loose_object("".join(block.pieces).encode("utf-8", "surrogatepass"))
            except ValueError:
                self._broken.append((self._number, number))

    def _which(self, index: object) -> _Block | None:
        """The block of that index; of none, the only one that is open."""
        if is_count(index):
            return self._open.get(index)
        return next(iter(self._open.values())) if index is None and len(self._open) == 1 else None

    def _inner(self, said: dict[str, Any], name: str) -> dict[str, Any]:
        inner = said.get(name)
        if type(inner) is dict:
            return inner
        self._fault("shape", f"$.{name} is not an object")
        return {}
