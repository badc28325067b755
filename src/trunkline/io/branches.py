"""Several coroutines of a blocking client at once: each is run to its end in a thread of its own."""

from __future__ import annotations

import sys
import threading
import time
import weakref
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from contextvars import copy_context
from queue import Empty, SimpleQueue
from typing import Any, Final, Generic, TypeVar

from ..ports import Exchange
from ..values.errors import TransportError
from .faults import ended_waiting
from .run import run_blocking

T = TypeVar("T")

Bell = SimpleQueue[None]
"""What one wait listens to: to ring it is to put something in, which may be done anywhere, even in the middle of the wait."""

_LONGEST: Final = 0.2 if sys.platform == "win32" else 86_400.0  # on Windows a wait is deaf to Ctrl-C


class Branch(Generic[T]):
    """One coroutine in its thread. Ending it breaks its waits: the sockets that it reads, its sleep, the signals."""

    def __init__(self, outer: Branch[Any] | None) -> None:
        self.over: threading.Event = threading.Event()
        self.bells: set[Bell] = set()
        self.exchanges: list[weakref.ref[Exchange]] = []  # a WeakSet cannot be walked while another thread adds to it
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

    def forget(self) -> None:
        """Let go of what it brought: an error's frames know the branch, and what they hold would be collected late."""
        self.values.clear()
        self.error = None

    def end(self) -> None:
        self.over.set()
        for known in list(self.exchanges):
            exchange = known()
            if exchange is not None:
                exchange.abort()
        for bell in list(self.bells):
            bell.put(None)
        for branch in list(self.inner):
            branch.end()


class Branches:
    """Which branch a thread works for, the running of several, and whatever waits for time or a bell."""

    def __init__(self) -> None:
        self._here = threading.local()
        self._closed = 0  # how often
        self._waiting: set[Bell] = set()

    def enter(self, exchange: Exchange) -> None:
        """Let the exchange end with the branch that made it, if one did."""
        branch: Branch[Any] | None = getattr(self._here, "branch", None)
        if branch is not None:
            branch.exchanges.append(weakref.ref(exchange))
            if branch.over.is_set():
                exchange.abort()

    def close(self) -> None:
        """End all waits."""
        self._closed += 1
        for bell in list(self._waiting):
            bell.put(None)

    def sleep(self, seconds: float) -> None:
        self.listen(Bell(), max(seconds, 0))

    def listen(self, bell: Bell, seconds: float) -> None:
        """Wait until the bell rings, or so many seconds have passed."""
        closed = self._closed
        self._waiting.add(bell)
        try:
            if self._closed == closed:
                self._listen(bell, seconds)
        finally:
            self._waiting.discard(bell)
        if self._closed != closed:
            raise ended_waiting()

    def _listen(self, bell: Bell, seconds: float) -> None:
        branch: Branch[Any] | None = getattr(self._here, "branch", None)
        if branch is None:
            _listen(bell, seconds)
            return
        branch.bells.add(bell)
        try:
            if not branch.over.is_set():
                _listen(bell, seconds)
        finally:
            branch.bells.discard(bell)
        if branch.over.is_set():
            raise _ended()

    def all(self, coros: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
        running = self._running(coros)
        try:
            running.start()
            for _ in running.branches:
                running.finished.get().result()
            running.stop(but=running.branches)
            return [branch.result() for branch in running.branches]
        except BaseException:
            running.stop()
            raise

    def first(self, coros: Sequence[Coroutine[Any, Any, T]]) -> T:
        running = self._running(coros)
        try:
            running.start()
            winner = running.finished.get()
            running.stop(but=[winner])
            return winner.result()
        except BaseException:
            running.stop()
            raise

    def _running(self, coros: Sequence[Coroutine[Any, Any, T]]) -> _Running[T]:
        outer: Branch[Any] | None = getattr(self._here, "branch", None)
        finished: SimpleQueue[Branch[T]] = SimpleQueue()
        branches = [Branch[T](outer) for _ in coros]
        work = [self._work(branch, coro, finished) for branch, coro in zip(branches, coros, strict=True)]
        return _Running(branches, finished, work, coros)

    def _work(self, branch: Branch[T], coro: Coroutine[Any, Any, T], finished: SimpleQueue[Branch[T]]) -> Callable[[], None]:
        def run() -> None:
            self._here.branch = branch
            try:
                branch.values.append(run_blocking(coro))
            except BaseException as error:  # noqa: BLE001 - handed over, and raised where the branches are waited for
                branch.error = error
            finished.put(branch)

        return run


class _Running(Generic[T]):
    """Branches at work, each in its thread."""

    def __init__(
        self,
        branches: list[Branch[T]],
        finished: SimpleQueue[Branch[T]],
        work: Sequence[Callable[[], None]],
        coros: Sequence[Coroutine[Any, Any, T]],
    ) -> None:
        self.branches: list[Branch[T]] = branches
        self.finished: SimpleQueue[Branch[T]] = finished
        self._work, self._coros = work, coros
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        for run in self._work:
            thread = threading.Thread(target=copy_context().run, args=(run,), name="trunkline-branch", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self, but: Sequence[Branch[T]] = ()) -> None:
        """End what still runs, and what was begun by whom nobody asks any more, and wait for it: nothing of a call goes on
        behind its back."""
        for branch in self.branches:
            if branch not in but:
                branch.end()
        for thread in self._threads:
            with suppress(RuntimeError):  # it could not be started
                thread.join()
        for branch in self.branches:
            if branch not in but:
                branch.forget()
        for coro in self._coros:
            with suppress(ValueError):  # it runs: a Ctrl-C came while its thread was being started
                coro.close()


def _listen(bell: Bell, seconds: float) -> None:
    limit = time.monotonic() + seconds
    left = seconds
    while True:
        try:
            bell.get(timeout=max(min(left, _LONGEST), 0))
        except Empty:
            left = limit - time.monotonic()
            if left > 0:
                continue
        return


def _ended() -> TransportError:
    return TransportError("ended, because another branch decided the call", phase="connect")
