"""Streams of this protocol as our events (bedrock-converse §6), and nothing lost: what has no name among ours is an
``OpaqueEvent``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

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
from ...values.message import HostedToolCall, ToolCall
from ...wire.aws_event_stream import EXCEPTION
from ...wire.sse import Frame
from ..dialect import Context
from ..reply_fields import REFUSED, Fields, encode, fields_of, malformed, path_of, text_of, value_of
from .blocks import RESULT, citation_of
from .errors import error_in_stream
from .open_block import OpenBlock
from .pieces import SERVER_TOOL, inner, values_of, without_nulls
from .response import extra_of, model_of, reason_of, stop_sequence_of, tier_of, usage_of


class _Input(msgspec.Struct, gc=False):
    input: str = ""


class _Thought(msgspec.Struct, gc=False):
    text: str | None = None
    signature: str | None = None
    redactedContent: str | None = None  # noqa: N815


class _Piece(msgspec.Struct, gc=False):
    text: str | UnsetType = UNSET
    toolUse: _Input | UnsetType = UNSET  # noqa: N815
    reasoningContent: _Thought | UnsetType = UNSET  # noqa: N815
    citation: msgspec.Raw | UnsetType = UNSET
    toolResult: msgspec.Raw | UnsetType = UNSET  # noqa: N815
    image: msgspec.Raw | UnsetType = UNSET


class _Delta(msgspec.Struct, gc=False):
    delta: _Piece
    contentBlockIndex: int | None = None  # noqa: N815


_decode = msgspec.json.Decoder(_Delta).decode
_whole_number = msgspec.json.Decoder(int).decode
_DELTA = "contentBlockDelta"
_BY_DELTA = frozenset({"", "reasoningContent"})
"""What a start says of a block of which nothing is known until its first delta."""


class ConverseEventDecoder:
    """Frames to events (see ``dialect.EventDecoder``). ``metadata``, which holds the usage, is the last word; should it be
    missing, the end of the bytes after ``messageStop`` is a proper end too."""

    __slots__ = ("_blocks", "_calls", "_context", "_extra", "_reason", "_stopped", "_texts", "done", "error")

    def __init__(self, context: Context) -> None:
        self._context = context
        self.done: bool = False
        self.error: ProviderError | None = None
        self._blocks: dict[int, OpenBlock] = {}
        self._texts: dict[int, list[str]] = {}  # the pieces of those blocks that are text
        self._calls = 0
        self._reason: str | None = None
        self._stopped = False
        self._extra: dict[str, Any] = {}

    def feed(self, frames: Sequence[Frame]) -> list[Event]:
        events: list[Event] = []
        if self.done:
            return events
        texts = self._texts
        for frame in frames:
            data = frame.data
            try:
                if frame.event == _DELTA:
                    item = self._item(data)
                    text = item.delta.text
                    if type(text) is str and (pieces := texts.get(item.contentBlockIndex)) is not None:  # type: ignore[arg-type]
                        pieces.append(text)
                        events.append(TextDelta(text, 0, data))
                    else:
                        self._piece(item, data, events)
                else:
                    self._take(frame.event or "", data, events)
            except ProviderError as error:
                self.error, self.done = error, True
            if self.done:
                break
        return events

    def finish(self) -> list[Event]:
        events: list[Event] = []
        if not self.done and self._stopped:
            self._end(None, events)
        elif not self.done:
            target = self._context.target
            self.error = StreamInterruptedError(
                "the stream ended before its messageStop", provider=target.provider, model=target.model
            )
        self.done = True
        return events

    def _item(self, data: bytes) -> _Delta:
        try:
            return _decode(data)
        except REFUSED:
            fields = fields_of(data, self._context, "$")
        delta = inner(fields, "delta", self._context, "$")
        said = {name: raw for name, raw in delta.items() if bytes(raw) != b"null"}
        try:
            return _decode(encode({"contentBlockIndex": self._index(fields), "delta": said}))
        except REFUSED as error:
            raise malformed(self._context, path_of(error)) from None

    def _take(self, kind: str, data: bytes, events: list[Event]) -> None:
        if kind.startswith(EXCEPTION):
            raise error_in_stream(kind, data, self._context)
        fields = fields_of(data, self._context, "$")
        if not kind and len(fields) == 1:  # frames that have lost their headers name the event within
            kind = next(iter(fields))
            fields = inner(fields, kind, self._context, "$")
            if kind == _DELTA:
                self._piece(self._item(encode(fields)), data, events)
                return
        take = _EVENTS.get(kind)
        if take is not None:
            take(self, fields, data, events)
        else:
            events.append(OpaqueEvent(kind, data, 0, data))

    # --- the message --------------------------------------------------------------------------------------------------

    def _message_start(self, fields: Fields, data: bytes, events: list[Event]) -> None:
        self._extra.update(extra_of(fields))
        events.append(Start(raw=data))

    def _message_stop(self, fields: Fields, data: bytes, events: list[Event]) -> None:
        for index in sorted(self._blocks):
            self._close(index, None, events)
        self._reason = text_of(fields, "stopReason", self._context, "$") or None
        self._extra.update(extra_of(fields))
        self._stopped = True

    def _metadata(self, fields: Fields, data: bytes, events: list[Event]) -> None:
        self._extra.update(extra_of(fields))
        if "usage" in fields:
            events.append(UsageUpdate(usage_of(values_of(fields, "usage"))))
        if self._stopped:
            self._end(data, events)
            self.done = True

    def _end(self, data: bytes | None, events: list[Event]) -> None:
        extra = self._extra
        model, tier = model_of(extra), tier_of(extra)
        if model is not None or tier is not None:
            events.append(Start(model=model, service_tier=tier))
        reason = reason_of(self._reason, calls=self._calls > 0)
        events.append(Finish(reason, self._reason, 0, stop_sequence_of(extra), dict(extra), data))

    # --- blocks -------------------------------------------------------------------------------------------------------

    def _index(self, fields: Fields) -> int:
        try:
            return _whole_number(fields["contentBlockIndex"])
        except KeyError:
            return self._guess(None)
        except REFUSED:
            number = value_of(fields["contentBlockIndex"])
            if type(number) is float and number.is_integer():
                return int(number)
        raise malformed(self._context, "$.contentBlockIndex")

    def _guess(self, index: int | None) -> int:
        """The index of what does not name its own: that of the only block that is open."""
        return index if index is not None else next(iter(self._blocks), 0)

    def _block_start(self, fields: Fields, data: bytes, events: list[Event]) -> None:
        context = self._context
        index = self._index(fields)
        if index in self._blocks:
            self._close(index, None, events)
        start = without_nulls(inner(fields, "start", context, "$"), ())
        kind = next(iter(start), "")
        if kind in _BY_DELTA:  # some begin also those that begin with their first delta
            events.append(OpaqueEvent("contentBlockStart", data, 0, data))
            return
        said = inner(start, kind, context, "$.start") if kind in ("toolUse", RESULT, "image") else start
        self._open(index, kind, said, data, events)

    def _open(self, index: int, kind: str, said: Fields, data: bytes | None, events: list[Event]) -> OpenBlock:
        context = self._context
        block = self._blocks[index] = OpenBlock(kind, said)
        if kind == "text":
            self._texts[index] = block.pieces
        elif kind == "toolUse" and text_of(said, "type", context, "$.start.toolUse") != SERVER_TOOL:
            block.call = self._calls
            self._calls += 1
            name = text_of(said, "name", context, "$.start.toolUse")
            id = text_of(said, "toolUseId", context, "$.start.toolUse")
            block.custom = name in context.custom_tools
            events.append(ToolCallDelta(block.call, id, context.tool_names.get(name, name), "", 0, data))
        elif data is not None:
            events.append(OpaqueEvent("contentBlockStart", data, 0, data))
        return block

    def _of_kind(self, kind: str, index: int, events: list[Event]) -> OpenBlock:
        """The block that a delta of this kind belongs to; one is begun where there is none. Most models begin text and reasoning
        so."""
        block = self._blocks.get(index)
        if block is not None and block.kind == kind:
            return block
        if block is not None:
            self._close(index, None, events)
        return self._open(index, kind, {}, None, events)

    def _piece(self, item: _Delta, data: bytes, events: list[Event]) -> None:
        index, delta = self._guess(item.contentBlockIndex), item.delta
        if type(delta.text) is str:
            self._of_kind("text", index, events).pieces.append(delta.text)
            events.append(TextDelta(delta.text, 0, data))
        elif type(delta.reasoningContent) is _Thought:
            self._thought(self._of_kind("reasoning", index, events), delta.reasoningContent, data, events)
        elif type(delta.toolUse) is _Input:
            block = self._of_kind("toolUse", index, events)
            block.pieces.append(delta.toolUse.input)
            if block.call is None or block.custom:
                events.append(OpaqueEvent(_DELTA, data, 0, data))
            else:
                events.append(ToolCallDelta(block.call, arguments=delta.toolUse.input, raw=data))
        elif type(delta.citation) is msgspec.Raw:
            block = self._of_kind("text", index, events)
            citation = citation_of(msgspec.Raw(bytes(delta.citation)), self._context, "$.delta")
            block.citations.append(citation)
            events.append(CitationDelta(citation, 0, data))
        else:
            self._rare(index, delta, data, events)
            events.append(OpaqueEvent(_DELTA, data, 0, data))

    def _thought(self, block: OpenBlock, said: _Thought, data: bytes, events: list[Event]) -> None:
        if said.signature is not None:
            block.signatures.append(said.signature)
        if said.redactedContent is not None:
            block.redacted.append(said.redactedContent)
        if said.text is not None:
            block.pieces.append(said.text)
            events.append(ReasoningDelta(said.text, 0, data))

    def _rare(self, index: int, delta: _Piece, data: bytes, events: list[Event]) -> None:
        """A delta of what few models send: it is part of its block."""
        if type(delta.toolResult) is msgspec.Raw:
            self._of_kind(RESULT, index, events).results.append(bytes(delta.toolResult))
        elif type(delta.image) is msgspec.Raw:
            self._of_kind("image", index, events).results.append(bytes(delta.image))
        elif (block := self._blocks.get(index)) is not None and block.kind not in ("text", "reasoning", "toolUse"):
            said = fields_of(data, self._context, "$").get("delta")
            block.results.append(b"{}" if said is None else bytes(said))

    def _block_stop(self, fields: Fields, data: bytes, events: list[Event]) -> None:
        self._close(self._index(fields), data, events)

    def _close(self, index: int, data: bytes | None, events: list[Event]) -> None:
        block = self._blocks.pop(index, None)
        self._texts.pop(index, None)
        if block is None:
            events.append(OpaqueEvent("contentBlockStop", data or b"", 0, data))
            return
        part = block.part(self._context)
        if type(part) is ToolCall and part.kind == "custom":
            events.append(ToolCallDelta(block.call or 0, arguments=part.raw_arguments))
        events.append(PartDone(part, None if type(part) is HostedToolCall else block.call, 0, data))


_Take = Callable[[ConverseEventDecoder, Fields, bytes, list[Event]], None]
_EVENTS: dict[str, _Take] = {
    "messageStart": ConverseEventDecoder._message_start,
    "contentBlockStart": ConverseEventDecoder._block_start,
    "contentBlockStop": ConverseEventDecoder._block_stop,
    "messageStop": ConverseEventDecoder._message_stop,
    "metadata": ConverseEventDecoder._metadata,
}
