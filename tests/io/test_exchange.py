from __future__ import annotations

import contextlib
import gc
import gzip
import socket
import threading
import time
import warnings
import zlib
from pathlib import Path
from typing import Any

import pytest

from tests.io.conftest import Certificates
from tests.io.loopback import CHUNKED, KEY, LAST, OK, Port, Server, answering, chunk, failing, post, reset, whole
from trunkline.ports import IO, Deadlines
from trunkline.values.errors import (
    ConnectionRefusedByHostError,
    ConnectionResetByHostError,
    GarbledReplyError,
    NameResolutionError,
    TlsError,
    TransportError,
    TruncatedBodyError,
    UsageError,
)
from trunkline.values.headers import Headers
from trunkline.wire.http import HttpRequest


def closing(*pieces: bytes, end: Any = None) -> Any:
    """A handler that reads one request, sends these pieces one by one, and ends the connection."""

    def handler(conn: socket.socket, server: Server) -> None:
        server.request(conn)
        for piece in pieces:
            conn.sendall(piece)
            time.sleep(0.02)
        if end is not None:
            end(conn)

    return handler


def test_a_request_arrives_as_it_was_made(port: Port) -> None:
    with Server(answering(OK)) as server:
        head, body = port.run(lambda io: whole(io, post(server.url + "/v1/x?y=%20z", b'{"a":1}', x_one="1")))
    assert (head.status, head.headers["content-length"], body) == (200, "2", b"ok")
    request = server.requests[0]
    assert request.startswith(b"POST /v1/x?y=%20z HTTP/1.1\r\n")
    assert request.endswith(b'\r\n\r\n{"a":1}')
    low = request.lower()
    for field in (
        b"host: 127.0.0.1:%d" % server.port,
        b"content-length: 7",
        b"x-one: 1",
        b"accept-encoding: gzip, deflate",
        b"user-agent: trunkline",
    ):
        assert low.count(b"\r\n" + field) == 1
    assert f"Bearer {KEY}".encode() in request
    assert b"cookie" not in low


def test_get_and_an_empty_post(port: Port) -> None:
    async def both(io: IO) -> None:
        await whole(io, HttpRequest("GET", server.url + "/models"))
        await whole(io, HttpRequest("POST", server.url + "/x"))

    with Server(answering(OK)) as server:
        port.run(both)
    assert b"content-length" not in server.requests[0].lower()
    assert b"content-length: 0" in server.requests[1].lower()


def test_a_large_body_both_ways(port: Port) -> None:
    body = bytes(range(256)) * 40_000

    def echo(conn: socket.socket, server: Server) -> None:
        data = server.request(conn).partition(b"\r\n\r\n")[2]
        conn.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(data) + data)

    with Server(echo) as server:
        _, back = port.run(lambda io: whole(io, post(server.url, body)))
    assert back == body


def test_connections_are_kept(port: Port) -> None:
    async def calls(io: IO) -> None:
        for _ in range(5):
            await whole(io, post(server.url))

    with Server(answering(OK, CHUNKED + chunk(b"a") + LAST, OK)) as server:
        port.run(calls)
        assert server.connections == 1


@pytest.mark.parametrize(
    "reply",
    [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok", b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok"],
)
def test_connections_that_the_server_closes_are_not_kept(port: Port, reply: bytes) -> None:
    async def calls(io: IO) -> None:
        for _ in range(2):
            assert (await whole(io, post(server.url)))[1] == b"ok"

    with Server(closing(reply)) as server:
        port.run(calls)
        assert server.connections == 2


def test_a_connection_is_kept_when_the_end_of_the_body_is_waiting_unread(port: Port) -> None:
    """The protocol is done, the last chunk has arrived, nobody has read it: close() looks once."""
    sent = threading.Semaphore(0)
    go = threading.Event()

    def handler(conn: socket.socket, server: Server) -> None:
        while server.request(conn):
            conn.sendall(CHUNKED + chunk(b"data: [DONE]\n\n"))
            go.wait(5)
            conn.sendall(LAST)
            sent.release()
            go.clear()

    async def calls(io: IO) -> None:
        for _ in range(3):
            exchange = io.send(post(server.url), Deadlines(first_byte=5, idle=5))
            await exchange.head()
            assert await exchange.read() == b"data: [DONE]\n\n"
            go.set()
            sent.acquire(timeout=5)
            await exchange.close()

    with Server(handler) as server:
        port.run(calls)
        assert server.connections == 1


