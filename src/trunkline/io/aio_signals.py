"""What tasks of asyncio wait for, and any thread may set."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final
from weakref import ref

from ..ports import INFINITY
from .faults import ended_waiting

_LONGEST: Final = 1e8  # seconds, three years


class Waits:
    """All that is waited for at one port; ``close`` ends it."""

    __slots__ = ("_under_way", "closed")

    def __init__(self) -> None:
        self.closed: int = 0
        """How often."""
        self._under_way: set[ref[asyncio.Future[None]]] = set()

    def close(self) -> None:
        self.closed += 1
        _wake(self._under_way)

    async def until(self, over: asyncio.Future[None], seconds: float) -> None:
        """Returns when it is over, or so many seconds have passed. Raises ``ClosedByCallerError``."""
        closed, known = self.closed, ref(over)
        self._under_way.add(known)
        timer = over.get_loop().call_later(min(max(seconds, 0), _LONGEST), _finish, over)
        try:
            if self.closed == closed:
                await over
        finally:
            self._under_way.discard(known)
            timer.cancel()
        if self.closed != closed:
            raise ended_waiting()


class AsyncSignal:
    """See ``ports.Signal``. Tasks of several event loops may wait for the same. When the port is closed a wait raises
    ``ClosedByCallerError``.

    Who waits is held by his loop, through the timer, and not from here: where a loop was closed with tasks in it, they are
    collected, and what they had taken is given back.
    """

    __slots__ = ("_set", "_waiting", "_waits")

    def __init__(self, waits: Waits | None = None) -> None:
        self._waits = waits or Waits()
        self._set = False
        self._waiting: set[ref[asyncio.Future[None]]] = set()

    async def wait(self, seconds: float = INFINITY) -> bool:
        if self._set:
            return True
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        known = ref(over)
        self._waiting.add(known)
        try:
            if not self._set:  # by another thread, which has not seen this wait
                await self._waits.until(over, seconds)
        finally:
            self._waiting.discard(known)
        return self._set

    def set(self) -> None:
        # No lock: it may be called by a finalizer or a signal's handler, in the middle of `wait`.
        self._set = True
        _wake(self._waiting)


def _wake(waiting: set[ref[asyncio.Future[None]]]) -> None:
    for known in list(waiting):
        if (over := known()) is not None:
            with suppress(RuntimeError):  # its loop is closed: nobody waits any more
                over.get_loop().call_soon_threadsafe(_finish, over)


def _finish(over: asyncio.Future[None]) -> None:
    if not over.done():
        over.set_result(None)
