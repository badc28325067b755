"""Streams that are right to the letter (openai-chat §8, §11), one for each thing that a stream may say."""

from __future__ import annotations

import json
from typing import Any

from trunkline.wire.sse import Frame

HEAD = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1790000000, "model": "m-1"}
USAGE = {
    "prompt_tokens": 61,
    "completion_tokens": 15,
    "total_tokens": 76,
    "prompt_tokens_details": {"cached_tokens": 8},
    "completion_tokens_details": {"reasoning_tokens": 4},
}
DONE = Frame(b"[DONE]")


def frame(**fields: Any) -> Frame:
    return Frame(json.dumps({**HEAD, **fields}).encode())


def choice(delta: dict[str, Any], reason: str | None = None, index: int = 0, **fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": index, "delta": delta, **fields, "finish_reason": reason}]}


def role(index: int = 0) -> dict[str, Any]:
    return choice({"role": "assistant", "content": ""}, index=index)


def begin(index: int, id: str, name: str) -> dict[str, Any]:
    call = {"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": ""}}
    return choice({"tool_calls": [call]})


def more(index: int, arguments: str) -> dict[str, Any]:
    return choice({"tool_calls": [{"index": index, "function": {"arguments": arguments}}]})


def stream(*chunks: dict[str, Any], usage: bool = False) -> tuple[Frame, ...]:
    if not usage:
        return (*(frame(**chunk) for chunk in chunks), DONE)
    return (*(frame(**chunk, usage=None) for chunk in chunks), frame(choices=[], usage=USAGE), DONE)


_TOKEN = {"token": "Hi", "logprob": -0.5, "bytes": [72, 105]}
_NOTE = {"type": "url_citation", "url_citation": {"start_index": 0, "end_index": 2, "url": "https://example.org", "title": "t"}}
_CUSTOM = {"index": 0, "id": "call_1", "type": "custom", "custom": {"name": "shell", "input": ""}}

STREAMS: dict[str, tuple[Frame, ...]] = {
    "text": stream(role(), choice({"content": "Hello"}), choice({"content": " world"}), choice({}, "stop")),
    "text with usage": stream(
        role(), choice({"content": "Hello"}), choice({"content": " world"}), choice({}, "length"), usage=True
    ),
    "text with all its head": stream(
        *(
            {**chunk, "service_tier": "default", "system_fingerprint": "fp_1", "obfuscation": "ab"}
            for chunk in (role(), choice({"content": "Hello"}), choice({}, "stop"))
        )
    ),
    "probabilities and notes": stream(
        role(),
        choice({"content": "Hi"}, logprobs={"content": [{**_TOKEN, "top_logprobs": [_TOKEN]}], "refusal": None}),
        choice({"annotations": [_NOTE]}),
        choice({}, "stop"),
    ),
    "reasoning": stream(
        role(),
        choice({"reasoning_content": "Let me"}),
        choice({"reasoning_content": " see"}),
        choice({"content": "Yes"}),
        choice({}, "stop"),
        usage=True,
    ),
    "parallel tools": stream(
        role(),
        begin(0, "call_1", "weather"),
        more(0, '{"city":'),
        more(0, '"Oslo"}'),
        begin(1, "call_2", "time"),
        more(1, "{}"),
        choice({}, "tool_calls"),
        usage=True,
    ),
    "refusal": stream(
        choice({"role": "assistant", "content": None, "refusal": None}),
        choice({"refusal": "I can"}),
        choice({"refusal": "not"}),
        choice({}, "stop"),
    ),
    "two choices": stream(
        role(0),
        role(1),
        choice({"content": "one"}, index=0),
        choice({"content": "two"}, index=1),
        choice({}, "stop", index=0),
        choice({"content": "more"}, index=1),
        choice({}, "length", index=1),
        usage=True,
    ),
    "plain tool": stream(
        role(),
        choice({"tool_calls": [_CUSTOM]}),
        choice({"tool_calls": [{"index": 0, "custom": {"input": "ls"}}]}),
        choice({}, "tool_calls"),
    ),
    "function of old": stream(
        role(),
        choice({"function_call": {"name": "weather", "arguments": ""}}),
        choice({"function_call": {"arguments": "{}"}}),
        choice({}, "function_call"),
    ),
    "sound": stream(
        role(),
        choice({"audio": {"id": "audio_1", "transcript": "Hel"}}),
        choice({"audio": {"data": "AAAA"}}),
        choice({"audio": {"expires_at": 1790000600}}),
        choice({}, "stop"),
    ),
    "moderation": (
        *stream(role(), choice({"content": "Hello"}), choice({}, "stop"))[:-1],
        frame(choices=[], moderation={"input": {}}),
        DONE,
    ),
    "error": (
        *stream(role(), choice({"content": "Hello"}))[:-1],
        Frame(b'{"error":{"message":"m","type":"server_error","param":null,"code":"c"}}'),
    ),
}
