"""Whole replies in this protocol's words (§8), and what streams share with them: usage, reasons to stop."""

from __future__ import annotations

from typing import Any

from ....values.headers import Headers
from ....values.response import FinishReason, Response, Usage
from ...dialect import Context, EncodedReply
from ...losses import Losses
from ...served_words import beside_cache, json_bytes, printable
from ..response import NAMED, usage_of
from . import stand_in
from .pieces import Blocks

Object = dict[str, Any]
_REASONS: dict[FinishReason, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "pause": "pause_turn",
}
_OURS = frozenset({*_REASONS, "other", "error", "function_call"})
"""Words that are never this protocol's own."""
NO_COST = "replies do not say what they cost here"
_TIERS = {"default": "standard", "standard": "standard", "priority": "priority", "batch": "batch"}


def encode_response(response: Response, context: Context) -> EncodedReply:
    """The reply that says ``response``. When it was made (``created``) and by which build is not said: there is no place."""
    losses = Losses()
    blocks = Blocks(losses)
    content = [block for part in response.message.parts if (block := blocks.of(part)) is not None]
    _unsayable(response, losses)
    reason, sequence = stop_of(response.finish_reason, response.raw_finish_reason, response.stop_sequence, blocks)
    body: Object = {
        "id": blocks.clean(response.id or "") or reply_id(context),
        "type": "message",
        "role": "assistant",
        "model": blocks.clean(response.model or context.model) or "unknown",
        "content": content,
        "stop_reason": reason,
        "stop_sequence": sequence,
        **{name: value for name, value in response.extra.items() if name not in NAMED},
        "usage": usage_in_words(response.usage, response.service_tier, losses),
    }
    return EncodedReply(
        200, Headers(reply_headers(context, response.request_id)), json_bytes(body, losses), tuple(losses.warnings)
    )


def _unsayable(response: Response, losses: Losses) -> None:
    if response.alternatives:
        losses.dropped("alternatives", "there is one choice here")
    if response.logprobs:
        losses.dropped("logprobs", "unknown here")
    if response.reported_cost is not None:
        losses.dropped("reported_cost", NO_COST)


def reply_id(context: Context) -> str:
    return (context.served.reply_id if context.served is not None else None) or stand_in.MESSAGE_ID


def request_id(context: Context, known: str | None = None) -> str:
    """The id of this exchange: the server's own, else the one that is ``known``."""
    return (context.served.request_id if context.served is not None else None) or known or stand_in.REQUEST_ID


def reply_headers(context: Context, known: str | None = None) -> tuple[tuple[str, str], ...]:
    return ("content-type", "application/json"), ("request-id", printable(request_id(context, known)))


# --- reasons ----------------------------------------------------------------------------------------------------------------


def stop_of(reason: FinishReason, raw: str | None, sequence: str | None, blocks: Blocks) -> tuple[str, str | None]:
    """The reason to stop, as it was said in this protocol or in its nearest word, and the sequence that did it."""
    losses = blocks.losses
    if raw and raw not in _OURS:
        word = blocks.clean(raw)
    elif blocks.refused and reason in ("stop", "other"):
        word = "refusal"
    elif reason == "stop" and sequence:
        word = "stop_sequence"
    else:
        word = _REASONS.get(reason, "end_turn")
        if reason not in _REASONS:
            losses.approximated("finish_reason", f"{reason} has no word here: end_turn")
    if word == "tool_use" and not blocks.called:
        losses.approximated("finish_reason", "there is no call of a tool: end_turn")
        word = "end_turn"
    if sequence and word != "stop_sequence":
        losses.dropped("stop_sequence", "the reply ends for another reason")
    return word, (blocks.clean(sequence) if sequence else None) if word == "stop_sequence" else None


# --- usage ------------------------------------------------------------------------------------------------------------------


def usage_in_words(usage: Usage, tier: str | None, losses: Losses) -> Object:
    """Tokens as this protocol counts them: its own figures where they are known, else ours, with the cache beside the input."""
    own = "output_tokens" in usage.raw and usage_of(usage.raw) == usage
    said = dict(usage.raw) if own else _computed(usage, losses)
    for name, value in (("input_tokens", usage.input_tokens), ("output_tokens", usage.output_tokens)):
        if value is None:
            losses.approximated(f"usage.{name}", "it is not known, and said to be 0")
            said[name] = 0
    if tier is not None and "service_tier" not in said:
        if tier in _TIERS:
            said["service_tier"] = _TIERS[tier]
        else:
            losses.dropped("service_tier", "known here are standard, priority and batch")
    return said


def _computed(usage: Usage, losses: Losses) -> Object:
    hour = usage.cache_write_1h_tokens
    fresh, read, written = beside_cache(usage, losses)
    said: Object = {"input_tokens": fresh}
    if written is not None:
        said["cache_creation_input_tokens"] = written
    if read is not None:
        said["cache_read_input_tokens"] = read
    if hour is not None:
        said["cache_creation"] = {
            "ephemeral_5m_input_tokens": max(0, (written or 0) - hour),
            "ephemeral_1h_input_tokens": hour,
        }
    said["output_tokens"] = usage.output_tokens or 0
    if usage.reasoning_tokens is not None:
        said["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    for name in ("input_audio_tokens", "output_audio_tokens", "input_image_tokens", "output_image_tokens"):
        if getattr(usage, name):
            losses.dropped(f"usage.{name}", "counted within input and output here")
    return said
