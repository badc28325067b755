"""Races of exchanges on both ports: the winner's is read on by the caller, the losers' end, whenever and however they lost."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
import time
import weakref
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import pytest

from tests.io.conftest import Certificates
from tests.io.loopback import CHUNKED, LAST, Port, Server, chunk, post
from trunkline.io.aio import AsyncIO
from trunkline.ports import IO, Deadlines, Exchange, Signal
from trunkline.values.errors import DeadlineError, ServerError, TransportError

PATIENT = Deadlines(connect=20, first_byte=20, idle=20)


class Provider(Server):
    """Answers ``/fast`` in three chunks of which the last ones wait for ``go``, ``/slow`` never, ``/half`` with one chunk and
    silence. ``busy`` is how many connections are open, ``fast`` holds the
    ports that asked for the first."""

    def __init__(self, **options: Any) -> None:
        super().__init__(self.answer, **options)
        self.go = threading.Event()
        self.busy = 0
        self.fast: set[int] = set()
        self.lock = threading.Lock()

    def answer(self, conn: socket.socket, server: Server) -> None:
        with self.lock:
            self.busy += 1
        try:
            self.converse(conn)
        finally:
            with self.lock:
                self.busy -= 1

    def converse(self, conn: socket.socket) -> None:
        while request := self.request(conn):
            if b"/fast" in request:
                self.fast.add(conn.getpeername()[1])
                conn.sendall(CHUNKED + chunk(b"one "))
                self.go.wait(5)
                conn.sendall(chunk(b"two ") + chunk(b"three") + LAST)
                continue
            if b"/half" in request:
                conn.sendall(CHUNKED + chunk(b"half "))
            self.watch(conn)
            return

    def left_with(self, n: int) -> bool:
        """Whether, soon, just so many connections are open."""
        end = time.monotonic() + 4
        while self.busy != n and time.monotonic() < end:
            time.sleep(0.005)
        return self.busy == n

    def __enter__(self) -> Provider:
        return self


@pytest.fixture(params=["plain", "tls"])
def provider(request: pytest.FixtureRequest, certificates: Certificates, port: Port) -> Any:
    port.options["verify"] = certificates.client
    with Provider(tls=certificates.server if request.param == "tls" else None) as server:
        yield server


async def begin(io: IO, url: str, *begun: list[Exchange]) -> tuple[Exchange, bytes]:
    """An exchange whose first piece has been read."""
    exchange = io.send(post(url), PATIENT)
    for kept in begun:
        kept.append(exchange)
    await exchange.head()
    return exchange, await exchange.read()


async def rest(exchange: Exchange, got: bytes) -> bytes:
    while data := await exchange.read():
        got += data
    return got


def test_the_winner_is_read_on_after_the_race(port: Port, provider: Provider) -> None:
    async def call(io: IO) -> None:
        exchange, got = await io.first([begin(io, provider.url + "/slow"), begin(io, provider.url + "/fast")])
        assert got == b"one "
        assert await io.offload(lambda: provider.left_with(1))
        provider.go.set()
        assert await rest(exchange, got) == b"one two three"
        await exchange.close()
        again = io.send(post(provider.url + "/fast"), PATIENT)  # and its connection is kept for the next call
        assert await rest(again, b"") == b"one two three"
        await again.close()

    port.run(call)
    assert len(provider.fast) == 1


def test_the_winner_keeps_its_deadlines_and_can_be_given_another(port: Port, provider: Provider) -> None:
    async def call(io: IO) -> None:
        exchange, _ = await io.first([begin(io, provider.url + "/slow"), begin(io, provider.url + "/half")])
        begun = io.now()
        exchange.set_until(begun + 0.1)
        with pytest.raises(DeadlineError) as caught:
            await exchange.read()
        assert caught.value.phase == "total"
        assert 0.09 < io.now() - begun < 2
        await exchange.close()
        assert await io.offload(lambda: provider.left_with(0))

    port.run(call)


def test_the_winner_can_be_aborted_from_another_thread(port: Port, provider: Provider) -> None:
    async def call(io: IO) -> None:
        exchange, _ = await io.first([begin(io, provider.url + "/slow"), begin(io, provider.url + "/half")])
        threading.Timer(0.05, exchange.abort).start()
        with pytest.raises(TransportError, match="closed from elsewhere"):
            await exchange.read()
        await exchange.close()
        assert await io.offload(lambda: provider.left_with(0))

    port.run(call)


def test_a_branch_that_failed_waits_for_the_other(port: Port, provider: Provider) -> None:
    """As hedging does: the second begins at once when the first has failed, and the first keeps still until that has ended."""

    async def primary(io: IO, failed: Signal, over: Signal) -> tuple[Exchange, bytes]:
        try:
            await io.sleep(0.02)
            raise ServerError("busy")
        except ServerError:
            failed.set()
            await over.wait()
            raise

    async def second(io: IO, failed: Signal, over: Signal) -> tuple[Exchange, bytes]:
        assert await failed.wait(20)
        try:
            return await begin(io, provider.url + "/fast")
        except TransportError:
            over.set()
            raise

    async def call(io: IO) -> None:
        failed, over = io.signal(), io.signal()
        begun = io.now()
        exchange, got = await io.first([primary(io, failed, over), second(io, failed, over)])
        assert io.now() - begun < 2
        provider.go.set()
        assert await rest(exchange, got) == b"one two three"
        await exchange.close()

    port.run(call)


def test_both_fail(port: Port) -> None:
    """The one that failed first waits for the other, which fails too: somebody's error is told, and nobody waits for ever."""

    async def tries(io: IO, after: float, mine: Signal, others: Signal) -> None:
        await io.sleep(after)
        mine.set()
        await others.wait()
        raise ServerError(f"after {after}")

    async def call(io: IO) -> None:
        one, other = io.signal(), io.signal()
        with pytest.raises(ServerError, match="after"):
            await io.first([tries(io, 0.01, one, other), tries(io, 0.05, other, one)])

    port.run(call)


