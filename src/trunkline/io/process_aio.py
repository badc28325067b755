"""The process port for asyncio: the same child, whose threads hand its output to the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from ..ports import INFINITY, Deadlines, ProcessRequest
from ..wire.http import Head
from . import faults
from .process import ProcessExchange


class AsyncProcess(ProcessExchange):
    """See ``ports.Exchange``. The program is started by ``head()``."""

    def __init__(self, request: ProcessRequest, deadlines: Deadlines) -> None:
        super().__init__(request, deadlines)
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def head(self) -> Head:
        self._loop = asyncio.get_running_loop()
        try:
            return self._begin(_into(self._loop, self._pieces))
        except BaseException as error:  # noqa: BLE001 - raised below, without its frames
            fault = faults.bare(error)
        self._kill()
        raise fault

    async def read(self) -> bytes:
        if self._ended:
            return b""
        try:
            if self._child is None:
                await self.head()
            return self._taken(await self._wait(self._limit()))
        except BaseException as error:  # noqa: BLE001 - raised below, without its frames
            fault = faults.bare(error)
        self._kill()
        raise fault

    async def _wait(self, limit: float) -> bytes | None:
        if not self._pieces.empty():
            return self._pieces.get_nowait()
        loop = asyncio.get_running_loop()
        left = limit - loop.time()  # asyncio's clock is time.monotonic, or one that may be a millisecond behind it
        try:
            async with asyncio.timeout(None if left == INFINITY else max(left, 0)):
                return await self._pieces.get()
        except TimeoutError:
            pass
        raise self._late()

    async def close(self) -> None:
        self._kill()

    def abort(self) -> None:
        self._kill()
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits
                self._loop.call_soon_threadsafe(self._pieces.put_nowait, None)


def _into(loop: asyncio.AbstractEventLoop, pieces: asyncio.Queue[bytes | None]) -> Callable[[bytes], None]:
    """How the child's threads hand a piece over. It does not know the exchange, so that one that is forgotten is collected."""

    def deliver(piece: bytes) -> None:
        loop.call_soon_threadsafe(pieces.put_nowait, piece)

    return deliver
