"""The world, blocking: sockets of the standard library, threads where several things happen at once.

Nothing of asyncio is imported here. Every wait on a socket has a timeout that is computed just before it, so deadlines are exact
whatever drips in; Ctrl-C arrives in it, and a ``shutdown`` by another thread ends it. Two limits: inside ``asyncio.run`` the
interpreter hands Ctrl-C over only when the call has ended, and on Windows waits are cut into slices of 0.2 s.
"""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Callable, Coroutine, Mapping, Sequence
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec.structs import replace

from ..ports import INFINITY, Deadlines, Exchange, ProcessRequest, Signal
from ..values.errors import DeadlineError, DeadlinePhase, TransportError, TransportPhase, TrunklineError
from ..wire.http import Head, HttpRequest
from . import faults
from .body import BodyReader, Inflated, body_reader
from .branches import Branches
from .connect import StoppedError, addresses, open_socket, secure, tunnel
from .head import ReplyHead, end_of_head, garbled, parse_head
from .pool import Connection, LateError, Pool
from .request import compose, split_url, target_of, unsendable
from .resolve import plain
from .signals import BlockingSignal
from .tls import tls_context

if TYPE_CHECKING:
    from ssl import SSLContext

T = TypeVar("T")

_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class BlockingExchange:
    """See ``ports.Exchange``. Nothing happens before ``head()``."""

    __slots__ = (
        "__weakref__",
        "_aborted",
        "_body",
        "_connection",
        "_deadlines",
        "_generation",
        "_head",
        "_keep",
        "_over",
        "_phase",
        "_pool",
        "_ready",
        "_request",
        "_wait",
        "_where",
    )  # fmt: skip

    def __init__(self, pool: Pool, request: HttpRequest, deadlines: Deadlines) -> None:
        self._pool = pool
        self._request = request
        self._deadlines = deadlines
        self._generation = -1
        self._head: Head | None = None
        self._connection: Connection | None = None
        self._body: BodyReader | None = None
        self._ready = b""  # body bytes, decoded, that came with the head
        self._keep = self._aborted = self._over = False
        self._phase: TransportPhase = "connect"
        self._wait: DeadlinePhase = "connect"
        self._where = ""

    def __repr__(self) -> str:
        return f"BlockingExchange({self._request!r}, {self._phase})"

    async def head(self) -> Head:
        if self._head is not None:
            return self._head
        try:
            return self._exchange()
        except BaseException as error:  # noqa: BLE001 - raised below, without its frames
            fault = self._translate(error)
        self._break()
        raise fault

    async def read(self) -> bytes:
        if self._head is None:
            await self.head()
        try:
            return self._read()
        except BaseException as error:  # noqa: BLE001 - raised below, without its frames
            fault = self._translate(error)
        self._break()
        raise fault

    async def close(self) -> None:
        connection, body = self._connection, self._body
        self._over = True
        if connection is None:
            return
        if body is not None and self._keep and not connection.severed and not connection.in_use:
            self._look_once(connection, body)
        self._break()

    def abort(self) -> None:
        self._aborted = True
        with self._pool.lock:
            if self._connection is not None:
                self._connection.sever()

    def set_until(self, moment: float) -> None:
        self._deadlines = replace(self._deadlines, until=moment)

    def __del__(self) -> None:
        connection = getattr(self, "_connection", None)  # a Ctrl-C may have ended __init__
        if connection is not None:
            if not connection.severed:
                warnings.warn(f"unclosed {self!r}", ResourceWarning, stacklevel=2, source=self)
            self._break()

    # How it goes: connect, send, head, body.

    def _exchange(self) -> Head:
        request = self._request
        if self._over or self._aborted:
            raise StoppedError
        wrong = unsendable(request.method, request.headers)
        if wrong is not None:
            raise wrong
        self._generation = self._pool.generation
        origin, path = split_url(request.url)
        route = self._pool.route(origin, request.address)
        self._where = route.origin.authority
        connection = self._pool.take(route)
        if connection is not None:
            self._adopt(connection)
        else:
            context = tls_context(self._pool.verify) if route.origin.scheme == "https" else None
            limit = min(monotonic() + self._deadlines.connect, self._deadlines.until)
            connection = Connection(open_socket(route, limit, self._stopped), route)
            self._adopt(connection)
            if context is not None:
                if route.proxy is not None:
                    tunnel(connection, limit)
                secure(connection, context, limit)
        self._wait, self._phase = "first_byte", "send"
        limit = min(monotonic() + self._deadlines.first_byte, self._deadlines.until)
        early = self._send(connection, target_of(path), limit)
        self._phase = "head"
        return self._receive_head(connection, limit, early)

    def _stopped(self) -> bool:
        return self._aborted or self._generation != self._pool.generation

    def _adopt(self, connection: Connection) -> None:
        """From here on an abort finds the connection."""
        with self._pool.lock:
            self._pool.busy.add(connection.itself)
            self._connection = connection
        if self._stopped():
            raise StoppedError

    def _send(self, connection: Connection, target: str, limit: float) -> OSError | None:
        """Head and body in one go. A server that refuses a body half-way has often said why: its error is kept for later."""
        request, route = self._request, connection.route
        extra = ""
        if route.proxy is not None and route.origin.scheme == "http":
            target = f"http://{route.end}{target}"
            if route.proxy.authorization is not None:
                extra = f"Proxy-Authorization: {route.proxy.authorization}\r\n"
        length = len(request.body) if request.body or request.method in _WITH_BODY else None
        try:
            connection.send(
                compose(request.method, target, route.origin.authority, request.headers, length, extra) + request.body, limit
            )
        except (BrokenPipeError, ConnectionResetError) as error:
            return error
        return None

    def _receive_head(self, connection: Connection, limit: float, early: OSError | None) -> Head:
        data = b""
        while True:
            end = end_of_head(data) if data else -1
            if end < 0:
                data += self._more(connection, limit, early, bool(data))
                continue
            reply = parse_head(data[:end], self._request.method)
            status = reply.head.status
            if status >= 200:
                break
            if status == 101:
                raise garbled("it switches to a protocol that nobody asked for")
            data = data[end:]  # an interim reply: RFC 9110, 15.2
        if status == 407 and connection.route.proxy is not None and connection.route.origin.scheme == "http":
            raise faults.by_proxy(repr(connection.route.proxy), connection.route.origin.authority, status)
        self._begin_body(connection, reply, data[end:], early is None)
        return reply.head

    def _more(self, connection: Connection, limit: float, early: OSError | None, begun: bool) -> bytes:
        try:
            data = connection.receive(limit)
        except OSError:
            if early is not None:
                raise early from None
            raise
        if data:
            return data
        if connection.severed:
            raise StoppedError
        if early is not None:
            raise early
        if begun:
            raise TransportError(f"{self._where} closed the connection in the middle of the head", phase="head", sent=True)
        raise faults.no_reply(self._where, connection.reused)

    def _begin_body(self, connection: Connection, reply: ReplyHead, rest: bytes, clean: bool) -> None:
        self._head, self._phase, self._wait = reply.head, "body", "idle"
        self._keep = reply.keep_alive and clean and connection.route.address is None
        body = body_reader(reply.length)
        if not body.done and reply.coding in (b"gzip", b"deflate", b"x-gzip"):
            body = Inflated(body)
        self._body = body
        if rest:
            if body.done:
                self._keep = False
            else:
                self._ready = body.feed(rest)
                self._keep = self._keep and not body.surplus
        if body.done:
            self._finish(connection)

    def _read(self) -> bytes:
        if self._ready:
            data, self._ready = self._ready, b""
            return data
        body, connection = self._body, self._connection
        if connection is None or body is None:
            if self._over and not (body is not None and body.done):
                raise StoppedError
            return b""
        deadlines = self._deadlines
        while True:
            if isinstance(body, Inflated) and body.pending:
                data = body.more()
            else:
                data = connection.receive(min(monotonic() + deadlines.idle, deadlines.until))
                if data:
                    data = body.feed(data)
                else:
                    if connection.severed:
                        raise StoppedError
                    body.eof()
                    self._keep = False
            if body.done:
                self._keep = self._keep and not body.surplus
                self._finish(connection)
                return data
            if data:
                return data

    def _finish(self, connection: Connection) -> None:
        """The body has ended: the connection is another's now, or closed."""
        with self._pool.lock:
            self._connection = None
        if self._keep and not connection.severed:
            self._pool.give(connection)
        else:
            self._pool.drop(connection)

    def _look_once(self, connection: Connection, body: BodyReader) -> None:
        """Perhaps only the end of the body has not been read yet: then the connection can be kept."""
        try:
            data = connection.glance()
            if data:
                body.feed(data)
        except TrunklineError:
            return
        if data and body.done and not body.surplus:
            self._finish(connection)

    def _break(self) -> None:
        """Close the connection, whatever state it is in."""
        self._over = True
        with self._pool.lock:
            connection, self._connection = self._connection, None
        if connection is not None:
            self._pool.drop(connection)

    def _translate(self, error: BaseException) -> BaseException:
        """The error to raise instead, without the frames that it came through."""
        sent = self._phase != "connect"
        connection = self._connection
        if isinstance(error, LateError):
            return faults.late(self._deadlines, self._wait, monotonic())
        if isinstance(error, StoppedError) or (isinstance(error, OSError) and connection is not None and connection.severed):
            return faults.ended(self._phase, sent)
        if isinstance(error, OSError) and not isinstance(error, TrunklineError):
            return faults.of_os(error, self._where, self._phase, sent)
        if isinstance(error, Exception) and not isinstance(error, TrunklineError):
            return error  # a mistake of ours: its frames are wanted
        return faults.bare(error)


