"""Several coroutines of a blocking client at once: each is run to its end in a thread of its own."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextvars import copy_context
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from ..ports import Exchange
from ..values.errors import TransportError
from .run import run_blocking

T = TypeVar("T")


class Branch(Generic[T]):
    """One coroutine in its thread. Ending it breaks its waits: the sockets that it reads, and its sleep."""

    def __init__(self, outer: Branch[Any] | None) -> None:
        self.over: threading.Event = threading.Event()
        self.exchanges: weakref.WeakSet[Exchange] = weakref.WeakSet()
        self.inner: list[Branch[Any]] = []
        self.values: list[T] = []  # one, once it has ended well
        self.error: BaseException | None = None
        if outer is not None:
            outer.inner.append(self)
            if outer.over.is_set():
                self.over.set()

    def result(self) -> T:
        if self.error is not None:
            raise self.error
        return self.values[0]

    def end(self) -> None:
        self.over.set()
        for exchange in list(self.exchanges):
            exchange.abort()
        for branch in self.inner:
            branch.end()


class Branches:
    """Which branch a thread works for, and the running of several."""

    def __init__(self) -> None:
        self._here = threading.local()

    def enter(self, exchange: Exchange) -> None:
        """Let the exchange end with the branch that made it, if one did."""
        branch: Branch[Any] | None = getattr(self._here, "branch", None)
        if branch is not None:
            branch.exchanges.add(exchange)
            if branch.over.is_set():
                exchange.abort()

    def sleep(self, seconds: float) -> None:
        branch: Branch[Any] | None = getattr(self._here, "branch", None)
        if branch is None:
            time.sleep(max(seconds, 0))
        elif branch.over.wait(max(seconds, 0)):
            raise TransportError("ended, because another branch decided the call", phase="connect")

    def all(self, coros: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
        branches, finished, threads = self._start(coros)
        fault: BaseException | None = None
        left = set(branches)
        try:
            while left and fault is None:
                done = finished.get()
                left.discard(done)
                fault = done.error
        finally:
            _stop(left, threads)
        if fault is not None:
            raise fault
        return [branch.result() for branch in branches]

    def first(self, coros: Sequence[Coroutine[Any, Any, T]]) -> T:
        branches, finished, threads = self._start(coros)
        left = set(branches)
        try:
            winner = finished.get()
            left.discard(winner)
        finally:
            _stop(left, threads)
        return winner.result()

    def _start(
        self, coros: Sequence[Coroutine[Any, Any, T]]
    ) -> tuple[list[Branch[T]], SimpleQueue[Branch[T]], list[threading.Thread]]:
        outer: Branch[Any] | None = getattr(self._here, "branch", None)
        finished: SimpleQueue[Branch[T]] = SimpleQueue()
        branches = [Branch[T](outer) for _ in coros]
        threads = []
        for branch, coro in zip(branches, coros, strict=True):
            run = self._work(branch, coro, finished)
            thread = threading.Thread(target=copy_context().run, args=(run,), name="trunkline-branch", daemon=True)
            thread.start()
            threads.append(thread)
        return branches, finished, threads

    def _work(self, branch: Branch[T], coro: Coroutine[Any, Any, T], finished: SimpleQueue[Branch[T]]) -> Callable[[], None]:
        def run() -> None:
            self._here.branch = branch
            try:
                branch.values.append(run_blocking(coro))
            except BaseException as error:  # noqa: BLE001 - handed over, and raised where the branches are waited for
                branch.error = error
            finished.put(branch)

        return run


def _stop(left: Iterable[Branch[Any]], threads: Sequence[threading.Thread]) -> None:
    """End what still runs, and wait for it: nothing of a call goes on behind its back."""
    for branch in left:
        branch.end()
    for thread in threads:
        thread.join()