def test_who_returned_too_late_loses_what_it_began(port: Port, provider: Provider) -> None:
    """Both have an exchange to return at the same moment: one is handed over, the other closed."""
    begun: list[Exchange] = []

    async def call(io: IO) -> None:
        gate = io.signal()

        async def one() -> Exchange:
            exchange, _ = await begin(io, provider.url + "/half")
            begun.append(exchange)
            if len(begun) == 2:
                gate.set()
            await gate.wait()
            return exchange

        exchange = await io.first([one(), one()])
        assert await io.offload(lambda: provider.left_with(1))
        loser = next(other for other in begun if other is not exchange)
        with pytest.raises(TransportError, match="closed from elsewhere"):
            await loser.read()
        await loser.close()
        exchange.set_until(io.now() + 0.02)
        with pytest.raises(DeadlineError):  # and not: closed
            await exchange.read()
        await exchange.close()

    port.run(call)
    assert len(begun) == 2


def test_a_race_within_a_race_that_is_lost(port: Port, provider: Provider) -> None:
    """What the inner race won ends with the outer branch, in the middle of a read."""
    ended: list[str] = []

    async def inner(io: IO, reading: Signal) -> None:
        exchange, _ = await io.first([begin(io, provider.url + "/half"), begin(io, provider.url + "/slow")])
        reading.set()
        try:
            await exchange.read()
        except BaseException as error:
            ended.append(type(error).__name__)
            raise
        finally:
            await exchange.close()

    async def outer(io: IO, reading: Signal) -> str:
        await reading.wait()
        await io.sleep(0.02)
        return "outer"

    async def call(io: IO) -> None:
        reading = io.signal()
        coros: list[Coroutine[Any, Any, Any]] = [inner(io, reading), outer(io, reading)]
        begun = io.now()
        assert await io.first(coros) == "outer"
        assert io.now() - begun < 3
        assert await io.offload(lambda: provider.left_with(0))

    port.run(call)
    assert ended == ["ClosedByCallerError" if port.kind == "blocking" else "CancelledError"]


def test_what_an_inner_race_won_is_closed_when_nobody_gets_it(port: Port, provider: Provider) -> None:
    """A branch returns what its own inner race won, too late."""
    kept: list[Exchange] = []

    async def inner(io: IO, gate: Signal) -> str:
        exchange, _ = await io.first([begin(io, provider.url + "/half"), begin(io, provider.url + "/slow")])
        kept.append(exchange)
        gate.set()
        await gate.wait()
        return "inner"

    async def decides(gate: Signal) -> str:
        await gate.wait()
        return "decided"

    async def call(io: IO) -> None:
        gate = io.signal()
        said = await io.first([decides(gate), inner(io, gate)])
        if said == "decided":
            assert await io.offload(lambda: provider.left_with(0))
        await kept[0].close()
        assert await io.offload(lambda: provider.left_with(0))

    port.run(call)


