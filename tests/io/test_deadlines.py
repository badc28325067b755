"""Each deadline fires within 100 ms of its time and says which it was. Timed: one after another, the median counts."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from tests.io.conftest import Certificates
from tests.io.loopback import CHUNKED, OK, Port, Server, chunk, median_of, post, unanswered
from trunkline.ports import IO, Deadlines
from trunkline.values.errors import DeadlineError

AFTER = 0.15
REPETITIONS = 3


def silent(conn: socket.socket, server: Server) -> None:
    server.request(conn)
    server.watch(conn)


def mute(conn: socket.socket, server: Server) -> None:
    """Not even TLS is answered."""
    server.watch(conn)


def drip(conn: socket.socket, server: Server, byte: bytes) -> None:
    with contextlib.suppress(OSError):
        for _ in range(250):
            conn.sendall(byte)
            time.sleep(0.02)
    server.watch(conn)


def dripping_head(conn: socket.socket, server: Server) -> None:
    server.request(conn)
    conn.sendall(b"HTTP/1.1 200 OK\r\nx: ")
    drip(conn, server, b"y")


def dripping_body(conn: socket.socket, server: Server) -> None:
    server.request(conn)
    conn.sendall(CHUNKED)
    drip(conn, server, chunk(b"y"))


def dripping_size(conn: socket.socket, server: Server) -> None:
    """Bytes come, but never one of the body."""
    server.request(conn)
    conn.sendall(CHUNKED + b"5;")
    drip(conn, server, b"y")


def stalling(conn: socket.socket, server: Server) -> None:
    server.request(conn)
    conn.sendall(CHUNKED + chunk(b"first"))
    server.watch(conn)


def deaf(conn: socket.socket, server: Server) -> None:
    """It accepts, and reads nothing of a request that no buffer holds."""
    server.arrived.wait(2)


def overrun(port: Port, url: str, make: Callable[[float], Deadlines], phase: str, body: bytes = b"{}") -> float:
    """How long after its time the deadline fired."""

    async def call(io: IO) -> float:
        begun = time.monotonic()
        exchange = io.send(post(url, body), make(begun))
        since = begun
        try:
            await exchange.head()
            since = time.monotonic()
            while await exchange.read():
                since = time.monotonic()
        except DeadlineError as error:
            fired = time.monotonic()
            assert (error.phase, error.seconds) == (phase, AFTER), error
            assert isinstance(error, TimeoutError)
            assert phase.replace("_", " ") in str(error)
            return fired - (since if phase == "idle" else begun) - AFTER
        finally:
            await exchange.close()
        raise AssertionError("no deadline fired")

    late: float = port.run(call)
    assert late > -0.01
    return late


def connect(_: float) -> Deadlines:
    return Deadlines(connect=AFTER, first_byte=5, idle=5)


def first_byte(_: float) -> Deadlines:
    return Deadlines(connect=5, first_byte=AFTER, idle=5)


def idle(_: float) -> Deadlines:
    return Deadlines(connect=5, first_byte=5, idle=AFTER)


def total(now: float) -> Deadlines:
    return Deadlines(connect=5, first_byte=5, idle=5, until=now + AFTER, total=AFTER)


CASES = [
    ("first_byte", first_byte, silent),
    ("first_byte", first_byte, dripping_head),
    ("idle", idle, stalling),
    ("total", total, silent),
    ("total", total, dripping_head),
    ("total", total, stalling),
    ("total", total, dripping_body),
    ("total", total, dripping_size),
]


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize(("phase", "make", "handler"), CASES, ids=lambda value: getattr(value, "__name__", value))
def test_a_deadline_fires_in_time_says_which_and_closes_the_connection(
    port: Port, certificates: Certificates, phase: str, make: Any, handler: Any, tls: bool
) -> None:
    port.options["verify"] = certificates.client
    with Server(handler, certificates.server if tls else None) as server:
        assert median_of(REPETITIONS, lambda: overrun(port, server.url, make, phase)) < 0.1
        assert server.left.wait(0.5)


def ways_not_to_connect() -> list[Any]:
    @contextmanager
    def handshake() -> Iterator[str]:
        with Server(mute) as server:
            yield f"https://127.0.0.1:{server.port}"

    return [unanswered, handshake]


@pytest.mark.parametrize("place", ways_not_to_connect(), ids=["backlog", "handshake"])
@pytest.mark.parametrize(("phase", "make"), [("connect", connect), ("total", total)])
def test_a_connection_that_is_not_made_in_time(
    port: Port, phase: str, make: Any, place: Callable[[], AbstractContextManager[str]]
) -> None:
    with place() as url:
        assert median_of(REPETITIONS, lambda: overrun(port, url, make, phase)) < 0.1


def test_a_name_that_is_not_resolved_in_time(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    look_up = socket.getaddrinfo

    def slow(*args: Any, **options: Any) -> Any:
        if args[0] == "slow.test":
            time.sleep(0.6)
        return look_up("127.0.0.1", *args[1:], **options)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    assert median_of(REPETITIONS, lambda: overrun(port, "http://slow.test:9/", connect, "connect")) < 0.1


def test_a_dead_name_server_holds_up_neither_the_deadline_nor_the_end_of_the_loop(
    port: Port, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = threading.Event()

    def hangs(*_: Any, **__: Any) -> Any:
        answer.wait(5)
        raise socket.gaierror(socket.EAI_AGAIN, "try again")

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    begun = time.monotonic()
    overrun(port, "http://dead.test:9/", connect, "connect")
    assert time.monotonic() - begun < 1
    answer.set()


def test_a_request_that_nobody_reads(port: Port) -> None:
    with Server(deaf) as server:
        assert median_of(REPETITIONS, lambda: overrun(port, server.url, first_byte, "first_byte", bytes(16_000_000))) < 0.1


def test_a_deadline_that_has_passed_already(port: Port) -> None:
    with Server(silent) as server:
        begun = time.monotonic()

        async def call(io: IO) -> None:
            exchange = io.send(post(server.url), Deadlines(until=begun - 1, total=3))
            with pytest.raises(DeadlineError) as caught:
                await exchange.head()
            assert (caught.value.phase, caught.value.seconds) == ("total", 3)
            await exchange.close()

        port.run(call)
        assert server.connections == 0


def test_any_byte_is_life(port: Port) -> None:
    """Chunks every 50 ms for half a second pass an idle deadline of 0.15 s; what the reader does meanwhile does not count."""

    def handler(conn: socket.socket, server: Server) -> None:
        server.request(conn)
        conn.sendall(CHUNKED)
        for _ in range(10):
            conn.sendall(chunk(b"x"))
            time.sleep(0.05)
        conn.sendall(b"0\r\n\r\n")

    async def call(io: IO) -> None:
        exchange = io.send(post(server.url), Deadlines(idle=AFTER))
        await exchange.head()
        got = b""
        while data := await exchange.read():
            got += data
            if len(got) == 1:
                await io.sleep(0.2)
        assert got == b"x" * 10
        await exchange.close()

    with Server(handler) as server:
        port.run(call)


def test_many_deadlines_at_once_are_all_kept(port: Port) -> None:
    """One timer serves a whole loop: forty waits with four different ends."""

    async def one(io: IO, seconds: float) -> float:
        begun = time.monotonic()
        exchange = io.send(post(server.url), Deadlines(until=begun + seconds, total=seconds))
        with pytest.raises(DeadlineError):
            await exchange.head()
        await exchange.close()
        return time.monotonic() - begun - seconds

    async def call(io: IO) -> list[float]:
        return await io.all([one(io, 0.1 + 0.1 * (i % 4)) for i in range(40)])

    with Server(silent) as server:
        late = sorted(port.run(call))
        assert late[0] > -0.01
        assert late[20] < 0.1


def test_a_deadline_leaves_the_port_in_order(port: Port) -> None:
    def handler(conn: socket.socket, server: Server) -> None:
        while b"/slow" not in server.request(conn):
            conn.sendall(OK)
        server.watch(conn)

    async def call(io: IO) -> None:
        for _ in range(3):
            slow = io.send(post(server.url + "/slow"), Deadlines(first_byte=0.05))
            with pytest.raises(DeadlineError):
                await slow.head()
            await slow.close()
            fine = io.send(post(server.url), Deadlines())
            assert (await fine.head()).status == 200
            assert await fine.read() == b"ok"
            await fine.close()

    with Server(handler) as server:
        port.run(call)
