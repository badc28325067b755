"""What a reply says, in the order in which a stream may say it (bedrock-converse §6)."""

from __future__ import annotations

from typing import Any

import msgspec

from ....values.message import ToolCall
from ...served_blocks import Block, BlockSequence, Segment
from ...served_fields import REFUSED
from .parts import begun
from .writing import Writer

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Sequence(BlockSequence[Writer]):
    """Pieces and parts to content blocks."""

    __slots__ = ()

    def _open(self, segment: Segment) -> None:
        if segment.source == "call":
            call = self._blocks.call(ToolCall(segment.id, segment.name))["toolUse"]
            del call["input"]
            self._writer.open("call", {"toolUse": {**segment.extra, **call}})
        else:
            self._writer.open("reasoning" if segment.source == "reasoning" else "text")

    def _completed(self, block: Block, extra: Block) -> Block:
        if extra and isinstance(call := block.get("toolUse"), dict):
            return {"toolUse": {**extra, **call}}
        return block

    def _close_reasoning(self, own: Block) -> None:
        said = begun(own)
        rest = [delta["reasoningContent"] for delta in said[1] if "reasoningContent" in delta] if said is not None else []
        for delta in rest:
            if "text" not in delta:
                self._writer.delta({"reasoningContent": delta})
        self._writer.close()

    def _cited_in(self, made: Any) -> Block:
        return {"citation": made}

    def _beside(self, raw: bytes | None) -> Block:
        if raw is None or b'"start"' not in raw[:200]:
            return {}
        try:
            call = _fields(_fields(_fields(raw)["start"])["toolUse"])
        except (*REFUSED, KeyError):
            return {}
        ours = ("toolUseId", "name", "input") + (("type",) if bytes(call.get("type", b"")) == b'"tool_use"' else ())
        return {name: value for name, value in call.items() if name not in ours and bytes(value) != b"null"}
