"""One aiohttp session for each event loop that an ``AsyncIO`` is used in, and its end with that loop."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import threading
import weakref
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http_exceptions import HttpProcessingError

from .head import MAX_FIELDS, MAX_HEAD
from .request import DEFAULT_FIELDS
from .resolve import Address, Answer, ask, numeric
from .timer import DeadlineTimer

if TYPE_CHECKING:
    from aiohttp.client import ClientTimeout
    from aiohttp.client_reqrep import ClientRequest, ConnectionKey
    from aiohttp.tracing import Trace

KEPT_PER_HOST: Final = 100
KEPT_SECONDS: Final = 60.0


class Connecting(Protocol):
    """Who wants to know that its connection stands."""

    def connected(self, connection: Connection) -> None: ...


async def look_up(host: str, port: int) -> list[Address]:
    """The addresses of a host. Not in the loop's executor, which a loop that ends waits for. Raises ``OSError``."""
    known = numeric(host, port)
    if known is not None:
        return known
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Answer] = loop.create_future()

    def answered(answer: Answer) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_settle, future, answer)

    ask(host, port, answered)
    answer = await future
    if isinstance(answer, OSError):
        raise answer
    return answer


def _settle(future: asyncio.Future[Answer], answer: Answer) -> None:
    if not future.done():
        future.set_result(answer)


class Resolver(AbstractResolver):
    """aiohttp's way to ask us for addresses."""

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[ResolveResult]:
        found = await look_up(host, port)
        wanted = [(kind, where) for kind, where in found if family in (socket.AF_UNSPEC, kind)]
        return [
            {"hostname": host, "host": where[0], "port": where[1], "family": kind, "proto": 0, "flags": socket.AI_NUMERICHOST}
            for kind, where in wanted
        ]

    async def close(self) -> None:
        """Nothing is held."""


class Handler(ResponseHandler):
    """aiohttp's, which also tells the reader of a body what broke it: without this a broken chunk leaves the reader waiting
    for ever, and a reset looks like a body cut short."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def set_exception(self, exc: BaseException, exc_cause: BaseException | None = None) -> None:
        payload = self._payload
        super().set_exception(exc, *(() if exc_cause is None else (exc_cause,)))
        if payload is not None and isinstance(exc, HttpProcessingError) and _unfinished(payload):
            payload.set_exception(exc)

    def connection_lost(self, exc: BaseException | None) -> None:
        payload = self._payload if isinstance(exc, OSError) else None
        if payload is None or exc is None or not _unfinished(payload):
            super().connection_lost(exc)
            return
        payload.set_exception(exc)  # for who waits now
        super().connection_lost(exc)
        payload.set_exception(exc)  # for who reads next: aiohttp has put an error of its own in its place


def _unfinished(payload: aiohttp.StreamReader) -> bool:
    return not payload.is_eof() and payload.exception() is None


class Connector(aiohttp.TCPConnector):
    """aiohttp's, which tells the task's exchange that its connection stands (tracing would cost every call), and keeps no
    more idle connections than agreed."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(limit=0, keepalive_timeout=KEPT_SECONDS, loop=loop, resolver=Resolver())
        self.connecting: dict[asyncio.Task[Any], Connecting] = {}
        self._factory = partial(Handler, loop=loop)  # type: ignore[assignment]  # partial is invariant

    async def connect(self, req: ClientRequest, traces: list[Trace], timeout: ClientTimeout) -> Connection:
        connection = await super().connect(req, traces, timeout)
        task = asyncio.current_task()
        if task in self.connecting:
            self.connecting[task].connected(connection)
        return connection

    def _release(self, key: ConnectionKey, protocol: ResponseHandler, *, should_close: bool = False) -> None:
        full = not should_close and len(self._conns.get(key, ())) >= KEPT_PER_HOST
        super()._release(key, protocol, should_close=should_close or full)


