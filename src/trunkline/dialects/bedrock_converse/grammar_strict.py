"""The strict profile: what a stream of ours is, to the letter. The rules: ``grammar_rules``."""

from __future__ import annotations

from typing import Any

from ...wire.aws_event_stream import EXCEPTION
from ...wire.sse import Frame
from ..grammar import Automaton, numbered, strict_object
from .grammar_rules import CUT_SHORT, DELTAS, EVENTS, EXCEPTION_FIELDS, KIND_OF, STARTS, STRICT, UNSTARTED


class _Block:
    """The block that is open: its kind, the pieces of its input, whether it has said something or been signed."""

    __slots__ = ("index", "kind", "pieces", "said", "signed")

    def __init__(self, index: int, kind: str) -> None:
        self.index, self.kind = index, kind
        self.pieces: list[str] = []
        self.said: bool = False
        self.signed: bool = False


class StrictConverse(Automaton):
    """``messageStart``, blocks one after the other, ``messageStop``, ``metadata``; an exception at any time."""

    def __init__(self) -> None:
        super().__init__(STRICT)
        self._started: bool = False
        self._block: _Block | None = None
        self._blocks: int = 0
        self._called: bool = False
        self._stopped: bool = False
        self._broken: tuple[int, int] | None = None
        """The frame and index of the last block, if its input is no JSON: forgiven where the reply was cut short."""
        self._ended: str | None = None

    def _frame(self, frame: Frame) -> None:
        if self._ended is not None:
            self._fault("after-end", f"a frame after {self._ended}")
            return
        kind = frame.event or ""
        if not kind.removeprefix(EXCEPTION).isidentifier() or frame.id is not None:
            self._fault("event-name", "the frame has no name, or an id")
        try:
            said = strict_object(frame.data)
        except ValueError as reason:
            self._fault("json", f"the frame is {reason}")
            return
        if kind.startswith(EXCEPTION):
            self._misfits(EXCEPTION_FIELDS, said, "$")
            self._ended = "an exception"
            return
        if kind in EVENTS:
            self._misfits(EVENTS[kind], said, "$")
        if not self._started and kind != "messageStart":
            self._fault("start", f"{kind if kind in EVENTS else 'an event'} before messageStart")
            self._started = True  # said once
        self._event(kind, said)

    def _event(self, kind: str, said: dict[str, Any]) -> None:
        if kind == "messageStart":
            if self._started:
                self._fault("start", "messageStart for a second time, or too late")
            self._started = True
        elif kind == "contentBlockStart":
            self._start(said)
        elif kind == "contentBlockDelta":
            self._delta(said)
        elif kind == "contentBlockStop":
            self._close(said)
        elif kind == "messageStop":
            self._stop(said)
        elif kind == "metadata":
            self._metadata(said)

    def _end(self) -> None:
        if self._ended is None:
            self._fault("end", "the stream stops without metadata")

    # --- the message --------------------------------------------------------------------------------------------------

    def _stop(self, said: dict[str, Any]) -> None:
        if self._stopped:
            self._fault("message-stop", "messageStop for a second time")
        self._stopped = True
        if self._block is not None:
            self._fault("block-closed", f"block {self._block.index} is open at messageStop")
            self._block = None
        reason = said.get("stopReason")
        if type(reason) is str and reason in CUT_SHORT:
            self._broken = None
        self._tell_broken()
        if reason == "tool_use" and not self._called:
            self._fault("stop-fits", "the reply ends for a tool that it does not use")

    def _metadata(self, said: dict[str, Any]) -> None:
        if not self._stopped:
            self._fault("metadata", "metadata before messageStop")
        usage = said.get("usage")
        figures = [value for name, value in usage.items() if _adds(name)] if type(usage) is dict else []
        if all(type(value) is int for value in figures) and type(usage) is dict and usage.get("totalTokens") != sum(figures):
            self._fault("metadata", "$.usage.totalTokens is not the sum")
        self._ended = "metadata"

    # --- blocks -------------------------------------------------------------------------------------------------------

    def _open(self, index: object, kind: str) -> _Block:
        if self._stopped:
            self._fault("message-stop", "a block after messageStop")
        self._tell_broken()
        if self._block is not None:
            self._fault("block-open", f"a block begins while {self._block.index} is open")
        if index != self._blocks:
            self._fault("block-index", f"block {numbered(index)} where {self._blocks} was due")
        self._block = _Block(self._blocks, kind)
        self._blocks += 1
        return self._block

    def _start(self, said: dict[str, Any]) -> None:
        start = said.get("start")
        start = start if type(start) is dict else {}
        kind = next(iter(start), "")
        if len(start) != 1 or kind not in STARTS:
            self._fault("block-open", "a start that no kind of block has")
        else:
            self._misfits(STARTS[kind], start[kind], f"$.start.{kind}")
        self._called = self._called or kind == "toolUse"
        self._open(said.get("contentBlockIndex"), kind)

    def _delta(self, said: dict[str, Any]) -> None:
        index, delta = said.get("contentBlockIndex"), said.get("delta")
        delta = delta if type(delta) is dict else {}
        kind = next(iter(delta), "")
        if len(delta) != 1 or kind not in DELTAS:
            self._fault("delta-kind", "a delta of no kind")
            return
        self._misfits(DELTAS[kind], delta[kind], f"$.delta.{kind}")
        block = self._block
        if block is None:
            if KIND_OF[kind] not in UNSTARTED:
                self._fault("block-open", f"block {numbered(index)} has no start")
            block = self._open(index, KIND_OF[kind])
        elif index != block.index:
            self._fault("block-index", f"a delta of block {numbered(index)} within block {block.index}")
        if block.kind != KIND_OF[kind]:
            self._fault("delta-kind", f"a delta that the block {block.index} cannot have")
            return
        self._words(block, kind, delta[kind])

    def _words(self, block: _Block, kind: str, said: Any) -> None:
        block.said = block.said or kind == "citation" or (kind == "text" and said != "")
        if kind == "toolUse" and type(said) is dict and type(said.get("input")) is str:
            block.pieces.append(said["input"])
        if kind != "reasoningContent" or type(said) is not dict:
            return
        if block.signed and "redactedContent" not in said:
            self._fault("signature", f"a delta after the signature of block {block.index}")
        if "signature" in said:
            block.signed = True
            if said["signature"] == "":
                self._fault("signature", f"that of block {block.index} is empty")

    def _close(self, said: dict[str, Any]) -> None:
        block, index = self._block, said.get("contentBlockIndex")
        if block is None:
            self._fault("block-open", f"block {numbered(index)} is closed and is not open")
            return
        self._block = None
        if index != block.index:
            self._fault("block-index", f"block {numbered(index)} is closed and {block.index} is open")
        if block.kind == "text" and not block.said:
            self._fault("empty-text", f"block {block.index} says nothing")
        if block.kind == "toolUse" and "".join(block.pieces):
            try:
                strict_object("".join(block.pieces).encode("utf-8", "surrogatepass"))
            except ValueError:
                self._broken = (self._number, block.index)

    def _tell_broken(self) -> None:
        if self._broken is not None:
            frame, index = self._broken
            self._broken = None
            self._fault("tool-input", f"the input of block {index} is not a JSON object", frame)


_SUMMED = ("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheWriteInputTokens")


def _adds(name: str) -> bool:
    return name in _SUMMED
