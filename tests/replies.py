"""Replies of providers, written by hand for tests of what stands above the dialects."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from trunkline.sim.scripted import Piece, Scripted


def chat_body(text: str = "hi", **changes: Any) -> bytes:
    message = {"role": "assistant", "content": text, **changes.pop("message", {})}
    choice = {"index": 0, "message": message, "finish_reason": changes.pop("finish_reason", "stop")}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    return json.dumps(
        {"id": "chatcmpl-1", "object": "chat.completion", "model": "m-1", "choices": [choice], "usage": usage} | changes
    ).encode()


def chat(text: str = "hi", *, headers: dict[str, str] | None = None, **changes: Any) -> Scripted:
    return Scripted(
        200, {"content-type": "application/json", "x-request-id": "req_ok"} | (headers or {}), [chat_body(text, **changes)]
    )


def sse(*values: object) -> bytes:
    return b"".join(
        b"data: " + (value.encode() if isinstance(value, str) else json.dumps(value).encode()) + b"\n\n" for value in values
    )


def start() -> bytes:
    """The chunk that names the role and says nothing yet."""
    return sse({"id": "chatcmpl-1", "model": "m-1", "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]})


def delta(text: str) -> bytes:
    return sse({"id": "chatcmpl-1", "model": "m-1", "choices": [{"index": 0, "delta": {"content": text}}]})


def finish(reason: str = "stop") -> bytes:
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    last = {"id": "chatcmpl-1", "model": "m-1", "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}
    return sse(last, {"id": "chatcmpl-1", "model": "m-1", "choices": [], "usage": usage}, "[DONE]")


def error_frame(message: str = "boom", kind: str = "server_error", **more: Any) -> bytes:
    return sse({"error": {"message": message, "type": kind, **more}})


def chat_stream(texts: Sequence[str] = ("a", "b", "c"), *, headers: dict[str, str] | None = None) -> Scripted:
    return streamed([start(), *map(delta, texts), finish()], headers=headers)


def streamed(pieces: Sequence[Piece], end: str = "end", *, headers: dict[str, str] | None = None) -> Scripted:
    return Scripted(200, {"content-type": "text/event-stream", "x-request-id": "req_stream"} | (headers or {}), pieces, end)


def failed(status: int, message: str = "no", headers: dict[str, str] | None = None, **error: Any) -> Scripted:
    body = json.dumps({"error": {"message": message, **error}}).encode()
    return Scripted(status, {"content-type": "application/json", "x-request-id": f"req_{status}"} | (headers or {}), [body])


def messages_body(text: str = "hi") -> bytes:
    usage = {"input_tokens": 3, "output_tokens": 2}
    content = [{"type": "text", "text": text}]
    return json.dumps(
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "c-1",
            "content": content,
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": usage,
        }
    ).encode()
