"""Waiting for what somebody else sets, on both ports. Timed: little of it, and generously."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.io.loopback import Port, post
from trunkline.io.aio import AsyncIO
from trunkline.io.aio_signals import AsyncSignal
from trunkline.io.blocking import BlockingIO
from trunkline.ports import INFINITY, IO, Deadlines, Exchange, ProcessRequest, Signal
from trunkline.values.errors import ClosedByCallerError, ServerError, TransportError

SOURCE = Path(__file__).resolve().parents[2] / "src"
SOON = 2.0
"""Seconds within which what happens at once has happened, on a machine that is busy."""


def in_a_thread(work: Callable[[], object], after: float = 0.05) -> None:
    threading.Timer(after, work).start()


def test_it_says_whether_it_was_set_in_time(port: Port) -> None:
    async def call(io: IO) -> None:
        told: Signal = io.signal()
        begun = io.now()
        assert await told.wait(0.05) is False
        assert 0.04 < io.now() - begun < SOON
        assert await told.wait(0) is False
        assert await told.wait(-1) is False
        told.set()
        told.set()
        begun = io.now()
        assert [await told.wait(20), await told.wait(0), await told.wait(-1), await told.wait()] == [True] * 4
        assert io.now() - begun < SOON

    port.run(call)


def test_both_ports_are_ports() -> None:
    """For the type checker, and by every name."""
    ports: list[IO] = [BlockingIO(), AsyncIO()]
    asked, program = post("http://127.0.0.1:9/"), ProcessRequest(("python",))
    for io in ports:
        exchanges: list[Exchange] = [io.send(asked, Deadlines()), io.spawn(program, Deadlines())]
        told: Signal = io.signal()
        for protocol, things in ((IO, [io]), (Exchange, exchanges), (Signal, [told])):
            names = [name for name in vars(protocol) if not name.startswith("_")]
            assert len(names) > 1
            for thing in things:
                assert all(callable(getattr(thing, name)) for name in names)


def test_each_signal_is_its_own(port: Port) -> None:
    async def call(io: IO) -> None:
        one, other = io.signal(), io.signal()
        one.set()
        assert (await one.wait(0), await other.wait(0.01)) == (True, False)

    port.run(call)


@pytest.mark.parametrize("seconds", [20.0, 1e12, float("inf")])
def test_another_thread_sets_it(port: Port, seconds: float) -> None:
    async def call(io: IO) -> None:
        told, begun = io.signal(), io.now()
        in_a_thread(told.set)
        assert await told.wait(seconds) is True
        assert 0.02 < io.now() - begun < SOON

    port.run(call)


def test_all_who_wait_are_woken(port: Port) -> None:
    async def call(io: IO) -> None:
        told, begun = io.signal(), io.now()
        in_a_thread(told.set)
        assert await io.all([told.wait(20), told.wait(), told.wait(0.01), told.wait(20)]) == [True, True, False, True]
        assert io.now() - begun < SOON

    port.run(call)


def test_branches_speak_to_each_other(port: Port) -> None:
    async def fails(mine: Signal, others: Signal) -> str:
        mine.set()
        await others.wait()
        return "after"

    async def call(io: IO) -> None:
        mine, others = io.signal(), io.signal()

        async def waits() -> str:
            assert await mine.wait(20)
            await io.sleep(0.02)
            return "won"

        assert await io.first([fails(mine, others), waits()]) == "won"

    port.run(call)


@pytest.mark.parametrize("nested", [False, True], ids=["branch", "branch in a branch"])
def test_a_wait_ends_with_its_branch(port: Port, nested: bool) -> None:
    ended: list[str] = []

    async def waits(io: IO) -> None:
        try:
            await io.signal().wait()
        except BaseException as error:
            ended.append(f"{type(error).__name__}: {error}")
            raise

    async def outer(io: IO) -> None:
        await io.all([waits(io), waits(io)] if nested else [waits(io)])

    async def fails(io: IO) -> None:
        await io.sleep(0.05)
        raise ServerError("decided")

    async def call(io: IO) -> None:
        begun = io.now()
        with pytest.raises(ServerError, match="decided"):
            await io.all([outer(io) if nested else waits(io), fails(io)])
        assert io.now() - begun < SOON

    port.run(call)
    said = "TransportError: ended, because another branch decided the call" if port.kind == "blocking" else "CancelledError: "
    assert ended == [said] * (2 if nested else 1)


def test_a_wait_in_a_branch_that_has_ended_does_not_begin() -> None:
    """Set or not: what follows the wait is nobody's wish any more. ``sleep`` does the same."""
    said: list[str] = []

    async def late(io: IO) -> None:
        told = io.signal()
        told.set()
        for wait in (lambda: io.sleep(20), lambda: told.wait(20), lambda: io.signal().wait(20), lambda: io.sleep(0)):
            waiting: Awaitable[Any] = wait()
            try:
                await waiting
            except TransportError as error:
                said.append(str(error))

    async def call(io: IO) -> None:
        coros: list[Any] = [late(io), io.sleep(0.02)]
        begun = io.now()
        await io.first(coros)
        assert io.now() - begun < SOON

    Port("blocking").run(call)
    assert said == ["ended, because another branch decided the call"] * 4


