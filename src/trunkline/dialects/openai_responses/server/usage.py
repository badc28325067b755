"""Tokens as this protocol counts them (openai-responses §4), from ours."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ....values.response import Usage
from ...losses import Losses
from ..usage import read_usage

_NO_USAGE = Usage()
_MOST = 1 << 53


def write_usage(usage: Usage, cost: Decimal | None, losses: Losses) -> dict[str, Any] | None:
    """The ``usage`` object; None where nothing is known. The provider's own figures are said again where they are this protocol's
    and read as ours; what they say besides is said in any case."""
    if usage == _NO_USAGE and cost is None:
        return None
    own = usage.raw if "input_tokens_details" in usage.raw else {}
    if own and _is_whole(own) and read_usage(own) == usage:
        return own
    if usage.input_tokens is None or usage.output_tokens is None:
        losses.approximated("usage", "what is not known is counted as 0 here")
    if usage.cache_write_1h_tokens:
        losses.dropped("usage.cache_write_1h_tokens", "counted within what was written to the cache here")
    given, made = _count(usage.input_tokens), _count(usage.output_tokens)
    said: dict[str, Any] = {
        **own,
        "input_tokens": given,
        "input_tokens_details": {
            **(_details(own, "input_tokens_details") or {"cached_tokens": 0, "cache_write_tokens": 0}),
            **_known(
                cached_tokens=usage.cache_read_tokens,
                cache_write_tokens=usage.cache_write_tokens,
                audio_tokens=usage.input_audio_tokens,
                image_tokens=usage.input_image_tokens,
            ),
        },
        "output_tokens": made,
        "output_tokens_details": {
            **(_details(own, "output_tokens_details") or {"reasoning_tokens": 0}),
            **_known(
                reasoning_tokens=usage.reasoning_tokens,
                audio_tokens=usage.output_audio_tokens,
                image_tokens=usage.output_image_tokens,
            ),
        },
        "total_tokens": given + made,
    }
    return said if cost is None else {**said, "cost": float(cost)}


def _is_whole(own: dict[str, Any]) -> bool:
    """Whether the figures that everybody reads are there, and the total is no less than it can be."""
    given, made, total = (own.get(f"{name}_tokens") for name in ("input", "output", "total"))
    whole = type(given) is int and type(made) is int and type(total) is int and 0 <= given + made <= total
    details = [own.get(f"{name}_tokens_details") for name in ("input", "output")]
    return whole and all(isinstance(found, dict) and all(map(_is_told, found.values())) for found in details)


def _is_told(value: object) -> bool:
    return value is None or isinstance(value, dict) or (type(value) is int and 0 <= value <= _MOST)


def _details(own: dict[str, Any], name: str) -> dict[str, Any]:
    """The provider's own details: counts, and what is made up of counts."""
    found = own.get(name)
    if not isinstance(found, dict):
        return {}
    return {field: value for field, value in found.items() if _is_told(value)}


def _known(**counts: int | None) -> dict[str, int]:
    return {name: _count(count) for name, count in counts.items() if count is not None}


def _count(count: int | None) -> int:
    """A number of tokens, which is none below 0, and none that not every reader can hold."""
    return min(max(0, count or 0), _MOST)
