"""The key, the request's body and what the server quotes of them stand in no frame of a traceback of ours."""

from __future__ import annotations

import asyncio
import pickle
import socket
import threading
import traceback
from typing import Any

import pytest

from tests.io.conftest import Certificates
from tests.io.loopback import CHUNKED, KEY, OK, Port, Server, answering, chunk, post, reset
from trunkline.io.aio import AsyncIO
from trunkline.ports import IO, Deadlines
from trunkline.values.errors import TrunklineError

PROMPT = "prompt-canary-91bd"
ECHO = f"{KEY} {PROMPT}".encode()
SHORT = Deadlines(connect=0.2, first_byte=0.2, idle=0.2)


def shown(error: BaseException) -> str:
    """All that a traceback with the values of locals shows, contexts and causes too, without the test's own frames."""
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    parts = []
    todo: list[traceback.TracebackException | None] = [told]
    while todo:
        one = todo.pop()
        if one is not None:
            parts += [str(one), *(f"{frame.name} {frame.locals}" for frame in one.stack if "tests/io" not in frame.filename)]
            todo += [one.__cause__, one.__context__]
    return "\n".join(parts) + repr(error) + str(error.__dict__) + str(error.args)


async def caught(io: IO, url: str, deadlines: Deadlines = SHORT, **headers: str) -> BaseException:
    exchange = io.send(post(url, ECHO, x_prompt=PROMPT, **headers), deadlines)
    try:
        await exchange.head()
        while await exchange.read():
            pass
    except BaseException as error:
        return error
    finally:
        await exchange.close()
    raise AssertionError("nothing went wrong")


def sending(*pieces: bytes, end: Any = None, wait: float = 0) -> Any:
    def handler(conn: socket.socket, server: Server) -> None:
        server.request(conn)
        for piece in pieces:
            conn.sendall(piece)
        if wait:
            server.watch(conn, wait)
        elif end is not None:
            end(conn)

    return handler


WRONG = {
    "no answer": sending(wait=2),
    "clean close": sending(),
    "reset": sending(end=reset),
    "garbage": sending(b"SSH " + ECHO + b"\r\n\r\n"),
    "bad field": sending(b"HTTP/1.1 200 OK\r\n" + ECHO + b"\r\n\r\n"),
    "half a head": sending(b"HTTP/1.1 200 OK\r\nx: " + ECHO),
    "too large a head": sending(b"HTTP/1.1 200 OK\r\nx: " + ECHO * 5000 + b"\r\n\r\n"),
    "bad length": sending(b"HTTP/1.1 200 OK\r\ncontent-length: " + ECHO + b"\r\n\r\n"),
    "bad chunk": sending(CHUNKED + chunk(ECHO) + ECHO + b"\r\n"),
    "truncated": sending(CHUNKED + chunk(ECHO)),
    "reset in the body": sending(CHUNKED + chunk(ECHO), end=reset),
    "idle": sending(CHUNKED + chunk(ECHO) + b"5;" + ECHO, wait=2),
    "bad compression": sending(CHUNKED[:-2] + b"content-encoding: gzip\r\n\r\n" + chunk(ECHO)),
}


@pytest.mark.parametrize("what", WRONG)
def test_errors_of_replies(port: Port, what: str) -> None:
    with Server(WRONG[what]) as server:
        error = port.run(lambda io: caught(io, server.url))
    assert isinstance(error, TrunklineError)
    for secret in (KEY, PROMPT):
        assert secret not in shown(error)
        assert secret.encode() not in pickle.dumps(error)
    assert error.__context__ is None
    assert error.__cause__ is None


def test_errors_of_connections(port: Port, certificates: Certificates) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        number = closed.getsockname()[1]
    refused = port.run(lambda io: caught(io, f"http://127.0.0.1:{number}/"))
    with Server(answering(OK), certificates.server) as server:
        untrusted = port.run(lambda io: caught(io, server.url))
    with Server(sending(wait=2)) as server:
        handshake = port.run(lambda io: caught(io, f"https://127.0.0.1:{server.port}"))
    for error in (refused, untrusted, handshake):
        assert isinstance(error, TrunklineError)
        assert KEY not in shown(error)
        assert PROMPT not in shown(error)


def test_errors_of_requests(port: Port) -> None:
    for value in (f"{KEY}\r\n", f"{KEY}☃"):
        error = port.run(lambda io, value=value: caught(io, "http://127.0.0.1:1/", x_other=value))
        assert isinstance(error, TrunklineError)
        assert KEY not in shown(error)


def test_errors_of_proxies(port: Port) -> None:
    reply = b"HTTP/1.1 407 " + ECHO + b"\r\ncontent-length: 0\r\n\r\n"
    with Server(answering(reply)) as proxy:
        used = Port(port.kind, proxies={"https": f"http://user:{KEY}@127.0.0.1:{proxy.port}"})
        error = used.run(lambda io: caught(io, "https://localhost:1/"))
        assert KEY not in shown(error)
        assert KEY not in repr(used.make().__dict__)


def test_interrupts_and_aborts(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    """A KeyboardInterrupt at the leaf passes through frames that hold the request."""
    with Server(sending(wait=5)) as server:

        async def aborted(io: IO) -> BaseException:
            exchange = io.send(post(server.url, ECHO), Deadlines(first_byte=5))
            threading.Timer(0.2, exchange.abort).start()
            try:
                await exchange.head()
            except BaseException as error:
                return error
            raise AssertionError

        assert KEY not in shown(port.run(aborted))
        if port.kind == "blocking":
            from trunkline.io.pool import Connection

            def interrupted(*_: Any) -> bytes:
                raise KeyboardInterrupt

            monkeypatch.setattr(Connection, "receive", interrupted)
            error = port.run(lambda io: caught(io, server.url))
            assert isinstance(error, KeyboardInterrupt)
            assert KEY not in shown(error)


def test_a_cancellation_has_no_frames_of_the_transport() -> None:
    async def main() -> BaseException:
        io = AsyncIO()
        task = asyncio.create_task(caught(io, server.url, Deadlines()))
        await asyncio.to_thread(server.arrived.wait, 5)
        await asyncio.sleep(0.05)
        task.cancel()
        error = await task
        await io.close()
        return error

    def handler(conn: socket.socket, server: Server) -> None:
        server.request(conn)
        server.arrived.set()
        server.watch(conn)

    with Server(handler) as server:
        error = asyncio.run(main())
    assert isinstance(error, asyncio.CancelledError)
    assert KEY not in shown(error)
    assert "aiohttp" not in "".join(traceback.format_exception(error))


def test_reprs(port: Port) -> None:
    with Server(answering(OK)) as server:

        async def call(io: IO) -> None:
            exchange = io.send(post(server.url + f"/x?key={KEY}", ECHO), Deadlines())
            assert KEY not in repr(exchange)
            await exchange.head()
            assert KEY not in repr(exchange)
            await exchange.close()
            assert KEY not in repr(exchange)

        port.run(call)
