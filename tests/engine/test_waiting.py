"""Waits for functions of the user's own: how they end."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from tests.engine.conftest import MakeIO
from tests.virtual import World
from trunkline.engine.waiting import Waiting
from trunkline.io.aio import AsyncIO
from trunkline.io.blocking import BlockingIO
from trunkline.io.run import run_blocking
from trunkline.ports import INFINITY, IO, Signal
from trunkline.values.errors import ClosedByCallerError


def test_the_outcome_is_told_apart_from_what_goes_wrong_with_waiting(world: MakeIO) -> None:
    def raising() -> None:
        raise error

    async def later() -> str:
        await io.sleep(2)
        return "soon"

    async def sooner() -> None:
        raise error

    io, waiting, error = world(), Waiting(), TimeoutError("its own")
    assert io.run(waiting.plain(io, lambda: "now", 1.0)) == ("now", None)
    assert io.run(waiting.plain(io, raising, 1.0)) == (None, error)
    assert io.run(waiting.awaited(io, later, 3.0)) == ("soon", None)
    assert io.run(waiting.awaited(io, sooner, INFINITY)) == (None, error)
    with pytest.raises(TimeoutError) as caught:
        io.run(waiting.awaited(io, later, 1.0))
    assert type(caught.value) is TimeoutError
    assert not waiting._signals, "nothing is kept of a wait that is over"


def test_what_is_no_mistake_is_raised(world: MakeIO) -> None:
    def plain() -> None:
        raise KeyboardInterrupt

    async def coroutine() -> None:
        raise KeyboardInterrupt

    io, waiting = world(), Waiting()
    for wait in (waiting.plain(io, plain, 1.0), waiting.awaited(io, coroutine, 1.0)):
        with pytest.raises(KeyboardInterrupt):
            io.run(wait)
    assert not waiting._signals


def test_nothing_begins_once_it_is_over(world: MakeIO) -> None:
    begun: list[str] = []

    async def coroutine() -> None:
        begun.append("coroutine")

    io, waiting = world(), Waiting()
    assert not waiting.over
    waiting.end()
    assert waiting.over
    for wait in (waiting.plain(io, lambda: begun.append("plain"), 1.0), waiting.awaited(io, coroutine, 1.0)):
        with pytest.raises(ClosedByCallerError, match="it was closed while it waited"):
            io.run(wait)
    assert begun == []


def test_whoever_ends_it_before_the_wait_has_begun_is_heard(world: MakeIO) -> None:
    class Ended(World):
        def signal(self) -> Signal:
            waiting.end()
            return super().signal()

    async def forever() -> None:
        await io.sleep(60)

    waiting, io = Waiting(), Ended(blocking=world().blocking)
    with pytest.raises(ClosedByCallerError):
        io.run(waiting.awaited(io, forever, INFINITY))


@pytest.mark.parametrize("kind", [BlockingIO, AsyncIO])
def test_another_thread_ends_them_all(kind: Any) -> None:
    """With real threads; the plain functions are left to themselves."""
    over, begun, waiting, io = threading.Event(), threading.Barrier(3, timeout=20), Waiting(), kind()

    def stuck() -> None:
        begun.wait()
        over.wait(20)

    async def one(io: IO) -> str:
        try:
            await waiting.plain(io, stuck, INFINITY)
        except ClosedByCallerError:
            return "ended"
        return "late"

    async def both() -> list[str]:
        ended: list[str] = await io.all([one(io), one(io)])
        return ended

    def meddle() -> None:
        begun.wait()
        waiting.end()

    meddler = threading.Thread(target=meddle)
    meddler.start()
    try:
        assert (run_blocking(both()) if io.blocking else asyncio.run(both())) == ["ended", "ended"]
    finally:
        over.set()
        meddler.join()


def test_a_coroutine_that_is_given_up_is_cancelled_and_waited_for() -> None:
    done: list[str] = []

    async def tool() -> None:
        try:
            await asyncio.sleep(20)
        finally:
            await asyncio.sleep(0)
            done.append("cleaned")

    async def main() -> None:
        with pytest.raises(TimeoutError):
            await waiting.awaited(io, tool, 0.0)
        assert done == ["cleaned"]
        assert asyncio.all_tasks() == {asyncio.current_task()}

    waiting, io = Waiting(), AsyncIO()
    asyncio.run(main())
