"""A world that follows a script: the same through the blocking port and the asynchronous one, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from itertools import cycle
from typing import Any

import pytest

from tests.replies import chat, chat_stream, delta, failed, start, streamed
from tests.virtual import World
from trunkline import AsyncClient, Client, Settings, UsageError
from trunkline.ports import IO, Deadlines, Exchange, ProcessRequest
from trunkline.sim.clock import StuckError, VirtualClock, virtual_run
from trunkline.sim.scripted import NO_CONNECTION, NO_HEAD, REFUSED, Scripted
from trunkline.sim.scripted_io import ScriptedIO
from trunkline.values.errors import (
    ClosedByCallerError,
    ConnectionRefusedByHostError,
    ConnectionResetByHostError,
    DeadlineError,
    ProviderError,
    TransportError,
    TruncatedBodyError,
)
from trunkline.wire.http import HttpRequest

ASKED = HttpRequest("POST", "https://h.test/v1")
KNOWN: dict[str, Any] = {"settings": Settings({}), "base_url": "http://h.test"}


@pytest.fixture(params=[True, False], ids=["blocking", "async"])
def blocking(request: pytest.FixtureRequest) -> bool:
    return request.param


async def whole(exchange: Exchange) -> tuple[int, bytes]:
    head, body = await exchange.head(), b""
    while data := await exchange.read():
        body += data
    await exchange.close()
    return head.status, body


def test_it_is_a_port(blocking: bool) -> None:
    io: IO = ScriptedIO(blocking=blocking)
    assert io.blocking is blocking
    for name in (name for name in vars(IO) if not name.startswith("_")):
        assert callable(getattr(io, name)), name


@pytest.mark.parametrize("script", ["Hello.", ["Hello."], lambda request: "Hello."], ids=["text", "texts", "function"])
def test_a_script_of_anything_but_replies_is_refused(script: Any) -> None:
    told = pytest.raises(UsageError, match=r"script: not a reply; got str; allowed: Scripted\(…\), Scripted\.of")
    with Client("openai-chat/m", io=ScriptedIO(script), **KNOWN) as llm, told:
        llm.generate("hi")


def test_pieces_come_when_the_script_says(blocking: bool) -> None:
    io = World([Scripted(201, {"X-A": "1"}, [b"a", (2.0, b"b"), (3.0, b"c")], connect=0.5, wait=1.0)], blocking=blocking)
    exchange = io.send(ASKED, Deadlines())
    assert io.run(whole(exchange)) == (201, b"abc")
    assert io.now() == 1_006.5
    assert io.run(exchange.head()).headers["x-a"] == "1"
    assert (io.requests, io.exchanges, io.exchanges[0].closed, io.exchanges[0].whole) == ([ASKED], [exchange], True, True)


@pytest.mark.parametrize("reply,kind,phase", [
    (REFUSED, ConnectionRefusedByHostError, "connect"),
    (Scripted(reset_head=True), ConnectionResetByHostError, "head"),
    (Scripted(body=b"a", end="reset"), ConnectionResetByHostError, "body"),
    (Scripted(body=b"a", end="truncated"), TruncatedBodyError, "body"),
])  # fmt: skip
def test_what_breaks(reply: Scripted, kind: type[TransportError], phase: str, blocking: bool) -> None:
    io = World([reply], blocking=blocking)
    with pytest.raises(kind) as caught:
        io.run(whole(io.send(ASKED, Deadlines())))
    assert (caught.value.phase, caught.value.sent) == (phase, phase != "connect")


LIMITS = Deadlines(connect=5, first_byte=10, idle=20, until=1_100.0, total=100)


@pytest.mark.parametrize("reply,phase,after", [
    (NO_CONNECTION, "connect", 5), (Scripted(connect=6), "connect", 5), (NO_HEAD, "first_byte", 10),
    (Scripted(body=[b"a"], end="stall"), "idle", 20), (Scripted(body=[(21, b"a")]), "idle", 20),
    (Scripted(body=[(19, b"a")] * 9), "total", 100), (Scripted(connect=4, wait=9, end="stall"), "idle", 33),
])  # fmt: skip
def test_deadlines(reply: Scripted, phase: str, after: float, blocking: bool) -> None:
    io = World([reply], blocking=blocking)
    with pytest.raises(DeadlineError) as caught:
        io.run(whole(io.send(ASKED, LIMITS)))
    assert (caught.value.phase, io.now()) == (phase, 1_000.0 + after)


def test_a_wait_that_nothing_ends_is_told(blocking: bool) -> None:
    io = World([NO_HEAD], blocking=blocking)
    with pytest.raises(StuckError):
        io.run(whole(io.send(ASKED, Deadlines())))


@pytest.mark.parametrize("how", ["abort", "close"])
def test_a_wait_ends_when_its_exchange_is_closed_from_elsewhere(how: str) -> None:
    io = ScriptedIO([NO_HEAD], blocking=False)

    async def main() -> None:
        exchange = io.send(ASKED, Deadlines())
        waiting = asyncio.create_task(exchange.head())
        await asyncio.sleep(7)
        exchange.abort() if how == "abort" else await exchange.close()
        with pytest.raises(ClosedByCallerError):
            await waiting

    virtual_run(main(), clock=io.clock)
    assert io.now() == 1_007.0


def test_closing_the_port_ends_what_is_under_way(blocking: bool) -> None:
    io = World([chat(), chat()], blocking=blocking)
    exchange = io.send(ASKED, Deadlines())
    io.run(io.close())
    with pytest.raises(ClosedByCallerError):
        io.run(whole(exchange))
    assert io.run(whole(io.send(ASKED, Deadlines())))[0] == 200


def test_a_script_may_be_one_reply_many_or_a_function() -> None:
    def first(io: ScriptedIO) -> int:
        exchange = io.send(ASKED, Deadlines())
        assert io.exchanges[-1] is exchange
        return io.exchanges[-1].reply.status

    forever = ScriptedIO(Scripted(299))
    assert [first(forever) for _ in range(5)] == [299] * 5
    turning = ScriptedIO(cycle([Scripted(201), Scripted(202)]))
    assert [first(turning) for _ in range(3)] == [201, 202, 201]
    deciding = ScriptedIO(lambda request: Scripted(200 + len(request.url)))
    assert first(deciding) == 200 + len(ASKED.url)
    counted = ScriptedIO([Scripted(204)])
    assert first(counted) == 204
    with pytest.raises(AssertionError, match=r"HttpRequest\(POST https://h.test/v1, 0 bytes\): 1 replies were"):
        first(counted)


def test_processes_are_scripted_too(blocking: bool) -> None:
    io = World(
        processes=[Scripted(body=[b"out", (1.0, b"put")]), Scripted(refuse=True), Scripted(end="truncated")], blocking=blocking
    )
    asked = ProcessRequest(("claude", "-p"))
    assert io.run(whole(io.spawn(asked, Deadlines()))) == (200, b"output")
    for words in ("could not be started", "exit code"):
        with pytest.raises(TransportError, match=words):
            io.run(whole(io.spawn(asked, Deadlines())))
    assert (io.requests, [exchange.request for exchange in io.exchanges]) == ([], [asked] * 3)


def test_a_seed_decides_chance() -> None:
    draws = [[io.uniform(0, 9) for _ in range(5)] for io in (ScriptedIO(seed=3), ScriptedIO(seed=3), ScriptedIO(seed=4))]
    assert draws[0] == draws[1] != draws[2]
    assert all(0 <= draw <= 9 for draw in draws[0])
    io = ScriptedIO()
    io.uniform(2, 3)
    assert (io.uniforms, io.new_id(), io.new_id()) == ([(2, 3)], "call-1", "call-2")


# --- concurrency ---------------------------------------------------------------------------------------------------------


async def work(io: ScriptedIO, seconds: float, result: object, told: list[object]) -> Any:
    try:
        await io.sleep(seconds)
        if isinstance(result, Exception):
            raise result
        told.append(result)
        return result
    except asyncio.CancelledError:
        told.append(f"{result} ended")
        raise


def test_all_of_several(blocking: bool) -> None:
    io, told = World(blocking=blocking), list[object]()
    assert io.run(io.all([work(io, 3, "a", told), work(io, 1, "b", told), work(io, 2, "c", told)])) == ["a", "b", "c"]
    assert io.now() == 1_003.0
    assert told == (["a", "b", "c"] if blocking else ["b", "c", "a"])
    assert io.run(io.all([])) == []


def test_the_first_error_of_several(blocking: bool) -> None:
    io, told = World(blocking=blocking), list[object]()
    with pytest.raises(LookupError, match="sooner"):
        io.run(
            io.all([work(io, 3, LookupError("later"), told), work(io, 1, LookupError("sooner"), told), work(io, 2, "c", told)])
        )
    assert io.now() == 1_001.0


def test_the_first_of_several(blocking: bool) -> None:
    io, told = World(NO_HEAD, blocking=blocking), list[object]()
    racing: list[Coroutine[Any, Any, Any]] = [
        whole(io.send(ASKED, Deadlines())),
        work(io, 5, "a", told),
        work(io, 2, "b", told),
    ]
    assert io.run(io.first(racing)) == "b"
    assert io.now() == 1_002.0
    assert told == (["a", "b"] if blocking else ["b", "a ended"])


def test_none_of_several_ever_ends(blocking: bool) -> None:
    io = World(NO_HEAD, blocking=blocking)
    with pytest.raises(StuckError):
        io.run(io.first([whole(io.send(ASKED, Deadlines())), whole(io.send(ASKED, Deadlines()))]))


def test_a_gate_lets_n_pass_at_a_time() -> None:
    io = ScriptedIO(blocking=False)
    inside, most = 0, 0

    async def pass_through(gate: Any) -> None:
        nonlocal inside, most
        async with gate:
            inside += 1
            most = max(most, inside)
            await io.sleep(1)
            inside -= 1

    async def main() -> None:
        gate = io.semaphore(2)
        await io.all([pass_through(gate) for _ in range(6)])

    virtual_run(main(), clock=io.clock)
    assert (most, io.now()) == (2, 1_003.0)


def test_a_gate_that_only_its_holder_could_open() -> None:
    io = World()

    async def twice() -> None:
        gate = io.semaphore(1)
        async with gate:
            pass
        async with gate, gate:
            raise AssertionError("held twice")

    with pytest.raises(StuckError, match="semaphore"):
        io.run(twice())


def test_a_function_elsewhere_and_a_name(blocking: bool) -> None:
    io = World(blocking=blocking)
    assert io.run(io.offload(lambda: 7)) == 7
    assert io.run(io.resolve("h.test")) == ["127.0.0.1"]
    assert io.now() == 1_000.0


# --- loops ---------------------------------------------------------------------------------------------------------------


def test_tasks_wait_side_by_side_in_virtual_time() -> None:
    io = ScriptedIO(lambda request: streamed([start(), (10.0, delta("a")), (10.0, b"")], "stall"), blocking=False)

    async def ask(llm: AsyncClient) -> float:
        with pytest.raises(ProviderError):
            async with llm.stream("hi") as stream:
                async for _ in stream:
                    pass
        return io.now()

    async def main() -> list[float]:
        async with AsyncClient("openai-chat/m", io=io, timeout=100, **KNOWN) as llm:
            return await asyncio.gather(*[ask(llm) for _ in range(20)])

    assert virtual_run(main(), clock=io.clock) == [1_100.0] * 20


def test_in_an_ordinary_loop_waits_take_no_time_and_add_up() -> None:
    io = ScriptedIO(Scripted(wait=3600.0), blocking=False)

    async def main() -> None:
        await asyncio.gather(*[io.send(ASKED, Deadlines()).head() for _ in range(2)])

    asyncio.run(main())
    assert io.now() == 1_000.0 + 2 * 3600


def test_another_clock_than_the_loops_is_refused() -> None:
    io = ScriptedIO(NO_HEAD, blocking=False)
    with pytest.raises(UsageError, match=r"virtual_run\(main\(\), clock=io.clock\)"):
        virtual_run(whole(io.send(ASKED, LIMITS)), clock=VirtualClock())


# --- with the clients ----------------------------------------------------------------------------------------------------


def test_a_client_takes_it_in_place_of_the_network() -> None:
    io = ScriptedIO([failed(529), chat_stream(["Hel", "lo"])])
    with Client("openai-chat/m", io=io, **KNOWN) as llm, llm.stream("hi") as stream:
        assert "".join(stream.text) == "Hello"
    assert [attempt.error for attempt in stream.response.attempts] == ["OverloadedError", None]
    assert io.now() == 1_000.0 + sum(io.sleeps)
    assert [request.url for request in io.requests] == ["http://h.test/v1/chat/completions"] * 2


def test_an_asynchronous_client_too() -> None:
    io = ScriptedIO([failed(529), chat("hello")], blocking=False)

    async def main() -> str:
        async with AsyncClient("openai-chat/m", io=io, **KNOWN) as llm:
            return (await llm.generate("hi")).text

    assert virtual_run(main(), clock=io.clock) == "hello"
    assert io.now() == 1_000.0 + sum(io.sleeps)
