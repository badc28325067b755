"""A whole reply as this protocol writes it (local-servers §3)."""

from __future__ import annotations

from ....values.headers import Headers
from ....values.message import Message, Reasoning, Refusal, Text, ToolCall
from ....values.response import Response
from ...dialect import Context, EncodedReply
from ...losses import Losses
from .heads import json_headers
from .writing import Wire, as_json, call, ending, head, logprobs, lost, message_extra

REFUSED = "this protocol has no refusals: its words were said as text"


def encode_response(response: Response, context: Context) -> EncodedReply:
    """The reply, with warnings for what this protocol cannot say of it."""
    losses = Losses()
    message = _message(response.message, losses)
    message_extra(response.extra, message)
    body: Wire = {**head(response, context), "message": message}
    body |= ending(response.finish_reason, response.raw_finish_reason, response.usage, response.extra, losses)
    if response.logprobs:
        body["logprobs"] = logprobs(response.logprobs)
    if response.alternatives:
        losses.dropped("alternatives", "there is one choice here")
    if response.stop_sequence is not None:
        losses.dropped("stop_sequence", "this protocol does not say which it was")
    request_id = response.request_id if context.served is None else context.served.request_id or response.request_id
    return EncodedReply(200, Headers(json_headers(request_id)), as_json(body, losses), tuple(losses.warnings))


def _message(message: Message, losses: Losses) -> Wire:
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[Wire] = []
    for part in message.parts:
        if type(part) is Text:
            texts.append(part.text)
            without_citations(part, losses)
        elif type(part) is Refusal:
            texts.append(part.text)
            losses.approximated("refusal", REFUSED)
        elif type(part) is Reasoning:
            thoughts.append(part.text)
            without_state(part, losses)
        elif type(part) is ToolCall:
            calls.append(call(part, len(calls), losses))
        else:
            lost(part, losses)
    said: Wire = {"role": "assistant", "content": "".join(texts)}
    if thought := "".join(thoughts):
        said["thinking"] = thought
    if calls:
        said["tool_calls"] = calls
    return said


def without_citations(part: Text, losses: Losses) -> None:
    """Notes what a text bears that cannot be said."""
    if part.citations:
        losses.dropped("citations", "this protocol has no citations")
    if part.state is not None:
        losses.dropped("text.state", "this protocol keeps no state")


def without_state(part: Reasoning, losses: Losses) -> None:
    """Notes what a thought bears that cannot be said."""
    if part.state is not None:
        losses.dropped("reasoning.state", "this protocol keeps no state")
    elif not part.text:
        losses.dropped("reasoning", "reasoning that is not shown cannot be said here")
