"""Signs of life while a reply is long in coming."""

from __future__ import annotations

import asyncio

from ..dialects.dialect import EventEncoder
from .outlet import Outlet


class Pings:
    """Sends ``encoder.ping()`` whenever nothing was sent for ``every`` seconds (None: never). A timer, so that waiting for the
    next events is left alone. ``close`` before the last word."""

    def __init__(self, outlet: Outlet, encoder: EventEncoder, every: float | None) -> None:
        self._outlet, self._encoder = outlet, encoder
        self._every = every or 0.0
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._under_way: asyncio.Task[None] | None = None
        if every:
            self._timer = self._loop.call_later(every, self._look)

    async def close(self) -> None:
        """No more of them; one that waits for room is let out first."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._under_way is not None:
            task, self._under_way = self._under_way, None
            await task

    def drop(self) -> None:
        """No more of them, and nobody is there to read one."""
        if self._timer is not None:
            self._timer.cancel()
        if self._under_way is not None:
            self._under_way.cancel()

    def _look(self) -> None:
        idle = self._outlet.idle()
        if idle < self._every:
            self._timer = self._loop.call_later(self._every - idle, self._look)
            return
        if ping := self._encoder.ping():
            self._under_way = asyncio.create_task(self._outlet.more(ping))
        self._timer = self._loop.call_later(self._every, self._look)
