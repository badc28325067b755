"""The vendor's SDK reading replies of Cohere's chat: version 2, and version 1 where the reply is one of those.

Of ``usage`` it types ``tokens`` and ``cached_tokens``; what was billed counts where there are no ``tokens``. A reply names no model.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import cohere
import httpx

from tests.recorded.reading import Reading, _call
from tests.recorded.records import Record

FINISH = {
    "COMPLETE": "stop", "STOP_SEQUENCE": "stop", "MAX_TOKENS": "length", "TOOL_CALL": "tool_calls", "ERROR": "error",
    "TIMEOUT": "error", "ERROR_TOXIC": "content_filter", "ERROR_LIMIT": "length",
}  # fmt: skip


@cache
def _http() -> httpx.Client:
    return httpx.Client()


def read(record: Record, url: str) -> Reading:
    """What the SDK reads at ``url``."""
    client = cohere.Client(api_key="judge-000000000000", base_url=url, httpx_client=_http())
    if b'"generation_id"' in record.body:
        return _elder(client, record)
    messages: Any = [{"role": "user", "content": "hi"}]
    if record.stream:
        return _streamed(list(client.v2.chat_stream(model=record.model, messages=messages)))
    reply = client.v2.chat(model=record.model, messages=messages)
    message = reply.message
    items = message.content or []
    return _reading(
        "".join(item.text for item in items if item.type == "text"),
        (message.tool_plan or "") + "".join(item.thinking for item in items if item.type == "thinking"),
        [_call(call.id, call.function.name, call.function.arguments or "") for call in message.tool_calls or []],
        reply.finish_reason,
        reply.usage,
        reply.id,
    )


def _reading(text: str, reasoning: str, calls: list[Any], raw: str | None, usage: Any, reply_id: str | None) -> Reading:
    tokens = getattr(usage, "tokens", None) or getattr(usage, "billed_units", None)
    return {
        "text": text,
        "reasoning": reasoning,
        "calls": calls,
        "finish": "tool_calls" if calls else FINISH.get(raw or "", "other"),
        "raw_finish": raw or None,
        "input": getattr(tokens, "input_tokens", None),
        "output": getattr(tokens, "output_tokens", None),
        "cached": getattr(usage, "cached_tokens", None),
        "id": reply_id or None,
        "model": None,
        "refusal": None,
    }


def _streamed(events: list[Any]) -> Reading:
    text: list[str] = []
    reasoning: list[str] = []
    calls: list[list[Any]] = []
    raw, usage, reply_id = None, None, None
    for event in events:
        if event.type == "message-start":
            reply_id = event.id
        elif event.type in ("content-start", "content-delta"):
            item = event.delta.message.content
            text.append(item.text or "")
            reasoning.append(item.thinking or "")
        elif event.type == "tool-plan-delta":
            reasoning.append(event.delta.message.tool_plan or "")
        elif event.type == "tool-call-start":
            call = event.delta.message.tool_calls
            calls.append([call.id, call.function.name, call.function.arguments or ""])
        elif event.type == "tool-call-delta":
            calls[-1][2] += event.delta.message.tool_calls.function.arguments or ""
        elif event.type == "message-end":
            raw, usage = event.delta.finish_reason, event.delta.usage
    told = [_call(*call) for call in calls]
    return _reading("".join(text), "".join(reasoning), told, raw, usage, reply_id)


def _elder(client: cohere.Client, record: Record) -> Reading:
    if not record.stream:
        reply = client.chat(message="hi")
        return _old(reply, reply.finish_reason)
    *_, last = client.chat_stream(message="hi")
    assert last.event_type == "stream-end", "the stream is cut off"
    return _old(last.response, last.finish_reason)


def _old(reply: Any, raw: str | None) -> Reading:
    calls = [_call(None, call.name, call.parameters) for call in reply.tool_calls or []]
    return _reading(reply.text, "", calls, raw, reply.meta, reply.generation_id)