class Home:
    """What belongs to one loop: the session and the timer of deadlines."""

    __slots__ = ("connecting", "ended", "keeper", "loop", "session", "timer")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop: asyncio.AbstractEventLoop = loop
        self.ended: bool = False
        self.timer: DeadlineTimer = DeadlineTimer(loop)
        self.keeper: AsyncGenerator[None, None] | None = None
        connector = Connector(loop)
        self.connecting: dict[asyncio.Task[Any], Connecting] = connector.connecting
        self.session: aiohttp.ClientSession = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(loop=loop),
            headers=dict(DEFAULT_FIELDS),
            timeout=aiohttp.ClientTimeout(total=None),
            trust_env=False,
            max_line_size=MAX_HEAD,
            max_field_size=MAX_HEAD,
            max_headers=MAX_FIELDS,
        )

    async def end(self) -> None:
        """Close every connection, those in use too, and wait until their sockets are closed."""
        self.ended = True
        self.timer.stop()
        await self.session.close()

    def bury(self) -> None:
        """The loop is closed, or the parent's (after a fork): close our descriptors without a word to the loop."""
        self.ended = True
        connector = self.session.connector
        self.session.detach()
        if connector is None:
            return
        held: list[Any] = [proto for kept in connector._conns.values() for proto, _ in kept]
        held.extend(connector._acquired)
        connector._conns.clear()
        connector._acquired.clear()
        connector._closed = True
        for proto in held:
            _close_quietly(proto.transport)


def _close_quietly(transport: Any) -> None:
    """Close the socket under a transport of asyncio's own, TLS or not; other loops' transports go with their loop."""
    protocol = getattr(transport, "_ssl_protocol", None)
    if protocol is not None:
        transport._closed = True
        transport = getattr(protocol, "_transport", None)
    sock = getattr(transport, "_sock", None)
    if sock is not None:
        sock.close()
        transport._sock = None


class Homes:
    """The home of each loop. ``start`` makes the generator that ends a home with its loop."""

    def __init__(self, start: Callable[[Home], AsyncGenerator[None, None]]) -> None:
        self._start = start
        self._lock = threading.Lock()
        self._all: list[Home] = []
        self._last: Home | None = None
        _known.add(self)
        weakref.finalize(self, _abandon, self._all)  # a client need not be closed

    def here(self) -> Home:
        """The home of the running loop."""
        loop = asyncio.get_running_loop()
        last = self._last
        if last is not None and last.loop is loop and not last.session.closed:
            return last
        with self._lock:
            home = next((home for home in self._all if home.loop is loop and not home.session.closed), None)
            if home is None:
                self._prune()
                home = self._open(loop)
            self._last = home
        return home

    def _open(self, loop: asyncio.AbstractEventLoop) -> Home:
        home = Home(loop)
        home.keeper = self._start(home)
        with suppress(StopIteration):
            home.keeper.__anext__().send(None)  # from now on the loop knows of it, and closes it when it shuts down
        self._all.append(home)
        return home

    def _prune(self) -> None:
        for home in self._all:
            if home.loop.is_closed() and not home.session.closed:
                home.bury()
        self._all[:] = [home for home in self._all if not home.session.closed]

    async def close(self) -> None:
        """End the running loop's home and wait for it; end those of other loops as soon as they come round to it."""
        here = asyncio.get_running_loop()
        with self._lock:
            homes, self._last = self._all[:], None
            self._all.clear()
        _abandon([home for home in homes if home.loop is not here])
        for home in homes:
            if home.loop is here and home.keeper is not None:
                await home.keeper.aclose()

    def forget(self) -> None:
        """After a fork, in the child."""
        self._lock = threading.Lock()
        self._last = None
        for home in self._all:
            home.bury()
        _inherited.extend(self._all)
        self._all.clear()


_known: weakref.WeakSet[Homes] = weakref.WeakSet()
_inherited: list[Home] = []  # a parent's homes are never collected: their finalizers would speak to the parent's loop


def _abandon(homes: list[Home]) -> None:
    """End homes from outside their loops: each as soon as its loop comes round to it, at once where the loop does not run."""
    for home in homes:
        if home.loop.is_running():
            with suppress(RuntimeError):  # it has been closed meanwhile, and has closed its connections
                home.loop.call_soon_threadsafe(_end_soon, home)
        elif not home.session.closed:
            home.bury()


def _end_soon(home: Home) -> None:
    task = home.loop.create_task(home.end())
    _ending.add(task)
    task.add_done_callback(_ending.discard)


_ending: set[asyncio.Task[None]] = set()


def _after_fork() -> None:
    for homes in list(_known):
        homes.forget()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_after_fork)
