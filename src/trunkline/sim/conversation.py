"""Conversations that real providers refuse: calls without their results, results without their call, nothing said."""

from __future__ import annotations

from ..values.errors import InvalidRequestError
from ..values.message import Message, ToolResult
from ..values.request import Request


def refusal(request: Request, *, prefill: bool = True) -> InvalidRequestError | None:
    """Why a strict provider refuses this conversation, as the error that it sends; None where it does not.

    ``prefill``: the assistant's words may come last. Sources: openai-chat and anthropic-messages sheets, on tools.
    """
    said = [(n, message) for n, message in enumerate(request.messages) if message.role != "system"]
    if not any(message.parts for _, message in said):
        return _refused("messages", "the conversation is empty")
    open_calls: dict[str, int] = {}
    answerable = False
    for n, message in said:
        if open_calls and not _answers(message):
            return _refused(f"messages.{n}", f"the tool call {next(iter(open_calls))} was not answered before this turn")
        for result in (part for part in message.parts if isinstance(part, ToolResult)):
            if not answerable or open_calls.pop(result.tool_call_id, None) is None:
                return _refused(f"messages.{n}", f"the tool result answers no call of the turn before: {result.tool_call_id}")
        if message.tool_calls:
            open_calls = {call.id: n for call in message.tool_calls}
            if len(open_calls) < len(message.tool_calls):
                return _refused(f"messages.{n}", "two tool calls of one turn have the same id")
        answerable = bool(open_calls)
    if open_calls:
        return _refused("messages", f"the tool call {next(iter(open_calls))} was not answered")
    if not prefill and said[-1][1].role == "assistant":
        return _refused("messages", "the conversation ends with the assistant's words; the model takes up none")
    return None


def _answers(message: Message) -> bool:
    return any(isinstance(part, ToolResult) for part in message.parts)


def _refused(param: str, words: str) -> InvalidRequestError:
    error = InvalidRequestError(
        "the provider refused the request", status=400, kind="invalid_request_error", provider_message=words
    )
    error.param = param
    return error
