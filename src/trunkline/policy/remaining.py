"""What a reply's headers say of the provider's limits: how long to leave it alone before it has to say so."""

from __future__ import annotations

from ..values.headers import Headers
from .retry import reset_wait

_TOKENS_SHARE = 10.0
"""A limit of tokens of which nothing is left has room for a usual request after about a tenth of the time in which it becomes
whole again."""


def _row(name: str) -> tuple[str, str, str]:
    """The fields that hold what is left, when it is whole again, and the limit: ``name`` has ``*`` where they differ."""
    return name.replace("*", "remaining"), name.replace("*", "reset"), name.replace("*", "limit")


# openai-chat §10, anthropic-messages §9. Both providers fill their limits up again evenly, and tell when they are whole.
_ROWS = tuple(
    _row(name)
    for name in (
        "x-ratelimit-*-requests",
        "x-ratelimit-*-tokens",
        "anthropic-ratelimit-requests-*",
        "anthropic-ratelimit-tokens-*",
        "anthropic-ratelimit-input-tokens-*",
        "anthropic-ratelimit-output-tokens-*",
    )
)
REMAINING = tuple(remaining for remaining, _, _ in _ROWS)
"""The fields that say what is left."""


def pause(headers: Headers, wall: float) -> float | None:
    """Seconds until the next request has a chance, as a successful reply's ``headers`` tell; None: they do not say that nothing
    is left. ``wall``: now, Unix seconds."""
    waits = []
    for remaining, reset, limit in _ROWS:
        if headers.get(remaining, "").strip() == "0" and (whole := reset_wait(headers.get(reset, ""), wall)) is not None:
            waits.append(whole / (_whole_number(headers.get(limit, "")) if "requests" in remaining else _TOKENS_SHARE))
    return max(waits) if waits else None


def _whole_number(text: str) -> float:
    """1 where it is none above 0."""
    text = text.strip()
    return (float(text) if text.isascii() and text.isdigit() else 0.0) or 1.0