def test_a_connection_is_closed_when_the_end_of_the_body_has_not_come(port: Port) -> None:
    def handler(conn: socket.socket, server: Server) -> None:
        server.request(conn)
        conn.sendall(CHUNKED + chunk(b"data: [DONE]\n\n"))
        server.watch(conn)

    async def call(io: IO) -> None:
        exchange = io.send(post(server.url), Deadlines(first_byte=5, idle=5))
        await exchange.head()
        await exchange.read()
        await exchange.close()
        await exchange.close()
        assert await io.offload(lambda: server.left.wait(2))

    with Server(handler) as server:
        port.run(call)
        assert server.gone


def test_an_idle_connection_that_has_died_is_not_used(port: Port) -> None:
    closed = threading.Event()

    def handler(conn: socket.socket, server: Server) -> None:
        server.request(conn)
        conn.sendall(OK)
        conn.close()
        closed.set()

    async def calls(io: IO) -> None:
        for _ in range(3):
            assert (await whole(io, post(server.url)))[1] == b"ok"
            await io.offload(lambda: closed.wait(2))
            closed.clear()
            await io.sleep(0.05)

    with Server(handler) as server:
        port.run(calls)
        assert server.connections == 3


@pytest.mark.parametrize("end", [None, reset])
def test_a_post_is_never_sent_twice(port: Port, end: Any) -> None:
    """The kept connection dies when the second request has been received: nobody can know whether it was acted on."""

    def handler(conn: socket.socket, server: Server) -> None:
        server.request(conn)
        conn.sendall(OK)
        server.request(conn)
        if end is not None:
            end(conn)

    async def calls(io: IO) -> BaseException:
        await whole(io, post(server.url))
        return (await failing(io, post(server.url)))[0]

    with Server(handler) as server:
        error = port.run(calls)
        assert len(server.requests) == 2
    assert isinstance(error, TransportError)
    assert error.sent
    assert error.phase in {"head", "send"}
    assert isinstance(error, ConnectionResetByHostError) is (end is not None)


