"""What several coroutines began in a scripted world: the winner's lives on, everybody else's is closed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.virtual import World
from trunkline.ports import Deadlines, Exchange
from trunkline.sim.clock import StuckError
from trunkline.sim.scripted import NO_HEAD, REFUSED, Scripted
from trunkline.values.errors import ClosedByCallerError, ConnectionRefusedByHostError
from trunkline.wire.http import HttpRequest


def asked(name: str) -> HttpRequest:
    return HttpRequest("POST", f"https://{name}.test/")


def reply(request: HttpRequest) -> Scripted:
    name = request.url[8:-6]
    if name == "never":
        return NO_HEAD
    if name == "refused":
        return REFUSED
    return Scripted(body=[(float(name[1:]), b"one "), (1.0, name.encode())])


def make(blocking: bool) -> World:
    return World(reply, blocking=blocking)


@pytest.fixture(params=[True, False], ids=["blocking", "async"])
def io(request: pytest.FixtureRequest) -> World:
    return make(request.param)


async def begin(io: World, name: str, after: float = 0.0) -> Exchange:
    await io.sleep(after)
    exchange = io.send(asked(name), Deadlines())
    assert await exchange.read() == b"one "
    return exchange


def closed(io: World) -> dict[str, bool]:
    return {exchange.request.url[8:-6]: exchange.closed for exchange in io.exchanges if isinstance(exchange.request, HttpRequest)}


def test_the_winners_is_read_on(io: World) -> None:
    async def main() -> None:
        exchange = await io.first([begin(io, "a5"), begin(io, "b2"), begin(io, "never")])
        assert closed(io) == {"a5": True, "b2": False, "never": True}
        assert (await exchange.read(), await exchange.read()) == (b"b2", b"")
        await exchange.close()

    io.run(main())
    assert io.now() == 1_003.0


def test_a_tie_leaves_one(io: World) -> None:
    async def main() -> Exchange:
        return await io.first([begin(io, "a2"), begin(io, "b2"), begin(io, "c1", after=1.0)])

    winner = io.run(main())
    assert closed(io) == {"a2": False, "b2": True, "c1": True}
    assert winner is io.exchanges[0]


def test_a_loser_that_had_closed_its_own_is_left_alone(io: World) -> None:
    async def closes() -> Any:
        exchange = await begin(io, "a1")
        await exchange.close()
        await io.sleep(9)

    coros: list[Any] = [closes(), begin(io, "b2")]
    io.run(io.first(coros))
    assert [(exchange.closes, exchange.aborted) for exchange in io.exchanges] == [(1, False), (0, False)]


def test_nobody_gets_what_was_begun_when_the_first_fails(io: World) -> None:
    async def keeps_and_fails() -> Exchange:
        await begin(io, "a1")
        raise LookupError("mine")

    with pytest.raises(LookupError):
        io.run(io.first([keeps_and_fails(), begin(io, "b2")]))
    assert set(closed(io).values()) == {True}


def test_all_or_nothing(io: World) -> None:
    async def fails() -> Exchange:
        await io.sleep(4)
        return await begin(io, "refused")

    with pytest.raises(ConnectionRefusedByHostError):
        io.run(io.all([begin(io, "a1"), fails(), begin(io, "never")]))
    assert closed(io) == {"a1": True, "refused": True, "never": True}
    assert io.now() == 1_004.0


def test_all_of_them_live_on(io: World) -> None:
    io.run(io.all([begin(io, "a1"), begin(io, "b2")]))
    assert closed(io) == {"a1": False, "b2": False}


def test_a_race_within_a_race(io: World) -> None:
    """What the inner one won ends with the outer branch that lost, and is its caller's when that won."""

    async def inner(*names: str) -> Exchange:
        exchange = await io.first([begin(io, name) for name in names])
        await io.sleep(1)
        return exchange

    winner = io.run(io.first([inner("a2", "b9"), inner("c5", "d3")]))
    assert closed(io) == {"a2": False, "b9": True, "c5": True, "d3": True}
    assert winner is io.exchanges[0]


def test_what_is_begun_beside_the_branches_is_nobodys_affair(io: World) -> None:
    async def main() -> None:
        mine = io.send(asked("x1"), Deadlines())
        await io.first([begin(io, "a1"), begin(io, "b2")])
        after = io.send(asked("y1"), Deadlines())
        assert closed(io) == {"x1": False, "a1": False, "b2": True, "y1": False}
        assert await mine.read() == await after.read() == b"one "

    io.run(main())


def test_a_closed_one_is_told_so(io: World) -> None:
    io.run(io.first([begin(io, "a1"), begin(io, "b1")]))
    with pytest.raises(ClosedByCallerError):
        io.run(io.exchanges[1].read())


def test_an_interrupt_closes_all(io: World) -> None:
    async def interrupted() -> Exchange:
        await io.sleep(2)
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        io.run(io.all([begin(io, "a1"), interrupted()]))
    assert closed(io) == {"a1": True}
    io.run(io.all([begin(io, "b1")]))
    assert closed(io)["b1"] is False


# --- tasks -------------------------------------------------------------------------------------------------------------------


def test_a_race_that_is_cancelled_at_any_step() -> None:
    """Also when it has been won, and while the losers are being ended."""

    async def main(step: int) -> bool:
        task = asyncio.create_task(race())
        for _ in range(step):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert len(asyncio.all_tasks()) == 1
        return not task.cancelled()

    async def race() -> Exchange:
        return await io.first([begin(io, "a0"), begin(io, "b0")])

    won = []
    for step in range(1, 60):
        io = make(blocking=False)
        won.append(io.run(main(step)))
        assert sorted(closed(io).values()) == ([False, True] if won[-1] else [True] * len(io.exchanges))
    assert (won[0], won[-1]) == (False, True)


def test_who_waits_is_told_by_its_own_name() -> None:
    io = make(blocking=False)

    async def hangs() -> None:
        await asyncio.Event().wait()

    with pytest.raises(StuckError, match=r"hangs at .*test_scripted_branches\.py"):
        io.run(io.all([hangs()]))


def test_branches_end_one_another_while_they_tidy_up() -> None:
    io = make(blocking=False)
    told: list[str] = []

    async def tidies() -> None:
        try:
            await io.sleep(20)
        finally:
            await io.sleep(1)
            told.append("tidied")

    async def wins() -> None:
        await io.sleep(1)

    async def main() -> None:
        task = asyncio.create_task(io.first([tidies(), wins()]))
        await io.sleep(1.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert told == ["tidied"]

    io.run(main())
    assert io.now() == 1_002.0
