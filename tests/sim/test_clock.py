"""Time that is a number: real asyncio code runs by it, and nothing hangs."""

from __future__ import annotations

import asyncio
import math
import socket
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from trunkline.sim import clock as clock_module
from trunkline.sim.clock import StuckError, VirtualClock, VirtualLoop, virtual_run
from trunkline.values.errors import UsageError


def test_a_clock_goes_when_it_is_told_to() -> None:
    clock = VirtualClock(now=5.0, wall=100.0)
    assert (clock.now(), clock.wall()) == (5.0, 100.0)
    clock.advance(2.5)
    clock.advance(0)
    assert (clock.now(), clock.wall()) == (7.5, 102.5)
    clock.until(7.0)
    assert clock.now() == 7.5
    clock.until(9.0)
    assert clock.now() == 9.0


@pytest.mark.parametrize("seconds", [-1.0, math.inf, math.nan])
def test_a_clock_never_goes_back_and_never_ends(seconds: float) -> None:
    clock = VirtualClock()
    with pytest.raises(UsageError, match="0 or more"):
        clock.advance(seconds)
    assert clock.now() == 1_000.0


def test_waits_pass_at_once_and_side_by_side() -> None:
    async def wait(seconds: float) -> float:
        await asyncio.sleep(seconds)
        return seconds

    async def main() -> list[float]:
        ends = []
        for done in asyncio.as_completed([wait(30 * 86_400), wait(5), wait(0.25), wait(0)]):
            ends.append(await done)
        return ends

    clock = VirtualClock()
    assert virtual_run(main(), clock=clock) == [0, 0.25, 5, 30 * 86_400]
    assert clock.now() == 1_000.0 + 30 * 86_400


def test_timeouts_locks_and_queues_are_asyncios_own() -> None:
    async def main() -> list[str]:
        told, lock = [], asyncio.Lock()
        queue: asyncio.Queue[int] = asyncio.Queue(1)
        loop = asyncio.get_running_loop()

        async def fill() -> None:
            for number in range(3):
                await asyncio.sleep(10)
                async with lock:
                    await queue.put(number)

        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3):
                await asyncio.Event().wait()
        told.append(f"{loop.time():g}")
        async with asyncio.TaskGroup() as group:
            group.create_task(fill())
            for _ in range(3):
                told.append(f"{await queue.get()} at {loop.time():g}")
        return told

    assert virtual_run(main()) == ["1003", "0 at 1013", "1 at 1023", "2 at 1033"]


def test_functions_in_threads_take_no_virtual_time() -> None:
    async def main() -> tuple[Any, ...]:
        loop = asyncio.get_running_loop()
        held = threading.Event()
        ticks: list[float] = []

        async def tick() -> None:
            await asyncio.sleep(1)
            ticks.append(loop.time())
            held.set()

        ticking = asyncio.create_task(tick())
        names = await asyncio.gather(*[asyncio.to_thread(threading.get_ident) for _ in range(3)])
        before = loop.time()
        await ticking
        return names, before, ticks

    names, before, ticks = virtual_run(main())
    assert threading.get_ident() not in names
    assert (before, ticks) == (1_000.0, [1_001.0])


def test_a_thread_may_come_back_with_work() -> None:
    async def answer() -> int:
        await asyncio.sleep(0)
        return 7

    async def main() -> int:
        loop = asyncio.get_running_loop()
        return await asyncio.to_thread(lambda: asyncio.run_coroutine_threadsafe(answer(), loop).result(20))

    assert virtual_run(main()) == 7


def test_a_thread_that_hangs_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock_module, "PATIENCE", 0.02)
    held = threading.Event()

    async def main() -> None:
        try:
            await asyncio.to_thread(held.wait)
        finally:
            held.set()

    with pytest.raises(StuckError, match="thread"):
        virtual_run(main())


async def forever() -> None:
    await asyncio.get_running_loop().create_future()


async def too_long() -> None:
    await asyncio.sleep(math.inf)


async def deadlock() -> None:
    first, second = asyncio.Lock(), asyncio.Lock()

    async def take(one: asyncio.Lock, other: asyncio.Lock) -> None:
        async with one:
            await asyncio.sleep(1)
            async with other:
                raise AssertionError("both at once")

    await asyncio.gather(take(first, second), take(second, first))


@pytest.mark.parametrize("main", [forever, too_long, deadlock], ids=lambda main: main.__name__)
def test_what_would_hang_is_told_with_who_waits_and_where(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with pytest.raises(StuckError) as caught:
        virtual_run(main())
    told = str(caught.value)
    assert f"({main.__name__}" in told
    assert "test_clock.py:" in told or main is too_long
    assert main is not deadlock or told.count("take") == 2


def test_many_who_wait_are_counted() -> None:
    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(9):
                group.create_task(forever())

    with pytest.raises(StuckError, match="; and 5 more"):
        virtual_run(main())


def test_a_loop_is_of_use_again_after_it_was_stuck() -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        with pytest.raises(StuckError):
            runner.run(forever())
        assert runner.run(asyncio.sleep(3, "awake")) == "awake"


def test_errors_and_cancellations_come_through() -> None:
    async def broken() -> None:
        await asyncio.sleep(1)
        raise LookupError("mine")

    async def cancelled() -> str:
        task = asyncio.create_task(forever())
        asyncio.get_running_loop().call_later(2, task.cancel)
        try:
            await task
        except asyncio.CancelledError:
            return "cancelled"
        return "not"

    with pytest.raises(LookupError, match="mine"):
        virtual_run(broken())
    assert virtual_run(cancelled()) == "cancelled"


async def dial() -> Any:
    return await asyncio.open_connection("127.0.0.1", 1)


async def listen() -> Any:
    return await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)


async def look_up() -> Any:
    return await asyncio.get_running_loop().getaddrinfo("localhost", 80)


async def spawn() -> Any:
    return await asyncio.create_subprocess_exec("true")


async def receive() -> Any:
    with socket.socket() as unused:
        unused.setblocking(False)
        return await asyncio.get_running_loop().sock_recv(unused, 1)


@pytest.mark.parametrize("main", [dial, listen, look_up, spawn, receive], ids=lambda main: main.__name__)
def test_the_outside_is_refused(main: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    with pytest.raises(UsageError, match=r"virtual time has no network.*ScriptedIO"):
        virtual_run(main())


@pytest.mark.parametrize("began", [0.0, 1e3, 1.8e9, 1e15])
def test_time_may_be_late(began: float) -> None:
    """Where a float's next value is far away, a moment comes all the same."""

    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1e9):
                await asyncio.Event().wait()
        await asyncio.sleep(4)
        return asyncio.get_running_loop().time()

    assert virtual_run(main(), clock=VirtualClock(began)) == began + 1e9 + 4
