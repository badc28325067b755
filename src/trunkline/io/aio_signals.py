"""What tasks of asyncio wait for, and any thread may set."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final
from weakref import ref

from ..ports import INFINITY

_LONGEST: Final = 1e8  # seconds, three years


class AsyncSignal:
    """See ``ports.Signal``. Tasks of several event loops may wait for the same.

    Who waits is held by his loop, through the timer, and not from here: where a loop was closed with tasks in it, they are
    collected, and what they had taken is given back.
    """

    __slots__ = ("_set", "_waiting")

    def __init__(self) -> None:
        self._set = False
        self._waiting: set[ref[asyncio.Future[None]]] = set()

    async def wait(self, seconds: float = INFINITY) -> bool:
        if self._set:
            return True
        loop = asyncio.get_running_loop()
        over: asyncio.Future[None] = loop.create_future()
        known = ref(over)
        self._waiting.add(known)
        timer = loop.call_later(min(max(seconds, 0), _LONGEST), _finish, over)
        try:
            if not self._set:  # by another thread, which has not seen this wait
                await over
        finally:
            self._waiting.discard(known)
            timer.cancel()
        return self._set

    def set(self) -> None:
        # No lock: it may be called by a finalizer or a signal's handler, in the middle of `wait`.
        self._set = True
        for known in list(self._waiting):
            if (over := known()) is not None:
                with suppress(RuntimeError):  # its loop is closed: nobody waits any more
                    over.get_loop().call_soon_threadsafe(_finish, over)


def _finish(over: asyncio.Future[None]) -> None:
    if not over.done():
        over.set_result(None)
