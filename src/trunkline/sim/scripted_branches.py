"""Several coroutines at once in a ``ScriptedIO``, and the exchanges that each of them began."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator, Iterable, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ..ports import INFINITY
from .clock import StuckError, VirtualClock
from .scripted_exchange import ScriptedExchange

if TYPE_CHECKING:
    from .scripted_io import ScriptedIO

T = TypeVar("T")


class Branches:
    """Runs the branches of one ``ScriptedIO``: one after another, each from the same moment on, or as tasks."""

    def __init__(self, io: ScriptedIO) -> None:
        self._io = io
        self._here: Branch[Any] | None = None

    def enter(self, exchange: ScriptedExchange) -> None:
        """Let the exchange end with the branch that began it, if one did, and with those around it."""
        branch = self._here
        while branch is not None:
            branch.begun.append(exchange)
            branch = branch.outer

    async def all(self, coros: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
        if not self._io.blocking:
            return await self._all_tasks(coros)
        branches = await self._one_by_one(coros)
        failed = min((branch for branch in branches if branch.error is not None), key=_moment, default=None)
        self._io.clock.until((failed or max(branches, key=_moment)).moment if branches else self._io.now())
        if failed is not None:
            _close(branches)
        return [branch.result() for branch in ([failed] if failed else branches)]

    async def first(self, coros: Sequence[Coroutine[Any, Any, T]]) -> T:
        if not self._io.blocking:
            return await self._first_task(coros)
        branches = await self._one_by_one(coros)
        winner = min(branches, key=_moment)
        if winner.moment < INFINITY:
            self._io.clock.until(winner.moment)
        _close(branch for branch in branches if branch is not winner or winner.error is not None)
        return winner.result()

    async def _one_by_one(self, coros: Sequence[Coroutine[Any, Any, T]]) -> list[Branch[T]]:
        """How each of them ends, and when, begun now."""
        io, outer = self._io, self._here
        clock, branches = io.clock, [Branch[T](outer) for _ in coros]
        try:
            for branch, coro in zip(branches, coros, strict=True):
                io.clock, self._here = VirtualClock(clock.now(), clock.wall()), branch
                try:
                    branch.values.append(await coro)
                except Exception as error:  # noqa: BLE001 - raised by whoever waits for this branch
                    branch.error = error
                branch.moment = INFINITY if isinstance(branch.error, StuckError) else io.now()
        except BaseException:
            _close(branches)
            raise
        finally:
            io.clock, self._here = clock, outer
            for coro in coros:
                coro.close()
        return branches

    async def _all_tasks(self, coros: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
        branches, tasks = self._begin(coros)
        try:
            return list(await asyncio.gather(*tasks))
        except BaseException:
            await _end(tasks)
            _close(branches)
            raise

    async def _first_task(self, coros: Sequence[Coroutine[Any, Any, T]]) -> T:
        branches, tasks = self._begin(coros)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            winner = next(n for n, task in enumerate(tasks) if task.done())
            await _end(tasks[:winner] + tasks[winner + 1 :])
            result = tasks[winner].result()
        except BaseException:
            await _end(tasks)
            _close(branches)
            raise
        _close(branches[:winner] + branches[winner + 1 :])
        return result

    def _begin(self, coros: Sequence[Coroutine[Any, Any, T]]) -> tuple[list[Branch[T]], list[asyncio.Task[T]]]:
        branches = [Branch[T](self._here) for _ in coros]
        return branches, [asyncio.create_task(_Steps(self, *pair)) for pair in zip(branches, coros, strict=True)]

    def within(self, branch: Branch[Any], step: Callable[[], T]) -> T:
        """What one step of the branch gives."""
        outer, self._here = self._here, branch
        try:
            return step()
        finally:
            self._here = outer


class Branch(Generic[T]):
    """What one of several coroutines began, how it ended, and when."""

    def __init__(self, outer: Branch[Any] | None) -> None:
        self.outer = outer
        self.begun: list[ScriptedExchange] = []
        self.moment = INFINITY
        self.values: list[T] = []
        self.error: Exception | None = None

    def result(self) -> T:
        if self.error is not None:
            raise self.error
        return self.values[0]


class _Steps(Coroutine[Any, Any, T]):
    """A coroutine, each step of which is known to be its branch's."""

    def __init__(self, branches: Branches, branch: Branch[T], coro: Coroutine[Any, Any, T]) -> None:
        self._branches, self._branch, self._coro = branches, branch, coro
        self.__name__: str = getattr(coro, "__name__", type(coro).__name__)
        self.__qualname__: str = getattr(coro, "__qualname__", self.__name__)

    @property
    def cr_frame(self) -> FrameType | None:
        """Where it waits: ``StuckError`` tells."""
        return getattr(self._coro, "cr_frame", None)

    def send(self, value: Any) -> Any:
        return self._branches.within(self._branch, lambda: self._coro.send(value))

    def throw(self, *error: Any) -> Any:
        return self._branches.within(self._branch, lambda: self._coro.throw(*error))

    def close(self) -> None:
        self._coro.close()

    def __await__(self) -> Generator[Any, Any, T]:
        return self._coro.__await__()


def _moment(branch: Branch[Any]) -> float:
    return branch.moment


def _close(branches: Iterable[Branch[Any]]) -> None:
    """What was begun by whom nobody asks any more."""
    for branch in branches:
        for exchange in branch.begun:
            if not exchange.closed:
                exchange.abort()


async def _end(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Cancel what still runs and wait for it; what it raises then interests nobody. A cancellation that arrives meanwhile is
    raised when all has ended."""
    cancelled: asyncio.CancelledError | None = None
    for task in tasks:
        task.cancel()
    while left := [task for task in tasks if not task.done()]:
        try:
            await asyncio.wait(left)
        except asyncio.CancelledError as error:
            cancelled = error
    for task in tasks:
        if not task.cancelled():
            task.exception()  # looked at, so that the loop does not report it
    if cancelled is not None:
        raise cancelled


__all__ = ["Branch", "Branches"]
