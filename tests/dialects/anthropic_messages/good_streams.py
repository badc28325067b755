"""Streams that are right to the letter (anthropic-messages §10), one for each thing that a stream may say."""

from __future__ import annotations

import json
from typing import Any

from trunkline.wire.sse import Frame

PING = Frame(b'{"type":"ping"}', "ping")


def event(kind: str, **fields: Any) -> Frame:
    return Frame(json.dumps({"type": kind, **fields}).encode(), kind)


def start(**fields: Any) -> Frame:
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m-1",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 40, "cache_read_input_tokens": 8, "output_tokens": 1},
    }
    return event("message_start", message={**message, **fields})


def block(index: int, content: dict[str, Any], *deltas: dict[str, Any]) -> tuple[Frame, ...]:
    said = [event("content_block_delta", index=index, delta=delta) for delta in deltas]
    return (event("content_block_start", index=index, content_block=content), *said, event("content_block_stop", index=index))


def text(index: int, *pieces: str) -> tuple[Frame, ...]:
    return block(index, {"type": "text", "text": ""}, *({"type": "text_delta", "text": piece} for piece in pieces))


def thinking(index: int, *pieces: str) -> tuple[Frame, ...]:
    deltas = [{"type": "thinking_delta", "thinking": piece} for piece in pieces]
    content = {"type": "thinking", "thinking": "", "signature": ""}
    return block(index, content, *deltas, {"type": "signature_delta", "signature": "c2ln"})


def call(index: int, id: str, name: str, *pieces: str, kind: str = "tool_use") -> tuple[Frame, ...]:
    deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    return block(index, {"type": kind, "id": id, "name": name, "input": {}}, *deltas)


def end(reason: str = "end_turn", sequence: str | None = None, **more: Any) -> tuple[Frame, ...]:
    delta = {"stop_reason": reason, "stop_sequence": sequence, **more}
    return event("message_delta", delta=delta, usage={"output_tokens": 31}), event("message_stop")


CITATION = {"type": "char_location", "cited_text": "c", "document_index": 0, "start_char_index": 0, "end_char_index": 1}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [{"type": "web_search_result", "url": "u"}]}

STREAMS: dict[str, tuple[Frame, ...]] = {
    "text": (start(), PING, *text(0, "Hello", " world"), *end()),
    "a sequence": (start(), *text(0, "Hello"), *end("stop_sequence", "END")),
    "thinking": (start(), *thinking(0, "Let me", " see"), *text(1, "Yes"), *end()),
    "hidden thinking": (
        start(),
        *thinking(0),
        *block(1, {"type": "redacted_thinking", "data": "b3BhcXVl"}),
        *text(2, "Yes"),
        *end("max_tokens"),
    ),
    "parallel tools": (
        start(),
        *text(0, "I look."),
        *call(1, "toolu_1", "weather", "", '{"city":', '"Oslo"}'),
        *call(2, "toolu_2", "time"),
        *end("tool_use"),
    ),
    "citations": (
        start(),
        *block(
            0,
            {"type": "text", "text": "", "citations": []},
            {"type": "citations_delta", "citation": CITATION},
            {"type": "text_delta", "text": "cited"},
        ),
        *end(),
    ),
    "a server's tool": (
        start(),
        *call(0, "srvtoolu_1", "web_search", '{"query":"q"}', kind="server_tool_use"),
        *block(1, FOUND),
        *text(2, "Found"),
        *end(),
    ),
    "a block of a later kind": (start(), *block(0, {"type": "later", "held": 1}), *end()),
    "refusal": (start(), *end("refusal", stop_details={"type": "refusal", "category": "cyber"})),
    "cut in a tool's input": (start(), *call(0, "toolu_1", "weather", '{"city":"Os'), *end("max_tokens")),
    "error": (
        start(),
        *text(0, "Hello")[:-1],
        event("error", error={"type": "overloaded_error", "message": "m"}, request_id="req_1"),
    ),
    "error at once": (event("error", error={"type": "api_error", "message": "m"}),),
}
