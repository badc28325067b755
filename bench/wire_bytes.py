"""The bytes that the mock upstream sends, made once: replies and streams of two protocols."""

from __future__ import annotations

import json
from itertools import cycle, islice
from typing import Any, NamedTuple

WORDS = (
    " swift",
    " amber",
    " quiet",
    " meadow",
    " signal",
    " harbor",
    " violet",
    " ledger",
    " candle",
    " summit",
    " willow",
    " copper",
)
BATCH = 16  # events in one write
ANSWER = "This answer comes from a mock, and is as long as usual."
CHAT_MODEL, MESSAGES_MODEL = "gpt-4o-mini-2024-07-18", "claude-haiku-4-5-20251001"


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _reply(body: bytes) -> bytes:
    return (
        b"HTTP/1.1 200 OK\r\nserver: mock\r\ncontent-type: application/json\r\nx-request-id: req_4f0a5c1d2b3e\r\n"
        b"openai-processing-ms: 9\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    )


STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nserver: mock\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n"
    b"x-request-id: req_4f0a5c1d2b3e\r\ntransfer-encoding: chunked\r\n\r\n"
)
LAST_CHUNK = b"0\r\n\r\n"
STATUS = _reply(b'{"object":"list","data":[]}')


def _chunk(event: bytes) -> bytes:
    """One event as one chunk of the transfer coding, as real providers send them."""
    return b"%x\r\n%b\r\n" % (len(event), event)


class Shape(NamedTuple):
    """One protocol: a whole reply, and the pieces of a stream. ``alone`` is a first event that says something by itself."""

    reply: bytes
    first: bytes
    alone: bytes
    words: tuple[bytes, ...]
    last: bytes

    def burst(self, count: int) -> list[bytes]:
        """A stream of ``count`` words as writes of ``BATCH`` events."""
        words = list(islice(cycle(self.words), count))
        writes = [b"".join(words[at : at + BATCH]) for at in range(0, count, BATCH)]
        return [STREAM_HEAD + self.first, *writes[:-1], (writes[-1] if writes else b"") + self.last]


# --- chat completions

_CHAT_HEAD = {
    "id": "chatcmpl-B7mJ2kQw9RtYx4LnVz0aPs81",
    "created": 1763600000,
    "model": CHAT_MODEL,
    "service_tier": "default",
    "system_fingerprint": "fp_51db84afab",
}
_CHAT_USAGE = {
    "prompt_tokens": 21,
    "completion_tokens": 14,
    "total_tokens": 35,
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
    "completion_tokens_details": {
        "reasoning_tokens": 0,
        "audio_tokens": 0,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    },
}


def _chat_event(delta: dict[str, Any] | None, reason: str | None = None, usage: dict[str, Any] | None = None) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}]
    return _chunk(
        b"data: " + _json({**_CHAT_HEAD, "object": "chat.completion.chunk", "choices": choices, "usage": usage}) + b"\n\n"
    )


_CHAT_MESSAGE = {"role": "assistant", "content": ANSWER, "refusal": None, "annotations": []}
CHAT = Shape(
    reply=_reply(
        _json(
            {
                **_CHAT_HEAD,
                "object": "chat.completion",
                "choices": [{"index": 0, "message": _CHAT_MESSAGE, "logprobs": None, "finish_reason": "stop"}],
                "usage": _CHAT_USAGE,
            }
        )
    ),
    first=_chat_event({"role": "assistant", "content": "", "refusal": None}),
    alone=_chat_event({"role": "assistant", "content": WORDS[0]}),
    words=tuple(_chat_event({"content": word}) for word in WORDS),
    last=_chat_event({}, "stop") + _chat_event(None, usage=_CHAT_USAGE) + _chunk(b"data: [DONE]\n\n") + LAST_CHUNK,
)

# --- messages

_MESSAGES_HEAD = {"id": "msg_01XkQ7vT3bYc9ZpR5sWm2LnH", "type": "message", "role": "assistant", "model": MESSAGES_MODEL}
_MESSAGES_USAGE = {
    "input_tokens": 21,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 0,
    "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
    "output_tokens": 14,
    "service_tier": "standard",
}


def _messages_event(kind: str, **fields: Any) -> bytes:
    return _chunk(b"event: %b\ndata: %b\n\n" % (kind.encode(), _json({"type": kind, **fields})))


def _text(word: str) -> bytes:
    return _messages_event("content_block_delta", index=0, delta={"type": "text_delta", "text": word})


_BEGIN = _messages_event(
    "message_start",
    message={**_MESSAGES_HEAD, "content": [], "stop_reason": None, "stop_sequence": None, "usage": _MESSAGES_USAGE},
) + _messages_event("content_block_start", index=0, content_block={"type": "text", "text": ""})
MESSAGES = Shape(
    reply=_reply(
        _json(
            {
                **_MESSAGES_HEAD,
                "content": [{"type": "text", "text": ANSWER}],
                "stop_reason": "end_turn",
                "stop_sequence": None,
                "usage": _MESSAGES_USAGE,
            }
        )
    ),
    first=_BEGIN + _messages_event("ping"),
    alone=_BEGIN + _text(WORDS[0]),
    words=tuple(_text(word) for word in WORDS),
    last=_messages_event("content_block_stop", index=0)
    + _messages_event("message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": 14})
    + _messages_event("message_stop")
    + LAST_CHUNK,
)