def test_all_or_nothing(port: Port, provider: Provider) -> None:
    """What one branch of ``all`` has returned already is closed when another fails: nobody gets it."""
    begun: list[Exchange] = []

    async def call(io: IO) -> None:
        done = io.signal()

        async def opens() -> None:
            await begin(io, provider.url + "/half", begun)
            done.set()

        async def fails() -> None:
            await done.wait()
            await io.sleep(0.02)
            raise ServerError("no")

        with pytest.raises(ServerError, match="no"):
            await io.all([opens(), fails()])
        assert await io.offload(lambda: provider.left_with(0))
        await begun[0].close()

    port.run(call)


def test_many_races(port: Port) -> None:
    """However close: exactly one exchange of each race lives on."""

    async def call(io: IO) -> None:
        for n in range(30):
            exchange, got = await io.first([begin(io, server.url + "/fast") for _ in range(3)])
            assert await rest(exchange, got) == b"one two three", n
            await exchange.close()

    with Provider() as server:
        server.go.set()
        port.run(call)


# --- ended from outside ------------------------------------------------------------------------------------------------------


def test_a_race_that_is_cancelled_when_it_has_been_won() -> None:
    """At every step: what was begun is closed."""

    async def call() -> None:
        io = AsyncIO()
        begun: list[Exchange] = []
        won: list[Exchange] = []

        async def race() -> None:
            exchange, _ = await io.first([begin(io, server.url + "/half", begun), begin(io, server.url + "/half", begun)])
            won.append(exchange)

        for step in range(1, 120):
            begun.clear()
            won.clear()
            task = asyncio.create_task(race())
            for _ in range(min(step, 100)):
                await asyncio.sleep(0)
            await asyncio.sleep(max(0, step - 99) * 0.005)
            task.cancel()
            await asyncio.wait([task])
            for exchange in won:
                await exchange.close()
            for exchange in begun:
                with pytest.raises(TransportError):
                    await exchange.read()
        assert len(asyncio.all_tasks()) == 1
        assert await asyncio.to_thread(lambda: server.left_with(0))
        await io.close()

    with Provider() as server:
        asyncio.run(call())


def test_a_cancellation_while_the_losers_clean_up_waits_for_them() -> None:
    async def call() -> None:
        io = AsyncIO()
        steps: list[str] = []

        async def tidies() -> None:
            try:
                await io.sleep(20)
            finally:
                await asyncio.sleep(0.03)
                steps.append("tidied")

        async def wins() -> None:
            await io.sleep(0.01)

        async def race() -> None:
            await io.first([tidies(), wins()])
            steps.append("won")

        task = asyncio.create_task(race())
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert steps == ["tidied"]
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(call())


def test_what_comes_too_late_is_let_go_of_at_once() -> None:
    """And not when the collector comes, although another loser's error has frames that know of everything."""
    brought: list[weakref.ref[Any]] = []

    class Brought:
        """Something that holds a socket, say."""

    async def late(io: IO) -> object:
        await io.offload(partial(time.sleep, 0.05))  # deaf to its end
        thing = Brought()
        brought.append(weakref.ref(thing))
        return thing

    async def quick(io: IO) -> object:
        return None

    async def call(io: IO) -> None:
        assert await io.first([late(io), io.sleep(20), quick(io)]) is None
        assert [known() for known in brought] == [None]

    gc.disable()
    try:
        Port("blocking").run(call)
    finally:
        gc.enable()


@pytest.mark.parametrize("how", ["all", "first"])
def test_threads_that_cannot_be_started(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """The branches that were begun are ended, and no coroutine is forgotten."""
    start, left = threading.Thread.start, [1]

    def refuses(thread: threading.Thread) -> None:
        if thread.name == "trunkline-branch" and not left:
            raise RuntimeError("can't start new thread")
        left.clear()
        start(thread)

    async def call(io: IO) -> None:
        run: Callable[[Any], Coroutine[Any, Any, Any]] = getattr(io, how)
        begun = io.now()
        with pytest.raises(RuntimeError, match="start new thread"):
            await run([io.sleep(20), io.sleep(20), io.sleep(20)])
        assert io.now() - begun < 2
        assert not [thread for thread in threading.enumerate() if thread.name == "trunkline-branch"]

    port = Port("blocking")
    io = port.make()
    monkeypatch.setattr(threading.Thread, "start", refuses)
    port.run(call, io)
