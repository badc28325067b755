"""Streams of this protocol as our events. Content, the plan and calls are blocks that begin, grow and end; citations come between
the pieces of the text that they belong to. ``message-end`` is the last word, though ``[DONE]`` follows it."""

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
from ...wire.loose_json import loads
from ...wire.sse import Frame
from ..dialect import Context
from .errors import ends_in_error, error_within, malformed, says_error
from .message import MESSAGE_FIELDS, call_of, part_of, plan_of
from .pieces import (
    PLAN,
    arguments_text,
    citation_of,
    cites_text,
    finish_reason,
    logprobs_of,
    number,
    object_of,
    objects,
    other_fields,
    text_of,
    text_or_none,
)
from .usage import read_usage

_DELTA_FIELDS = frozenset({"finish_reason", "usage"})
_END_FIELDS = frozenset({"type", "id", "delta", "finish_reason", "usage"})


class _Piece(msgspec.Struct, gc=False):
    text: str | None = None
    thinking: str | None = None


class _Content(msgspec.Struct, gc=False):
    content: _Piece


class _ContentDelta(msgspec.Struct, gc=False):
    message: _Content


class _Plain(msgspec.Struct, tag="content-delta", tag_field="type", gc=False):
    """More of the text or the thought that is open."""

    delta: _ContentDelta
    index: int
    logprobs: None = None


_decode = msgspec.json.Decoder(_Plain).decode


class _Block:
    """An item of the content that is being written. ``number``: how many began before it."""

    __slots__ = ("cited", "fields", "kind", "number", "pieces")

    def __init__(self, kind: str, number: int, fields: dict[str, Any]) -> None:
        self.kind, self.number, self.fields = kind, number, fields
        self.pieces: list[str] = []
        self.cited: list[dict[str, Any]] = []


class _Call:
    __slots__ = ("fields", "number", "pieces")

    def __init__(self, number: int, fields: dict[str, Any]) -> None:
        self.number, self.fields = number, fields
        self.pieces: list[str] = []


