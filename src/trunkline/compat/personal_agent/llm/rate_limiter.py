"""Pacing: so many requests within any stretch of a period."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

from trunkline import RateLimit, RateWindow, Reservation


class RateLimiter:
    """At most ``max_requests`` in any ``period`` seconds, among all threads that share it, first come, first served.

    ``clock`` and ``sleep`` take the place of ``time.monotonic`` and ``time.sleep``. Raises ``UsageError``, a ``ValueError``, for
    a limit below 1 and a period that is not above 0.
    """

    def __init__(
        self,
        max_requests: int | None = 60,
        period: float | None = 60,
        *,
        clock: Callable[[], float] | None = None,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self.max_requests: int = 60 if max_requests is None else max_requests
        self.period: float = 60 if period is None else period
        self._window = RateWindow(RateLimit(self.max_requests, period=self.period))
        self._clock, self._sleep = clock, sleep
        self._turn = Lock()

    def wait_if_needed(self) -> None:
        """Returns once one more request may go; it is counted from that moment on."""
        clock = self._clock or time.monotonic
        with self._turn:  # those who come later wait for whoever is waiting: nobody overtakes
            now = clock()
            wait = self._window.reserve(now, latest=now)
            if not isinstance(wait, Reservation):
                (self._sleep or time.sleep)(wait)
                self._window.reserve(max(clock(), now + wait))  # it goes now, and not when it was due
