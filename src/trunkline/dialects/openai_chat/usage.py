"""Tokens and money as the many servers of this protocol count them."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from ...values.model import Quirks
from ...values.response import Usage


def _count(value: object) -> int | None:
    if type(value) is int:
        return value if value >= 0 else None
    if type(value) is float and value >= 0 and value.is_integer():
        return int(value)
    return None


def _first(*values: object) -> int | None:
    for value in values:
        if (count := _count(value)) is not None:
            return count
    return None


def read_usage(raw: dict[str, Any], quirks: Quirks) -> Usage:
    """Our convention from a ``usage`` object of any known one; what is no count reads as None."""
    get = raw.get
    prompt, completion = get("prompt_tokens_details"), get("completion_tokens_details")
    prompt = prompt if type(prompt) is dict else {}
    completion = completion if type(completion) is dict else {}
    prompted = _first(get("prompt_tokens"), get("input_tokens"))
    output = _first(get("completion_tokens"), get("output_tokens"))
    reasoning = _first(completion.get("reasoning_tokens"), get("reasoning_tokens"))
    if reasoning and output is not None and _leaves_out(reasoning, (prompted or 0) + output, _count(get("total_tokens")), quirks):
        output += reasoning
    return Usage(
        prompted,
        output,
        _first(prompt.get("cached_tokens"), get("prompt_cache_hit_tokens"), get("cached_tokens"), get("cache_read_input_tokens")),
        _first(prompt.get("cache_write_tokens"), prompt.get("cache_creation_input_tokens"), get("cache_creation_input_tokens")),
        reasoning,
        _first(prompt.get("audio_tokens"), get("audio_prompt_tokens")),
        _count(completion.get("audio_tokens")),
        _count(prompt.get("image_tokens")),
        _count(completion.get("image_tokens")),
        raw=raw,
    )


def _leaves_out(reasoning: int, sum_: int, total: int | None, quirks: Quirks) -> bool:
    """Whether the output count leaves reasoning out: the total tells, where it fits either way; else the endpoint's habit."""
    if total == sum_:
        return False
    return total == sum_ + reasoning or quirks.output_excludes_reasoning is True


def reported_cost(usage: dict[str, Any], quirks: Quirks) -> Decimal | None:
    """The provider's own figure in USD, from its ``usage`` object (``Usage.raw``); None where it gives none."""
    figure: object = usage
    for step in (quirks.cost_field or "cost").split("."):
        figure = figure.get(step) if isinstance(figure, dict) else None
    if isinstance(figure, dict):
        figure = figure.get("total_cost")
    if isinstance(figure, bool) or not isinstance(figure, (int, float, str)):
        return None
    try:
        cost = Decimal(str(figure))
    except InvalidOperation:
        return None
    if not cost.is_finite():
        return None
    return cost if quirks.cost_scale is None else cost * Decimal(str(quirks.cost_scale))
