"""Servers that misbehave on purpose, as raw sockets in threads, and the two ports behind one face."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from statistics import median
from typing import Any

from trunkline.io.aio import AsyncIO
from trunkline.io.blocking import BlockingIO
from trunkline.io.run import run_blocking
from trunkline.ports import IO, Deadlines, Exchange
from trunkline.values.headers import Headers
from trunkline.wire.http import Head, HttpRequest

KEY = "sk-canary-4f1d8a07c5e2"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
LAST = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def reset(conn: socket.socket) -> None:
    """Close with an RST."""
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    conn.close()


def read_request(conn: socket.socket) -> bytes:
    """One request, head and body; b"" when the other side has closed."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = conn.recv(65536)
        if not more:
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    low = head.lower()
    length = int(low.split(b"content-length:")[1].split(b"\r\n")[0]) if b"content-length:" in low else 0
    while len(body) < length:
        body += conn.recv(1 << 20)
    return head + b"\r\n\r\n" + body


PATIENT = Deadlines(connect=5, first_byte=5, idle=5)
Handler = Callable[[socket.socket, "Server"], None]


class Server:
    """``handler(conn, server)`` runs in a thread per connection. ``gone`` holds when the peer of a connection that the handler
    watches closed it; ``arrived`` is set whenever a handler says so."""

    def __init__(self, handler: Handler, tls: ssl.SSLContext | None = None) -> None:
        self._handler, self._tls = handler, tls
        self.requests: list[bytes] = []
        self.connections = 0
        self.gone: list[float] = []
        self.arrived = threading.Event()
        self.left = threading.Event()
        self.errors: list[BaseException] = []
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://{'localhost' if tls else '127.0.0.1'}:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                conn, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(conn)
            threading.Thread(target=self._serve, args=(conn,), daemon=True).start()

    def _serve(self, conn: socket.socket) -> None:
        try:
            conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls:
                conn = self._tls.wrap_socket(conn, server_side=True)
                self._open.append(conn)
            self._handler(conn, self)
        except (OSError, ssl.SSLError):
            pass
        except BaseException as error:
            self.errors.append(error)
        finally:
            conn.close()

    def request(self, conn: socket.socket) -> bytes:
        """Read a request and keep it."""
        data = read_request(conn)
        if data:
            self.requests.append(data)
        return data

    def watch(self, conn: socket.socket, seconds: float = 5) -> None:
        """Wait until the peer closes, and note when."""
        conn.settimeout(seconds)
        try:
            while conn.recv(65536):
                pass
        except TimeoutError:
            return
        except OSError:
            pass
        self.gone.append(time.monotonic())
        self.left.set()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for conn in self._open:
            with suppress(OSError):
                conn.shutdown(socket.SHUT_RDWR)
            conn.close()
        assert not self.errors, self.errors


def answering(*replies: bytes) -> Handler:
    """A handler that answers each request of a connection with the next reply, the last one again and again."""

    def handler(conn: socket.socket, server: Server) -> None:
        turn = 0
        while server.request(conn):
            conn.sendall(replies[min(turn, len(replies) - 1)])
            turn += 1

    return handler


def post(url: str, body: bytes = b"{}", **headers: str) -> HttpRequest:
    pairs = [("Authorization", f"Bearer {KEY}"), *((name.replace("_", "-"), value) for name, value in headers.items())]
    return HttpRequest("POST", url, Headers(pairs), body)


async def whole(io: IO, request: HttpRequest, deadlines: Deadlines = PATIENT) -> tuple[Head, bytes]:
    """One exchange from beginning to end."""
    exchange = io.send(request, deadlines)
    try:
        head = await exchange.head()
        return head, await rest(exchange)
    finally:
        await exchange.close()


async def rest(exchange: Exchange) -> bytes:
    parts = []
    while data := await exchange.read():
        parts.append(data)
    return b"".join(parts)


async def failing(io: IO, request: HttpRequest, deadlines: Deadlines = PATIENT) -> tuple[BaseException, bytes]:
    """The error of an exchange that must fail, and what of the body came before it."""
    exchange = io.send(request, deadlines)
    got = b""
    try:
        await exchange.head()
        while data := await exchange.read():
            got += data
    except Exception as error:
        return error, got
    finally:
        await exchange.close()
    raise AssertionError(f"no error, but {got!r}")


class Port:
    """A port and the way to run coroutine functions of it; ``io`` is new for each run unless it is passed on."""

    def __init__(self, kind: str, **options: Any) -> None:
        self.kind = kind
        self.options = options

    def make(self, **options: Any) -> IO:
        cls: type[Any] = BlockingIO if self.kind == "blocking" else AsyncIO
        io: IO = cls(**{**self.options, **options})
        return io

    def run(self, function: Callable[[IO], Coroutine[Any, Any, Any]], io: IO | None = None) -> Any:
        async def main() -> Any:
            used = io or self.make()
            try:
                return await function(used)
            finally:
                if io is None:
                    await used.close()

        return run_blocking(main()) if self.kind == "blocking" else asyncio.run(main())


@contextmanager
def unanswered() -> Iterator[str]:
    """A listening socket whose backlog is full: a connection to it is never answered."""
    waiting = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            conn = socket.socket()
            conn.setblocking(False)
            conn.connect_ex(listener.getsockname())
            waiting.append(conn)
        time.sleep(0.05)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            for conn in waiting:
                conn.close()


def median_of(repetitions: int, measure: Callable[[], float]) -> float:
    """Timing on a shared machine: the median counts."""
    return median(measure() for _ in range(repetitions))
