"""A wait can be ended: by Ctrl-C, by another thread, by a cancellation. Timed: one after another, the median counts."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from tests.io.conftest import Certificates
from tests.io.loopback import CHUNKED, KEY, OK, Port, Server, chunk, post
from trunkline.io.aio import AsyncIO
from trunkline.ports import IO, Deadlines, Exchange
from trunkline.values.errors import TransportError

SOURCE = Path(__file__).resolve().parents[2] / "src"
REPETITIONS = 3
PHASES = ["connect", "head", "chunk"]


def waiting_for(phase: str) -> Any:
    """A handler that leaves its client waiting for the head, or for the next chunk."""

    def handler(conn: socket.socket, server: Server) -> None:
        if phase != "connect":
            server.request(conn)
        if phase == "chunk":
            conn.sendall(CHUNKED + chunk(b"first"))
        server.arrived.set()
        server.watch(conn)

    return handler


def address(server: Server, phase: str) -> str:
    """While connecting: TLS with a server that never answers the handshake."""
    return f"https://127.0.0.1:{server.port}/" if phase == "connect" else server.url


CHILD = """
import sys, time, asyncio
mode, url = sys.argv[1:]
from trunkline.ports import Deadlines
from trunkline.wire.http import HttpRequest
from trunkline.values.headers import Headers
kept = []

async def call(io):
    exchange = io.send(HttpRequest("POST", url, Headers([("Authorization", "Bearer x")]), b"{}"), Deadlines(connect=30, first_byte=30, idle=30))
    kept.append(exchange)
    print("begun", flush=True)
    await exchange.head()
    while await exchange.read():
        pass

try:
    if mode == "blocking":
        from trunkline.io.blocking import BlockingIO
        from trunkline.io.run import run_blocking
        kept.append(BlockingIO())
        run_blocking(call(kept[0]))
    else:
        from trunkline.io.aio import AsyncIO
        kept.append(AsyncIO())
        asyncio.run(call(kept[0]))
except KeyboardInterrupt:
    print(time.monotonic(), flush=True)
    sys.stdin.read()  # the socket must be closed although the process lives and holds the exchange
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C of another process is sent otherwise there")
@pytest.mark.parametrize("phase", PHASES)
def test_ctrl_c_is_raised_at_once_and_closes_the_connection(port: Port, phase: str) -> None:
    def interrupted(_: int) -> tuple[float, float]:
        with Server(waiting_for(phase)) as server:
            command = [sys.executable, "-W", "error", "-c", CHILD, port.kind, address(server, phase)]
            environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
            pipe = subprocess.PIPE
            with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment) as child:
                assert server.arrived.wait(20)
                time.sleep(0.15)
                sent = time.monotonic()
                child.send_signal(signal.SIGINT)
                assert server.left.wait(5)
                out, err = child.communicate(timeout=20)
            assert (err, child.returncode) == ("", 0)
            return float(out.splitlines()[1]) - sent, server.gone[0] - sent

    with ThreadPoolExecutor(REPETITIONS) as together:  # most of a repetition is a program that starts
        raised, closed = zip(*together.map(interrupted, range(REPETITIONS)), strict=True)
    assert median(raised) < 0.3
    assert median(closed) < 0.5


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("phase", PHASES)
def test_another_thread_ends_the_wait(port: Port, certificates: Certificates, phase: str, tls: bool) -> None:
    port.options["verify"] = certificates.client
    raised, closed = [], []
    for _ in range(REPETITIONS):
        with Server(waiting_for(phase), certificates.server if tls and phase != "connect" else None) as server:
            aborted: list[float] = []

            def abort(exchange: Exchange, server: Server, aborted: list[float]) -> None:
                server.arrived.wait(5)
                time.sleep(0.1)
                aborted.append(time.monotonic())
                exchange.abort()

            async def call(io: IO, server: Server = server, aborted: list[float] = aborted) -> float:
                exchange = io.send(post(address(server, phase)), Deadlines(connect=10, first_byte=10, idle=10))
                threading.Thread(target=abort, args=(exchange, server, aborted), daemon=True).start()
                with pytest.raises(TransportError, match="closed from elsewhere") as caught:
                    await exchange.head()
                    while await exchange.read():
                        pass
                ended = time.monotonic()
                assert caught.value.phase == {"connect": "connect", "head": "head", "chunk": "body"}[phase]
                assert await io.offload(lambda: server.left.wait(2))
                await exchange.close()
                return ended

            ended = port.run(call)
            raised.append(ended - aborted[0])
            closed.append(server.gone[0] - aborted[0])
    assert median(raised) < 0.3
    assert median(closed) < 0.5


