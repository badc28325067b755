"""Whether the asker is still there."""

from __future__ import annotations

import asyncio
from types import TracebackType

from .connection import Line, NoLine
from .intake import Receive


class Presence:
    """``async with Presence(line, receive) as presence``: what runs inside is cancelled as soon as the asker has gone, and the
    cancellation ends here. ``gone`` says so. The request's body must have been read."""

    def __init__(self, line: Line | NoLine, receive: Receive) -> None:
        self._line, self._receive = line, receive
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._watcher: asyncio.Task[None] | None = None
        self.gone: bool = False

    async def __aenter__(self) -> Presence:
        self._task = asyncio.current_task()
        assert self._task is not None
        self._cancelling = self._task.cancelling()
        if isinstance(self._line, Line):
            self._line.watch(self._left)
            if self._line.lost:
                self._left()
        else:
            self._watcher = asyncio.create_task(self._watch(), name="trunkline-presence")
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> bool:
        if isinstance(self._line, Line):
            self._line.unwatch(self._left)
        if self._watcher is not None:
            self._watcher.cancel()
        if not self.gone:
            return False
        assert self._task is not None
        if kind is None:  # the cancellation was swallowed, or waits at the next await: it shall not hit what comes after
            try:
                await asyncio.sleep(0)
            except asyncio.CancelledError as cancelled:
                if self._task.uncancel() > self._cancelling:
                    raise cancelled from None
                return False
        return self._task.uncancel() <= self._cancelling and kind is not None and issubclass(kind, asyncio.CancelledError)

    def _left(self) -> None:
        if self._task is not None and not self.gone:
            self.gone = True
            self._task.cancel()

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._left()
