"""A whole reply as this protocol writes it (openai-responses §4), and what streams share with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ....values.headers import Headers
from ....values.message import Audio, Part, Refusal, Text
from ....values.response import FinishReason, Response, TokenLogprob
from ...dialect import Context, EncodedReply
from ...losses import Losses
from ...openai_heads import json_headers
from ..response import NAMED
from . import stand_in
from .pieces import Items, Wire, as_json
from .usage import write_usage

MODEL = "unknown"
"""The model of a reply that names none, to a request that named none."""
_WORDS = ("max_output_tokens", "content_filter", "max_messages", "steered")
"""Why a response may be incomplete."""
_ASKED: Wire = {
    "background": False, "instructions": None, "max_output_tokens": None, "max_tool_calls": None, "metadata": {},
    "parallel_tool_calls": True, "previous_response_id": None, "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None}, "safety_identifier": None, "store": False, "temperature": None,
    "text": {"format": {"type": "text"}}, "tool_choice": "auto", "tools": [], "top_logprobs": 0, "top_p": None,
    "truncation": "disabled", "user": None,
}  # fmt: skip
"""What a reply says of its request where that did not say it."""
_CHOICES = ("auto", "none", "required")
_LISTS, _OBJECTS = ("tools",), ("metadata", "reasoning", "text")


def encode_response(response: Response, context: Context) -> EncodedReply:
    """The reply, with warnings for what this protocol cannot say of it."""
    losses = Losses()
    output = output_of(response.message.parts, response.logprobs, context, losses)
    refused = any(type(part) is Refusal for part in response.message.parts)
    status, reason = ending(response.finish_reason, response.raw_finish_reason, refused=refused, losses=losses)
    if response.stop_sequence is not None:
        losses.dropped("stop_sequence", "this protocol does not say which it was")
    if response.alternatives:
        losses.dropped("alternatives", "there is one choice here")
    body = {
        **head(response, context, response.extra),
        "status": status,
        "error": None,
        "incomplete_details": None if reason is None else {"reason": reason},
        "output": output,
        "usage": write_usage(response.usage, response.reported_cost, losses),
    }
    request_id = response.request_id if context.served is None else context.served.request_id or response.request_id
    return EncodedReply(200, Headers(json_headers(request_id)), as_json(body, losses), tuple(losses.warnings))


def output_of(parts: Iterable[Part], tokens: Sequence[TokenLogprob], context: Context, losses: Losses) -> list[Wire]:
    """The items of a reply. Texts and refusals that stand side by side and have the same state are one message."""
    items = Items(context, losses)
    output: list[Wire] = []
    open_own: Wire | None = None
    for part in parts:
        if type(part) is not Text and type(part) is not Refusal and not (type(part) is Audio and part.transcript):
            open_own = None
            if (item := items.of(part, len(output))) is not None:
                output.append(item)
            continue
        own = items.own(part.state, "message")
        content = items.content(part, tokens if type(part) is Text else ())
        tokens = () if type(part) is Text else tokens
        if own == open_own:
            output[-1]["content"].append(content)
        else:
            output.append(items.message(own, [content], len(output)))
        open_own = own
    if tokens:
        losses.dropped("logprobs", "there is no text that they belong to")
    return output


def head(said: Any, context: Context, extra: Wire) -> Wire:
    """What a reply and the head of a stream say of themselves and of their request. ``said`` (``Response``, ``Start``) has what
    the provider said of it, ``extra`` what only this protocol knows."""
    served = context.served
    created = said.created
    if created is None:
        created = 0 if served is None or served.created is None else served.created
    echoed = {} if served is None else {name: value for name, value in served.echoed.items() if value is not None}
    known = {name: value for name, value in extra.items() if name not in NAMED and value is not None}
    body: Wire = {
        "id": said.id or (served and served.reply_id) or stand_in.REPLY_ID,
        "object": "response",
        "created_at": created,
        "model": said.model or context.model or MODEL,
        **{name: known.pop(name, echoed.get(name, asked)) for name, asked in _ASKED.items()},
        **known,
    }
    if body["tool_choice"] not in _CHOICES and not (isinstance(body["tool_choice"], dict) and "type" in body["tool_choice"]):
        body["tool_choice"] = "auto"
    if not isinstance(body["parallel_tool_calls"], bool):
        body["parallel_tool_calls"] = True
    for name in _LISTS:
        body[name] = [item for item in body[name] if isinstance(item, dict)] if isinstance(body[name], list) else []
    for name in _OBJECTS:
        body[name] = body[name] if isinstance(body[name], dict) else _ASKED[name]
    for name in ("service_tier", "system_fingerprint"):
        if getattr(said, name) is not None:
            body[name] = getattr(said, name)
    return body


def ending(reason: FinishReason, raw: str | None, *, refused: bool, losses: Losses) -> tuple[str, str | None]:
    """The status of a response, and why it is incomplete."""
    if raw in _WORDS:
        return "incomplete", raw
    if raw == "incomplete":
        return "incomplete", None
    if reason == "length":
        return "incomplete", "max_output_tokens"
    if reason == "content_filter" and not refused and raw != "completed":
        return "incomplete", "content_filter"
    if reason in ("error", "other", "pause") and raw != "completed":
        losses.approximated("finish_reason", f"this protocol has no word for {reason}: completed was said")
    return "completed", None
