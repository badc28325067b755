"""Parts of a reply as blocks (§5, §8): whole ones, and the same as a stream says them, opened and then filled."""

from __future__ import annotations

from typing import Any

import msgspec

from ....values.message import (
    Audio,
    Citation,
    HostedToolCall,
    HostedToolResult,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
)
from ...losses import Losses
from ...reply_fields import REFUSED, encode
from ...served_words import SaidParts
from ..turns import ID
from . import stand_in

Block = dict[str, Any]
_sound = msgspec.json.Decoder().decode


class Blocks(SaidParts):
    """Parts to blocks."""

    __slots__ = ("_calls",)
    dialect = ID

    def __init__(self, losses: Losses) -> None:
        super().__init__(losses)
        self._calls = 0

    @property
    def called(self) -> bool:
        """Whether there was a call of one of the user's tools."""
        return self._calls > 0

    def of(self, part: Part) -> Block | None:
        """The block; None for what cannot be said, and for text that says nothing (which is refused when it comes back)."""
        if type(part) is Text:
            return self._text(part)
        if type(part) is Reasoning:
            return self._thinking(part)
        if type(part) is ToolCall:
            return self.call(part)
        if type(part) is HostedToolCall or type(part) is HostedToolResult:
            return self._hosted(part)
        if type(part) is Opaque:
            found = self.own(part.state, part.kind)
            return found if found is not None and "type" in found else None
        if type(part) is Refusal:
            self.refusal()
            return {"type": "text", "text": self.clean(part.text)} if part.text else None
        if type(part) is Audio and part.transcript:
            self.transcript()
            return {"type": "text", "text": self.clean(part.transcript)}
        self.losses.dropped(f"message.{type(part).__name__.lower()}", "replies are text here")
        return None

    def transcript(self) -> None:
        self.losses.approximated("message.audio", "replies are text here: the transcript alone")

    # --- kinds --------------------------------------------------------------------------------------------------------------

    def _text(self, part: Text) -> Block | None:
        if not part.text:
            if part.citations:
                self.losses.dropped("message.citations", "they are those of an empty text")
            return None
        block: Block = {"type": "text", "text": self.clean(part.text)}
        if own := self.own(part.state, "text"):
            block = {**own, **block}
        if part.citations:
            cited = [found for citation in part.citations if (found := self.citation(citation)) is not None]
            if cited:
                block["citations"] = cited
        return block

    def _thinking(self, part: Reasoning) -> Block:
        own = self.own(part.state, "reasoning")
        if own is not None and bytes(own.get("type", b"")) == b'"redacted_thinking"':
            return dict(own)
        if own is None and part.redacted and not part.text:
            return {"type": "redacted_thinking", "data": stand_in.SIGNATURE}
        block: Block = {"type": "thinking", "thinking": self.clean(part.text), "signature": stand_in.SIGNATURE}
        if own is not None:
            block |= own
            block["type"] = "thinking"
            if bytes(own.get("signature", b"")) in (b"", b'""', b"null"):
                block["signature"] = stand_in.SIGNATURE
        return block

    def call(self, part: ToolCall) -> Block:
        number, self._calls = self._calls, self._calls + 1
        if not part.name:
            self.losses.approximated("message.tool_call.name", "it has none: unknown was said")
        block: Block = {
            "type": "tool_use",
            "id": self.clean(part.id) or stand_in.call_id(number),
            "name": self.clean(part.name) or "unknown",
            "input": self.input(part.raw_arguments, custom=part.kind == "custom"),
        }
        own = self.own(part.state, "tool_call")
        return block if own is None else {**own, **block}

    def _hosted(self, part: HostedToolCall | HostedToolResult) -> Block | None:
        own = self.own(part.state, "hosted_tool")
        if own is None and part.state is not None:
            return None
        if isinstance(part, HostedToolCall):
            said = {"id": self.clean(part.id), "name": self.clean(part.name), "input": self.input(part.raw_arguments)}
            return {**(own or {"type": "server_tool_use"}), **said}
        try:
            content: Any = [] if _sound(part.data) is None else msgspec.Raw(part.data)
        except REFUSED:
            self.losses.dropped("message.hosted_tool", "its result is not JSON")
            return None
        return {**(own or {"type": part.kind}), "tool_use_id": self.clean(part.tool_call_id), "content": content}

    def citation(self, citation: Citation) -> Block | msgspec.Raw | None:
        return self.cited(citation, rebuilt)


_PLACES = {
    "char": ("char_location", "start_char_index", "end_char_index"),
    "page": ("page_location", "start_page_number", "end_page_number"),
    "block": ("content_block_location", "start_block_index", "end_block_index"),
}


def rebuilt(citation: Citation) -> Block | None:
    """A citation of ours in this protocol's form; None where it has none, or where what it needs is not known."""
    words = citation.cited_text or ""
    if citation.kind in ("url", "web"):
        if citation.url is None:
            return None
        kind = "web_search_result_location"
        return {"type": kind, "cited_text": words, "url": citation.url, "title": citation.title, "encrypted_index": ""}
    if citation.start is None or citation.end is None or citation.document is None:
        return None
    if citation.kind == "search_result":
        return {
            "type": "search_result_location",
            "cited_text": words,
            "search_result_index": citation.document,
            "source": citation.source or "",
            "title": citation.title,
            "start_block_index": citation.start,
            "end_block_index": citation.end,
        }
    if citation.kind not in _PLACES:
        return None
    kind, start, end = _PLACES[citation.kind]
    return {
        "type": kind,
        "cited_text": words,
        "document_index": citation.document,
        "document_title": citation.title,
        "file_id": citation.file_id,
        start: citation.start,
        end: citation.end,
    }


# --- as a stream says them ------------------------------------------------------------------------------------------------


def opened(block: Block) -> tuple[Block, list[Block]]:
    """A block as it begins, and the deltas that fill it."""
    kind = block["type"]
    kind = kind if isinstance(kind, str) else _sound(kind)
    if kind == "text" and "text" in block:
        deltas = [{"type": "text_delta", "text": block["text"]}]
        deltas += [{"type": "citations_delta", "citation": place} for place in block.get("citations", ())]
        return {**block, "text": ""} | ({"citations": []} if "citations" in block else {}), deltas
    if kind == "thinking" and "thinking" in block and "signature" in block:
        thought = block["thinking"]
        deltas = [] if thought == "" or thought == msgspec.Raw(b'""') else [{"type": "thinking_delta", "thinking": thought}]
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
        return {**block, "thinking": "", "signature": ""}, deltas
    if isinstance(kind, str) and kind.endswith("tool_use") and "input" in block:
        written = encode(block["input"]).decode()
        deltas = [] if written == "{}" else [{"type": "input_json_delta", "partial_json": written}]
        return {**block, "input": {}}, deltas
    return block, []
