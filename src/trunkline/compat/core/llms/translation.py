"""The application core's dicts and answers to the library's values, and back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from trunkline import (
    Event,
    Finish,
    Message,
    Response,
    Text,
    TextDelta,
    Tool,
    ToolCall,
    UnsupportedOperationError,
    Usage,
    UsageUpdate,
)

from ...backends import finish_reason
from .interfaces.llm_interfaces import LLMResponse, LLMStreamChunk


def to_tools(tools: Iterable[Any]) -> list[dict[str, Any]]:
    """Tools as dicts in OpenAI's shape. ``UnsupportedOperationError`` for tools that are no functions."""
    return [_tool(tool) for tool in tools]


def _tool(tool: Any) -> dict[str, Any]:
    if not isinstance(tool, Tool):
        raise UnsupportedOperationError("a model of your own takes functions as tools", hint="hosted and custom tools are not")
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters, "strict": tool.strict}
    return {"type": "function", "function": {name: value for name, value in function.items() if value is not None}}


def from_answer(answer: LLMResponse) -> Response:
    """An answer as the library's reply; ``raw`` stands in ``extra``."""
    calls = [_call(call) for call in answer.tool_calls or ()]
    text = (Text(answer.content),) if answer.content else ()
    return Response(
        message=Message.assistant(*text, *calls),
        finish_reason=finish_reason(answer.finish_reason, calls=bool(calls)),
        raw_finish_reason=answer.finish_reason,
        usage=_usage(answer.usage),
        model=answer.model,
        extra={} if answer.raw is None else {"raw": answer.raw},
    )


def _call(call: Mapping[str, Any]) -> ToolCall:
    function = call["function"]
    arguments = function["arguments"]
    raw = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    return ToolCall(call["id"], function["name"], raw)


def _usage(usage: Mapping[str, Any] | None) -> Usage:
    if usage is None:
        return Usage()
    return Usage(input_tokens=usage.get("prompt_tokens"), output_tokens=usage.get("completion_tokens"), raw=dict(usage))


def from_chunk(chunk: LLMStreamChunk) -> Iterator[Event]:
    """A piece of an answer as the library's events."""
    if chunk.content:
        yield TextDelta(chunk.content)
    if chunk.usage is not None:
        yield UsageUpdate(_usage(chunk.usage))
    if chunk.finish_reason is not None:  # where none comes, the end is one
        yield Finish(finish_reason(chunk.finish_reason, calls=False), chunk.finish_reason)
