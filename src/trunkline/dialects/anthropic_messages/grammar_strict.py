"""The strict profile: what a stream of ours is, to the letter. The rules: ``grammar_rules``."""

from __future__ import annotations

from typing import Any

from ...wire.sse import Frame
from ..grammar import Automaton, numbered, strict_object
from .grammar_rules import BLOCKS, CALLS, CUT_SHORT, DELTAS, DELTAS_OF, EVENTS, NO_DELTAS, RESULT, STRICT, WORDS


class _Block:
    """The block that is open: its kind, the pieces of its input, and whether it has said something or been signed."""

    __slots__ = ("index", "kind", "pieces", "said", "signed")

    def __init__(self, index: int, kind: str) -> None:
        self.index, self.kind = index, kind
        self.pieces: list[str] = []
        self.said: bool = False
        self.signed: bool = False


class StrictMessages(Automaton):
    """``message_start``, blocks one after the other, ``message_delta``, ``message_stop``; pings between, an error at any time."""

    def __init__(self) -> None:
        super().__init__(STRICT)
        self._started: bool = False
        self._block: _Block | None = None
        self._blocks: int = 0
        self._called: bool = False
        self._told: bool = False
        self._output: int | None = None
        self._broken: tuple[int, int] | None = None
        """The frame and index of the last block, if its input is no JSON: forgiven where the reply was cut short."""
        self._ended: str | None = None

    def _frame(self, frame: Frame) -> None:
        if self._ended is not None:
            self._fault("after-end", f"a frame after {self._ended}")
            return
        try:
            said = strict_object(frame.data)
        except ValueError as reason:
            self._fault("json", f"the frame is {reason}")
            return
        kind = said.get("type")
        if frame.event != kind or frame.id is not None:
            self._fault("event-name", "the event's name is not its type, or it has an id")
        if type(kind) is not str or not kind:
            self._fault("field-type", "$.type is not text that is not empty")
            return
        if kind in EVENTS:
            self._misfits(EVENTS[kind], said, "$")
        if not self._started and kind not in ("message_start", "error"):
            self._fault("start", f"{kind if kind in EVENTS else 'an event'} before message_start")
            self._started = True  # said once
        self._event(kind, said)

    def _event(self, kind: str, said: dict[str, Any]) -> None:
        if kind == "message_start":
            self._start(said)
        elif kind == "message_delta":
            self._message_delta(said)
        elif kind == "message_stop":
            self._stop()
        elif kind == "error":
            self._ended = "an error"
        elif kind == "content_block_start":
            self._open(said)
        elif kind == "content_block_delta":
            self._delta(said)
        elif kind == "content_block_stop":
            self._close(said)

    def _end(self) -> None:
        if self._ended is None:
            self._fault("end", "the stream stops without message_stop")

    # --- the message --------------------------------------------------------------------------------------------------

    def _start(self, said: dict[str, Any]) -> None:
        if self._started:
            self._fault("start", "message_start for a second time, or too late")
        self._started = True
        self._count_output(_inner(said, "message"))

    def _count_output(self, message: dict[str, Any]) -> None:
        output = _inner(message, "usage").get("output_tokens")
        if type(output) is int:
            if self._output is not None and output < self._output:
                self._fault("usage", "output_tokens is less than before")
            self._output = output

    def _message_delta(self, said: dict[str, Any]) -> None:
        if self._told:
            self._fault("message-delta", "message_delta for a second time")
        self._told = True
        if self._block is not None:
            self._fault("block-closed", f"block {self._block.index} is open at message_delta")
        self._count_output(said)
        delta = _inner(said, "delta")
        reason = delta.get("stop_reason")
        if type(reason) is str and reason in CUT_SHORT:
            self._broken = None
        self._tell_broken()
        if reason == "tool_use" and not self._called:
            self._fault("stop-fits", "the reply ends for a tool that it does not use")
        if (reason == "stop_sequence") is (delta.get("stop_sequence") is None):
            self._fault("stop-fits", "$.delta.stop_sequence does not fit the reason")

    def _stop(self) -> None:
        if not self._told:
            self._fault("message-delta", "message_stop without message_delta before it")
        self._ended = "message_stop"

    # --- blocks -------------------------------------------------------------------------------------------------------

    def _open(self, said: dict[str, Any]) -> None:
        index, block = said.get("index"), _inner(said, "content_block")
        if self._told:
            self._fault("message-delta", "a block after message_delta")
        self._tell_broken()
        if self._block is not None:
            self._fault("block-open", f"a block begins while {self._block.index} is open")
        if index != self._blocks:
            self._fault("block-index", f"block {numbered(index)} where {self._blocks} was due")
        kind = block.get("type")
        kind = kind if type(kind) is str else ""
        shape = BLOCKS.get(kind) or (RESULT if kind.endswith("_tool_result") else None)
        if shape is not None:
            self._misfits(shape, block, "$.content_block")
        self._called = self._called or kind == "tool_use"
        self._block = _Block(self._blocks, kind)
        self._blocks += 1

    def _delta(self, said: dict[str, Any]) -> None:
        block, index, delta = self._block, said.get("index"), _inner(said, "delta")
        if block is None:
            self._fault("delta-kind", f"a delta of block {numbered(index)} while none is open")
            return
        if index != block.index:
            self._fault("block-index", f"a delta of block {numbered(index)} within block {block.index}")
        kind = delta.get("type")
        if type(kind) is not str or kind not in DELTAS_OF.get(block.kind, NO_DELTAS):
            self._fault("delta-kind", f"a delta that the block {block.index} cannot have")
            return
        self._misfits(DELTAS[kind], delta, "$.delta")
        if block.signed:
            self._fault("signature", f"a delta after the signature of block {block.index}")
        block.signed = block.signed or kind == "signature_delta"
        words = delta.get(WORDS.get(kind, ""))
        if type(words) is str and words:
            block.said = True
            if kind == "input_json_delta":
                block.pieces.append(words)

    def _close(self, said: dict[str, Any]) -> None:
        block, index = self._block, said.get("index")
        if block is None:
            self._fault("block-open", f"block {numbered(index)} is closed and is not open")
            return
        self._block = None
        if index != block.index:
            self._fault("block-index", f"block {numbered(index)} is closed and {block.index} is open")
        if block.kind == "thinking" and not block.signed:
            self._fault("signature", f"block {block.index} has none")
        if block.kind == "text" and not block.said:
            self._fault("empty-text", f"block {block.index} says nothing")
        if block.kind in CALLS and block.pieces:
            try:
                strict_object("".join(block.pieces).encode("utf-8", "surrogatepass"))
            except ValueError:
                self._broken = (self._number, block.index)

    def _tell_broken(self) -> None:
        if self._broken is not None:
            frame, index = self._broken
            self._broken = None
            self._fault("tool-input", f"the input of block {index} is not a JSON object", frame)


def _inner(said: dict[str, Any], name: str) -> dict[str, Any]:
    inner = said.get(name)
    return inner if type(inner) is dict else {}
