"""Streams of this protocol as our events, and nothing lost: what has no name among ours is an ``OpaqueEvent``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from ...values.errors import ProviderError, StreamInterruptedError
from ...values.events import (
    CitationDelta,
    Event,
    Finish,
    OpaqueEvent,
    PartDone,
    ReasoningDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    UsageUpdate,
)
from ...values.message import Part, Text
from ...wire.sse import Frame
from ..dialect import Context
from ..reply_fields import REFUSED, Fields, encode, fields_of, list_of, malformed, path_of, text_of
from .blocks import citation_of, hosted_call, part_of, part_of_fields, tool_use
from .errors import error_in_stream
from .response import NAMED, reason_of, tier_of, usage_of, value_of, values_of


class _TextPiece(msgspec.Struct, tag="text_delta", tag_field="type", gc=False):
    text: str = ""


class _JsonPiece(msgspec.Struct, tag="input_json_delta", tag_field="type", gc=False):
    partial_json: str = ""


class _ThinkingPiece(msgspec.Struct, tag="thinking_delta", tag_field="type", gc=False):
    thinking: str = ""


class _Signature(msgspec.Struct, tag="signature_delta", tag_field="type", gc=False):
    signature: str = ""


class _Cited(msgspec.Struct, tag="citations_delta", tag_field="type", gc=False):
    citation: msgspec.Raw


_Piece = _TextPiece | _JsonPiece | _ThinkingPiece | _Signature | _Cited
_PIECES = frozenset({"text_delta", "input_json_delta", "thinking_delta", "signature_delta", "citations_delta"})


class _Delta(msgspec.Struct, tag="content_block_delta", tag_field="type", gc=False):
    index: int
    delta: _Piece


class _Stop(msgspec.Struct, tag="content_block_stop", tag_field="type", gc=False):
    index: int


class _Ping(msgspec.Struct, tag="ping", tag_field="type", gc=False):
    pass


_decode = msgspec.json.Decoder(_Delta | _Stop | _Ping).decode
_whole_number = msgspec.json.Decoder(int).decode


class _Block:
    """A block that is being written: what its start said, and the pieces since."""

    __slots__ = ("call", "citations", "fields", "kind", "pieces", "signature")

    def __init__(self, kind: str, fields: Fields, call: int | None = None) -> None:
        self.kind, self.fields, self.call = kind, fields, call
        self.pieces: list[str] = []
        self.citations: list[msgspec.Raw] = []
        self.signature: str | None = None


class MessagesDecoder:
    """Frames to events (see ``dialect.EventDecoder``). ``message_stop`` is the last word; whatever follows is not read."""

    __slots__ = (
        "_blocks", "_calls", "_context", "_extra", "_model", "_reason", "_stop_sequence", "_texts", "_usage", "done", "error",
    )  # fmt: skip

    def __init__(self, context: Context) -> None:
        self._context = context
        self.done: bool = False
        self.error: ProviderError | None = None
        self._blocks: dict[int, _Block] = {}
        self._texts: dict[int, list[str]] = {}  # the pieces of those blocks that are text
        self._calls = 0
        self._usage: dict[str, Any] = {}
        self._reason: str | None = None
        self._stop_sequence: str | None = None
        self._extra: dict[str, Any] = {}

    def feed(self, frames: Sequence[Frame]) -> list[Event]:
        events: list[Event] = []
        if self.done:
            return events
        texts = self._texts
        for frame in frames:
            data = frame.data
            try:
                item = _decode(data)
            except REFUSED:
                item = None
            if type(item) is _Delta and type(item.delta) is _TextPiece and (pieces := texts.get(item.index)) is not None:
                text = item.delta.text
                pieces.append(text)
                events.append(TextDelta(text, 0, data))
            elif type(item) is not _Ping:
                try:
                    self._take(item, frame, events)
                except ProviderError as error:
                    self.error, self.done = error, True
                if self.done:
                    break
        return events

    def finish(self) -> list[Event]:
        if not self.done:
            target = self._context.target
            self.error = StreamInterruptedError(
                "the stream ended before its message_stop", provider=target.provider, model=target.model
            )
            self.done = True
        return []

    def _take(self, item: _Delta | _Stop | _Ping | None, frame: Frame, events: list[Event]) -> None:
        if type(item) is _Delta:
            self._piece(item.index, item.delta, frame.data, events)
        elif type(item) is _Stop:
            self._close(item.index, frame.data, events)
        else:
            self._loose(frame, events)

    def _loose(self, frame: Frame, events: list[Event]) -> None:
        """Everything that is rare, new or not quite as the protocol has it."""
        data = frame.data
        if not data.strip() or data.strip() == b"[DONE]":
            return
        if frame.event == "error":
            raise error_in_stream(data, self._context)
        fields = fields_of(data, self._context, "$")
        kind = text_of(fields, "type", self._context, "$") or frame.event or ""
        take = _EVENTS.get(kind)
        if take is not None:
            take(self, fields, data, events)
        elif kind == "error" or (not kind and "error" in fields):
            raise error_in_stream(data, self._context)
        elif kind != "ping":
            events.append(OpaqueEvent(kind, data, 0, data))

    # --- the message --------------------------------------------------------------------------------------------------

    def _message_start(self, fields: Fields, data: bytes, events: list[Event]) -> None:
        context = self._context
        message = fields_of(fields.get("message", msgspec.Raw(b"{}")), context, "$.message")
        self._take_usage(values_of(message, "usage"))
        self._keep(message)
        self._take_end(message, "$.message")
        start = Start(
            text_of(message, "id", context, "$.message") or None,
            text_of(message, "model", context, "$.message") or None,
            service_tier=tier_of(self._usage),
        )
        blocks = list_of(message, "content", context, "$.message")
        parts = [PartDone(part_of(raw, context, f"$.message.content[{n}]")) for n, raw in enumerate(blocks)]
        events.append(start)
        events += parts
        events.append(UsageUpdate(usage_of(dict(self._usage)), 0, data))

    def _message_delta(self, fields: Fields, data: bytes, events: list[Event]) -> None:
        delta = fields_of(fields.get("delta", msgspec.Raw(b"{}")), self._context, "$.delta")
        self._take_end(delta, "$.delta")
        self._keep(delta)
        self._keep({name: raw for name, raw in fields.items() if name != "delta"})
        self._take_usage(values_of(fields, "usage"))
        events.append(UsageUpdate(usage_of(dict(self._usage)), 0, data))

    def _message_stop(self, fields: Fields, data: bytes, events: list[Event]) -> None:
        self._end(fields, data, events)
        self.done = True

    def _end(self, fields: Fields, data: bytes | None, events: list[Event]) -> None:
        for index in sorted(self._blocks):
            self._close(index, None, events)
        self._keep(fields)
        reason = reason_of(self._reason, calls=self._calls > 0)
        events.append(Finish(reason, self._reason, 0, self._stop_sequence, dict(self._extra), data))

    def _take_end(self, fields: Fields, path: str) -> None:
        """The last one who names a reason wins."""
        if reason := text_of(fields, "stop_reason", self._context, path):
            self._reason = reason
            self._stop_sequence = text_of(fields, "stop_sequence", self._context, path) or None

    def _take_usage(self, said: dict[str, Any]) -> None:
        """Figures are totals: each one that is given replaces the earlier."""
        self._usage.update((name, value) for name, value in said.items() if value is not None or name not in self._usage)

    def _keep(self, fields: Fields) -> None:
        for name, raw in fields.items():
            if name not in NAMED and (value := value_of(raw)) is not None:
                self._extra[name] = value

    # --- blocks -------------------------------------------------------------------------------------------------------

    def _index(self, fields: Fields) -> int:
        try:
            return _whole_number(fields["index"])
        except KeyError:
            if len(self._blocks) == 1:
                return next(iter(self._blocks))
        except REFUSED:
            pass
        raise malformed(self._context, "$.index")

    def _block_start(self, fields: Fields, data: bytes, events: list[Event]) -> None:
        context, path = self._context, "$.content_block"
        index = self._index(fields) if "index" in fields else len(self._blocks)
        if index in self._blocks:
            self._close(index, None, events)
        inner = fields_of(fields.get("content_block", msgspec.Raw(b"{}")), context, path)
        self._open(index, text_of(inner, "type", context, path), inner, data, events)

    def _open(self, index: int, kind: str, inner: Fields, data: bytes | None, events: list[Event]) -> _Block:
        context, path = self._context, "$.content_block"
        block = self._blocks[index] = _Block(kind, inner)
        if kind == "text":
            self._texts[index] = block.pieces
            block.citations = list_of(inner, "citations", context, path)
            events += [CitationDelta(citation_of(raw, context, path)) for raw in block.citations]
            if text := text_of(inner, "text", context, path):
                block.pieces.append(text)
                events.append(TextDelta(text, 0, data))
        elif kind == "thinking":
            if text := text_of(inner, "thinking", context, path):
                block.pieces.append(text)
                events.append(ReasoningDelta(text, 0, data))
        elif kind == "tool_use":
            block.call = self._calls
            self._calls += 1
            name = text_of(inner, "name", context, path)
            id = text_of(inner, "id", context, path)
            events.append(ToolCallDelta(block.call, id, context.tool_names.get(name, name), "", 0, data))
        elif kind == "fallback":
            self._fallback(inner, data, events)
        elif data is not None:
            events.append(OpaqueEvent("content_block_start", data, 0, data))
        return block

    def _fallback(self, inner: Fields, data: bytes | None, events: list[Event]) -> None:
        """Another model of the provider's carries on: a whole reply names it as its model, so a stream does too."""
        model = values_of(inner, "to").get("model")
        events.append(Start(model=model if isinstance(model, str) else None, raw=data))

    def _piece(self, index: int, piece: _Piece, data: bytes, events: list[Event]) -> None:
        block = self._blocks.get(index)
        kind = block.kind if block is not None else None
        if type(piece) is _TextPiece and kind in (None, "text"):
            block = block or self._open(index, "text", {}, None, events)
            block.pieces.append(piece.text)
            events.append(TextDelta(piece.text, 0, data))
        elif type(piece) is _ThinkingPiece and kind in (None, "thinking"):
            block = block or self._open(index, "thinking", {"type": msgspec.Raw(b'"thinking"')}, None, events)
            block.pieces.append(piece.thinking)
            events.append(ReasoningDelta(piece.thinking, 0, data))
        elif block is None:
            events.append(OpaqueEvent("content_block_delta", data, 0, data))
        elif type(piece) is _JsonPiece:
            block.pieces.append(piece.partial_json)
            if block.call is None or text_of(block.fields, "name", self._context, "$") in self._context.custom_tools:
                events.append(OpaqueEvent("input_json_delta", data, 0, data))
            else:
                events.append(ToolCallDelta(block.call, arguments=piece.partial_json, raw=data))
        elif type(piece) is _Cited and kind == "text":
            block.citations.append(msgspec.Raw(bytes(piece.citation)))
            events.append(CitationDelta(citation_of(piece.citation, self._context, "$.delta"), 0, data))
        elif type(piece) is _Signature:
            block.signature = piece.signature
        else:
            events.append(OpaqueEvent("content_block_delta", data, 0, data))

    def _block_delta(self, fields: Fields, data: bytes, events: list[Event]) -> None:
        """A delta that the strict decoder refused: of a kind that is new, or written loosely."""
        context = self._context
        index = self._index(fields)
        delta = fields_of(fields.get("delta", msgspec.Raw(b"{}")), context, "$.delta")
        kind = text_of(delta, "type", context, "$.delta")
        if kind in _PIECES:
            said = {name: raw for name, raw in delta.items() if bytes(raw) != b"null"}
            try:
                item = _decode(encode({"type": "content_block_delta", "index": index, "delta": said}))
            except REFUSED as error:
                raise malformed(context, path_of(error)) from None
            if type(item) is _Delta:
                self._piece(item.index, item.delta, data, events)
            return
        block = self._blocks.get(index)
        if block is not None:  # what it says belongs to the block: later fields replace earlier ones
            block.fields.update((name, msgspec.Raw(bytes(raw))) for name, raw in delta.items() if name != "type")
        events.append(OpaqueEvent(kind or "content_block_delta", data, 0, data))

    def _block_stop(self, fields: Fields, data: bytes, events: list[Event]) -> None:
        if "index" in fields or len(self._blocks) == 1:
            self._close(self._index(fields), data, events)

    def _close(self, index: int, data: bytes | None, events: list[Event]) -> None:
        block = self._blocks.pop(index, None)
        self._texts.pop(index, None)
        if block is None:
            events.append(OpaqueEvent("content_block_stop", data or b"", 0, data))
            return
        part = self._part(block)
        if block.call is not None and getattr(part, "kind", None) == "custom":
            events.append(ToolCallDelta(block.call, arguments=getattr(part, "raw_arguments", "")))
        events.append(PartDone(part, block.call, 0, data))

    def _part(self, block: _Block) -> Part:
        """The block as a whole reply would have said it."""
        fields, context, path = block.fields, self._context, "$.content_block"
        written = "".join(block.pieces)
        if block.kind == "text":
            if len(fields) <= 2 and not block.citations:  # type and text
                return Text(written)
            fields["text"] = msgspec.Raw(encode(written))
            if block.citations:
                fields["citations"] = msgspec.Raw(b"[" + b",".join(map(bytes, block.citations)) + b"]")
        elif block.kind == "thinking":
            fields["thinking"] = msgspec.Raw(encode(written))
            if block.signature is not None:
                fields["signature"] = msgspec.Raw(encode(block.signature))
        elif block.kind == "tool_use":
            return tool_use(fields, written or _raw_text(fields, "input"), context, path)
        elif block.kind.endswith("_tool_use") and "input" in fields:
            return hosted_call(fields, written or _raw_text(fields, "input"), context, path)
        return part_of_fields(fields, context, path)


def _raw_text(fields: Fields, name: str) -> str:
    return bytes(fields[name]).decode("utf-8", "replace") if name in fields else ""


_Take = Callable[[MessagesDecoder, Fields, bytes, list[Event]], None]
_EVENTS: dict[str, _Take] = {
    "message_start": MessagesDecoder._message_start,
    "message_delta": MessagesDecoder._message_delta,
    "message_stop": MessagesDecoder._message_stop,
    "content_block_start": MessagesDecoder._block_start,
    "content_block_delta": MessagesDecoder._block_delta,
    "content_block_stop": MessagesDecoder._block_stop,
}
