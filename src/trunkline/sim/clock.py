"""Time that is a number: a clock that goes when it is told to, and an asyncio event loop that lives by it."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from ..values.errors import UsageError

T = TypeVar("T")

PATIENCE: Final = 30.0
"""Seconds of real time that a loop waits for functions in threads before it says that one of them hangs."""


class StuckError(RuntimeError):
    """Whatever waits here would wait for ever: nothing is left that could end it."""


class VirtualClock:
    """``now`` is seconds on a clock that never goes back, ``wall`` seconds since 1970 (UTC): both stand until ``advance``."""

    def __init__(self, now: float = 1_000.0, wall: float = 1_795_000_000.0) -> None:
        self._now = now
        self._began = wall - now
        self._lock = threading.Lock()

    def now(self) -> float:
        return self._now

    def wall(self) -> float:
        return self._began + self._now

    def advance(self, seconds: float) -> None:
        """Let so many seconds go by. Raises ``UsageError`` for fewer than 0, or no end of them."""
        if not 0 <= seconds < math.inf:
            raise UsageError("time goes ahead, by a number of seconds", field="seconds", got=repr(seconds), allowed="0 or more")
        with self._lock:
            self._now += seconds

    def until(self, moment: float) -> None:
        """Let time go by until ``now`` is ``moment``, if that is still to come."""
        with self._lock:
            self._now = max(self._now, moment)

    def __repr__(self) -> str:
        return f"VirtualClock({self._now:g})"


class VirtualLoop(asyncio.BaseEventLoop):
    """An asyncio event loop that never waits: when nothing is ready, its clock jumps to the next timer.

    Any asyncio code runs in it as it is (tasks, timeouts, locks, queues) but what needs the network, pipes, signals or child
    processes: that is refused with ``UsageError``. Functions in threads (``asyncio.to_thread``) run, and take no virtual time.
    When nothing is ready, nothing is scheduled and no thread works, ``StuckError`` says who still waits, and where.
    """

    _ready: Any
    _scheduled: Any

    def __init__(self, clock: VirtualClock | None = None) -> None:
        super().__init__()
        self.clock: VirtualClock = clock or VirtualClock()
        self._selector = self  # whom `BaseEventLoop` asks to wait
        self._woken = threading.Event()
        self._in_threads = 0

    def time(self) -> float:
        return self.clock.now()

    def select(self, timeout: float | None) -> list[Any]:
        """Called by ``BaseEventLoop`` where another loop would wait: lets the time pass, or a thread finish."""
        if self._woken.is_set() or timeout == 0:
            self._woken.clear()
            return []
        if self._in_threads:
            if not self._woken.wait(PATIENCE):
                raise StuckError(f"a function in a thread has been at work for {PATIENCE:g} s of real time")
            self._woken.clear()
            return []
        moment = self._scheduled[0].when() if self._scheduled else math.inf
        if moment == math.inf:
            raise StuckError(f"nothing is left that could ever happen in this loop; {_waiting(self)}")
        self.clock.until(moment)
        self._clock_resolution = 2 * math.ulp(moment)  # else a late moment would never count as come: `BaseEventLoop` adds it
        return []

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none: nothing comes from outside."""

    def _write_to_self(self) -> None:
        self._woken.set()

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]
        future: asyncio.Future[T] = super().run_in_executor(executor, func, *args)
        self._in_threads += 1
        future.add_done_callback(self._returned)
        return future

    async def shutdown_default_executor(self, *timeout: Any) -> None:
        self._in_threads += 1
        try:
            await super().shutdown_default_executor(*timeout)
        finally:
            self._in_threads -= 1

    def _returned(self, future: asyncio.Future[Any]) -> None:
        self._in_threads -= 1


_OUT_OF_SCOPE = (
    *("add_reader", "remove_reader", "add_writer", "remove_writer", "add_signal_handler", "remove_signal_handler"),
    *("create_connection", "create_server", "create_unix_connection", "create_unix_server", "create_datagram_endpoint"),
    *("connect_accepted_socket", "start_tls", "sendfile", "getaddrinfo", "getnameinfo"),
    *("sock_recv", "sock_recv_into", "sock_recvfrom", "sock_recvfrom_into", "sock_sendall", "sock_sendto", "sock_connect"),
    *("sock_accept", "sock_sendfile", "connect_read_pipe", "connect_write_pipe", "subprocess_exec", "subprocess_shell"),
)


def _refusal(name: str) -> Callable[..., Any]:
    def refuse(self: VirtualLoop, *args: Any, **more: Any) -> Any:
        raise UsageError(f"{name}: virtual time has no network, pipes, signals or processes; script what they bring (ScriptedIO)")

    refuse.__name__ = name
    return refuse


for _name in _OUT_OF_SCOPE:
    setattr(VirtualLoop, _name, _refusal(_name))


def virtual_run(coro: Coroutine[Any, Any, T], *, clock: VirtualClock | None = None) -> T:
    """The coroutine's result, as ``asyncio.run`` gives it, in virtual time. Raises ``StuckError`` where that would hang."""
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(clock)) as runner:
        return runner.run(coro)


def _waiting(loop: VirtualLoop) -> str:
    """What is still waited for, and where."""
    tasks = sorted(asyncio.all_tasks(loop), key=lambda task: task.get_name())
    if not tasks:
        return "and no task waits"
    return "who waits: " + "; ".join(map(_where, tasks[:5])) + (f"; and {len(tasks) - 5} more" if len(tasks) > 5 else "")


def _where(task: asyncio.Task[Any]) -> str:
    """The task, and the line that it waits in."""
    name = getattr(task.get_coro(), "__qualname__", "a coroutine")
    frames = task.get_stack(limit=1)
    place = f" at {frames[0].f_code.co_filename}:{frames[0].f_lineno}" if frames else ""
    return f"{task.get_name()} ({name}{place})"


__all__ = ["PATIENCE", "StuckError", "VirtualClock", "VirtualLoop", "virtual_run"]
