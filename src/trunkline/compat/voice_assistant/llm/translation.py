"""The assistant's messages and results to the library's, and back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Sequence
from typing import Any, cast

import trunkline
from trunkline import Response, Role, Text, Tool, ToolResult, ToolSource, UnsupportedOperationError, Usage

from ...backends import finish_reason
from .base import CompletionResult, Message, MessageRole, ToolCall, ToolDefinition


def to_messages(messages: Sequence[Message]) -> list[trunkline.Message]:
    """Ours for theirs."""
    return [_to_message(message) for message in messages]


def _to_message(message: Message) -> trunkline.Message:
    role = MessageRole(message.role)
    if role is MessageRole.TOOL:
        result = ToolResult(message.tool_call_id or "", (Text(message.content),), name=message.name)
        return trunkline.Message.tool(result)
    return trunkline.Message(cast(Role, role.value), (Text(message.content),), message.name)


def from_messages(messages: Sequence[trunkline.Message]) -> list[Message]:
    """Theirs for ours. ``UnsupportedOperationError`` for all but text and tool results: a ``Message`` of theirs holds no more."""
    return [made for message in messages for made in _from_message(message)]


def _from_message(message: trunkline.Message) -> list[Message]:
    if message.role == "tool":
        results = [part for part in message.parts if isinstance(part, ToolResult)]
        return [Message(MessageRole.TOOL, _text(part.parts), part.name, part.tool_call_id) for part in results]
    return [Message(MessageRole(message.role), _text(message.parts), message.name)]


def _text(parts: Sequence[trunkline.Part]) -> str:
    for part in parts:
        if not isinstance(part, Text):
            raise UnsupportedOperationError(f"a Message of the assistant's cannot hold {type(part).__name__}", hint="text only")
    return "".join(part.text for part in parts if isinstance(part, Text))


async def listed(tools: Sequence[ToolDefinition | ToolSource] | None) -> list[Tool] | None:
    """Ours for theirs, and what sources such as MCP servers have."""
    made: list[Tool] = []
    for tool in tools or ():
        if isinstance(tool, ToolSource):
            found = await asyncio.to_thread(tool.list_tools)
            made += await found if isinstance(found, Awaitable) else found
        else:
            made.append(Tool(tool.name, tool.description, tool.parameters))
    return made or None


def from_tools(tools: Sequence[Any]) -> list[ToolDefinition]:
    """Theirs for ours. ``UnsupportedOperationError`` for tools that are no functions."""
    for tool in tools:
        if not isinstance(tool, Tool):
            raise UnsupportedOperationError("a tool of the assistant's is a function", hint="hosted and custom tools are not")
    return [ToolDefinition(tool.name, tool.description or "", tool.parameters or {"type": "object"}) for tool in tools]


def from_response(reply: Response, model: str) -> CompletionResult:
    """Theirs for ours; ``model`` is what was asked for, where the reply does not say."""
    metadata = {
        "provider": reply.provider,
        "id": reply.id,
        "request_id": reply.request_id,
        "raw_finish_reason": reply.raw_finish_reason,
        "latency": reply.latency,
        "cost": reply.cost,
        "usage": reply.usage.raw,
        "warnings": reply.warnings,
    }
    calls = [ToolCall(call.id, call.name, _arguments(call)) for call in reply.tool_calls]
    used = reply.usage.total_tokens or 0
    return CompletionResult(reply.text, reply.model or model, used, reply.finish_reason, calls or None, metadata)


def _arguments(call: trunkline.ToolCall) -> dict[str, Any]:
    try:
        return call.arguments
    except ValueError:
        return {"raw_arguments": call.raw_arguments}


def to_response(result: CompletionResult) -> Response:
    """Ours for theirs; ``metadata`` becomes ``extra``."""
    calls = [_call(call) for call in result.tool_calls or ()]
    text = (Text(result.content),) if result.content else ()
    return Response(
        message=trunkline.Message.assistant(*text, *calls),
        finish_reason=finish_reason(result.finish_reason, calls=bool(calls)),
        raw_finish_reason=result.finish_reason,
        usage=Usage(raw={"tokens_used": result.tokens_used}),
        model=result.model,
        extra=dict(result.metadata),
    )


def _call(call: ToolCall) -> trunkline.ToolCall:
    return trunkline.ToolCall(call.id, call.name, json.dumps(call.arguments, ensure_ascii=False))
