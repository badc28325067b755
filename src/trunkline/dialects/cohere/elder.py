"""Replies of version 1 of this protocol (``/v1/chat``), which gateways and older endpoints still send: read, never asked for.

A whole reply has ``text`` where version 2 has a message. A stream is lines of JSON with ``event_type`` (or SSE with the same
data) whose last one, ``stream-end``, holds the whole reply.
"""

from __future__ import annotations

from typing import Any

from ...values.events import CitationDelta, Event, Finish, OpaqueEvent, PartDone, Start, TextDelta, UsageUpdate
from ...values.fold import fold
from ...values.message import Message, Part, Text, ToolCall
from ...values.response import Response, Usage
from ...wire.json_lines import JsonLinesDecoder
from ..dialect import Context
from .errors import malformed
from .message import call_of
from .pieces import citation_of, finish_reason, object_of, objects, other_fields, text_of, text_or_none
from .usage import read_usage

_NAMED = frozenset({"text", "generation_id", "finish_reason", "meta", "citations", "tool_calls", "tool_plan"})


def whole(body: dict[str, Any], context: Context) -> Response:
    """A whole reply."""
    reason, meta, reply_id = text_or_none(body.get("finish_reason")), body.get("meta"), text_or_none(body.get("generation_id"))
    documents = {text_of(document.get("id")): document for document in objects(body.get("documents"))}
    parts: list[Part] = []
    text = text_of(body.get("text"))
    if text:
        cited = [citation_of(_newer(item, documents), context) for item in objects(body.get("citations"))]
        parts.append(Text(text, tuple(cited)))
    parts += [_call(call, n, context, reply_id) for n, call in enumerate(objects(body.get("tool_calls")))]
    return Response(
        message=Message("assistant", tuple(parts)),
        finish_reason=finish_reason(reason, calls=any(type(part) is ToolCall for part in parts)),
        raw_finish_reason=reason,
        usage=read_usage(meta) if isinstance(meta, dict) and meta else Usage(),
        id=reply_id,
        extra=other_fields(body, _NAMED),
    )


def _newer(item: dict[str, Any], documents: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """A citation as version 2 writes it."""
    ids = item.get("document_ids")
    known = [name for name in ids if isinstance(name, str)] if isinstance(ids, list) else []
    sources = [{"type": "document", "id": name, "document": documents.get(name, {})} for name in known]
    return {"start": item.get("start"), "end": item.get("end"), "text": item.get("text"), "sources": sources}


def _call(call: dict[str, Any], n: int, context: Context, reply_id: str | None) -> ToolCall:
    newer = {"function": {"name": call.get("name"), "arguments": call.get("parameters")}}
    return call_of(newer, n, context, reply_id)


def lines(body: bytes, context: Context) -> Response:
    """A stream that came as one body."""
    from .stream import CohereEventDecoder  # it asks us about single events

    cut, decoder = JsonLinesDecoder(), CohereEventDecoder(context)
    events = decoder.feed(cut.feed(body) + cut.finish())
    if decoder.error is not None:
        raise decoder.error
    if not decoder.done:
        raise malformed("$", context, message="the reply is cut off")
    return fold(events)


def event(item: dict[str, Any], data: bytes, events: list[Event], context: Context) -> bool:
    """The events of one line; whether it was the last."""
    kind = text_of(item.get("event_type"))
    if kind == "stream-start":
        events.append(Start(text_or_none(item.get("generation_id"))))
    elif kind == "text-generation":
        events.append(TextDelta(text_of(item.get("text"))))
    elif kind == "citation-generation":
        events += [CitationDelta(citation_of(_newer(cited, {}), context)) for cited in objects(item.get("citations"))]
    elif kind == "stream-end":
        _end(item, events, context)
        return True
    else:
        events.append(OpaqueEvent(kind, data))
    return False


def _end(item: dict[str, Any], events: list[Event], context: Context) -> None:
    response = object_of(item.get("response"))
    reply = whole({"finish_reason": item.get("finish_reason"), **response}, context)
    events += [PartDone(part) for part in reply.parts]
    if reply.usage != Usage():
        events.append(UsageUpdate(reply.usage))
    events.append(Finish(reply.finish_reason, reply.raw_finish_reason, extra=reply.extra))