class CohereEventDecoder:
    """The decoder of one stream (see ``EventDecoder``)."""

    __slots__ = (
        "_begun", "_blocks", "_called", "_calls", "_context", "_ended", "_extra", "_id", "_plan", "done", "error",
    )  # fmt: skip

    def __init__(self, context: Context) -> None:
        self.done: bool = False
        self.error: ProviderError | None = None
        self._context = context
        self._id: str | None = None
        self._plan: list[str] = []
        self._begun = 0  # blocks of content so far
        self._blocks: dict[int, _Block] = {}
        self._ended: _Block | None = None  # a text that has ended, and may still be cited
        self._calls: dict[int, _Call] = {}
        self._called = 0
        self._extra: dict[str, Any] = {}

    def feed(self, frames: Sequence[Frame]) -> list[Event]:
        """The events of one read's frames."""
        events: list[Event] = []
        if self.done:
            return events
        for frame in frames:
            data = frame.data
            try:
                item = _decode(data)
            except (ValueError, RecursionError):
                pass
            else:
                if (block := self._blocks.get(item.index)) is not None:
                    piece = item.delta.message.content
                    if piece.text and block.kind == "text" and not piece.thinking:
                        block.pieces.append(piece.text)
                        events.append(TextDelta(piece.text, 0, data))
                        continue
                    if piece.thinking and block.kind == "thinking" and not piece.text:
                        block.pieces.append(piece.thinking)
                        events.append(ReasoningDelta(piece.thinking, 0, data))
                        continue
            self._frame(frame, events)
            if self.done:
                break
        return events

    def finish(self) -> list[Event]:
        """What remains once the bytes have ended properly."""
        if not self.done:
            self.done = True
            target = self._context.target
            self.error = StreamInterruptedError(
                "the stream ended before its message-end", provider=target.provider, model=target.model, request_id=self._id
            )
        return []

    # --- frames that are not plain text -------------------------------------------------------------------------------

    def _frame(self, frame: Frame, events: list[Event]) -> None:
        data = frame.data
        if not data.strip() or data.strip() == b"[DONE]":
            return
        before = len(events)
        try:
            self._event(self._parse(frame), data, events)
        except ProviderError as error:
            self.error, self.done = error, True
        except RecursionError:
            self.error, self.done = malformed("$", self._context), True
        if len(events) > before:
            events[-1] = msgspec.structs.replace(events[-1], raw=data)

    def _parse(self, frame: Frame) -> dict[str, Any]:
        try:
            item = loads(frame.data)
        except ValueError as reason:
            if frame.event == "error":
                raise error_within(frame.data.decode("utf-8", "replace"), self._context) from None
            raise malformed("$", self._context, message=f"an event of the stream is {reason}") from None
        if frame.event == "error" or (isinstance(item, dict) and says_error(item)):
            raise error_within(item, self._context)
        if not isinstance(item, dict):
            raise malformed("$", self._context)
        return item

    def _event(self, item: dict[str, Any], data: bytes, events: list[Event]) -> None:
        if "event_type" in item:
            from . import elder  # version 1: hardly anybody needs it

            self.done = elder.event(item, data, events, self._context)
            return
        kind = text_of(item.get("type"))
        take = _TAKE.get(kind)
        if take is None:
            events.append(OpaqueEvent(kind or "message", data))
            return
        message = object_of(object_of(item.get("delta")).get("message"))
        take(self, item, message, events)

    # --- the message --------------------------------------------------------------------------------------------------

    def _message_start(self, item: dict[str, Any], message: dict[str, Any], events: list[Event]) -> None:
        self._id = text_or_none(item.get("id")) or self._id
        events.append(Start(self._id))
        if own := other_fields(message, MESSAGE_FIELDS):
            self._extra["message"] = own

    def _message_end(self, item: dict[str, Any], message: dict[str, Any], events: list[Event]) -> None:
        self.done = True
        self._close_all(events)
        delta = object_of(item.get("delta")) or item
        if ends_in_error(delta):
            raise error_within(delta, self._context)
        reason = text_or_none(delta.get("finish_reason"))
        usage = delta.get("usage")
        if isinstance(usage, dict) and usage:
            events.append(UsageUpdate(read_usage(usage)))
        self._extra |= other_fields(delta, _DELTA_FIELDS if delta is not item else _END_FIELDS)
        self._extra |= other_fields(item, _END_FIELDS)
        events.append(Finish(finish_reason(reason, calls=self._called > 0), reason, extra=self._extra))

    def _close_all(self, events: list[Event]) -> None:
        self._plan_done(events)
        self._text_done(events)
        for index in sorted(self._blocks):
            self._close(self._blocks.pop(index), events)
        for index in sorted(self._calls):
            self._call_done(self._calls.pop(index), events)

    # --- content ------------------------------------------------------------------------------------------------------

    def _content_start(self, item: dict[str, Any], message: dict[str, Any], events: list[Event]) -> None:
        self._plan_done(events)
        self._text_done(events)
        index = number(item.get("index"))
        if index is None:
            index = max(self._blocks, default=-1) + 1
        if (open_ := self._blocks.pop(index, None)) is not None:
            self._close(open_, events)
        fields = dict(object_of(message.get("content")))
        block = self._open(index, text_of(fields.get("type")) or ("thinking" if "thinking" in fields else "text"), fields)
        if block.kind not in ("text", "thinking"):
            events.append(OpaqueEvent("content-start", msgspec.json.encode(item)))
        else:
            self._grow(block, text_of(fields.pop(block.kind, None)), events)

    def _open(self, index: int, kind: str, fields: dict[str, Any]) -> _Block:
        block = self._blocks[index] = _Block(kind, self._begun, fields)
        self._begun += 1
        return block

    def _grow(self, block: _Block, text: str, events: list[Event]) -> None:
        if text:
            block.pieces.append(text)
            events.append(TextDelta(text) if block.kind == "text" else ReasoningDelta(text))

    def _content_delta(self, item: dict[str, Any], message: dict[str, Any], events: list[Event]) -> None:
        piece = object_of(message.get("content"))
        index = number(item.get("index"))
        if index is None:
            index = max(self._blocks, default=0)
        block = self._blocks.get(index)
        if block is None:  # it never began
            self._plan_done(events)
            self._text_done(events)
            block = self._open(index, "thinking" if text_of(piece.get("thinking")) else "text", {})
        logprobs, before = logprobs_of(item.get("logprobs")), len(events)
        if block.kind in ("text", "thinking"):
            self._grow(block, text_of(piece.get(block.kind)), events)
        else:
            events.append(OpaqueEvent("content-delta", msgspec.json.encode(item)))
        if logprobs and len(events) > before and type(events[-1]) is TextDelta:
            events[-1] = msgspec.structs.replace(events[-1], logprobs=logprobs)
        elif logprobs:
            events.append(TextDelta("", logprobs=logprobs))

    def _content_end(self, item: dict[str, Any], message: dict[str, Any], events: list[Event]) -> None:
        index = number(item.get("index"))
        if index is None and len(self._blocks) == 1:
            index = next(iter(self._blocks))
        block = self._blocks.pop(index, None) if index is not None else None
        if block is None:
            return
        if block.kind == "text":
            self._text_done(events)
            self._ended = block
        else:
            self._close(block, events)

    def _text_done(self, events: list[Event]) -> None:
        if (block := self._ended) is not None:
            self._ended = None
            self._close(block, events)

    def _close(self, block: _Block, events: list[Event]) -> None:
        citations = tuple([citation_of(item, self._context) for item in block.cited])
        fields = {**block.fields, "type": block.kind}
        if block.kind in ("text", "thinking"):
            fields[block.kind] = "".join(block.pieces)
        if (part := part_of(fields, citations, self._context)) is not None:
            events.append(PartDone(part))

    # --- the plan, citations, calls -----------------------------------------------------------------------------------

    def _tool_plan(self, item: dict[str, Any], message: dict[str, Any], events: list[Event]) -> None:
        if text := text_of(message.get(PLAN)):
            self._plan.append(text)
            events.append(ReasoningDelta(text))

    def _plan_done(self, events: list[Event]) -> None:
        if self._plan:
            text, self._plan = "".join(self._plan), []
            events.append(PartDone(plan_of(text)))

    def _citation(self, item: dict[str, Any], message: dict[str, Any], events: list[Event]) -> None:
        for cited in objects(message.get("citations")):
            block = self._cited_by(number(cited.get("content_index"))) if cites_text(cited) else None
            if block is None:
                self._extra.setdefault("message", {}).setdefault("citations", []).append(cited)
                events.append(OpaqueEvent("citation-start", msgspec.json.encode(item)))
            else:
                block.cited.append(cited)
                events.append(CitationDelta(citation_of(cited, self._context)))

    def _cited_by(self, place: int | None) -> _Block | None:
        """The text at ``place``; where that is none that is still being written, the last one."""
        texts = [block for block in (*([self._ended] if self._ended else ()), *self._blocks.values()) if block.kind == "text"]
        return next((block for block in texts if block.number == place), texts[-1] if texts else None)

    def _call_start(self, item: dict[str, Any], message: dict[str, Any], events: list[Event]) -> None:
        self._plan_done(events)
        self._text_done(events)
        for fields in objects(message.get("tool_calls")):
            index = number(item.get("index"))
            index = self._called if index is None else index
            if (open_ := self._calls.pop(index, None)) is not None:
                self._call_done(open_, events)
            call = self._calls[index] = _Call(self._called, fields)
            self._called += 1
            function = object_of(fields.get("function"))
            arguments = arguments_text(function.get("arguments"))
            call.pieces.append(arguments)
            whole = call_of(fields, call.number, self._context, self._id)
            custom = whole.kind == "custom"
            events.append(ToolCallDelta(call.number, whole.id, whole.name, "" if custom else arguments))

    def _call_delta(self, item: dict[str, Any], message: dict[str, Any], events: list[Event]) -> None:
        index = number(item.get("index"))
        call = self._calls.get(index) if index is not None else next(reversed(self._calls.values()), None)
        for fields in objects(message.get("tool_calls")):
            arguments = arguments_text(object_of(fields.get("function")).get("arguments"))
            if call is None:
                self._call_start(item, message, events)
                return
            call.pieces.append(arguments)
            if arguments and text_of(object_of(call.fields.get("function")).get("name")) not in self._context.custom_tools:
                events.append(ToolCallDelta(call.number, arguments=arguments))

    def _call_end(self, item: dict[str, Any], message: dict[str, Any], events: list[Event]) -> None:
        index = number(item.get("index"))
        if index is None and len(self._calls) == 1:
            index = next(iter(self._calls))
        if index is not None and (call := self._calls.pop(index, None)) is not None:
            self._call_done(call, events)

    def _call_done(self, call: _Call, events: list[Event]) -> None:
        function = {**object_of(call.fields.get("function")), "arguments": "".join(call.pieces)}
        part = call_of({**call.fields, "function": function}, call.number, self._context, self._id)
        if part.kind == "custom":
            events.append(ToolCallDelta(call.number, arguments=part.raw_arguments))
        events.append(PartDone(part, call.number))

    def _nothing(self, item: dict[str, Any], message: dict[str, Any], events: list[Event]) -> None:
        """``citation-end`` tells nothing new."""


_Take = Callable[[CohereEventDecoder, dict[str, Any], dict[str, Any], list[Event]], None]
_TAKE: dict[str, _Take] = {
    "message-start": CohereEventDecoder._message_start,
    "content-start": CohereEventDecoder._content_start,
    "content-delta": CohereEventDecoder._content_delta,
    "content-end": CohereEventDecoder._content_end,
    "tool-plan-delta": CohereEventDecoder._tool_plan,
    "tool-call-start": CohereEventDecoder._call_start,
    "tool-call-delta": CohereEventDecoder._call_delta,
    "tool-call-end": CohereEventDecoder._call_end,
    "citation-start": CohereEventDecoder._citation,
    "citation-end": CohereEventDecoder._nothing,
    "message-end": CohereEventDecoder._message_end,
}
