"""Limits as providers have them: so many requests and tokens within a sliding window, and what is left of them."""

from __future__ import annotations

from collections import deque
from typing import Annotated

import msgspec

from ..dialects.dialect import RateLimit, RateLimits
from ..values.errors import UsageError
from .steps import Checked

Whole = Annotated[int, msgspec.Meta(ge=0)]


class Limits(Checked, frozen=True, kw_only=True):
    """So many ``requests`` and ``tokens`` (of them ``input_tokens``, ``output_tokens``) within any ``period`` (seconds). None:
    no limit."""

    requests: Whole | None = None
    tokens: Whole | None = None
    input_tokens: Whole | None = None
    output_tokens: Whole | None = None
    period: Annotated[float, msgspec.Meta(gt=0, le=1e9)] = 60.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.named:
            raise UsageError("limits nothing", field="limits", allowed="requests, tokens, input_tokens, output_tokens")

    @property
    def named(self) -> dict[str, int]:
        """Those that there are."""
        names = ("requests", "tokens", "input_tokens", "output_tokens")
        return {name: limit for name in names if (limit := getattr(self, name)) is not None}


class Refused(msgspec.Struct, frozen=True):
    """Which limit would be broken; ``retry_after`` in seconds, None: no waiting helps, the request is larger than the limit."""

    limit: str
    retry_after: float | None


class _Window:
    """What was used of one limit within the last ``period`` seconds. Amounts leave when they are that old, to the moment."""

    __slots__ = ("limit", "period", "used", "uses")

    def __init__(self, limit: int, period: float) -> None:
        self.limit = limit
        self.period = period
        self.used = 0
        self.uses: deque[tuple[float, int]] = deque()

    def forget(self, now: float) -> None:
        while self.uses and self.uses[0][0] + self.period <= now:
            self.used -= self.uses.popleft()[1]

    def wait(self, amount: int, now: float) -> float | None:
        """Seconds until ``amount`` more fit: 0 for now, None for never."""
        if amount > self.limit:
            return None
        over = self.used + amount - self.limit
        for at, used in self.uses:
            if over <= 0:
                break
            over -= used
            if over <= 0:
                return at + self.period - now
        return 0.0

    def use(self, amount: int, now: float) -> None:
        if amount:
            self.uses.append((now, amount))
            self.used += amount

    def told(self, now: float) -> RateLimit:
        reset = self.uses[-1][0] + self.period - now if self.uses else 0.0
        return RateLimit(self.limit, max(0, self.limit - self.used), reset)


class Meter:
    """Takes requests against ``limits``. For one thread: between asking and taking nothing else may happen."""

    def __init__(self, limits: Limits) -> None:
        self.limits: Limits = limits
        self._windows = {name: _Window(limit, limits.period) for name, limit in limits.named.items()}

    def take(self, now: float, *, input_tokens: int, output_tokens: int) -> Refused | None:
        """Take one request of so many tokens, at ``now`` (monotonic seconds); if any limit would be broken, take nothing and say
        which, and for how long."""
        amounts = {
            "requests": 1,
            "tokens": input_tokens + output_tokens,
            "input_tokens": input_tokens,
            "output_tokens": output_tokens,
        }
        waits: dict[str, float | None] = {}
        for name, window in self._windows.items():
            window.forget(now)
            waits[name] = window.wait(amounts[name], now)
        for name, wait in waits.items():
            if wait is None:
                return Refused(name, None)
        longest = max(waits, key=lambda name: waits[name] or 0.0)
        if (wait := waits[longest]) is not None and wait > 0:
            return Refused(longest, wait)
        for name, window in self._windows.items():
            window.use(amounts[name], now)
        return None

    def told(self, now: float, unix: float) -> RateLimits:
        """What is left, for the headers of a reply; ``unix`` is ``now`` in Unix seconds."""
        told: dict[str, RateLimit] = {}
        for name, window in self._windows.items():
            window.forget(now)
            told[name] = window.told(now)
        return RateLimits(now=unix, **told)
