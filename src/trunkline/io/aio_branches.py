"""Several coroutines at once in tasks of asyncio, and what they began."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, Generic, TypeVar
from weakref import WeakSet

from ..ports import Exchange

T = TypeVar("T")
E = TypeVar("E", bound=Exchange)

_known: dict[asyncio.Task[Any], Branch[Any]] = {}
"""The branch that a task is, while somebody waits for it. (A context variable would reach tasks that live on.)"""


class Branch(Generic[T]):
    """One coroutine in its task. A cancellation ends what it waits for; what it has begun, and may have returned, is closed."""

    __slots__ = ("begun", "outer", "task")

    def __init__(self, coro: Coroutine[Any, Any, T]) -> None:
        self.outer: Branch[Any] | None = here()
        self.begun: WeakSet[Exchange] = WeakSet()
        self.task: asyncio.Task[T] = asyncio.create_task(coro)
        _known[self.task] = self

    def abort(self) -> None:
        for exchange in list(self.begun):
            exchange.abort()


def here() -> Branch[Any] | None:
    """The branch that the running task is."""
    if not _known:
        return None
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no loop runs here
        return None
    return None if task is None else _known.get(task)


def enter(exchange: E) -> E:
    """The same exchange: it ends with the branch that began it, if one did, and with those around it."""
    branch = here() if _known else None
    while branch is not None:
        branch.begun.add(exchange)
        branch = branch.outer
    return exchange


async def all_of(coros: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """See ``ports.IO.all``."""
    branches = [Branch(coro) for coro in coros]
    try:
        return list(await asyncio.gather(*(branch.task for branch in branches)))
    except BaseException:
        await _end(branches)
        raise
    finally:
        _forget(branches)


async def first_of(coros: Sequence[Coroutine[Any, Any, T]]) -> T:
    """See ``ports.IO.first``."""
    branches = [Branch(coro) for coro in coros]
    try:
        await asyncio.wait([branch.task for branch in branches], return_when=asyncio.FIRST_COMPLETED)
        winner = next(branch for branch in branches if branch.task.done())
        await _end([branch for branch in branches if branch is not winner])
        return winner.task.result()
    except BaseException:
        await _end(branches)
        raise
    finally:
        _forget(branches)


async def _end(branches: Sequence[Branch[Any]]) -> None:
    """Cancel what still runs and wait for it, and close what was begun; what it raises then interests nobody. A cancellation
    that arrives meanwhile is raised when all has ended."""
    cancelled: asyncio.CancelledError | None = None
    for branch in branches:
        branch.task.cancel()
    while left := [branch.task for branch in branches if not branch.task.done()]:
        try:
            await asyncio.wait(left)
        except asyncio.CancelledError as error:
            cancelled = error
    for branch in branches:
        branch.abort()
        if not branch.task.cancelled():
            branch.task.exception()  # looked at, so that the loop does not report it
    if cancelled is not None:
        raise cancelled


def _forget(branches: Sequence[Branch[Any]]) -> None:
    for branch in branches:
        _known.pop(branch.task, None)
