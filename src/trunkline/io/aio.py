"""The world, for asyncio: aiohttp below, deadlines and errors of our own above it.

aiohttp is imported here and in ``aio_sessions`` and ``aio_faults``, which only this module imports.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from functools import lru_cache
from io import BytesIO
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

from aiohttp import ClientResponse, StreamReader
from aiohttp.connector import Connection
from msgspec.structs import replace
from yarl import URL

from ..ports import INFINITY, Deadlines, Exchange, ProcessRequest, Signal
from ..values.errors import DeadlineError, DeadlinePhase, TransportPhase, TrunklineError
from ..values.headers import Headers
from ..wire.http import Head, HttpRequest
from . import aio_branches, faults
from .aio_faults import translated
from .aio_place import Place
from .aio_sessions import Home, Homes, look_up
from .aio_signals import AsyncSignal, Waits
from .proxy import Proxies
from .request import parse_origin, split_url, target_of, unsendable
from .resolve import plain
from .tls import known_context, tls_context

if TYPE_CHECKING:
    from ssl import SSLContext

T = TypeVar("T")

_COPIED_WHOLE = 1 << 20  # aiohttp warns of bytes larger than that, and takes a file object instead


class AsyncExchange:
    """See ``ports.Exchange``. Nothing happens before ``head()``."""

    __slots__ = ("__weakref__", "_aborted", "_cancelled", "_cancels", "_content", "_deadlines", "_fault", "_head", "_home",
                 "_io", "_over", "_phase", "_request", "_response", "_task", "_transport",
                 "_wait", "_where", "limit")  # fmt: skip

    def __init__(self, io: AsyncIO, request: HttpRequest, deadlines: Deadlines) -> None:
        self._io = io
        self._request = request
        self._deadlines = deadlines
        self.limit: float = 0.0
        self._home: Home | None = None
        self._head: Head | None = None
        self._response: ClientResponse | None = None
        self._content: StreamReader | None = None
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[Any] | None = None  # that waits for the head, and is cancelled to end the wait
        self._cancelled: asyncio.Task[Any] | None = None  # once it has been
        self._cancels = 0
        self._fault: TrunklineError | None = None  # why the wait was ended
        self._aborted = self._over = False
        self._phase: TransportPhase = "connect"
        self._wait: DeadlinePhase = "connect"
        self._where = ""

    def __repr__(self) -> str:
        return f"AsyncExchange({self._request.method} {self._request.url.partition('?')[0]}, {self._phase})"

    async def head(self) -> Head:
        if self._head is not None:
            return self._head
        try:
            return await self._exchange()
        except BaseException as error:  # noqa: BLE001 - raised below, without its frames
            fault = self._translate(error)
        self._break()
        raise fault

    async def read(self) -> bytes:
        content, home = self._content, self._home
        if content is not None and content._exception is None and self._fault is None and monotonic() < self._deadlines.until:
            if content._buffer:  # nothing to wait for
                return content.read_nowait()
            if content._eof:
                return b""
        if content is None or home is None:
            if self._over:
                raise faults.ended(self._phase, self._phase != "connect")
            await self.head()
            return await self.read()
        if home.ended and not content.is_eof():  # with the port: its connection is gone, and nothing would wake a reader
            self._break()
            raise faults.ended("body", True)
        now = monotonic()
        deadlines = self._deadlines
        self.limit = limit = min(now + deadlines.idle, deadlines.until)
        if limit <= now or self._fault is not None:
            self._break()
            raise faults.bare(self._fault or faults.late(deadlines, "idle", now))
        timer = home.timer
        timer.waiters.add(self)  # as `watch` does; a call for each read would be felt
        if limit < timer.nearest:
            timer.watch(self)
        try:
            return await content.readany()
        except BaseException as error:  # noqa: BLE001 - raised below, without its frames
            fault = self._translate(error)
        finally:
            timer.waiters.discard(self)
        rest = self._salvage(content, fault)
        if rest:
            return rest
        self._break()
        raise fault

    async def close(self) -> None:
        """Shielded: a cancellation that arrives meanwhile is raised when all is closed."""
        self._over = True
        response = self._response
        if response is None:
            if self._task is not None:
                self._cut_off(faults.ended(self._phase, self._phase != "connect"))
            return
        if response.connection is None and response.content.is_eof():  # it has been given back
            return
        try:
            # Perhaps only the end of the body has not been read yet: let the loop look at the socket once.
            for _ in range(2):
                if response.connection is None or response.content.exception() is not None:
                    break
                await asyncio.sleep(0)
        finally:
            self._break()

    def abort(self) -> None:
        self._aborted = True
        home = self._home
        if home is None:
            return
        error = faults.ended(self._phase, self._phase != "connect")
        try:
            asyncio.get_running_loop()
            here = asyncio.get_running_loop() is home.loop
        except RuntimeError:  # in a thread without a loop
            here = False
        if here:
            self._cut_off(error)
            return
        try:
            home.loop.call_soon_threadsafe(self._cut_off, error)
        except RuntimeError:  # the loop is closed, and its connections with it
            self._over = True

    def set_until(self, moment: float) -> None:
        self._deadlines = replace(self._deadlines, until=moment)

    # How it goes: connect, send, head, body.

    async def _exchange(self) -> Head:
        request, deadlines = self._request, self._deadlines
        if self._over or self._aborted:
            raise faults.ended("connect", False)
        wrong = unsendable(request.method, request.headers)
        if wrong is not None:
            raise wrong
        task = asyncio.current_task()
        assert task is not None
        self._home = home = self._io.homes.here()
        place = self._io.place(request.url) if request.address is None else self._io.place(request.url, request.address)
        self._where = place.origin.authority
        self.limit = min(monotonic() + deadlines.connect, deadlines.until)
        if self.limit <= monotonic():
            raise faults.late(deadlines, "connect", monotonic())
        self._task, self._cancels = task, task.cancelling()
        home.timer.watch(self)
        home.connecting[task] = self
        body = request.body
        context = known_context(self._io.verify) if place.origin.scheme == "https" else None
        try:
            if context is None and place.origin.scheme == "https":  # once in a process: certificates are read from disk
                context = await asyncio.to_thread(tls_context, self._io.verify)
            response = await home.session.request(
                request.method,
                place.url,
                headers=place.headers(request),
                data=None if not body else body if len(body) <= _COPIED_WHOLE else BytesIO(body),
                allow_redirects=False,
                ssl=context or True,
                server_hostname=place.server_name,
                proxy=place.proxy_url,
                proxy_headers=place.proxy_headers(),
            )
        finally:
            del home.connecting[task]
            home.timer.unwatch(self)
            self._task = None
        self._response, self._content, self._transport = response, response.content, None
        if response.status == 407 and place.proxy_url is not None and place.origin.scheme == "http":
            raise faults.by_proxy("the proxy", self._where, 407)
        self._phase, self._wait = "body", "idle"
        self._request = HttpRequest(request.method, request.url)  # a stream may be long, and its request's body too
        self._head = head = Head(response.status, Headers(raw=response.raw_headers))
        return head

    def connected(self, connection: Connection) -> None:
        """The connection stands: the first byte is waited for now."""
        deadlines, home = self._deadlines, self._home
        self._phase, self._wait = "head", "first_byte"
        self._transport = connection.transport
        self.limit = min(monotonic() + deadlines.first_byte, deadlines.until)
        if home is not None:
            home.timer.watch(self)

    def expire(self) -> None:
        self._cut_off(faults.late(self._deadlines, self._wait, monotonic()))

    def end(self) -> None:
        """The whole port is closed."""
        self._cut_off(faults.ended(self._phase, self._phase != "connect"))

    def _cut_off(self, error: TrunklineError) -> None:
        """End whatever wait there is with this error; in the loop's own thread."""
        if self._task is not None:
            if self._fault is None:
                self._fault, self._cancelled = error, self._task
                self._task.cancel()
        elif self._content is not None and self._response is not None and self._response.connection is not None:
            if self._content.exception() is None:
                self._content.set_exception(error)
            self._fault = self._fault or error
            self._break()

    def _salvage(self, content: StreamReader, fault: BaseException) -> bytes:
        """What had arrived before the connection broke is handed over first, as a blocking read would."""
        if not isinstance(fault, TrunklineError) or self._fault is not None or self._aborted or not content._buffer:
            return b""
        self._fault = fault
        return b"".join([content._read_nowait_chunk(-1) for _ in range(len(content._buffer))])

    def _break(self) -> None:
        """Close the connection, whatever state it is in; its unsent bytes are dropped."""
        self._over = True
        response, transport = self._response, self._transport
        if response is not None:
            connection = response.connection
            transport = connection.transport if connection is not None else None
        self._transport = None
        home = self._home
        if home is None or home.loop.is_closed():
            return
        if transport is not None:
            transport.abort()
        if response is not None:
            content = response.content
            if content.exception() is None and not content.is_eof():
                # aiohttp's own is one for the whole process: the frames of whoever is raised it would stay in it for ever.
                content.set_exception(faults.ended("body", True))
            response.close()

    def _translate(self, error: BaseException) -> BaseException:
        """The error to raise instead, without the frames that it came through."""
        if self._cancelled is not None:  # by us, to end the wait for the head
            left, self._cancelled = self._cancelled.uncancel(), None
            if self._fault is not None and (left <= self._cancels or not isinstance(error, asyncio.CancelledError)):
                return faults.bare(self._fault)
        if isinstance(error, TrunklineError) or not isinstance(error, Exception):
            return faults.bare(error)
        ours = translated(error, self._where, self._phase)
        return ours if ours is error else faults.bare(ours)


