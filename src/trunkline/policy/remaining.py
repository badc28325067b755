"""What a reply's headers say of the provider's limits: how long to leave it alone before it has to say so."""

from __future__ import annotations

from ..values.headers import Headers
from .retry import LIMITS, reset_wait

_TOKENS_SHARE = 10.0
"""A limit of tokens of which nothing is left has room for a usual request after about a tenth of the time in which it becomes
whole again."""
REMAINING = tuple(remaining for remaining, _ in LIMITS)
"""The fields that say what is left."""


def pause(headers: Headers, wall: float) -> float | None:
    """Seconds until the next request has a chance, as a successful reply's ``headers`` tell; None: they do not say that nothing
    is left. ``wall``: now, Unix seconds. Limits are filled up again evenly, and told when they are whole (openai-chat §10,
    anthropic-messages §9)."""
    waits = []
    for remaining, reset in LIMITS:
        if headers.get(remaining, "").strip() == "0" and (whole := reset_wait(headers.get(reset, ""), wall)) is not None:
            limit = headers.get(remaining.replace("remaining", "limit"), "")
            waits.append(whole / (_TOKENS_SHARE if "tokens" in remaining else _whole_number(limit)))
    return max(waits) if waits else None


def _whole_number(text: str) -> float:
    """1 where it is none above 0."""
    text = text.strip()
    return (float(text) if text.isascii() and text.isdigit() else 0.0) or 1.0
