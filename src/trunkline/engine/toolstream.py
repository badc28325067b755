"""A run as it happens: the events of each turn, and of the tools between them."""

from __future__ import annotations

from typing import Any

from ..ports import IO
from ..values.events import Event
from ..values.message import Message
from ..values.response import Response
from .call import Call
from .settlement import called
from .stream import LiveStream
from .toolbox import Toolbox
from .toolloop import Loop, Rules, begun


class RunStream:
    """What ``LiveStream`` is for one call, for a run. A turn that fails ends it; ``response`` then has the steps before."""

    __slots__ = ("_begun", "_call", "_io", "_live", "_loop", "_over", "_turn", "_whole")

    def __init__(self, io: IO, call: Call, box: Toolbox, rules: Rules) -> None:
        self._io, self._call = io, call
        self._loop = Loop(io, call, box, rules)
        self._live: LiveStream | None = None
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
        """The reply so far, with the steps before it."""
        if self._whole is not None:
            return self._whole
        return (
            Response(message=Message.assistant(), partial=True) if self._live is None else self._loop.whole(self._live.response)
        )

    @property
    def partial(self) -> Any:
        """What the output of the turn at hand says so far."""
        return None if self._live is None else self._live.partial

    async def open(self) -> None:
        """Waits for the first events of the first turn."""
        if not self._begun and not self._over:
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
        try:
            return await self._batch()
        except BaseException:
            self._over = True
            raise

    async def _batch(self) -> list[Event]:
        if self._over:
            return []
        if (turn := self._turn) is not None:
            ended = await self._loop.run(turn.tool_calls) if turn.tool_calls else []
            self._loop.add(turn, ended)
            self._live = self._turn = None
            if ended:
                return await self._heard([*ended])
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
        return await self._heard(begun(response))

    async def _heard(self, events: list[Event]) -> list[Event]:
        if self._call.hooks.on_event is not None:
            for event in events:
                await called(self._call.hooks.on_event(event))
        return events

    async def close(self) -> None:
        """Ends the run; what has been read stays in ``response``. A tool that runs is left to itself."""
        self._over = True
        if self._live is not None:
            await self._live.close()

    def abort(self, how: str) -> None:
        """Ends it at once, from any thread."""
        self._over = True
        if self._live is not None:
            self._live.abort(how)