class AsyncIO:
    """See ``ports.IO``. The arguments are those of ``BlockingIO``. One may be used in any number of event loops, one after
    another or at once; the connections of a loop end with it."""

    blocking = False

    def __init__(self, proxies: Mapping[str, str] | None = None, verify: SSLContext | str | None = None) -> None:
        self.verify = verify
        self.homes: Homes = Homes(_end_with_loop)
        self._waits = Waits()
        known = Proxies(proxies)

        @lru_cache(maxsize=512)
        def place(url: str, address: str | None = None) -> Place:
            text, path = split_url(url)
            origin = parse_origin(text)
            end = origin.authority
            if address is not None:
                end = f"[{address}]:{origin.port}" if ":" in address else f"{address}:{origin.port}"
            parsed = URL(f"{origin.scheme}://{end}{target_of(path)}", encoded=True)
            return Place(parsed, origin, known.choose(origin.scheme, origin.host, origin.port), address is not None)

        self.place = place

    def now(self) -> float:
        return monotonic()

    def wall(self) -> float:
        return time.time()

    def uniform(self, low: float, high: float) -> float:
        return low + (high - low) * (int.from_bytes(os.urandom(7), "big") / (1 << 56))

    def new_id(self) -> str:
        return os.urandom(16).hex()

    async def sleep(self, seconds: float) -> None:
        await AsyncSignal(self._waits).wait(seconds)

    def send(self, request: HttpRequest, deadlines: Deadlines) -> Exchange:
        return aio_branches.enter(AsyncExchange(self, request, deadlines))

    def spawn(self, request: ProcessRequest, deadlines: Deadlines) -> Exchange:
        from .process_aio import AsyncProcess

        return aio_branches.enter(AsyncProcess(request, deadlines))

    def semaphore(self, n: int) -> AsyncSemaphore:
        return AsyncSemaphore(n)

    def signal(self) -> AsyncSignal:
        return AsyncSignal(self._waits)

    async def all(self, coros: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
        return await aio_branches.all_of(coros)

    async def first(self, coros: Sequence[Coroutine[Any, Any, T]]) -> T:
        return await aio_branches.first_of(coros)

    async def offload(self, function: Callable[[], T]) -> T:
        return await asyncio.to_thread(function)

    async def apart(self, function: Callable[[], T], seconds: float = INFINITY, signal: Signal | None = None) -> T:
        from .apart import apart  # few run tools

        return await apart(function, signal or self.signal(), seconds)

    def read_file(self, path: str, most: int) -> bytes:
        from .files import read_file  # few calls have any

        return read_file(path, most)

    async def resolve(self, host: str, until: float = INFINITY) -> list[str]:
        try:
            async with asyncio.timeout(None if until == INFINITY else until - monotonic()):
                return plain(await look_up(host, 0))
        except TimeoutError:
            fault: TrunklineError = DeadlineError(faults.SLOW_NAMES, phase="connect")
        except OSError as error:
            fault = faults.of_os(error, host, "connect", sent=False)
        raise fault

    async def close(self) -> None:
        self._waits.close()
        await self.homes.close()


class AsyncSemaphore:
    """A gate for n tasks at a time, of each event loop."""

    __slots__ = ("_gates", "_n")

    def __init__(self, n: int) -> None:
        self._n = n
        self._gates: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    @property
    def _gate(self) -> asyncio.Semaphore:
        loop = asyncio.get_running_loop()
        gate = self._gates.get(loop)
        return self._gates.setdefault(loop, asyncio.Semaphore(self._n)) if gate is None else gate

    async def __aenter__(self) -> None:
        await self._gate.acquire()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._gate.release()


async def _end_with_loop(home: Home) -> AsyncGenerator[None, None]:
    """A loop that shuts down closes the async generators that were begun in it: that is how a session ends in time."""
    try:
        yield
    finally:
        await home.end()
