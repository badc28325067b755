"""The vendor's SDK reading replies of Mistral's chat, which is openai-chat with ways of its own.

Content is text, or a list in which ``text`` parts are the answer and ``thinking`` parts the thought. A streamed call comes whole in one
piece, which may lack its index; one with an id is a new one. What was read from the cache stands in fields that the SDK does not type:
``prompt_tokens_details.cached_tokens``, or ``num_cached_tokens``.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import httpx
from mistralai.client import Mistral

from tests.recorded.reading import Reading, _call, finish
from tests.recorded.records import Record


@cache
def _http() -> httpx.Client:
    return httpx.Client()


def read(record: Record, url: str) -> Reading:
    """What the SDK reads at ``url``."""
    client = Mistral(api_key="judge-000000000000", server_url=url.removesuffix("/v1"), client=_http())
    messages: Any = [{"role": "user", "content": "hi"}]
    if record.stream:
        with client.chat.stream(model=record.model, messages=messages) as stream:
            return _streamed([event.data for event in stream])
    reply = client.chat.complete(model=record.model, messages=messages)
    choice = reply.choices[0]
    message: Any = choice.message
    calls = [_call(_id(call), call.function.name, call.function.arguments) for call in message.tool_calls or []]
    return _reading(_text(message.content), _thought(message.content), calls, choice.finish_reason, reply.usage, reply)


def _id(call: Any) -> str | None:
    return None if call.id == "null" else call.id


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "".join(part.text for part in content if part.type == "text")
    return content or ""


def _thought(content: Any) -> str:
    if not isinstance(content, list):
        return ""
    return "".join(_text(part.thinking) for part in content if part.type == "thinking")


def _reading(text: str, thought: str, calls: list[Any], raw: Any, usage: Any, head: Any) -> Reading:
    extra = {} if usage is None else usage.additional_properties or {}
    details = extra.get("prompt_tokens_details") or {}
    return {
        "text": text,
        "reasoning": thought,
        "calls": calls,
        "finish": finish(raw, calls),
        "raw_finish": raw or None,
        "input": None if usage is None else usage.prompt_tokens,
        "output": None if usage is None else usage.completion_tokens,
        "cached": details.get("cached_tokens", extra.get("num_cached_tokens")),
        "id": head.id or None,
        "model": head.model or None,
        "refusal": None,
    }


def _streamed(chunks: list[Any]) -> Reading:
    text: list[str] = []
    thought: list[str] = []
    calls: list[list[Any]] = []
    raw, usage = None, None
    for chunk in chunks:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            if choice.index:
                continue
            raw = choice.finish_reason or raw
            text.append(_text(choice.delta.content))
            thought.append(_thought(choice.delta.content))
            for call in choice.delta.tool_calls or []:
                if _id(call) is not None or not calls:
                    calls.append([_id(call), call.function.name, call.function.arguments])
                else:
                    calls[-1][2] += call.function.arguments
    told = [_call(*call) for call in calls]
    return _reading("".join(text), "".join(thought), told, raw, usage, chunks[0])
