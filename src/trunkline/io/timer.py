"""The deadlines of all exchanges of one event loop, with one timer of the loop (``asyncio.timeout`` costs 10 µs a call)."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Protocol

INFINITY = float("inf")


class Waiter(Protocol):
    """Something that waits: ``limit`` is when it has waited long enough, and may be moved later at any time."""

    limit: float

    def expire(self) -> None: ...
    def end(self) -> None: ...


class DeadlineTimer:
    """Rings at the earliest limit that it knows of; limits that have moved on meanwhile cost nothing but a look."""

    __slots__ = ("_handle", "_loop", "nearest", "waiters")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.waiters: set[Waiter] = set()
        self.nearest: float = INFINITY
        self._handle: asyncio.TimerHandle | None = None

    def watch(self, waiter: Waiter) -> None:
        """Expire the waiter once its limit has passed, unless it is unwatched before. Call again when the limit moves nearer."""
        self.waiters.add(waiter)
        if waiter.limit < self.nearest:
            self._set(waiter.limit)

    def unwatch(self, waiter: Waiter) -> None:
        self.waiters.discard(waiter)

    def stop(self) -> None:
        """End every wait: nobody would ring for it any more."""
        for waiter in list(self.waiters):
            waiter.end()
        self.waiters.clear()
        if self._handle is not None:
            self._handle.cancel()

    def _set(self, limit: float) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self.nearest = limit
        self._handle = self._loop.call_later(max(limit - monotonic(), 0), self._ring)

    def _ring(self) -> None:
        self._handle, self.nearest = None, INFINITY
        now = monotonic()
        for waiter in [waiter for waiter in self.waiters if waiter.limit <= now]:
            self.waiters.discard(waiter)
            waiter.expire()
        nearest = min((waiter.limit for waiter in self.waiters), default=INFINITY)
        if nearest < self.nearest:
            self._set(nearest)
