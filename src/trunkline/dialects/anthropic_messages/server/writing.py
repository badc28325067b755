"""The events of a stream as bytes (§10): a head, blocks one after the other, an end. Their order is the caller's affair."""

from __future__ import annotations

from typing import Any

import msgspec

from ...losses import Losses
from ...reply_fields import encode
from ...served_words import json_bytes
from . import stand_in
from .pieces import Block, opened
from .response import Object

_DELTA = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":"%s","%s":'
_STOP = b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n'
END_OF_DELTA = b"}}\n\n"
PING = b'event: ping\ndata: {"type":"ping"}\n\n'
MESSAGE_STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
_PIECES = {
    "text": (b"text_delta", b"text"),
    "thinking": (b"thinking_delta", b"thinking"),
    "tool_use": (b"input_json_delta", b"partial_json"),
}
"""The delta of a kind of block, and its field."""


def written(name: str, data: bytes) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), data)


class Writer:
    """Gathers bytes until they are ``taken``. ``prefix`` begins a delta of the block that is open."""

    __slots__ = ("_head", "_index", "_losses", "_out", "kind", "output_tokens", "prefix")

    def __init__(self, head: Object, losses: Losses) -> None:
        self._head: Object | None = head
        self._losses = losses
        self._out: list[bytes] = []
        self._index = 0
        self.kind: str | None = None
        self.prefix: bytes = b""
        self.output_tokens: int = 0
        """What the head said of them: a total, which never shrinks."""

    @property
    def started(self) -> bool:
        return self._head is None

    def head(self) -> Object | None:
        """The message as it will begin; None once it has."""
        return self._head

    def taken(self) -> bytes:
        out, self._out = self._out, []
        return out[0] if len(out) == 1 else b"".join(out)

    def begin(self) -> None:
        if self._head is not None:
            message, self._head = self._head, None
            usage = message["usage"]
            self.output_tokens = usage.get("output_tokens") or 0
            self.say("message_start", {"type": "message_start", "message": message})

    def say(self, name: str, data: Object) -> None:
        self._out.append(written(name, json_bytes(data, self._losses)))

    def raw(self, data: bytes) -> None:
        self._out.append(data)

    def open(self, start: Block) -> None:
        """Begin a block; the one before it is closed."""
        self.begin()
        self.say("content_block_start", {"type": "content_block_start", "index": self._index, "content_block": start})
        kind = start["type"]
        self.kind = kind if isinstance(kind, str) else str(msgspec.json.decode(kind))
        if self.kind in _PIECES:
            self.prefix = _DELTA % (self._index, *_PIECES[self.kind])

    def piece(self, text: str) -> None:
        """A piece of the words of the block that is open."""
        self._out.append(self.prefix + encode(text) + END_OF_DELTA)

    def delta(self, delta: Block) -> None:
        self.say("content_block_delta", {"type": "content_block_delta", "index": self._index, "delta": delta})

    def close(self, signature: Any = stand_in.SIGNATURE) -> None:
        """End the block that is open; thinking is signed."""
        if self.kind == "thinking":
            self.delta({"type": "signature_delta", "signature": signature})
        self._out.append(_STOP % self._index)
        self._index += 1
        self.kind = None

    def whole(self, block: Block) -> None:
        """A block from its beginning to its end."""
        start, deltas = opened(block)
        self.open(start)
        for delta in deltas:
            self.delta(delta)
        self.kind = None  # its signature stands among its deltas
        self.close()
