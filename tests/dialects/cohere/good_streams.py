"""Streams of Cohere's chat that obey it to the letter."""

from __future__ import annotations

import json
from typing import Any

from trunkline.wire.sse import Frame

DONE = Frame(b"[DONE]")


def event(kind: str, **fields: Any) -> Frame:
    return Frame(json.dumps({"type": kind, **fields}).encode(), kind)


def message(kind: str, field: str, value: Any, **fields: Any) -> Frame:
    return event(kind, **fields, delta={"message": {field: value}})


def start() -> Frame:
    said = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    return event("message-start", id="29f14a5a", delta={"message": said})


def plan(*pieces: str) -> tuple[Frame, ...]:
    return tuple(message("tool-plan-delta", "tool_plan", piece) for piece in pieces)


def item(index: int, kind: str, *pieces: str | Frame) -> tuple[Frame, ...]:
    said = [
        piece if isinstance(piece, Frame) else message("content-delta", "content", {kind: piece}, index=index) for piece in pieces
    ]
    begun = message("content-start", "content", {"type": kind, kind: ""}, index=index)
    return (begun, *said, event("content-end", index=index))


def text(index: int, *pieces: str | Frame) -> tuple[Frame, ...]:
    return item(index, "text", *pieces)


def call(index: int, id: str, name: str, *pieces: str) -> tuple[Frame, ...]:
    begun = {"id": id, "type": "function", "function": {"name": name, "arguments": ""}}
    said = [message("tool-call-delta", "tool_calls", {"function": {"arguments": piece}}, index=index) for piece in pieces]
    return (message("tool-call-start", "tool_calls", begun, index=index), *said, event("tool-call-end", index=index))


def cited(index: int, start: int, end: int, words: str, **fields: Any) -> tuple[Frame, ...]:
    source = {"type": "document", "id": "doc:0", "document": {"id": "doc:0", "title": "Facts"}}
    citation = {"start": start, "end": end, "text": words, "sources": [source], "type": "TEXT_CONTENT", **fields}
    return message("citation-start", "citations", citation, index=index), event("citation-end", index=index)


def end(reason: str = "COMPLETE", **more: Any) -> tuple[Frame, ...]:
    usage = {
        "billed_units": {"input_tokens": 9, "output_tokens": 4},
        "tokens": {"input_tokens": 60, "output_tokens": 8},
        "cached_tokens": 16,
    }
    return event("message-end", delta={"finish_reason": reason, "usage": usage, **more}), DONE


LOGPROB = event(
    "content-delta",
    index=0,
    delta={"message": {"content": {"text": "Hi"}}},
    logprobs={"text": "Hi", "token_ids": [7], "logprobs": [-0.5]},
)

STREAMS: dict[str, tuple[Frame, ...]] = {
    "text": (start(), *text(0, "Hello", " world"), *end()),
    "a sequence": (start(), *text(0, "Hello"), *end("STOP_SEQUENCE")),
    "thinking": (start(), *item(0, "thinking", "Let me", " see"), *text(1, "Yes"), *end()),
    "a plan and calls": (
        start(),
        *plan("I will", " look."),
        *call(0, "weather_1", "weather", '{"city":', '"Oslo"}'),
        *call(1, "time_2", "time"),
        *end("TOOL_CALL"),
    ),
    "citations": (
        start(),
        *item(0, "thinking", "Hm"),
        *text(1, "It is Ruby", *cited(0, 6, 10, "Ruby", content_index=1), ", from Japan", *cited(1, 17, 22, "Japan")),
        *end(),
    ),
    "logprobs": (start(), *text(0, LOGPROB), *end()),
    "an item of a later kind": (
        start(),
        message("content-start", "content", {"type": "later", "held": 1}, index=0),
        event("content-end", index=0),
        *end(),
    ),
    "cut in a call": (start(), *call(0, "weather_1", "weather", '{"city":"Os'), *end("MAX_TOKENS")),
    "error": (start(), *text(0, "Hel"), *end("ERROR", error="m", error_type="OVERLOADED")),
    "error at once": end("ERROR", error="m"),
}
