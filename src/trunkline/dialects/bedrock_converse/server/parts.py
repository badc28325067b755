"""Parts of a reply as blocks (bedrock-converse §4): whole ones, and the same as a stream says them, begun and then filled."""

from __future__ import annotations

from typing import Any

import msgspec

from ....values.media import LocalFile
from ....values.message import (
    Audio,
    Citation,
    HostedToolCall,
    HostedToolResult,
    Image,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
)
from ....wire.loose_json import clean_text
from ...losses import Losses
from ...reply_fields import REFUSED, encode
from ...served_words import SaidParts
from ..blocks import RESULT
from ..media import Media
from ..pieces import ID, SERVER_TOOL
from . import stand_in

Block = dict[str, Any]
_any = msgspec.json.Decoder().decode


class Blocks(SaidParts):
    """Parts to blocks. ``called``: one was a call, of whosoever's tool."""

    __slots__ = ("_calls", "_media", "called")
    dialect = ID

    def __init__(self, losses: Losses) -> None:
        super().__init__(losses)
        self._media = Media(losses)
        self.called: bool = False
        self._calls = 0

    def of(self, part: Part) -> Block | None:
        """The block; None for what cannot be said, and for text that says nothing (which is refused when it comes back)."""
        if type(part) is Text:
            return self._text(part)
        if type(part) is Reasoning:
            return self._reasoning(part)
        if type(part) is ToolCall:
            return self.call(part)
        if type(part) is HostedToolCall or type(part) is HostedToolResult:
            return self._hosted(part)
        if type(part) is Opaque:
            return self.own(part.state, part.kind)
        if type(part) is Refusal:
            self.refusal()
            return {"text": self.clean(part.text)} if part.text else None
        if type(part) is Image and not isinstance(part.source, LocalFile):
            return self._media.image(part)
        if type(part) is Audio and not isinstance(part.source, LocalFile):
            return self._sound(part)
        self.losses.dropped(f"message.{type(part).__name__.lower()}", "replies hold no such thing here")
        return None

    def transcript(self) -> None:
        self.losses.approximated("message.audio", "sound of this form cannot be said here: the transcript alone")

    # --- kinds --------------------------------------------------------------------------------------------------------------

    def _text(self, part: Text) -> Block | None:
        if (own := self.own(part.state, "text")) is not None:
            return own
        cited = [made for citation in part.citations if (made := self.citation(citation)) is not None]
        words = self.clean(part.text)
        if cited:
            return {"citationsContent": {**({"content": [{"text": words}]} if words else {}), "citations": cited}}
        return {"text": words} if words else None

    def _reasoning(self, part: Reasoning) -> Block:
        own = self.own(part.state, "reasoning")
        if own is not None:
            return own
        if part.redacted and not part.text:
            return {"reasoningContent": {"redactedContent": stand_in.REDACTED}}
        return {"reasoningContent": {"reasoningText": {"text": self.clean(part.text)}}}

    def _sound(self, part: Audio) -> Block | None:
        block = self._media.audio(part)
        if block is not None or not part.transcript:
            return block
        self.transcript()
        return {"text": self.clean(part.transcript)}

    def call(self, part: ToolCall) -> Block:
        number, self._calls, self.called = self._calls, self._calls + 1, True
        if not part.name:
            self.losses.approximated("message.tool_call.name", "it has none: unknown was said")
        said = {
            "toolUseId": self.clean(part.id) or stand_in.call_id(number),
            "name": self.clean(part.name) or "unknown",
            "input": self.input(part.raw_arguments, custom=part.kind == "custom"),
        }
        return {"toolUse": {**(self.own(part.state, "tool_call") or {}), **said}}

    def _hosted(self, part: HostedToolCall | HostedToolResult) -> Block | None:
        own = self.own(part.state, "hosted_tool")
        if own is None and part.state is not None:
            return None
        if isinstance(part, HostedToolCall):
            self.called = True
            said = {"toolUseId": self.clean(part.id), "name": self.clean(part.name), "input": self.input(part.raw_arguments)}
            return {"toolUse": {**(own or {"type": SERVER_TOOL}), **said}}
        content = self._result(part.data)
        if content is None:
            return None
        own = own if own is not None else {"type": self.clean(part.kind), "status": "error" if part.is_error else "success"}
        return {RESULT: {**own, "toolUseId": self.clean(part.tool_call_id), "content": content}}

    def _result(self, data: bytes) -> Any:
        """What a tool gave as the list that the protocol has."""
        try:
            value = _any(data)
        except REFUSED:
            self.losses.dropped("message.hosted_tool", "its result is not JSON")
            return None
        if isinstance(value, list) and all(isinstance(item, dict) for item in value):
            return msgspec.Raw(data)
        return [] if value is None else [{"json": msgspec.Raw(data)}]

    def citation(self, citation: Citation) -> Block | msgspec.Raw | None:
        return self.cited(citation, rebuilt)