class BlockingSemaphore:
    """A gate for n threads at a time."""

    __slots__ = ("_gate",)

    def __init__(self, n: int) -> None:
        self._gate = threading.BoundedSemaphore(n)

    async def __aenter__(self) -> None:
        self._gate.acquire()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._gate.release()


class BlockingIO:
    """See ``ports.IO``. ``proxies`` is ``{"http": url, "https": url, "all": url, "no": "host,…"}``, ``verify`` a context or the
    path of a bundle of CAs. One may serve any number of threads, and goes on working in a forked child."""

    blocking = True

    def __init__(self, proxies: Mapping[str, str] | None = None, verify: SSLContext | str | None = None) -> None:
        self._pool = Pool(proxies, verify)
        self._branches = Branches()

    def now(self) -> float:
        return monotonic()

    def wall(self) -> float:
        return time.time()

    def uniform(self, low: float, high: float) -> float:
        return low + (high - low) * (int.from_bytes(os.urandom(7), "big") / (1 << 56))

    def new_id(self) -> str:
        return os.urandom(16).hex()

    async def sleep(self, seconds: float) -> None:
        self._branches.sleep(seconds)

    def send(self, request: HttpRequest, deadlines: Deadlines) -> Exchange:
        exchange = BlockingExchange(self._pool, request, deadlines)
        self._branches.enter(exchange)
        return exchange

    def spawn(self, request: ProcessRequest, deadlines: Deadlines) -> Exchange:
        from .process import BlockingProcess

        exchange = BlockingProcess(request, deadlines)
        self._branches.enter(exchange)
        return exchange

    def semaphore(self, n: int) -> BlockingSemaphore:
        return BlockingSemaphore(n)

    def signal(self) -> BlockingSignal:
        return BlockingSignal(self._branches)

    async def all(self, coros: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
        return self._branches.all(coros)

    async def first(self, coros: Sequence[Coroutine[Any, Any, T]]) -> T:
        return self._branches.first(coros)

    async def offload(self, function: Callable[[], T]) -> T:
        return function()

    async def apart(self, function: Callable[[], T], seconds: float = INFINITY, signal: Signal | None = None) -> T:
        from .apart import apart  # few run tools

        return await apart(function, signal or self.signal(), seconds)

    def read_file(self, path: str, most: int) -> bytes:
        from .files import read_file  # few calls have any

        return read_file(path, most)

    async def resolve(self, host: str, until: float = INFINITY) -> list[str]:
        try:
            return plain(addresses(host, 0, until, bool))
        except LateError:
            fault: TrunklineError = DeadlineError(faults.SLOW_NAMES, phase="connect")
        except OSError as error:
            fault = faults.of_os(error, host, "connect", sent=False)
        raise fault

    async def close(self) -> None:
        self._branches.close()
        self._pool.close()


__all__ = ["INFINITY", "BlockingExchange", "BlockingIO"]
