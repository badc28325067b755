"""Clock, chance, and several things at once, on both ports."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from contextvars import ContextVar
from typing import Any

import pytest

from tests.io.loopback import CHUNKED, LAST, Port, Server, chunk, post, rest
from trunkline.io.run import run_blocking
from trunkline.ports import IO, Deadlines, Exchange
from trunkline.values.errors import ServerError, TransportError

where: ContextVar[str] = ContextVar("where", default="nowhere")


def test_clock_chance_and_ids(port: Port) -> None:
    async def call(io: IO) -> None:
        assert abs(io.now() - time.monotonic()) < 1
        assert abs(io.wall() - time.time()) < 1
        numbers = [io.uniform(2, 5) for _ in range(1000)]
        assert all(2 <= number <= 5 for number in numbers)
        assert max(numbers) - min(numbers) > 2
        assert len({io.new_id() for _ in range(1000)}) == 1000
        begun = io.now()
        await io.sleep(0.02)
        await io.sleep(-1)
        assert 0.01 < io.now() - begun < 2
        assert io.blocking is (port.kind == "blocking")

    port.run(call)


def test_resolve_and_offload(port: Port) -> None:
    async def call(io: IO) -> None:
        assert await io.resolve("127.0.0.1") == ["127.0.0.1"]
        assert set(await io.resolve("localhost")) <= {"127.0.0.1", "::1"}
        where.set("here")
        assert await io.offload(where.get) == "here"
        with pytest.raises(KeyError):
            await io.offload(lambda: {}["x"])

    port.run(call)


def test_all_gives_results_in_order(port: Port) -> None:
    async def one(io: IO, n: int) -> tuple[int, str]:
        await io.sleep(0.02 * (3 - n))
        return n, where.get()

    async def call(io: IO) -> None:
        where.set("here")
        assert await io.all([one(io, n) for n in range(3)]) == [(0, "here"), (1, "here"), (2, "here")]
        assert await io.all([]) == []

    port.run(call)


def test_all_ends_the_others_at_the_first_error(port: Port) -> None:
    ended = []

    async def sleeps(io: IO) -> None:
        try:
            await io.sleep(20)
        finally:
            ended.append(True)

    async def fails(io: IO) -> None:
        await io.sleep(0.05)
        raise ServerError("first")

    async def call(io: IO) -> None:
        begun = io.now()
        with pytest.raises(ServerError, match="first"):
            await io.all([sleeps(io), fails(io), sleeps(io)])
        assert io.now() - begun < 2
        assert ended == [True, True]

    port.run(call)


def test_first_gives_the_fastest_and_ends_the_others_waits(port: Port) -> None:
    def handler(conn: socket.socket, server: Server) -> None:
        request = server.request(conn)
        if b"/fast" in request:
            time.sleep(0.1)
            conn.sendall(CHUNKED + chunk(b"fast") + LAST)
            server.request(conn)
        else:
            server.watch(conn)

    async def ask(io: IO, path: str) -> Exchange:
        exchange = io.send(post(server.url + path), Deadlines())
        await exchange.head()
        return exchange

    async def call(io: IO) -> None:
        exchange = await io.first([ask(io, "/slow"), ask(io, "/fast"), ask(io, "/slow")])
        assert await rest(exchange) == b"fast"  # the winner's own exchange lives on
        await exchange.close()
        assert await io.offload(lambda: _two(server))

    with Server(handler) as server:
        port.run(call)


def _two(server: Server) -> bool:
    end = time.monotonic() + 2
    while len(server.gone) < 2 and time.monotonic() < end:
        time.sleep(0.01)
    return len(server.gone) == 2


def test_first_raises_when_the_fastest_fails(port: Port) -> None:
    async def fails() -> int:
        raise ServerError("fast")

    async def sleeps(io: IO) -> int:
        await io.sleep(20)
        return 1

    async def call(io: IO) -> None:
        with pytest.raises(ServerError):
            await io.first([sleeps(io), fails()])

    port.run(call)


def test_branches_within_branches_end_with_them(port: Port) -> None:
    async def deep(io: IO) -> None:
        await io.all([io.sleep(20), io.sleep(20)])

    async def quick(io: IO) -> str:
        await io.sleep(0.05)
        return "quick"

    async def call(io: IO) -> None:
        begun = io.now()
        coros: list[Any] = [deep(io), quick(io)]
        assert await io.first(coros) == "quick"
        assert io.now() - begun < 2

    port.run(call)


def test_a_semaphore_lets_n_in(port: Port) -> None:
    inside, most = 0, 0
    lock = threading.Lock()

    async def one(io: IO, gate: Any) -> None:
        nonlocal inside, most
        async with gate:
            with lock:
                inside += 1
                most = max(most, inside)
            await io.sleep(0.01)
            with lock:
                inside -= 1

    async def call(io: IO) -> None:
        gate = io.semaphore(3)
        await io.all([one(io, gate) for _ in range(12)])

    port.run(call)
    assert most == 3


def test_an_exchange_begun_in_an_ended_branch_does_not_begin() -> None:
    port = Port("blocking")

    async def late(io: IO) -> None:
        try:
            await io.sleep(20)
        except TransportError:
            exchange = io.send(post("http://127.0.0.1:1/"), Deadlines())
            with pytest.raises(TransportError, match="closed from elsewhere"):
                await exchange.head()
            await exchange.close()
            raise

    async def call(io: IO) -> None:
        coros: list[Any] = [late(io), io.sleep(0.02)]
        await io.first(coros)

    port.run(call)


def test_the_blocking_port_works_inside_a_running_loop() -> None:
    async def main() -> bytes:
        port = Port("blocking")
        io = port.make()

        async def call() -> bytes:
            exchange = io.send(post(server.url), Deadlines())
            await exchange.head()
            data = await rest(exchange)
            await exchange.close()
            await io.close()
            return data

        return run_blocking(call())

    def handler(conn: socket.socket, server: Server) -> None:
        server.request(conn)
        conn.sendall(CHUNKED + chunk(b"x") + LAST)

    with Server(handler) as server:
        assert asyncio.run(main()) == b"x"
