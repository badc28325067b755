"""A signal of a ``ScriptedIO``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from ..ports import INFINITY
from .clock import VirtualLoop
from .scripted_exchange import finish

if TYPE_CHECKING:
    from .scripted_io import ScriptedIO

TURNS: Final = 500
"""How often the others in an ordinary event loop may go on before a wait says that time has passed."""


class ScriptedSignal:
    """See ``ports.Signal``. It is set from a moment on: where branches run one after another, one that waits does not see yet
    what an earlier branch has set at a later moment."""

    def __init__(self, io: ScriptedIO) -> None:
        self._io = io
        self._since = INFINITY
        self._waiting: set[asyncio.Future[None]] = set()

    async def wait(self, seconds: float = INFINITY) -> bool:
        io = self._io
        end = io.now() + seconds
        if not io.blocking and not isinstance(asyncio.Future[None]().get_loop(), VirtualLoop):
            await self._take_turns(end)
        else:
            await io.wait_until(min(self._since, end), self._waiting)
        return self._since <= io.now()

    def set(self) -> None:
        self._since = min(self._since, self._io.now())
        for over in list(self._waiting):
            over.get_loop().call_soon_threadsafe(finish, over)

    async def _take_turns(self, end: float) -> None:
        """In an ordinary loop: let the others go on, who let time pass, and then let it pass."""
        io = self._io
        if end == INFINITY:
            over: asyncio.Future[None] = asyncio.Future()
            self._waiting.add(over)
            try:
                if self._since == INFINITY:
                    await over
            finally:
                self._waiting.discard(over)
            return
        for _ in range(TURNS):
            if self._since <= io.now() or io.now() >= end:
                break
            await io.turn()
        else:
            await io.wait_until(end)


__all__ = ["TURNS", "ScriptedSignal"]