def test_an_abort_before_and_after_the_exchange(port: Port) -> None:
    async def call(io: IO) -> None:
        exchange = io.send(post(server.url), Deadlines())
        exchange.abort()
        with pytest.raises(TransportError):
            await exchange.head()
        await exchange.close()
        exchange = io.send(post(server.url), Deadlines())
        await exchange.head()
        assert await exchange.read() == b"ok"
        exchange.abort()  # its connection is another's by now
        await exchange.close()
        exchange = io.send(post(server.url), Deadlines())
        await exchange.head()
        await exchange.close()

    def handler(conn: socket.socket, server: Server) -> None:
        while server.request(conn):
            conn.sendall(OK)

    with Server(handler) as server:
        port.run(call)
        assert server.connections == 1


def test_an_abort_while_the_reader_is_elsewhere(port: Port) -> None:
    async def call(io: IO) -> None:
        exchange = io.send(post(server.url), Deadlines(idle=5))
        await exchange.head()
        assert await exchange.read() == b"first"
        threading.Thread(target=exchange.abort).start()
        assert await io.offload(lambda: server.left.wait(2))
        with pytest.raises(TransportError):
            await exchange.read()
        await exchange.close()

    with Server(waiting_for("chunk")) as server:
        port.run(call)


@pytest.mark.parametrize("how", ["cancel", "close"])
@pytest.mark.parametrize("phase", PHASES)
def test_a_task_that_waits_is_ended(phase: str, how: str) -> None:
    """By its cancellation, which stays one, or by another task that closes the exchange."""
    raised, closed = [], []

    async def once(server: Server) -> None:
        io = AsyncIO()
        exchange = io.send(post(address(server, phase)), Deadlines(connect=10, first_byte=10, idle=10))

        async def wait() -> None:
            await exchange.head()
            while await exchange.read():
                pass

        task = asyncio.create_task(wait())
        await asyncio.to_thread(server.arrived.wait, 5)
        await asyncio.sleep(0.05)
        begun = time.monotonic()
        if how == "cancel":
            task.cancel()
        else:
            await exchange.close()
        with pytest.raises(asyncio.CancelledError if how == "cancel" else TransportError):
            await task
        raised.append(time.monotonic() - begun)
        assert await asyncio.to_thread(server.left.wait, 2)
        closed.append(server.gone[0] - begun)
        await exchange.close()
        await io.close()

    for _ in range(REPETITIONS):
        with Server(waiting_for(phase)) as server:
            asyncio.run(once(server))
    assert median(raised) < 0.3
    assert median(closed) < 0.5


def test_a_timeout_around_a_call_is_the_callers_own() -> None:
    """Our own way to end the wait for a head is a cancellation, too: it must not be mistaken for the caller's, nor the reverse."""

    async def call() -> None:
        io = AsyncIO()
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0.1):
                await io.send(post(server.url), Deadlines(first_byte=5)).head()
        assert type(caught.value) is TimeoutError
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        from trunkline.values.errors import DeadlineError

        with pytest.raises(DeadlineError):
            async with asyncio.timeout(5):
                await io.send(post(server.url), Deadlines(first_byte=0.05)).head()
        assert task.cancelling() == 0
        await io.close()

    with Server(waiting_for("head")) as server:
        asyncio.run(call())


def test_a_close_that_is_cancelled_still_closes() -> None:
    async def call() -> None:
        io = AsyncIO()
        exchange = io.send(post(server.url), Deadlines(idle=5))
        await exchange.head()
        await exchange.read()
        closing = asyncio.create_task(exchange.close())
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        assert await asyncio.to_thread(server.left.wait, 2)
        await io.close()

    with Server(waiting_for("chunk")) as server:
        asyncio.run(call())


def test_unsent_bytes_do_not_hold_a_cancelled_upload_open() -> None:
    reading = threading.Event()

    def deaf(conn: socket.socket, server: Server) -> None:
        server.arrived.set()
        reading.wait(5)
        server.watch(conn, 2)

    async def call() -> None:
        io = AsyncIO()
        task = asyncio.create_task(io.send(post(server.url, bytes(50_000_000)), Deadlines()).head())
        await asyncio.to_thread(server.arrived.wait, 5)
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.05)
        reading.set()
        assert await asyncio.to_thread(server.left.wait, 1)
        await io.close()

    with Server(deaf) as server:
        asyncio.run(call())
    assert KEY
