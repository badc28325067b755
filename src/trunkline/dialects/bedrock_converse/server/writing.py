"""The events of a stream as bytes (bedrock-converse §6, §7): a head, blocks one after the other, an end. Their order is the
caller's affair."""

from __future__ import annotations

from typing import Any

from ....wire.aws_event_stream import encode_frame
from ...losses import Losses
from ...reply_fields import encode
from ...served_words import json_bytes
from .parts import Block, begun
from .response import Object

_DELTA = b'{"contentBlockIndex":%d,"delta":%s'
_PIECES = {
    "text": (b'{"text":', b"}}"),
    "reasoning": (b'{"reasoningContent":{"text":', b"}}}"),
    "call": (b'{"toolUse":{"input":', b"}}}"),
}
"""What stands around the words of a delta, by the kind of block."""


class Writer:
    """Gathers bytes until they are ``taken``. ``kind``: of the block that is open (``text``, ``reasoning``, ``call``), None where
    none is. ``before`` and ``after`` stand around a piece of its words."""

    __slots__ = ("_index", "_losses", "_out", "after", "before", "kind", "started")

    def __init__(self, losses: Losses) -> None:
        self._losses = losses
        self._out: list[bytes] = []
        self._index = 0
        self.kind: str | None = None
        self.started: bool = False
        self.before: bytes = b""
        self.after: bytes = b""

    def taken(self) -> bytes:
        out, self._out = self._out, []
        return out[0] if len(out) == 1 else b"".join(out)

    def begin(self) -> None:
        if not self.started:
            self.started = True
            self.raw("messageStart", b'{"role":"assistant"}')

    def say(self, event: str, data: Object) -> None:
        self.raw(event, json_bytes(data, self._losses))

    def raw(self, event: str, data: bytes) -> None:
        self._out.append(encode_frame(data, event))

    def open(self, kind: str, start: Block | None = None) -> None:
        """Begin a block; text and reasoning begin with their first delta."""
        self.begin()
        self.kind = kind
        before, self.after = _PIECES[kind]
        self.before = _DELTA % (self._index, before)
        if start is not None:
            self._start(start)

    def _start(self, start: Block) -> None:
        self.say("contentBlockStart", {"contentBlockIndex": self._index, "start": start})

    def piece(self, text: str) -> None:
        """A piece of the words of the block that is open."""
        self.raw("contentBlockDelta", self.before + encode(text) + self.after)

    def delta(self, delta: Any) -> None:
        self.say("contentBlockDelta", {"contentBlockIndex": self._index, "delta": delta})

    def close(self) -> None:
        self.raw("contentBlockStop", b'{"contentBlockIndex":%d}' % self._index)
        self._index += 1
        self.kind = None

    def whole(self, block: Block) -> None:
        """A block from its beginning to its end."""
        found = begun(block)
        if found is None:
            self._losses.dropped(f"message.{next(iter(block), 'block')}", "a stream has no words for it here")
            return
        start, deltas = found
        self.begin()
        if start is not None:
            self._start(start)
        for delta in deltas:
            self.delta(delta)
        self.close()
