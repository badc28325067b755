"""Whole replies in this protocol's words."""

from __future__ import annotations

from ....values.headers import Headers
from ....values.message import Part, Reasoning, Text, ToolCall
from ....values.response import Response
from ...dialect import Context, EncodedReply
from ...losses import Losses
from ...served_words import json_bytes
from ..pieces import PLAN
from .heads import STAND_IN, json_headers
from .pieces import Wire, call_of, cite, is_plan, item_of, logprob, reason_of, thought, usage_of, words_of

NAMED = frozenset({"id", "finish_reason", "message", "usage", "logprobs"})
_IN_MESSAGE = frozenset({"role", "content", PLAN, "tool_calls"})


NO_MODEL = "a reply does not name its model here"


def encode_response(response: Response, context: Context) -> EncodedReply:
    """The reply that says ``response``. Which model it was is not said, nor when: there is no place."""
    losses = Losses()
    message = _message(response.parts, losses)
    kept = response.extra.get("message")
    for name, value in (kept if isinstance(kept, dict) else {}).items():
        if name == "citations" and isinstance(value, list):
            message["citations"] = [*message.get("citations", ()), *value]
        elif name not in _IN_MESSAGE:
            message[name] = value
    unsayable(response, context, losses)
    calls = any(type(part) is ToolCall for part in response.parts)
    reason = reason_of(response.finish_reason, response.raw_finish_reason, response.stop_sequence, losses, calls=calls)
    body: Wire = {
        "id": response.id or reply_id(context),
        "message": message,
        "finish_reason": reason,
        "usage": usage_of(response.usage, losses),
        **{name: value for name, value in response.extra.items() if name not in NAMED},
    }
    if response.logprobs:
        body["logprobs"] = [logprob(token, losses) for token in response.logprobs]
    headers = Headers(json_headers(context, response.request_id))
    return EncodedReply(200, headers, json_bytes(body, losses), tuple(losses.warnings))


def reply_id(context: Context) -> str:
    """The id of a reply that has none of its own."""
    return (context.served.reply_id if context.served is not None else None) or STAND_IN


def unsayable(response: Response, context: Context, losses: Losses) -> None:
    if response.model not in (None, context.model):  # who asked knows which
        losses.dropped("model", NO_MODEL)
    if response.alternatives:
        losses.dropped("alternatives", "there is one choice here")
    if response.reported_cost is not None:
        losses.dropped("reported_cost", "replies do not say what they cost here")


def _message(parts: tuple[Part, ...], losses: Losses) -> Wire:
    content: list[Wire] = []
    calls: list[Wire] = []
    citations: list[Wire] = []
    message: Wire = {"role": "assistant"}
    for part in parts:
        if type(part) is ToolCall:
            calls.append(call_of(part, len(calls), losses))
        elif type(part) is Reasoning:
            if (words := thought(part, losses)) and is_plan(part) and PLAN not in message:
                message[PLAN] = words
            elif words:
                content.append({"type": "thinking", "thinking": words})
        elif (said := words_of(part, losses)) is not None:
            if not said and not (type(part) is Text and part.citations):
                continue
            if type(part) is Text:
                citations += [cite(citation, said, len(content), losses) for citation in part.citations]
            content.append({"type": "text", "text": said})
        elif (item := item_of(part, losses)) is not None:
            content.append(item)
    if content or not calls:
        message["content"] = content
    if calls:
        message["tool_calls"] = calls
    if citations:
        message["citations"] = citations
    return message
