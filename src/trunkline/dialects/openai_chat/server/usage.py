"""Tokens as this protocol counts them, from ours."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ....values.model import Quirks
from ....values.response import Usage
from ...losses import Losses
from ..usage import read_usage

_NO_USAGE = Usage()
_DETAILS = ("prompt_tokens_details", "completion_tokens_details")


def write_usage(usage: Usage, cost: Decimal | None, quirks: Quirks, losses: Losses) -> dict[str, Any] | None:
    """The ``usage`` object; None where nothing is known. The provider's own figures are said again where they are whole and read
    as ours."""
    raw = usage.raw
    if raw and _is_whole(raw) and read_usage(raw, quirks) == usage:
        return {name: value for name, value in raw.items() if value is not None or name not in _DETAILS}
    if usage == _NO_USAGE and cost is None:
        return None
    if usage.input_tokens is None or usage.output_tokens is None:
        losses.approximated("usage", "what is not known is counted as 0 here")
    if usage.cache_write_1h_tokens:
        losses.dropped("usage.cache_write_1h_tokens", "counted within what was written to the cache here")
    prompt, completion = usage.input_tokens or 0, usage.output_tokens or 0
    said: dict[str, Any] = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    _details(said, "prompt_tokens_details", {
        "cached_tokens": usage.cache_read_tokens, "cache_write_tokens": usage.cache_write_tokens,
        "audio_tokens": usage.input_audio_tokens, "image_tokens": usage.input_image_tokens,
    })  # fmt: skip
    _details(said, "completion_tokens_details", {
        "reasoning_tokens": usage.reasoning_tokens, "audio_tokens": usage.output_audio_tokens,
        "image_tokens": usage.output_image_tokens,
    })  # fmt: skip
    if cost is not None:
        said["cost"] = float(cost)
    return said


def _is_whole(raw: dict[str, Any]) -> bool:
    """Whether the three figures that everybody reads are there, and none is less than it can be."""
    prompt, completion, total = (raw.get(f"{name}_tokens") for name in ("prompt", "completion", "total"))
    return type(prompt) is int and type(completion) is int and type(total) is int and prompt + completion <= total


def _details(said: dict[str, Any], name: str, counts: dict[str, int | None]) -> None:
    if known := {field: count for field, count in counts.items() if count is not None}:
        said[name] = known
