"""A run as it happens: the events of each turn, and of the tools between them."""

from __future__ import annotations

from typing import Any

import msgspec

from ..ports import IO
from ..values.errors import ClosedByCallerError, StreamInterruptedError
from ..values.events import Event
from ..values.response import Response
from .call import Call
from .stream import CLOSED, LiveStream
from .toolbox import Toolbox
from .toolloop import Loop, Rules, begun, heard


class RunStream:
    """What ``LiveStream`` is for one call, for a run. A turn that fails ends it; ``response`` then has the steps before."""

    __slots__ = ("_begun", "_call", "_io", "_live", "_loop", "_over", "_turn", "_whole")

    def __init__(self, io: IO, call: Call, box: Toolbox, rules: Rules) -> None:
        self._io, self._call = io, call
        self._loop = Loop(io, call, box, rules)
        self._live: LiveStream | None = None
        """The turn at hand; None between two."""
        self._turn: Response | None = None
        """The turn that has ended, and whose tools are to be run."""
        self._whole: Response | None = None
        self._begun = self._over = False

    @property
    def started(self) -> bool:
        return self._begun

    @property
    def ended(self) -> bool:
        return self._over

    @property
    def complete(self) -> bool:
        """Whether all has been handed out and only the end is not yet told."""
        live = self._live
        return self._turn is None and live is not None and live.complete and self._loop.is_last(live.response)

    @property
    def response(self) -> Response:
        """The reply so far, with the steps before it; ``partial`` until the run has ended."""
        if self._whole is not None:
            return self._whole
        live = self._live
        if live is None:
            return self._loop.so_far()
        return msgspec.structs.replace(self._loop.whole(live.response), partial=True)

    @property
    def partial(self) -> Any:
        """What the output of the turn at hand says so far."""
        live = self._live
        return None if live is None else live.partial

    async def open(self) -> None:
        """Waits for the first events of the first turn."""
        if self._begun or self._over:
            return
        self._begun = True
        try:
            await self._loop.begin()
            await self._ask()
        except BaseException:
            self._over = True
            raise

    async def _ask(self) -> LiveStream:
        self._live = live = LiveStream(self._io, self._loop.turn())
        if self._over:  # closed by another thread, meanwhile
            live.abort("close")
        await live.open()
        return live

    async def batch(self) -> list[Event]:
        """What has happened since; empty at the end."""
        await self.open()
        if self._over:
            return []
        try:
            return await self._batch()
        except ClosedByCallerError as error:
            self._over = True
            closed = StreamInterruptedError(CLOSED, partial=(partial := self.response))
            closed.steps = partial.steps
            raise closed from error
        except BaseException as error:
            self._over = True
            self._loop.tell(error)
            raise

    async def _batch(self) -> list[Event]:
        if (turn := self._turn) is not None:
            try:
                ended = await self._loop.act(turn)
            finally:
                self._live = self._turn = None
            if ended:
                return await heard(self._call, ended)
        events = await (self._live or await self._ask()).batch()
        return events or await self._end()

    async def _end(self) -> list[Event]:
        """One turn is over."""
        live = self._live
        if live is None or self._over:
            return []
        response = live.response
        if not self._loop.goes_on(response):
            self._whole, self._over = self._loop.whole(response), True
            return []
        self._turn = response
        return await heard(self._call, begun(response))

    async def close(self) -> None:
        """Ends the run; what has been read stays in ``response``. A tool that runs is left to itself, a coroutine cancelled."""
        live = self._leave()
        if live is not None:
            await live.close()

    def abort(self, how: str) -> None:
        """Ends it at once, from any thread."""
        live = self._leave()
        if live is not None:
            live.abort(how)

    def _leave(self) -> LiveStream | None:
        self._over = True
        self._loop.end()
        return self._live
