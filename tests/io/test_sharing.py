"""One port in many threads, in successive loops, in several processes; and left behind unclosed."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.io.conftest import Certificates
from tests.io.loopback import CHUNKED, LAST, OK, Port, Server, answering, chunk, post, rest, whole
from trunkline.io.aio import AsyncIO
from trunkline.io.blocking import BlockingIO
from trunkline.io.run import run_blocking
from trunkline.ports import IO, Deadlines

STREAM = CHUNKED + chunk(b"data: 1\n\n") + chunk(b"data: 2\n\n") + LAST
forks = pytest.mark.skipif(sys.platform == "win32", reason="there is no fork there")


def test_one_blocking_port_in_fifty_threads() -> None:
    io = BlockingIO()

    def work(_: int) -> list[bytes]:
        return [run_blocking(whole(io, post(server.url)))[1] for _ in range(10)]

    with Server(answering(OK, STREAM, OK)) as server:
        with ThreadPoolExecutor(50) as threads:
            results = list(threads.map(work, range(50)))
        assert all(set(result) <= {b"ok", b"data: 1\n\ndata: 2\n\n"} for result in results)
        assert len(server.requests) == 500
        assert server.connections <= 50
        run_blocking(io.close())


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_one_async_port_in_two_successive_loops(certificates: Certificates, tls: bool) -> None:
    io = AsyncIO(verify=certificates.client)

    async def calls() -> None:
        for _ in range(3):
            assert (await whole(io, post(server.url)))[1] == b"ok"

    with Server(answering(OK), certificates.server if tls else None) as server:
        for turn in (1, 2):
            asyncio.run(calls())
            gc.collect()
            assert server.connections == turn


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_a_loop_that_is_closed_by_hand_leaves_no_trace(certificates: Certificates, tls: bool) -> None:
    """Nobody closes the port, and nobody shuts the loop's generators down."""
    io = AsyncIO(verify=certificates.client)
    with Server(answering(OK), certificates.server if tls else None) as server:
        for _ in range(2):
            loop = asyncio.new_event_loop()
            assert loop.run_until_complete(whole(io, post(server.url)))[1] == b"ok"
            loop.close()
        del io
        gc.collect()


def test_one_async_port_in_several_loops_at_once() -> None:
    io = AsyncIO()
    with Server(answering(OK)) as server:

        def work(_: int) -> list[bytes]:
            async def calls() -> list[bytes]:
                return [(await whole(io, post(server.url)))[1] for _ in range(5)]

            return asyncio.run(calls())

        with ThreadPoolExecutor(8) as threads:
            assert all(result == [b"ok"] * 5 for result in threads.map(work, range(8)))


def test_closing_ends_the_sessions_of_other_loops() -> None:
    io = AsyncIO()
    ready, done = threading.Event(), threading.Event()
    with Server(answering(OK)) as server:

        async def elsewhere() -> None:
            await whole(io, post(server.url))
            ready.set()
            await asyncio.to_thread(done.wait, 5)
            assert (await whole(io, post(server.url)))[1] == b"ok"

        async def here() -> None:
            await whole(io, post(server.url))
            await io.close()
            assert (await whole(io, post(server.url)))[1] == b"ok"

        thread = threading.Thread(target=lambda: asyncio.run(elsewhere()))
        thread.start()
        ready.wait(5)
        asyncio.run(here())
        done.set()
        thread.join(5)
        assert server.connections == 4


def test_a_port_that_nobody_closes_leaves_no_trace(port: Port) -> None:
    with Server(answering(OK)) as server:

        async def calls(io: IO) -> None:
            await whole(io, post(server.url))

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for _ in range(2):
                io: Any = port.make()
                io.cycle = io
                port.run(calls, io)
                del io
                gc.collect()
        assert not caught


def test_a_port_that_is_forgotten_in_a_running_loop_leaves_no_trace() -> None:
    with Server(answering(OK)) as server:

        async def main() -> None:
            io: Any = AsyncIO()
            io.cycle = io
            await whole(io, post(server.url))
            del io
            gc.collect()
            for _ in range(3):
                await asyncio.sleep(0)

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            asyncio.run(main())
            gc.collect()
        assert not caught


def in_child(work: Any) -> None:
    """Run ``work`` in a forked child; it fails here when it fails there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 and later: this process has threads
        child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert status == 0


@forks
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_after_a_fork_old_and_new_ports_work_in_parent_and_child(port: Port, certificates: Certificates, tls: bool) -> None:
    port.options["verify"] = certificates.client
    old = port.make()
    with Server(answering(OK), certificates.server if tls else None) as server:

        async def calls(io: IO) -> None:
            for _ in range(2):
                assert (await whole(io, post(server.url)))[1] == b"ok"

        def both() -> None:
            port.run(calls, old)
            port.run(calls)

        port.run(calls, old)
        in_child(both)
        both()
        in_child(both)
        both()


@forks
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_a_fork_within_a_stream_leaves_the_parents_stream_alone(port: Port, certificates: Certificates, tls: bool) -> None:
    """The child closes its copies of the parent's connections, and makes its own; the parent reads on, and keeps its connection."""
    port.options["verify"] = certificates.client
    go = threading.Event()

    def handler(conn: Any, server: Server) -> None:
        while request := server.request(conn):
            if b"/slow" in request:
                conn.sendall(CHUNKED + chunk(b"one "))
                go.wait(10)
                conn.sendall(chunk(b"two") + LAST)
            else:
                conn.sendall(OK)

    async def calls(io: IO) -> None:
        assert (await whole(io, post(server.url)))[1] == b"ok"

    async def parent(io: IO) -> None:
        await calls(io)
        exchange = io.send(post(server.url + "/slow"), Deadlines(idle=5))
        await exchange.head()
        assert await exchange.read() == b"one "

        def child() -> None:
            exchange.abort()  # it is the parent's: nothing may come of this
            port.run(calls, io)
            port.run(calls)

        in_child(child)
        go.set()
        assert await rest(exchange) == b"two"
        await exchange.close()
        before = server.connections
        await calls(io)
        assert server.connections == before

    with Server(handler, certificates.server if tls else None) as server:
        port.run(parent)


@forks
def test_a_close_in_the_parent_reaches_the_server_while_a_child_lives(port: Port) -> None:
    """The child holds no copy of the connection that would keep it open."""

    def handler(conn: Any, server: Server) -> None:
        server.request(conn)
        conn.sendall(CHUNKED + chunk(b"x"))
        server.watch(conn)

    async def call(io: IO) -> None:
        exchange = io.send(post(server.url), Deadlines(idle=5))
        await exchange.head()
        await exchange.read()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            ready, done = os.pipe(), os.pipe()
            child = os.fork()
        if child == 0:
            os.write(ready[1], b"x")
            os.read(done[0], 1)
            os._exit(0)
        os.read(ready[0], 1)
        await exchange.close()
        assert await io.offload(lambda: server.left.wait(2))
        os.write(done[1], b"x")
        await io.offload(lambda: os.waitpid(child, 0))
        for end in (*ready, *done):
            os.close(end)

    with Server(handler) as server:
        port.run(call)
