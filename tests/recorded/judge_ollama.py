"""The vendor's SDK reading replies of Ollama's chat, and of its older completion where the reply is one of those.

It types no ids of calls: those are read from the JSON. Pieces of a stream are joined; one whose last line is not ``done`` is cut off.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import ollama

from tests.recorded.reading import Reading, _call
from tests.recorded.records import Record


@cache
def _client(url: str) -> ollama.Client:
    return ollama.Client(host=url)


def read(record: Record, url: str) -> Reading:
    """What the SDK reads at ``url``."""
    client = _client(url.removesuffix("/v1"))
    if b'"response"' in record.body:
        said: Any = client.generate(model=record.model, prompt="hi", stream=record.stream)
    else:
        said = client.chat(model=record.model, messages=[{"role": "user", "content": "hi"}], stream=record.stream)
    pieces = list(said) if record.stream else [said]
    assert pieces[-1].done, "the stream is cut off"
    messages = [getattr(piece, "message", None) or piece for piece in pieces]
    calls = [call for message in messages for call in getattr(message, "tool_calls", None) or []]
    ids = iter(_ids(record.body))
    told = [_call(next(ids), call.function.name, json.dumps(dict(call.function.arguments))) for call in calls]
    last, raw = pieces[-1], pieces[-1].done_reason or None
    return {
        "text": "".join(getattr(message, "content", None) or getattr(message, "response", None) or "" for message in messages),
        "reasoning": "".join(message.thinking or "" for message in messages),
        "calls": told,
        "finish": "tool_calls" if told else {"stop": "stop", "length": "length"}.get(raw or "", "other"),
        "raw_finish": raw,
        "input": last.prompt_eval_count,
        "output": last.eval_count,
        "cached": None,
        "id": None,
        "model": pieces[0].model or None,
        "refusal": None,
    }


def _ids(body: bytes) -> list[str | None]:
    lines = [json.loads(line) for line in body.split(b"\n") if line.strip()]
    return [call.get("id") for line in lines for call in (line.get("message") or {}).get("tool_calls") or []]
