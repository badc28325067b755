"""Tokens and money as servers of this protocol count them (§4)."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from ...values.model import Quirks
from ...values.response import Usage


def read_usage(raw: dict[str, Any]) -> Usage:
    """Our convention is the protocol's own: what was cached is part of the input, reasoning part of the output."""
    given, made = _details(raw, "input_tokens_details"), _details(raw, "output_tokens_details")
    return Usage(
        _count(raw.get("input_tokens")),
        _count(raw.get("output_tokens")),
        _count(given.get("cached_tokens")),
        _count(given.get("cache_write_tokens")),
        _count(made.get("reasoning_tokens")),
        _count(given.get("audio_tokens")),
        _count(made.get("audio_tokens")),
        _count(given.get("image_tokens")),
        _count(made.get("image_tokens")),
        raw=raw,
    )


def _details(raw: dict[str, Any], name: str) -> dict[str, Any]:
    value = raw.get(name)
    return value if isinstance(value, dict) else {}


def _count(value: object) -> int | None:
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and value >= 0 else None


def reported_cost(usage: dict[str, Any], quirks: Quirks) -> Decimal | None:
    """The provider's own figure in USD, from its ``usage``; None where it gives none."""
    figure: object = usage
    for step in (quirks.cost_field or "cost").split("."):
        figure = figure.get(step) if isinstance(figure, dict) else None
    if isinstance(figure, bool) or not isinstance(figure, (int, float, str)):
        return None
    try:
        cost = Decimal(str(figure))
    except InvalidOperation:
        return None
    if not cost.is_finite():
        return None
    return cost if quirks.cost_scale is None else cost * Decimal(str(quirks.cost_scale))
