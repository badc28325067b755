"""Lines as the program prints them (claude 2.1, shortened)."""

from __future__ import annotations

import json
from typing import Any

from trunkline.dialects.claude_cli import DIALECT
from trunkline.dialects.claude_cli.stream import ClaudeEventDecoder
from trunkline.dialects.dialect import Context
from trunkline.dialects.framings import frame_decoder
from trunkline.values.events import Event
from trunkline.values.model import Target

TARGET = Target("claude-cli", "claude-cli", "sonnet")
CONTEXT = Context(target=TARGET, model="sonnet")

USAGE = {"input_tokens": 9, "output_tokens": 4, "cache_read_input_tokens": 2, "cache_creation_input_tokens": 1}
INIT = {"type": "system", "subtype": "init", "tools": [], "model": "claude-sonnet-5", "session_id": "s"}
RESULT = {
    "type": "result", "subtype": "success", "is_error": False, "api_error_status": None, "result": "Hello", "stop_reason": "end_turn",
    "num_turns": 1, "total_cost_usd": 0.000892, "usage": USAGE, "session_id": "s",
}  # fmt: skip


def event(kind: str, parent: str | None = None, **fields: Any) -> dict[str, Any]:
    return {
        "type": "stream_event",
        "event": {"type": kind, **fields},
        "parent_tool_use_id": parent,
        "session_id": "s",
        "uuid": "u",
    }


def start(id: str = "msg_1") -> dict[str, Any]:
    message = {
        "id": id,
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-5",
        "content": [],
        "usage": {"input_tokens": 9},
    }
    return event("message_start", message=message)


def text(*pieces: str, index: int = 0) -> list[dict[str, Any]]:
    begun = event("content_block_start", index=index, content_block={"type": "text", "text": ""})
    said = [event("content_block_delta", index=index, delta={"type": "text_delta", "text": piece}) for piece in pieces]
    return [begun, *said, event("content_block_stop", index=index)]


def end(reason: str = "end_turn") -> list[dict[str, Any]]:
    return [event("message_delta", delta={"stop_reason": reason}, usage={"output_tokens": 4}), event("message_stop")]


def written(*lines: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def read(*lines: dict[str, Any], step: int = 7) -> tuple[list[Event], ClaudeEventDecoder]:
    """The events of these lines, cut into pieces of ``step`` bytes."""
    data, frames, decoder = written(*lines), frame_decoder(DIALECT.framing), ClaudeEventDecoder(CONTEXT)
    events = [found for at in range(0, len(data), step) for found in decoder.feed(frames.feed(data[at : at + step]))]
    return events + decoder.feed(frames.finish()) + decoder.finish(), decoder
