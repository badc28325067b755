"""Requests that real providers refuse: calls without their results, results without their call, nothing said, words that their
version of the protocol does not take."""

from __future__ import annotations

from ..values.errors import InvalidRequestError
from ..values.message import Message, Opaque, Text, ToolResult
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
            return _refused(f"messages.{n}", "a tool call was not answered before this turn", next(iter(open_calls)))
        for result in (part for part in message.parts if isinstance(part, ToolResult)):
            if not answerable or open_calls.pop(result.tool_call_id, None) is None:
                return _refused(f"messages.{n}", "a tool result answers no call of the turn before", result.tool_call_id)
        if message.tool_calls:
            open_calls = {call.id: n for call in message.tool_calls}
            if len(open_calls) < len(message.tool_calls):
                return _refused(f"messages.{n}", "two tool calls of one turn have the same id")
        answerable = bool(open_calls)
    if open_calls:
        return _refused("messages", "a tool call was not answered", next(iter(open_calls)))
    if not prefill and said[-1][1].role == "assistant":
        return _refused("messages", "the conversation ends with the assistant's words; the model takes up none")
    return None


SAMPLES_NO_MORE = "2026-10-21"
"""The version of the Messages protocol since which nobody sets how it samples (anthropic-messages §3)."""


def out_of_version(request: Request, version: str | None, *, counted: bool = False) -> InvalidRequestError | None:
    """Why a protocol whose versions are days refuses this request in ``version``; None where it does not. ``counted``: its tokens
    are only counted. Source: anthropic-messages §3 and §4."""
    if version is None or not version[:1].isdecimal():  # of Gemini it says whose addresses they are
        return None
    if request.max_tokens is None and not counted:
        return _refused("max_tokens", "max_tokens: Field required")
    if version < SAMPLES_NO_MORE:
        return None
    for name in ("temperature", "top_p", "top_k"):
        if getattr(request, name) is not None:
            return _refused(name, f"{name}: not permitted since version {SAMPLES_NO_MORE}")
    for n, message in enumerate(request.messages):
        parts = [*message.parts, *(inner for part in message.parts if isinstance(part, ToolResult) for inner in part.parts)]
        if message.role == "assistant" and any(isinstance(part, Opaque) and part.kind == "document" for part in parts):
            return _refused(f"messages.{n}", "documents are not permitted in the assistant's turns")
        if message.role != "assistant" and any(isinstance(part, Text) and part.citations for part in parts):
            return _refused(f"messages.{n}", "citations are permitted in the assistant's turns only")
    return None


def _answers(message: Message) -> bool:
    return any(isinstance(part, ToolResult) for part in message.parts)


def _refused(param: str, words: str, named: str | None = None) -> InvalidRequestError:
    """``named``: an id of the caller's. It stands in the reply, and not in the error's own message."""
    said = words if named is None else f"{words}: {named}"
    error = InvalidRequestError(words, status=400, kind="invalid_request_error", provider_message=said)
    error.param = param
    return error