_PLACES = {"char": "documentChar", "page": "documentPage", "block": "documentChunk", "search_result": "searchResultLocation"}


def rebuilt(citation: Citation) -> Block | None:
    """A citation of ours in this protocol's form; None where it has none, or where what it needs is not known."""
    if citation.kind in ("url", "web"):
        if citation.url is None:
            return None
        place: Block = {"web": {"url": clean_text(citation.url)}}
    elif citation.kind in _PLACES and None not in (citation.start, citation.end, citation.document):
        index = "searchResultIndex" if citation.kind == "search_result" else "documentIndex"
        span = {index: citation.document, "start": citation.start, "end": citation.end}
        if any(number is not None and number < 0 for number in span.values()):
            return None
        place = {_PLACES[citation.kind]: span}
    else:
        return None
    made: Block = {}
    for name, said in (("title", citation.title), ("source", citation.source)):
        if said:
            made[name] = clean_text(said)
    if citation.cited_text:
        made["sourceContent"] = [{"text": clean_text(citation.cited_text)}]
    return made | {"location": place}


# --- as a stream says them ------------------------------------------------------------------------------------------------


def begun(block: Block) -> tuple[Block | None, list[Block]] | None:
    """How a block begins (None: with its first delta), and the deltas that fill it. None for what a stream has no words for."""
    (kind, raw), *others = block.items()
    try:
        value: Any = _any(encode(raw))
    except (*REFUSED, TypeError):
        return None
    if others:
        return None
    if kind == "text":
        return None, [{"text": value}]
    if not isinstance(value, dict):
        return None
    if kind == "reasoningContent":
        return _begun_reasoning(value)
    if kind == "citationsContent":
        words = [{"text": piece["text"]} for piece in value.get("content", ()) if isinstance(piece, dict) and piece.get("text")]
        return None, words + [{"citation": citation} for citation in value.get("citations", ())]
    if kind == "toolUse":
        written = raw.get("input", {}) if isinstance(raw, dict) else value.get("input", {})
        pieces = encode(written).decode()
        start = {name: item for name, item in value.items() if name != "input"}
        return {kind: start}, [] if pieces == "{}" else [{"toolUse": {"input": pieces}}]
    if kind == RESULT:
        content = value.get("content")
        start = {name: item for name, item in value.items() if name != "content"}
        sayable = isinstance(content, list) and all(isinstance(it, dict) and it.keys() <= {"text", "json"} for it in content)
        return ({kind: start}, [{kind: content}] if content else []) if sayable else None
    if kind == "image" and isinstance(value.get("source"), dict):
        return {kind: {"format": value.get("format")}}, [{kind: {"source": value["source"]}}]
    return None


def _begun_reasoning(value: Block) -> tuple[Block | None, list[Block]] | None:
    deltas: list[Block] = []
    thought = value.get("reasoningText")
    if isinstance(thought, dict):
        if thought.get("text") or not thought.get("signature"):
            deltas.append({"reasoningContent": {"text": thought.get("text") or ""}})
        if thought.get("signature"):
            deltas.append({"reasoningContent": {"signature": thought["signature"]}})
    if isinstance(value.get("redactedContent"), str):
        deltas.append({"reasoningContent": {"redactedContent": value["redactedContent"]}})
    return (None, deltas) if deltas else None
