"""Streams of this protocol as our events (§7), and nothing lost: what has no name among ours is an ``OpaqueEvent``.

Deltas are told as they come; an item's parts are made from ``response.output_item.done``, its authoritative form. Parts stand
in the order of ``output_index`` whatever the order in which items are done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heappop, heappush
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
    RefusalDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    UsageUpdate,
)
from ...values.message import Part
from ...wire.sse import Frame
from ..dialect import Context
from ..reply_fields import REFUSED, Fields, fields_of, list_of, text_of, value_of
from .errors import error_in_stream, error_within
from .fields import number_of
from .growing import CALLS, Growing
from .items import citation_of, logprobs_of, parts_of, tokens_of
from .open_items import OpenItems
from .pieces import BETWEEN
from .response import extra_of, failed, head_of, reason_of, what_failed
from .usage import read_usage, reported_cost


class _Delta(msgspec.Struct, gc=False):
    delta: str
    output_index: int = -1


class _Text(_Delta, tag="response.output_text.delta", tag_field="type", gc=False):
    content_index: int = 0
    logprobs: list[Any] | None = None


class _Refused(_Delta, tag="response.refusal.delta", tag_field="type", gc=False):
    content_index: int = 0


class _Thought(_Delta, tag="response.reasoning_text.delta", tag_field="type", gc=False):
    content_index: int = 0


class _Summed(_Delta, tag="response.reasoning_summary_text.delta", tag_field="type", gc=False):
    summary_index: int = 0


class _Arguments(_Delta, tag="response.function_call_arguments.delta", tag_field="type", gc=False):
    pass


class _Input(_Delta, tag="response.custom_tool_call_input.delta", tag_field="type", gc=False):
    pass


_Piece = _Text | _Refused | _Thought | _Summed | _Arguments | _Input
_decode = msgspec.json.Decoder(_Piece).decode
_KINDS: dict[type, str] = {
    _Text: "message", _Refused: "message", _Thought: "reasoning", _Summed: "reasoning", _Arguments: "function_call",
    _Input: "custom_tool_call",
}  # fmt: skip
_TAGS = {kind: str(kind.__struct_config__.tag) for kind in (_Text, _Refused, _Thought, _Summed, _Arguments, _Input)}
_PIECES = frozenset(_TAGS.values())
_SILENT = frozenset({
    "keepalive", "ping", "response.in_progress", "response.queued", "response.content_part.added", "response.content_part.done",
    "response.output_text.done", "response.refusal.done", "response.reasoning_text.done", "response.reasoning_part.added",
    "response.reasoning_part.done", "response.reasoning_summary_part.added", "response.reasoning_summary_part.done",
    "response.reasoning_summary_text.done", "response.function_call_arguments.done", "response.custom_tool_call_input.done",
})  # fmt: skip
"""Events that say nothing which others do not."""


class ResponsesEventDecoder:
    """Frames to events (see ``dialect.EventDecoder``). ``response.completed``, ``.incomplete``, ``.failed`` and ``error`` are
    the last word; whatever follows is not read."""

    __slots__ = (
        "_calls", "_context", "_done", "_held", "_ids", "_next", "_open", "_parts", "_places", "_start", "done", "error",
    )  # fmt: skip

    def __init__(self, context: Context) -> None:
        self._context = context
        self.done: bool = False
        self.error: ProviderError | None = None
        self._open = OpenItems()
        self._held: dict[int, list[Event]] = {}  # of items that are done before one that stands before them
        self._places: list[int] = []  # of those, as a heap
        self._done: dict[int, str] = {}  # the types of those that are done
        self._ids: set[bytes] = set()
        self._next = 0  # the place of an item that names none
        self._calls = 0
        self._parts: list[Part] = []
        self._start: dict[str, Any] = {}

    def feed(self, frames: Sequence[Frame]) -> list[Event]:
        events: list[Event] = []
        for frame in frames:
            if self.done:
                break
            try:
                try:
                    piece = _decode(frame.data)
                except REFUSED:
                    self._loose(frame, events)
                else:
                    self._piece(piece, frame.data, events)
            except ProviderError as error:
                self.error, self.done = error, True
        return events

    def finish(self) -> list[Event]:
        if not self.done:
            target = self._context.target
            self.error = StreamInterruptedError(
                "the stream ended before its response was complete", provider=target.provider, model=target.model
            )
            self.done = True
        return []

    def _loose(self, frame: Frame, events: list[Event]) -> None:
        """Everything but the pieces of texts and calls, and those that are written loosely."""
        data = frame.data
        if not data.strip() or data.strip() == b"[DONE]":
            return
        context = self._context
        if frame.event == "error":
            raise error_in_stream(data, context)
        fields = fields_of(data, context, "$")
        named = text_of(fields, "type", context, "$")
        if not named and "error" in fields and "response" not in fields:  # whatever the frame is called
            raise error_in_stream(data, context)
        kind = named or frame.event or ""
        take = _EVENTS.get(kind)
        if take is not None:
            take(self, fields, data, events)
        elif kind in _PIECES:
            self._loose_piece(kind, fields, data, events)
        elif kind == "error":
            raise error_in_stream(data, context)
        elif kind not in _SILENT:
            events.append(OpaqueEvent(kind, data, 0, data))

    # --- pieces -------------------------------------------------------------------------------------------------------

    def _piece(self, piece: _Piece, data: bytes, events: list[Event]) -> None:
        item = self._open.get(piece.output_index)
        if item is None:
            item = self._unnamed(_KINDS[type(piece)], piece.output_index, events)
        text = piece.delta
        if item.kind != _KINDS[type(piece)]:  # of an item that has another name among ours, or none
            events.append(OpaqueEvent(_TAGS[type(piece)], data, 0, data))
        elif type(piece) is _Text:
            item.add("text", piece.content_index, text)
            tokens = tuple(tokens_of(piece.logprobs)) if piece.logprobs else ()
            item.told = item.told or bool(tokens)
            events.append(TextDelta(text, 0, data, tokens))
        elif type(piece) is _Arguments or type(piece) is _Input:
            item.add("arguments", 0, text)
            events.append(ToolCallDelta(item.call or 0, None, None, text, 0, data))
        elif type(piece) is _Refused:
            item.add("refusal", piece.content_index, text)
            events.append(RefusalDelta(text, 0, data))
        else:
            place = ("summary", piece.summary_index) if type(piece) is _Summed else ("content", _content_index(piece))
            if item.add(*place, text) and item.paragraphs > 1:
                events.append(ReasoningDelta(BETWEEN))
            events.append(ReasoningDelta(text, 0, data))

    def _loose_piece(self, kind: str, fields: Fields, data: bytes, events: list[Event]) -> None:
        """A piece that the strict decoder refused."""
        made: dict[str, Any] = {"type": kind, "delta": text_of(fields, "delta", self._context, "$")}
        for name in ("output_index", "content_index", "summary_index"):
            if (number := number_of(fields, name)) is not None:
                made[name] = number
        if isinstance(tokens := value_of(fields.get("logprobs")), list):
            made["logprobs"] = tokens
        self._piece(msgspec.convert(made, _Piece), data, events)

    def _unnamed(self, kind: str, index: int, events: list[Event]) -> Growing:
        """The item of a piece that names none which is open: the last of its kind, else a new one."""
        if index < 0:
            known = self._open.last(kind)
            if known is not None:
                return known
            index = self._next
        return self._begin(index, kind, {"type": msgspec.Raw(b'"%s"' % kind.encode())}, None, events)

    # --- items --------------------------------------------------------------------------------------------------------

    def _added(self, fields: Fields, data: bytes, events: list[Event]) -> None:
        index = number_of(fields, "output_index")
        index = self._next if index is None else index
        if index in self._open:
            self._close(index, None, None, events)
        item = fields_of(fields.get("item", msgspec.Raw(b"{}")), self._context, "$.item")
        kind = text_of(item, "type", self._context, "$.item")
        grows = kind in CALLS or kind in ("message", "reasoning")
        self._begin(index, kind, {name: msgspec.Raw(bytes(raw)) for name, raw in item.items()} if grows else {}, data, events)

    def _begin(self, index: int, kind: str, fields: Fields, data: bytes | None, events: list[Event]) -> Growing:
        self._next = max(self._next, index + 1)
        item, context = Growing(kind, fields), self._context
        self._open.begin(index, item, text_of(fields, "id", context, "$.item"))
        if kind in CALLS:
            item.call = self._calls
            self._calls += 1
            call_id, name = text_of(fields, "call_id", context, "$.item"), text_of(fields, "name", context, "$.item")
            call_id = context.call_ids.get(call_id, call_id)
            events.append(ToolCallDelta(item.call, call_id, context.tool_names.get(name, name), "", 0, data))
        elif kind not in ("message", "reasoning") and data is not None:
            events.append(OpaqueEvent("response.output_item.added", data, 0, data))
        return item

    def _item_done(self, fields: Fields, data: bytes, events: list[Event]) -> None:
        raw = fields.get("item", msgspec.Raw(b"{}"))
        index = number_of(fields, "output_index")
        if index is None:
            index = self._index_of(raw)
        if index in self._done and index not in self._open and not self._ids.isdisjoint(_ids_of(raw, self._context)):
            events.append(OpaqueEvent("response.output_item.done", data, 0, data))  # it was said before
        else:
            self._close(index, bytes(raw), data, events)

    def _index_of(self, raw: msgspec.Raw) -> int:
        """The place of an item that is done and does not say where it stands."""
        index = self._open.find(*_named(raw, self._context))
        return self._next if index is None else index

    def _close(self, index: int, raw: bytes | None, data: bytes | None, events: list[Event]) -> None:
        """The item ``raw``, or what has come of it, is whole."""
        context = self._context
        growing = self._open.close(index)
        if raw is None:
            raw = growing.item() if growing is not None else b"{}"
        parts = parts_of(raw, context, "$.item")
        kind, _ = _named(raw, context)
        if growing is None:
            self._next = max(self._next, index + 1)
            growing = Growing(kind, {})
        if kind in CALLS and growing.call is None:
            growing.call = self._calls
            self._calls += 1
        events += growing.unsaid(parts)
        if not growing.told and b'"logprobs"' in raw and (tokens := logprobs_of(raw, context, "$.item")):
            events.append(TextDelta("", 0, None, tuple(tokens)))
        self._parts += parts
        self._ids.update(_ids_of(raw, context))
        self._done[index] = kind
        last = len(parts) - 1
        if index not in self._held:
            heappush(self._places, index)
        self._held.setdefault(index, []).extend(
            [PartDone(part, growing.call, 0, data if n == last else None) for n, part in enumerate(parts)]
        )
        self._let_go(events)

    def _let_go(self, events: list[Event]) -> None:
        first = self._open.first
        while self._places and (first is None or self._places[0] < first):
            events += self._held.pop(heappop(self._places))

    def _annotation(self, fields: Fields, data: bytes, events: list[Event]) -> None:
        index = number_of(fields, "output_index")
        item = self._open.last("message") if index is None else self._open.get(index)
        if item is None or item.kind != "message":
            events.append(OpaqueEvent("response.output_text.annotation.added", data, 0, data))
            return
        note = bytes(fields.get("annotation", msgspec.Raw(b"{}")))
        item.notes.append(note)
        events.append(CitationDelta(citation_of(note, self._context, "$.annotation"), 0, data))

    # --- the response -------------------------------------------------------------------------------------------------

    def _created(self, fields: Fields, data: bytes, events: list[Event]) -> None:
        response = fields_of(fields.get("response", msgspec.Raw(b"{}")), self._context, "$.response")
        self._begun(response, data, events)

    def _begun(self, response: Fields, data: bytes | None, events: list[Event]) -> None:
        """The head, where it says what was not said before."""
        head = {name: value for name, value in head_of(response, self._context, "$.response").items() if value is not None}
        new = {name: value for name, value in head.items() if self._start.get(name) != value}
        if new or not self._start:
            self._start.update(new)
            events.append(Start(**new, raw=data))

    def _end(self, fields: Fields, data: bytes, events: list[Event]) -> None:
        context = self._context
        response = fields_of(fields.get("response", msgspec.Raw(b"{}")), context, "$.response")
        if text_of(fields, "type", context, "$") == "response.failed" or failed(response):
            self._usage(response, None, events)
            raise error_within(what_failed({"status": msgspec.Raw(b'"failed"'), **response}), context)
        for n, raw in enumerate(list_of(response, "output", context, "$.response")):
            kind, _ = _named(raw, context)
            if self._ids.isdisjoint(_ids_of(raw, context)) and self._done.get(n) != kind:
                self._close(n if n in self._open or n not in self._done else self._next, bytes(raw), None, events)
        for index in self._open:
            self._close(index, None, None, events)
        self._begun(response, None, events)
        self._usage(response, None, events)
        response.setdefault("status", msgspec.Raw(b'"%s"' % text_of(fields, "type", context, "$").rpartition(".")[2].encode()))
        reason, raw_reason = reason_of(response, self._parts, context)
        events.append(Finish(reason, raw_reason, 0, None, extra_of(response), data))
        self.done = True

    def _usage(self, response: Fields, data: bytes | None, events: list[Event]) -> None:
        usage = value_of(response.get("usage"))
        if isinstance(usage, dict):
            cost = reported_cost(usage, self._context.target.quirks)
            events.append(UsageUpdate(read_usage(usage), 0, data, cost))


def _content_index(piece: _Piece) -> int:
    return piece.content_index if type(piece) is _Thought else 0


def _named(raw: bytes | msgspec.Raw, context: Context) -> tuple[str, str]:
    """Type and id of an item."""
    fields = fields_of(raw, context, "$.item")
    kind = text_of(fields, "type", context, "$.item")
    return kind or ("message" if "role" in fields else ""), text_of(fields, "id", context, "$.item")


def _ids_of(raw: bytes | msgspec.Raw, context: Context) -> set[bytes]:
    """What tells an item from others: its id, and that of its call. One without any is told by all that it says."""
    fields = fields_of(raw, context, "$.item")
    said = {bytes(fields[name]) for name in ("id", "call_id") if name in fields} - {b"null", b'""'}
    return said or {bytes(raw)}


_Take = Callable[[ResponsesEventDecoder, Fields, bytes, list[Event]], None]
_EVENTS: dict[str, _Take] = {
    "response.created": ResponsesEventDecoder._created,
    "response.output_item.added": ResponsesEventDecoder._added,
    "response.output_item.done": ResponsesEventDecoder._item_done,
    "response.output_text.annotation.added": ResponsesEventDecoder._annotation,
    "response.completed": ResponsesEventDecoder._end,
    "response.incomplete": ResponsesEventDecoder._end,
    "response.failed": ResponsesEventDecoder._end,
}
