"""Tokens and money as the many servers of this protocol count them."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from ...values.model import Quirks
from ...values.response import Usage


def _count(value: object) -> int | None:
    if value is None:
        return None
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
    # Counts under their usual names are taken as they are; to ask _first for each would cost ten times as much.
    prompted, output = get("prompt_tokens"), get("completion_tokens")
    if type(prompted) is not int or prompted < 0:
        prompted = _first(prompted, get("input_tokens"))
    if type(output) is not int or output < 0:
        output = _first(output, get("output_tokens"))
    reasoning = completion.get("reasoning_tokens")
    if type(reasoning) is not int or reasoning < 0:
        reasoning = _first(reasoning, get("reasoning_tokens"))
    cached = prompt.get("cached_tokens")
    if type(cached) is not int or cached < 0:
        others = ("prompt_cache_hit_tokens", "cached_tokens", "num_cached_tokens", "cache_read_input_tokens")
        cached = _first(cached, *map(get, others))
    written = prompt.get("cache_write_tokens")
    if type(written) is not int or written < 0:
        written = _first(written, prompt.get("cache_creation_input_tokens"), get("cache_creation_input_tokens"))
    heard = prompt.get("audio_tokens")
    if type(heard) is not int or heard < 0:
        heard = _first(heard, get("audio_prompt_tokens"))
    if reasoning and output is not None and _leaves_out(reasoning, (prompted or 0) + output, _count(get("total_tokens")), quirks):
        output += reasoning
    return Usage(
        prompted,
        output,
        cached,
        written,
        reasoning,
        heard,
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
    if quirks.cost_field is None and "cost" not in usage:
        return None
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
