"""What every store makes sure of before it takes anything: a bad argument is a ``UsageError`` that names it, at once."""

from __future__ import annotations

import math

from ..values.errors import UsageError

MOST_BYTES = 512 * 1024 * 1024
"""Of one value or record; SQLite holds a little less than twice as much."""
FORGIVEN = 1e-9
"""By this part of a limit it may be passed: sums of floats are not exact, and ten times 0.1 is to fit into 1."""
REMEMBERED = 86_400.0
"""Seconds for which a lease that has ended may still be booked."""


def name(value: str, field: str) -> str:
    if not isinstance(value, str):
        raise UsageError("is no text", field=field, got=type(value).__name__, allowed="str")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise UsageError("holds half a character (a lone surrogate)", field=field, allowed="what UTF-8 can say") from None
    return value


def data(value: bytes, field: str) -> bytes:
    if not isinstance(value, bytes):
        raise UsageError("is no bytes", field=field, got=type(value).__name__, allowed="bytes")
    if len(value) > MOST_BYTES:
        raise UsageError(f"has {len(value):,} bytes", field=field, allowed=f"{MOST_BYTES:,} at most")
    return value


def number(value: float, field: str, least: float = -math.inf, most: float = math.inf) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UsageError("is no number", field=field, got=type(value).__name__, allowed="int or float")
    if not least <= value <= most:
        raise UsageError(f"is {value}", field=field, allowed=f"{least:g} to {most:g}")
    return value


def amount(value: float) -> float:
    """What is reserved or booked: finite, not below 0."""
    return number(value, "amount", 0.0, 1e300)


def ending(now: float, seconds: float | None) -> float | None:
    """When something ends that lasts so long from now; None: never."""
    return None if seconds is None else now + number(seconds, "seconds")


def fits(used: float, amount: float, limit: float) -> bool:
    return used + amount <= number(limit, "limit") + FORGIVEN * abs(limit)


def most(limit: int | None) -> int:
    """The limit of a query; -1 where there is none."""
    if limit is None:
        return -1
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 0:
        raise UsageError("is no count", field="limit", got=type(limit).__name__, allowed="0 or more, or None")
    return min(limit, 2**62)


def position(after: int) -> int:
    if isinstance(after, bool) or not isinstance(after, int):
        raise UsageError("is no number of a record", field="after", got=type(after).__name__, allowed="int")
    return max(-(2**62), min(after, 2**62))
