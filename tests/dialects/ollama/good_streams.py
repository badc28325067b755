"""Streams that are right to the letter (local-servers §3), one for each thing that a stream may say."""

from __future__ import annotations

import json
from typing import Any

from trunkline.wire.sse import Frame

HEAD = {"model": "m1", "created_at": "2026-11-20T09:00:00Z"}
DURATIONS = {"total_duration": 900, "load_duration": 1, "prompt_eval_duration": 2, "eval_duration": 3}
COUNTS = {"prompt_eval_count": 20, "eval_count": 5}


def frame(fields: dict[str, Any]) -> Frame:
    return Frame(json.dumps(fields).encode())


def says(content: str = "", **fields: Any) -> Frame:
    """A line; ``logprobs`` stand beside the message, everything else in it."""
    beside = {name: fields.pop(name) for name in ("logprobs",) if name in fields}
    return frame({**HEAD, "message": {"role": "assistant", "content": content, **fields}, "done": False, **beside})


def last(reason: str = "stop", message: dict[str, Any] | None = None, **fields: Any) -> Frame:
    said = {"role": "assistant", "content": "", **(message or {})}
    return frame({**HEAD, "message": said, "done": True, "done_reason": reason, **DURATIONS, **fields})


def call(index: int, id: str, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"id": id, "function": {"index": index, "name": name, "arguments": arguments}}


_TOKEN = {"token": "Hi", "logprob": -0.5, "bytes": [72, 105]}

STREAMS: dict[str, tuple[Frame, ...]] = {
    "text": (says("Hello"), says(" world"), last(**COUNTS)),
    "nothing": (last("length"),),
    "a thought": (says(thinking="hm"), says("Hi"), last(**COUNTS)),
    "calls": (
        says(tool_calls=[call(0, "c1", "weather", {"city": "Oslo"}), call(1, "c2", "weather", {"city": "Rome"})]),
        says(tool_calls=[call(2, "c3", "clock", {})]),
        last(),
    ),
    "a sign of life": (says("Hi"), says(), last()),
    "log probabilities": (says("Hi", logprobs=[{**_TOKEN, "top_logprobs": [_TOKEN]}]), last()),
    "fields of a server's own": (says("Hi"), last(message={"odd": 1}, context=[1])),
    "an error": (says("Hi"), frame({"error": "the model has crashed"})),
    "an error with its status": (frame({"error": "slow down", "status": 429}),),
}
