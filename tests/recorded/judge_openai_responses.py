"""The ``openai`` SDK reading Responses replies. What differs from the chat readings:

- **text, refusal**: the ``output_text`` and ``refusal`` parts of the message items, joined (as the SDK's ``output_text``).
- **reasoning**: summaries, then ``reasoning_text``, of one item joined by a blank line; items joined.
- **calls**: ``function_call`` and ``custom_tool_call`` items, by ``call_id``.
- **items** of a stream: those of ``response.output_item.done``, or, where none came, of the final response; everything else is
  the final response's.
- **finish**: follows from status and ``incomplete_details`` (sheet §4); ``raw_finish`` is the reason of what is incomplete, else
  the status.
- **last event**: the SDK loses one that no blank line follows (records tagged ``sse_no_final_blank_line``): its types then read it from
  the bytes. What the last response leaves out of id and model stands in the first.
- A response with status ``failed`` is an error, in a whole reply too, where the SDK raises nothing.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import openai
from openai._models import construct_type
from openai.types.responses import ResponseStreamEvent

from tests.recorded.reading import Reading, _call
from tests.recorded.records import Record

_INCOMPLETE = {"max_output_tokens": "length", "content_filter": "content_filter"}
_LAST = ("response.completed", "response.incomplete", "response.failed")


@cache
def _client() -> openai.OpenAI:
    return openai.OpenAI(api_key="sk-judge-000000000000", base_url="http://127.0.0.1:9", max_retries=0)


def read(record: Record, url: str) -> Reading:
    """What the SDK reads at ``url``; raises what it raises."""
    responses: Any = _client().with_options(base_url=url).responses
    if not record.stream:
        reply = responses.create(model=record.model, input="hi")
        return _reading(reply, list(reply.output))
    with responses.create(model=record.model, input="hi", stream=True) as stream:
        events: list[Any] = list(stream)
    if events[-1].type not in _LAST and "sse_no_final_blank_line" in record.features:
        lost = record.body.rstrip().rpartition(b"\ndata: ")[2]
        events.append(construct_type(type_=ResponseStreamEvent, value=json.loads(lost)))
    last = next(event for event in events if event.type in _LAST)
    done = [event.item for event in events if event.type == "response.output_item.done"]
    found = _reading(last.response, done or list(last.response.output))
    first = events[0].response
    return found | {"id": found["id"] or first.id, "model": found["model"] or first.model}


def _reading(reply: Any, items: list[Any]) -> Reading:
    if reply.status == "failed":
        raise ValueError("a failed response")
    contents = [content for item in items if item.type == "message" for content in item.content]
    calls = [made for item in items if (made := _tool_call(item)) is not None]
    refusals = [content.refusal for content in contents if content.type == "refusal"]
    details, usage = reply.incomplete_details, reply.usage
    raw = (details.reason if details is not None else None) or reply.status
    cached = usage.input_tokens_details if usage is not None else None
    return {
        "text": "".join(content.text for content in contents if content.type == "output_text"),
        "reasoning": "".join(_reasoning(item) for item in items if item.type == "reasoning"),
        "calls": calls,
        "finish": _finish(reply.status, raw, calls, refusals),
        "raw_finish": raw,
        "input": None if usage is None else usage.input_tokens,
        "output": None if usage is None else usage.output_tokens,
        "cached": None if cached is None else cached.cached_tokens,
        "id": reply.id or None,
        "model": reply.model or None,
        "refusal": "".join(refusals) or None,
    }


def _finish(status: str, raw: str, calls: list[Any], refusals: list[str]) -> str:
    if calls:
        return "tool_calls"
    if status == "incomplete":
        return _INCOMPLETE.get(raw, "other")
    if refusals:
        return "content_filter"
    return "stop" if status in ("completed", "complete") else "other"


def _reasoning(item: Any) -> str:
    texts = [part.text for part in item.summary] + [part.text for part in item.content or []]
    return "\n\n".join(text for text in texts if text)


def _tool_call(item: Any) -> list[Any] | None:
    if item.type == "function_call":
        return _call(item.call_id, item.name, item.arguments)
    return [item.call_id, item.name, item.input] if item.type == "custom_tool_call" else None