def test_set_may_come_at_any_moment() -> None:
    """Between any two steps of a wait: no wake-up is lost, and nothing is left."""

    async def call(io: IO) -> None:
        for n in range(200):
            told = io.signal()
            setter = threading.Thread(target=told.set)
            if n % 2:
                setter.start()
                assert await told.wait(20)
            else:
                waiter = io.all([told.wait(20)])
                setter.start()
                assert await waiter == [True]
            setter.join()
            assert not getattr(told, "_bells", None)
            assert not getattr(told, "_waiting", None)

    begun = time.monotonic()
    Port("blocking").run(call)
    Port("async").run(call)
    assert time.monotonic() - begun < 10


CHILD = """
import sys, time, asyncio
from trunkline.io.run import run_blocking

async def call(io):
    print("begun", flush=True)
    await io.signal().wait(*map(float, sys.argv[2:]))

try:
    if sys.argv[1] == "blocking":
        from trunkline.io.blocking import BlockingIO
        run_blocking(call(BlockingIO()))
    else:
        from trunkline.io.aio import AsyncIO
        asyncio.run(call(AsyncIO()))
except KeyboardInterrupt:
    print(time.monotonic(), flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C of another process is sent otherwise there")
@pytest.mark.parametrize("seconds", [["30"], []], ids=["a while", "for ever"])
def test_ctrl_c_arrives_in_a_wait(port: Port, seconds: list[str]) -> None:
    command = [sys.executable, "-W", "error", "-c", CHILD, port.kind, *seconds]
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "begun\n"
        time.sleep(0.1)
        sent = time.monotonic()
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=20)
    assert (err, child.returncode) == ("", 0)
    assert float(out) - sent < SOON


@pytest.mark.skipif(sys.platform == "win32", reason="it sends a signal to itself")
def test_a_handler_that_interrupts_the_wait_may_set_it(port: Port) -> None:
    async def call(io: IO) -> bool:
        told = io.signal()
        before = signal.signal(signal.SIGUSR1, lambda *_: told.set())
        try:
            in_a_thread(lambda: os.kill(os.getpid(), signal.SIGUSR1))
            return await told.wait(20)
        finally:
            signal.signal(signal.SIGUSR1, before)

    begun = time.monotonic()
    assert port.run(call) is True
    assert time.monotonic() - begun < SOON


# --- event loops -----------------------------------------------------------------------------------------------------------


def test_it_is_set_from_another_loop_and_waited_for_in_two() -> None:
    told = AsyncIO().signal()
    heard: list[bool] = []
    ready = threading.Barrier(3)

    async def waits() -> None:
        waiting = asyncio.create_task(told.wait(20))
        await asyncio.sleep(0)
        ready.wait(5)
        heard.append(await waiting)

    async def sets() -> None:
        ready.wait(5)
        told.set()

    threads = [threading.Thread(target=lambda: asyncio.run(waits())) for _ in range(2)]
    for thread in threads:
        thread.start()
    asyncio.run(sets())
    for thread in threads:
        thread.join(5)
    assert heard == [True, True]


def test_a_loop_that_is_closed_is_no_error() -> None:
    told = AsyncIO().signal()
    loop = asyncio.new_event_loop()
    waiting = loop.create_task(told.wait())
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    told.set()
    assert not waiting.done()
    waiting.get_coro().close()
    waiting._log_destroy_pending = False  # type: ignore[attr-defined]  # it was left waiting on purpose
    assert asyncio.run(told.wait(20)) is True


def test_a_cancelled_wait_leaves_nothing_in_the_loop() -> None:
    async def call() -> None:
        told = AsyncIO().signal()
        loop: Any = asyncio.get_running_loop()
        before = _timers(loop)
        for end in ("cancel", "timeout", "set"):
            waits = [asyncio.create_task(told.wait(0.01 if end == "timeout" else 3600)) for _ in range(3)]
            await asyncio.sleep(0)
            assert _timers(loop) == before + 3
            if end == "cancel":
                for wait in waits:
                    wait.cancel()
            elif end == "set":
                told.set()
            results = await asyncio.gather(*waits, return_exceptions=True)
            kinds = {"cancel": asyncio.CancelledError, "timeout": False, "set": True}
            assert [type(r) if end == "cancel" else r for r in results] == [kinds[end]] * 3
            assert _timers(loop) == before
            assert not told._waiting
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(call())


def _timers(loop: Any) -> int:
    return sum(not handle.cancelled() for handle in loop._scheduled)


def test_a_cancellation_beats_a_set_at_the_same_moment_and_the_set_stays() -> None:
    async def call() -> None:
        told = AsyncIO().signal()
        waiting = asyncio.create_task(told.wait())
        await asyncio.sleep(0)
        told.set()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await told.wait(0)

    asyncio.run(call())


@pytest.mark.parametrize("seconds", [INFINITY, 30.0])
def test_who_waits_in_a_loop_that_was_closed_is_collected_and_cleans_up(seconds: float) -> None:
    told: list[str] = []
    bell = AsyncSignal()

    async def wait() -> None:
        try:
            await bell.wait(seconds)
        finally:
            told.append("cleaned up")

    loop = asyncio.new_event_loop()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loop.set_exception_handler(lambda *_: None)  # asyncio complains of a task that was left behind
        task = loop.create_task(wait())
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
        del task
        gc.collect()
    assert told == ["cleaned up"]
    bell.set()


def test_a_task_of_which_nobody_keeps_hold_goes_on_waiting() -> None:
    told: list[bool] = []
    bell = AsyncSignal()

    async def wait() -> None:
        told.append(await bell.wait())

    async def main() -> None:
        asyncio.get_running_loop().create_task(wait())
        await asyncio.sleep(0)
        gc.collect()
        bell.set()
        await asyncio.sleep(0.01)

    asyncio.run(main())
    assert told == [True]


WAITS: dict[str, Callable[[IO], Awaitable[object]]] = {
    "a signal, a while": lambda io: io.signal().wait(30),
    "a signal, for ever": lambda io: io.signal().wait(),
    "sleep": lambda io: io.sleep(30),
    "in a branch": lambda io: io.all([io.sleep(30), io.sleep(29)]),
}


@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
def test_a_port_that_is_closed_ends_all_waits_and_works_on(port: Port, wait: Callable[[IO], Awaitable[object]]) -> None:
    async def call(io: IO) -> None:
        in_a_thread(lambda: port.run(lambda io: io.close(), io))
        begun = io.now()
        with pytest.raises(ClosedByCallerError, match="the client was closed while it waited"):
            await wait(io)
        assert io.now() - begun < SOON
        assert await io.signal().wait(0.01) is False
        await io.sleep(0.01)

    port.run(call)
