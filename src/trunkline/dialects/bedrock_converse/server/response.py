"""Whole replies in this protocol's words (bedrock-converse §5), and what streams share with them: usage, reasons to stop."""

from __future__ import annotations

from typing import Any

from ....values.headers import Headers
from ....values.response import FinishReason, Response, Usage
from ...dialect import Context, EncodedReply
from ...losses import Losses
from ...served_words import beside_cache, json_bytes, printable
from ..response import NAMED, stop_sequence_of, tier_of, usage_of
from . import stand_in
from .parts import Blocks

Object = dict[str, Any]
_REASONS: dict[FinishReason, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "content_filtered",
    "error": "malformed_model_output",
}
WORDS = frozenset({
    "end_turn", "tool_use", "max_tokens", "stop_sequence", "guardrail_intervened", "content_filtered", "malformed_model_output",
    "malformed_tool_use", "model_context_window_exceeded",
})  # fmt: skip
"""All reasons that the protocol has."""
_OURS = frozenset({*_REASONS, "other", "pause", "function_call"}) - WORDS
"""Words that are never this protocol's own."""
NO_COST = "replies do not say what they cost here"
_LONGEST = 1e6
_TIERS = {"default": "default", "standard": "default", "priority": "priority", "flex": "flex", "reserved": "reserved"}


def encode_response(response: Response, context: Context) -> EncodedReply:
    """The reply that says ``response``. Its id, its model and when it was made are not said: there is no place."""
    losses = Losses()
    blocks = Blocks(losses)
    content = [block for part in response.message.parts if (block := blocks.of(part)) is not None]
    if response.alternatives:
        losses.dropped("alternatives", "there is one choice here")
    if response.logprobs:
        losses.dropped("logprobs", "unknown here")
    if response.reported_cost is not None:
        losses.dropped("reported_cost", NO_COST)
    reason = stop_of(response.finish_reason, response.raw_finish_reason, response.stop_sequence, blocks)
    extra = extra_in_words(response.extra, response.stop_sequence, response.service_tier, losses)
    body: Object = {
        "metrics": {"latencyMs": round(response.latency * 1000) if 0 <= response.latency < _LONGEST else 0},
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": reason,
        "usage": usage_in_words(response.usage, losses),
        **extra,
    }
    return EncodedReply(
        200, Headers(reply_headers(context, response.request_id)), json_bytes(body, losses), tuple(losses.warnings)
    )


def extra_in_words(extra: Object, sequence: str | None, tier: str | None, losses: Losses) -> Object:
    """The fields that only this protocol knows, and among them two that others know too."""
    said = {name: value for name, value in extra.items() if name not in NAMED}
    if sequence and stop_sequence_of(said) is None:
        own = said.get("additionalModelResponseFields")
        said["additionalModelResponseFields"] = {**(own if isinstance(own, dict) else {}), "stop_sequence": sequence}
    if tier is not None and tier_of(said) is None:
        if tier in _TIERS:
            said["serviceTier"] = {"type": _TIERS[tier]}
        else:
            losses.dropped("service_tier", f"known here are {', '.join(_TIERS)}")
    return said


def request_id(context: Context, known: str | None = None) -> str:
    """The id of this exchange: the server's own, else the one that is ``known``."""
    return (context.served.request_id if context.served is not None else None) or known or stand_in.REQUEST_ID


def reply_headers(context: Context, known: str | None = None) -> tuple[tuple[str, str], ...]:
    return ("content-type", "application/json"), ("x-amzn-requestid", printable(request_id(context, known)))


# --- reasons ----------------------------------------------------------------------------------------------------------------


def stop_of(reason: FinishReason, raw: str | None, sequence: str | None, blocks: Blocks) -> str:
    """The reason to stop, as it was said in this protocol or in its nearest word."""
    losses = blocks.losses
    if raw and raw not in _OURS:
        word = blocks.clean(raw)
    elif blocks.refused and reason in ("stop", "other"):
        word = "content_filtered"
    elif reason == "stop" and sequence:
        word = "stop_sequence"
    else:
        word = _REASONS.get(reason, "end_turn")
        if reason not in _REASONS:
            losses.approximated("finish_reason", f"{reason} has no word here: end_turn")
    if word == "tool_use" and not blocks.called:
        losses.approximated("finish_reason", "there is no call of a tool: end_turn")
        word = "end_turn"
    return word


# --- usage ------------------------------------------------------------------------------------------------------------------


def usage_in_words(usage: Usage, losses: Losses) -> Object:
    """Tokens as this protocol counts them: its own figures where they are known, else ours, with the cache beside the input."""
    own = "outputTokens" in usage.raw and usage_of(usage.raw) == usage
    said = {name: value for name, value in usage.raw.items() if value is not None} if own else _computed(usage, losses)
    for name, field in (("input_tokens", "inputTokens"), ("output_tokens", "outputTokens")):
        if getattr(usage, name) is None:
            losses.approximated(f"usage.{name}", "it is not known, and said to be 0")
            said[field] = 0
    said.setdefault("totalTokens", (usage.input_tokens or 0) + (usage.output_tokens or 0))
    return said


def _computed(usage: Usage, losses: Losses) -> Object:
    hour = usage.cache_write_1h_tokens
    fresh, read, written = beside_cache(usage, losses)
    said: Object = {"inputTokens": fresh, "outputTokens": usage.output_tokens or 0}
    if read is not None:
        said["cacheReadInputTokens"] = read
    if written is not None:
        said["cacheWriteInputTokens"] = written
    if hour is not None:
        short = {"ttl": "5m", "inputTokens": max(0, (written or 0) - hour)}
        said["cacheDetails"] = [short, {"ttl": "1h", "inputTokens": hour}]
    for name in ("input_audio_tokens", "output_audio_tokens", "input_image_tokens", "output_image_tokens", "reasoning_tokens"):
        if getattr(usage, name):
            losses.dropped(f"usage.{name}", "counted within input and output here")
    return said
