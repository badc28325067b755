"""The shipped test doubles, run in either world: a ``ScriptedIO`` that finishes coroutines, and in which somebody may meddle."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from trunkline.io.run import run_blocking
from trunkline.sim.clock import virtual_run
from trunkline.sim.scripted_io import ScriptedIO

T = TypeVar("T")


class World(ScriptedIO):
    """Both worlds in one class. ``meanwhile`` is what others do while something is waited for: it is told the number of the wait."""

    meanwhile: Callable[[int], None] | None = None
    turns = 0
    offloaded = 0

    async def turn(self) -> None:
        self.turns += 1
        if self.meanwhile is not None:
            self.meanwhile(self.turns)
        await super().turn()

    async def offload(self, function: Callable[[], T]) -> T:
        self.offloaded += 1
        return await super().offload(function)

    def run(self, coro: Coroutine[Any, Any, T]) -> T:
        """The coroutine's result: with a single ``send``, or in an event loop of virtual time."""
        return run_blocking(coro) if self.blocking else virtual_run(coro, clock=self.clock)
