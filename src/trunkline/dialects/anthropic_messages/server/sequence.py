"""What a reply says, in the order in which a stream may say it (§10)."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from ....values.message import ToolCall
from ...served_blocks import Block, BlockSequence, Segment
from ...served_fields import REFUSED
from .writing import Writer

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Sequence(BlockSequence[Writer]):
    """Pieces and parts to content blocks."""

    __slots__ = ()

    thought: ClassVar[str] = "thinking"
    spent: ClassVar[frozenset[str]] = frozenset({"type"})

    def _open(self, segment: Segment) -> None:
        if segment.source == "call":
            block = self._blocks.call(ToolCall(segment.id, segment.name))
            self._writer.open({**segment.extra, **block, "input": {}})
        elif segment.source == "thinking":
            self._writer.open({"type": "thinking", "thinking": "", "signature": ""})
        else:
            self._writer.open({"type": "text", "text": ""})

    def _completed(self, block: Block, extra: Block) -> Block:
        return {**block, **extra}

    def _close_reasoning(self, own: Block) -> None:
        if own.keys() - {"type", "thinking", "signature"}:
            self._losses.dropped("message.reasoning.state", "its block had begun")
        signature = own.get("signature")
        if signature is not None and bytes(signature) not in (b'""', b"null"):
            self._writer.close(signature)
        else:
            self._writer.close()

    def _cited_in(self, made: Any) -> Block:
        return {"type": "citations_delta", "citation": made}

    def _beside(self, raw: bytes | None) -> Block:
        if raw is None or b"content_block_start" not in raw[:64]:
            return {}
        try:
            block = _fields(_fields(raw)["content_block"])
        except (*REFUSED, KeyError):
            return {}
        ours = ("type", "id", "name", "input")
        return {name: value for name, value in block.items() if name not in ours and bytes(value) != b"null"}
