"""Tokens as this protocol counts them.

It has two counts: ``tokens``, what the model read and wrote (the provider's own instructions are among them), and
``billed_units``, what is charged. Ours is the first, to which ``cached_tokens`` and reasoning belong;
the second stays in ``raw``.
"""

from __future__ import annotations

from typing import Any

from ...values.response import Usage
from .pieces import object_of


def _count(value: object) -> int | None:
    if type(value) is int:
        return value if 0 <= value < 1 << 53 else None
    if type(value) is float and 0 <= value < 1 << 53 and value.is_integer():
        return int(value)
    return None


def read_usage(raw: dict[str, Any]) -> Usage:
    """Our convention from a ``usage`` object (or version 1's ``meta``); what is no count reads as None."""
    tokens, billed = object_of(raw.get("tokens")), object_of(raw.get("billed_units"))
    asked, said = _count(tokens.get("input_tokens")), _count(tokens.get("output_tokens"))
    return Usage(
        _count(billed.get("input_tokens")) if asked is None else asked,
        _count(billed.get("output_tokens")) if said is None else said,
        cache_read_tokens=_count(raw.get("cached_tokens")),
        reasoning_tokens=_count(tokens.get("reasoning_tokens")),
        input_image_tokens=_count(tokens.get("image_tokens")),
        raw=raw,
    )
