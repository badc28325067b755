"""What tasks of asyncio wait for, and any thread may set."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from ..ports import INFINITY


class AsyncSignal:
    """See ``ports.Signal``. Tasks of several event loops may wait for the same."""

    __slots__ = ("_set", "_waiting")

    def __init__(self) -> None:
        self._set = False
        self._waiting: set[asyncio.Future[None]] = set()

    async def wait(self, seconds: float = INFINITY) -> bool:
        if self._set:
            return True
        loop = asyncio.get_running_loop()
        over: asyncio.Future[None] = loop.create_future()
        self._waiting.add(over)
        timer = None if seconds == INFINITY else loop.call_later(max(seconds, 0), _finish, over)
        try:
            if not self._set:  # by another thread, which has not seen this wait
                await over
        finally:
            self._waiting.discard(over)
            if timer is not None:
                timer.cancel()
        return self._set

    def set(self) -> None:
        # No lock: it may be called by a finalizer or a signal's handler, in the middle of `wait`.
        self._set = True
        for over in list(self._waiting):
            with suppress(RuntimeError):  # its loop is closed: nobody waits any more
                over.get_loop().call_soon_threadsafe(_finish, over)


def _finish(over: asyncio.Future[None]) -> None:
    if not over.done():
        over.set_result(None)