@pytest.mark.parametrize(
    "between", [b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" * 2]
)
def test_interim_replies_are_passed_over(port: Port, between: bytes) -> None:
    with Server(answering(between + OK)) as server:
        head, body = port.run(lambda io: whole(io, post(server.url)))
    assert (head.status, body) == (200, b"ok")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(port: Port, status: int) -> None:
    with Server(answering(OK)) as other:
        reply = f"HTTP/1.1 {status} Moved\r\nlocation: {other.url}/\r\ncontent-length: 0\r\n\r\n".encode()
        with Server(answering(reply)) as server:
            head, _ = port.run(lambda io: whole(io, post(server.url)))
        assert (head.status, head.headers["location"]) == (status, other.url + "/")
        assert not other.requests


def test_cookies_are_neither_kept_nor_sent(port: Port) -> None:
    async def calls(io: IO) -> None:
        for _ in range(2):
            await whole(io, post(server.url))

    with Server(answering(b"HTTP/1.1 200 OK\r\nset-cookie: a=b\r\ncontent-length: 0\r\n\r\n")) as server:
        port.run(calls)
        assert all(b"cookie" not in request.lower() for request in server.requests)


@pytest.mark.parametrize(("coding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
@pytest.mark.parametrize("chunked", [True, False])
def test_compressed_replies(port: Port, coding: str, pack: Any, chunked: bool) -> None:
    text = b'{"text": "hello"}' * 500
    packed = pack(text)
    framed = b"transfer-encoding: chunked\r\n\r\n" + chunk(packed[:20]) + chunk(packed[20:]) + LAST
    if not chunked:
        framed = b"content-length: %d\r\n\r\n" % len(packed) + packed
    with Server(answering(b"HTTP/1.1 200 OK\r\ncontent-encoding: %s\r\n" % coding.encode() + framed)) as server:
        _, body = port.run(lambda io: whole(io, post(server.url)))
    assert body == text


def test_a_compressed_stream_comes_piece_by_piece(port: Port) -> None:
    packer = zlib.compressobj(wbits=31)
    pieces = [packer.compress(b"data: %d\n\n" % i) + packer.flush(zlib.Z_SYNC_FLUSH) for i in range(3)]
    go = threading.Semaphore(0)

    def handler(conn: socket.socket, server: Server) -> None:
        server.request(conn)
        conn.sendall(CHUNKED[:-2] + b"content-encoding: gzip\r\n\r\n")
        for piece in pieces:
            conn.sendall(chunk(piece))
            go.acquire(timeout=5)
        conn.sendall(chunk(packer.flush()) + LAST)

    async def call(io: IO) -> list[bytes]:
        exchange = io.send(post(server.url), Deadlines(first_byte=5, idle=5))
        await exchange.head()
        got = []
        while data := await exchange.read():
            got.append(data)
            go.release()
        return got

    with Server(handler) as server:
        assert port.run(call) == [b"data: 0\n\n", b"data: 1\n\n", b"data: 2\n\n"]


def test_a_body_that_the_close_ends(port: Port) -> None:
    with Server(closing(b"HTTP/1.1 200 OK\r\n\r\nall", b" of it")) as server:
        assert port.run(lambda io: whole(io, post(server.url)))[1] == b"all of it"


def test_all_that_one_read_brought_comes_at_once(port: Port) -> None:
    reply = CHUNKED + b"".join(chunk(b"data: %d\n\n" % i) for i in range(50)) + LAST

    async def call(io: IO) -> int:
        exchange = io.send(post(server.url), Deadlines())
        await exchange.head()
        reads = 0
        while await exchange.read():
            reads += 1
        await exchange.close()
        return reads

    with Server(answering(reply)) as server:
        assert port.run(call) <= 3


def test_read_before_head_and_after_the_end(port: Port) -> None:
    async def call(io: IO) -> None:
        exchange = io.send(post(server.url), Deadlines())
        assert await exchange.read() == b"ok"
        assert (await exchange.head()).status == 200
        assert await exchange.head() is await exchange.head()
        assert [await exchange.read(), await exchange.read()] == [b"", b""]
        await exchange.close()

    with Server(answering(OK)) as server:
        port.run(call)


def test_headers_are_lazy_and_keep_order_and_repetition(port: Port) -> None:
    with Server(answering(b"HTTP/1.1 200 OK\r\nX-A: 1\r\nX-B: \xe9\r\nx-a:2\r\ncontent-length: 0\r\n\r\n")) as server:
        head, _ = port.run(lambda io: whole(io, post(server.url)))
    assert head.headers.pairs == (("X-A", "1"), ("X-B", "é"), ("x-a", "2"), ("content-length", "0"))
    assert head.headers["x-a"] == "1, 2"


# What goes wrong, each its own error.


def test_refused(port: Port) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        number = closed.getsockname()[1]
    error, _ = port.run(lambda io: failing(io, post(f"http://127.0.0.1:{number}/")))
    assert type(error) is ConnectionRefusedByHostError
    assert (error.phase, error.sent) == ("connect", False)
    assert isinstance(error, ConnectionError)


def test_a_name_that_does_not_resolve(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error, _ = port.run(lambda io: failing(io, post("http://no-such-host.invalid/")))
    assert type(error) is NameResolutionError
    assert (error.phase, error.sent) == ("connect", False)
    assert "no-such-host.invalid" in str(error)

    async def resolve(io: IO) -> None:
        with pytest.raises(NameResolutionError):
            await io.resolve("no-such-host.invalid")

    port.run(resolve)


def test_a_certificate_that_nobody_vouches_for(port: Port, certificates: Certificates) -> None:
    with Server(answering(OK), certificates.server) as server:
        error, _ = port.run(lambda io: failing(io, post(server.url)))
    assert type(error) is TlsError
    assert (error.phase, error.sent) == ("connect", False)
    assert "certificate" in str(error)


def test_tls_with_a_server_that_does_not_speak_it(port: Port) -> None:
    def handler(conn: socket.socket, server: Server) -> None:
        conn.recv(100)
        conn.sendall(b"HTTP/1.1 400 Bad\r\n\r\n")

    with Server(handler) as server:
        error, _ = port.run(lambda io: failing(io, post(f"https://127.0.0.1:{server.port}/")))
    assert type(error) is TlsError
    assert error.phase == "connect"


def test_a_path_that_holds_no_certificates(port: Port, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for name in ("missing", "empty"):
        port.options["verify"] = str(tmp_path / name)
        error, _ = port.run(lambda io: failing(io, post("https://127.0.0.1:1/")))
        assert isinstance(error, UsageError)
        assert error.field == "verify"


def test_a_bundle_of_certificates_by_path(port: Port, certificates: Certificates, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_bytes(certificates.bundle.bytes())
    port.options["verify"] = str(path)
    with Server(answering(OK), certificates.server) as server:
        assert port.run(lambda io: whole(io, post(server.url)))[1] == b"ok"


BODY_ENDS = [
    (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n", b"half", b"half", None, TruncatedBodyError),
    (CHUNKED, chunk(b"half"), b"half", None, TruncatedBodyError),
    (CHUNKED, b"a\r\nhalf", b"half", None, TruncatedBodyError),
    (CHUNKED, chunk(b"half"), b"half", reset, ConnectionResetByHostError),
    (CHUNKED, chunk(b"half") + b"zz\r\nwhat\r\n", None, None, GarbledReplyError),
    (CHUNKED[:-2] + b"content-encoding: gzip\r\n\r\n", chunk(b"this is not gzip, is it?"), b"", None, GarbledReplyError),
]


@pytest.mark.parametrize(("head", "piece", "got", "end", "kind"), BODY_ENDS)
def test_bodies_that_end_badly(
    port: Port, head: bytes, piece: bytes, got: bytes | None, end: Any, kind: type[TransportError]
) -> None:
    with Server(closing(head, piece, end=end)) as server:
        error, before = port.run(lambda io: failing(io, post(server.url)))
    assert type(error) is kind
    assert (error.phase, error.sent) == ("body", True)
    if got is not None:
        assert before == got


def test_what_came_with_the_close_is_handed_over_first(port: Port) -> None:
    def handler(conn: socket.socket, server: Server) -> None:
        server.request(conn)
        conn.sendall(CHUNKED + chunk(b"data: last\n\n"))

    async def call(io: IO) -> tuple[bytes, BaseException]:
        exchange = io.send(post(server.url), Deadlines())
        await exchange.head()
        await io.sleep(0.1)
        data = await exchange.read()
        try:
            await exchange.read()
        except TruncatedBodyError as error:
            return data, error
        finally:
            await exchange.close()
        raise AssertionError

    with Server(handler) as server:
        assert port.run(call)[0] == b"data: last\n\n"


HEAD_ENDS = [
    (b"", None, TransportError),
    (b"HTTP/1.1 200 OK\r\nx:", None, TransportError),
    (b"", reset, ConnectionResetByHostError),
    (b"SSH-2.0-OpenSSH_9\r\n\r\n", None, GarbledReplyError),
    (b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n", None, GarbledReplyError),
    (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 150 + b"\r\n", None, GarbledReplyError),
    (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 70_000 + b"\r\n\r\n", None, GarbledReplyError),
]


@pytest.mark.parametrize(("piece", "end", "kind"), HEAD_ENDS)
def test_heads_that_end_badly(port: Port, piece: bytes, end: Any, kind: type[TransportError]) -> None:
    with Server(closing(piece, end=end)) as server:
        error, _ = port.run(lambda io: failing(io, post(server.url)))
    assert type(error) is kind
    assert (error.phase, error.sent) == ("head", True)


def test_a_large_head_is_read(port: Port) -> None:
    with Server(answering(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 50_000 + b"\r\ncontent-length: 2\r\n\r\nok")) as server:
        head, body = port.run(lambda io: whole(io, post(server.url)))
    assert (len(head.headers["x"]), body) == (50_000, b"ok")


def test_a_refusal_of_a_body_that_is_not_read_to_its_end_is_heard(port: Port) -> None:
    def handler(conn: socket.socket, server: Server) -> None:
        conn.recv(1000)
        conn.sendall(b"HTTP/1.1 413 Too Large\r\ncontent-length: 5\r\nconnection: close\r\n\r\nlarge")
        conn.shutdown(socket.SHUT_WR)
        with contextlib.suppress(OSError):
            while conn.recv(1 << 20):
                pass

    with Server(handler) as server:
        head, body = port.run(lambda io: whole(io, post(server.url, bytes(3_000_000))))
    assert (head.status, body) == (413, b"large")


@pytest.mark.parametrize("headers", [[("x", "a\r\nb: c")], [("x", "\0")], [("x", "☃")], [("bad name", "x")]])
def test_headers_that_cannot_be_sent_are_refused_before_anything_happens(port: Port, headers: list[tuple[str, str]]) -> None:
    with Server(answering(OK)) as server:
        error, _ = port.run(lambda io: failing(io, HttpRequest("POST", server.url, Headers(headers), b"")))
        assert isinstance(error, UsageError)
        assert server.connections == 0


def test_a_closed_exchange_says_so(port: Port) -> None:
    async def call(io: IO) -> None:
        unused = io.send(post(server.url), Deadlines())
        await unused.close()
        with pytest.raises(TransportError):
            await unused.head()
        exchange = io.send(post(server.url), Deadlines())
        await exchange.head()
        await exchange.read()
        await exchange.close()
        with pytest.raises(TransportError, match="closed from elsewhere"):
            await exchange.read()

    with Server(closing(CHUNKED + chunk(b"x"), end=lambda conn: time.sleep(0.2))) as server:
        port.run(call)
        assert server.connections == 1


def test_closing_the_port_ends_what_is_under_way_and_it_can_be_used_again(port: Port) -> None:
    def handler(conn: socket.socket, server: Server) -> None:
        while b"/stream" not in server.request(conn):
            conn.sendall(OK)
        conn.sendall(CHUNKED + chunk(b"x"))
        server.watch(conn)

    async def call(io: IO) -> None:
        await whole(io, post(server.url))
        exchange = io.send(post(server.url + "/stream"), Deadlines(idle=5))
        await exchange.head()
        await exchange.read()
        await io.close()
        with pytest.raises(TransportError):
            await exchange.read()
        await exchange.close()
        assert (await whole(io, post(server.url)))[1] == b"ok"

    with Server(handler) as server:
        port.run(call)


def test_an_exchange_that_nobody_closes_is_closed_by_the_collector_and_says_so() -> None:
    port = Port("blocking")

    def handler(conn: socket.socket, server: Server) -> None:
        server.request(conn)
        conn.sendall(CHUNKED + chunk(b"x"))
        server.watch(conn)

    async def drop(io: IO) -> None:
        exchange = io.send(post(server.url), Deadlines())
        await exchange.head()
        await exchange.read()

    with Server(handler) as server:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            port.run(drop, port.make())
            gc.collect()
        assert [w.category for w in caught] == [ResourceWarning]
        assert KEY not in str(caught[0].message)
        assert server.left.wait(2)


def test_the_blocking_port_loads_neither_asyncio_nor_an_http_library() -> None:
    import subprocess
    import sys

    program = (
        "import sys, trunkline.io.blocking as b; from trunkline.io.run import run_blocking\n"
        "io = b.BlockingIO(); run_blocking(io.close())\n"
        "print(sorted(set(sys.modules) & {'asyncio', 'aiohttp', 'http.client', 'email', 'ssl'}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == "[]"


def test_sockets_send_at_once_and_notice_a_dead_peer(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[socket.socket] = []

    class Noted(socket.socket):
        def connect(self, address: Any) -> None:
            made.append(self)
            super().connect(address)

    monkeypatch.setattr(socket, "socket", Noted)

    async def call(io: IO) -> None:
        await whole(io, post(server.url))
        (sock,) = [sock for sock in made if sock.fileno() >= 0]
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)

    with Server(answering(OK)) as server:
        port.run(call)


def test_a_port_that_was_never_used_closes_without_a_trace(port: Port) -> None:
    port.run(lambda io: io.sleep(0))
