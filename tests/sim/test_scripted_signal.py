"""Signals and moved ends in a scripted world: virtual time, blocking and asynchronous."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from tests.virtual import World
from trunkline.ports import IO, Deadlines, Signal
from trunkline.sim.clock import StuckError, VirtualClock, virtual_run
from trunkline.sim.scripted import Scripted
from trunkline.sim.scripted_io import ScriptedIO
from trunkline.values.errors import DeadlineError, UsageError
from trunkline.wire.http import HttpRequest

ASKED = HttpRequest("POST", "https://h.test/v1")


@pytest.fixture(params=[True, False], ids=["blocking", "async"])
def blocking(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


async def sets(io: IO, after: float, told: Signal) -> Any:
    await io.sleep(after)
    told.set()
    return "set", io.now()


async def waits(io: IO, after: float, told: Signal, seconds: float) -> Any:
    await io.sleep(after)
    return await told.wait(seconds), io.now()


def test_a_signal_that_is_never_set(blocking: bool) -> None:
    io = World(blocking=blocking)
    told: Signal = io.signal()
    assert io.run(told.wait(5)) is False
    assert io.now() == 1_005.0
    assert io.run(told.wait(0)) is False
    assert io.run(told.wait(-3)) is False
    assert io.now() == 1_005.0
    with pytest.raises(StuckError):
        io.run(told.wait())


def test_a_signal_that_has_been_set_takes_no_time(blocking: bool) -> None:
    io = World(blocking=blocking)
    told = io.signal()
    told.set()
    told.set()
    for seconds in (9.0, 0.0, -1.0, float("inf")):
        assert io.run(told.wait(seconds)) is True
    assert io.now() == 1_000.0
    assert io.run(io.signal().wait(1)) is False


@pytest.mark.parametrize(("order", "at", "seconds", "heard", "until"), [
    ("set first", 3.0, 5.0, True, 1_003.0),  # from an earlier branch, at a later moment
    ("set first", 3.0, 2.0, False, 1_002.0),  # at a moment that this wait does not see
    ("set first", 3.0, float("inf"), True, 1_003.0),
    ("set first", 0.0, 5.0, True, 1_000.0),
])  # fmt: skip
def test_a_branch_sees_what_is_set_by_then(
    order: str, at: float, seconds: float, heard: bool, until: float, blocking: bool
) -> None:
    io = World(blocking=blocking)
    told = io.signal()
    results = io.run(io.all([sets(io, at, told), waits(io, 0.0, told, seconds)]))
    assert results == [("set", 1_000.0 + at), (heard, until)]


def test_a_wait_that_begins_after_the_set(blocking: bool) -> None:
    io = World(blocking=blocking)
    told = io.signal()
    assert io.run(io.all([sets(io, 3, told), waits(io, 4, told, 9)])) == [("set", 1_003.0), (True, 1_004.0)]


def test_the_earliest_set_counts(blocking: bool) -> None:
    io = World(blocking=blocking)
    told = io.signal()
    found = io.run(io.all([sets(io, 8, told), sets(io, 2, told), sets(io, 5, told), waits(io, 0, told, 9)]))
    assert found[-1] == (True, 1_002.0)


def test_several_wait() -> None:
    io = World(blocking=False)
    told = io.signal()
    found = io.run(io.all([waits(io, 0, told, 9), waits(io, 1, told, 1.5), sets(io, 3, told), waits(io, 0, told, float("inf"))]))
    assert found == [(True, 1_003.0), (False, 1_002.5), ("set", 1_003.0), (True, 1_003.0)]


def test_who_waits_for_ever_loses_a_race(blocking: bool) -> None:
    io = World(blocking=blocking)
    told = io.signal()
    coros: list[Any] = [waits(io, 0, io.signal(), float("inf")), sets(io, 4, told)]
    assert io.run(io.first(coros)) == ("set", 1_004.0)
    assert io.now() == 1_004.0


def test_nobody_could_set_it_any_more() -> None:
    io = World(blocking=False)
    with pytest.raises(StuckError):
        io.run(io.all([io.signal().wait(), io.sleep(3)]))


def test_a_cancelled_wait_leaves_no_timer() -> None:
    io = World(blocking=False)
    told = io.signal()

    async def main() -> None:
        waiting = asyncio.create_task(told.wait(50))
        await io.sleep(1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await told.wait(2) is False
        told.set()
        assert await told.wait(2) is True

    io.run(main())
    assert io.now() == 1_003.0


def test_a_thread_sets_it() -> None:
    io = World(blocking=False)
    told = io.signal()

    async def main() -> bool:
        waiting = asyncio.create_task(told.wait())
        await io.sleep(1)
        await asyncio.to_thread(lambda: _in_a_thread(told))
        return await waiting

    assert io.run(main()) is True
    assert io.now() == 1_001.0


def _in_a_thread(told: Signal) -> None:
    thread = threading.Thread(target=told.set)
    thread.start()
    thread.join()


def test_another_clock_than_the_loops_is_refused() -> None:
    io = ScriptedIO(blocking=False)
    with pytest.raises(UsageError, match=r"virtual_run\(main\(\), clock=io.clock\)"):
        virtual_run(io.signal().wait(3), clock=VirtualClock())


# --- in an ordinary loop -----------------------------------------------------------------------------------------------------


def test_in_an_ordinary_loop_the_others_go_on_first() -> None:
    """Who sets it within a few turns is waited for; if nobody does, time passes, and no real time does."""
    io = ScriptedIO(blocking=False)

    async def later(told: Signal, turns: int) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        told.set()

    async def main() -> None:
        told = io.signal()
        assert list[Any](await asyncio.gather(told.wait(9), told.wait(), later(told, 20))) == [True, True, None]
        assert io.now() == 1_000.0
        assert await told.wait() is True
        assert await io.signal().wait(9) is False
        assert io.now() == 1_009.0
        assert await io.signal().wait(0) is False
        told = io.signal()
        assert list[Any](await asyncio.gather(told.wait(3), sets(io, 5, told))) == [False, ("set", 1_014.0)]
        assert list[Any](await asyncio.gather(io.signal().wait(3), io.sleep(5))) == [False, None]
        assert io.now() == 1_019.0

    asyncio.run(main())


def test_in_an_ordinary_loop_a_wait_without_end_may_be_cancelled() -> None:
    io = ScriptedIO(blocking=False)

    async def main() -> None:
        told = io.signal()
        waiting = asyncio.create_task(told.wait())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        told.set()
        assert await told.wait()

    asyncio.run(main())


# --- an end that is moved ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("before", "then", "phase", "at"), [
    (100.0, 15.0, "total", 15.0), (100.0, 500.0, "idle", 30.0), (12.0, 500.0, "idle", 30.0), (100.0, 10.0, "total", 10.0),
    (100.0, 3.0, "total", 10.0),
])  # fmt: skip
def test_an_exchange_ends_when_it_was_told_to(before: float, then: float, phase: str, at: float, blocking: bool) -> None:
    io = World([Scripted(body=[(10.0, b"a")], end="stall")], blocking=blocking)

    async def main() -> None:
        exchange = io.send(ASKED, Deadlines(idle=20, until=1_000.0 + before, total=100))
        assert await exchange.read() == b"a"
        exchange.set_until(1_000.0 + then)
        with pytest.raises(DeadlineError) as caught:
            await exchange.read()
        assert (caught.value.phase, caught.value.seconds) == (phase, 100 if phase == "total" else 20)

    io.run(main())
    assert io.now() == 1_000.0 + at
    assert io.exchanges[0].deadlines.until == 1_000.0 + then


def test_before_the_head(blocking: bool) -> None:
    io = World([Scripted(wait=50)], blocking=blocking)
    exchange = io.send(ASKED, Deadlines())
    exchange.set_until(1_007.0)
    with pytest.raises(DeadlineError):
        io.run(exchange.head())
    assert io.now() == 1_007.0
