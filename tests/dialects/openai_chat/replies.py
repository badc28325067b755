"""Replies and streams of this protocol, written by hand, and the reading of them."""

from __future__ import annotations

import json
from typing import Any

from tests.dialects.openai_chat.judge import context
from trunkline.dialects.dialect import Context, EventDecoder
from trunkline.dialects.openai_chat import DIALECT
from trunkline.values.events import Event
from trunkline.values.headers import Headers
from trunkline.values.response import Response
from trunkline.wire.http import HttpReply
from trunkline.wire.sse import SseDecoder


def body(message: Any, **fields: Any) -> dict[str, Any]:
    """A reply of one choice; ``choice`` adds to the choice, the rest to the body."""
    choice = {"index": 0, "message": message, "finish_reason": "stop"} | fields.pop("choice", {})
    return {"id": "r1", "object": "chat.completion", "created": 1_790_000_000, "model": "m1", "choices": [choice]} | fields


def decode(value: Any, aim: Context | None = None, status: int = 200) -> Response:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return DIALECT.decode_response(HttpReply(status, Headers([("x-request-id", "q1")]), data), aim or context())


def chunk(delta: Any = None, *, finish: Any = None, index: int = 0, **fields: Any) -> dict[str, Any]:
    choices = [] if delta is None else [{"index": index, "delta": delta, "finish_reason": finish} | fields.pop("choice", {})]
    return {"id": "r1", "object": "chat.completion.chunk", "created": 1_790_000_000, "model": "m1", "choices": choices} | fields


def sse(*chunks: Any, done: bool = True) -> bytes:
    frames = [item if isinstance(item, bytes) else json.dumps(item).encode() for item in chunks]
    return b"".join(b"data: " + frame + b"\n\n" for frame in [*frames, *([b"[DONE]"] if done else [])])


def read(data: bytes, aim: Context | None = None, cuts: tuple[int, ...] = ()) -> tuple[list[Event], EventDecoder]:
    """The events of a stream's bytes, cut where ``cuts`` says, and the decoder when it is over."""
    frames, decoder = SseDecoder(), DIALECT.event_decoder(aim or context(stream=True))
    events: list[Event] = []
    for begin, end in zip((0, *cuts), (*cuts, len(data)), strict=True):
        events += decoder.feed(frames.feed(data[begin:end]))
    events += decoder.feed(frames.finish())
    return events + decoder.finish(), decoder
