"""``ScriptedIO``: the port to the world that a client takes in place of the network, for tests without sockets or waiting."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from itertools import repeat
from threading import Lock
from typing import Any, Generic, TypeVar

from ..ports import INFINITY, Deadlines, Exchange, ProcessRequest, Semaphore, Signal
from ..values.errors import UsageError
from ..values.expect import kind_of
from ..wire.http import HttpRequest
from .clock import StuckError, VirtualClock, VirtualLoop
from .scripted import Scripted
from .scripted_branches import Branches
from .scripted_exchange import ScriptedExchange, finish
from .scripted_signal import ScriptedSignal

T = TypeVar("T")
Asked = TypeVar("Asked", HttpRequest, ProcessRequest)
Script = Scripted | Iterable[Scripted] | Callable[[Asked], Scripted]
"""One reply for every request, a reply for each, or a function that looks at the request."""


class ScriptedIO:
    """What a client takes in place of network, clock and chance: ``Client(..., io=ScriptedIO([...]))``,
    ``AsyncClient(..., io=ScriptedIO([...], blocking=False))``. It is a ``ports.IO``.

    ``script`` is what requests are answered with: one ``Scripted`` for all, a list with one for each, or a function of the
    request; ``processes`` the same of child processes. A request too many is an ``AssertionError``. ``exchanges`` holds every
    exchange that was begun (its ``request``, ``deadlines``, ``closed``), ``requests`` the HTTP requests, ``sleeps`` every wait
    between tries, ``uniforms`` every draw of chance (``seed`` decides).

    Time is ``clock``'s. With ``blocking=False`` it is best run by ``virtual_run(main(), clock=io.clock)``: tasks then wait side
    by side. In an ordinary event loop waits take no time either, but those of several tasks add up. With ``blocking=True`` the
    coroutines of ``all`` and ``first`` run one after another, each from the same moment on.
    """

    def __init__(
        self,
        script: Script[HttpRequest] = (),
        *,
        blocking: bool = True,
        clock: VirtualClock | None = None,
        seed: int = 1,
        processes: Script[ProcessRequest] = (),
    ) -> None:
        self.blocking: bool = blocking
        self.clock: VirtualClock = clock or VirtualClock()
        self.exchanges: list[ScriptedExchange] = []
        self.sleeps: list[float] = []
        self.uniforms: list[tuple[float, float]] = []
        self._random = random.Random(seed)  # noqa: S311 - it shall be foreseen
        self._requests = _Replies[HttpRequest](script)
        self._processes = _Replies[ProcessRequest](processes)
        self._branches = Branches(self)
        self._ids = 0

    @property
    def requests(self) -> list[HttpRequest]:
        return [exchange.request for exchange in self.exchanges if isinstance(exchange.request, HttpRequest)]

    def now(self) -> float:
        return self.clock.now()

    def wall(self) -> float:
        return self.clock.wall()

    def uniform(self, low: float, high: float) -> float:
        self.uniforms.append((low, high))
        return self._random.uniform(low, high)

    def new_id(self) -> str:
        self._ids += 1
        return f"call-{self._ids}"

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        await self.wait_until(self.now() + seconds)

    def send(self, request: HttpRequest, deadlines: Deadlines) -> Exchange:
        return self._begin(request, deadlines, self._requests.take(request))

    def spawn(self, request: ProcessRequest, deadlines: Deadlines) -> Exchange:
        return self._begin(request, deadlines, self._processes.take(request))

    def _begin(self, request: HttpRequest | ProcessRequest, deadlines: Deadlines, reply: Scripted) -> ScriptedExchange:
        exchange = ScriptedExchange(self, request, deadlines, reply)
        self.exchanges.append(exchange)
        self._branches.enter(exchange)
        return exchange

    def semaphore(self, n: int) -> Semaphore:
        return _Gate(n) if self.blocking else _AsyncGate(n)

    def signal(self) -> Signal:
        return ScriptedSignal(self)

    async def all(self, coros: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
        """Every result, in order; the first error ends the others and is raised."""
        return await self._branches.all(coros)

    async def first(self, coros: Sequence[Coroutine[Any, Any, T]]) -> T:
        """The result of whichever ends first; the others are ended, and the exchanges that they began."""
        return await self._branches.first(coros)

    async def offload(self, function: Callable[[], T]) -> T:
        """The result of a blocking function; it takes no virtual time."""
        await self.turn()
        return function() if self.blocking else await asyncio.to_thread(function)

    async def apart(self, function: Callable[[], T], seconds: float = INFINITY, signal: Signal | None = None) -> T:
        """The same: what takes no time is never late."""
        return await self.offload(function)

    def read_file(self, path: str, most: int) -> bytes:
        """From the disk: files are what they are."""
        with open(path, "rb") as file:
            return file.read(most + 1)

    async def resolve(self, host: str, until: float = INFINITY) -> list[str]:
        """Every name is this machine's (so media are fetched with ``fetch_urls="private"``); a subclass may know better."""
        return ["127.0.0.1"]

    async def close(self) -> None:
        for exchange in self.exchanges:
            exchange.abort()

    async def turn(self) -> None:
        """Where a real port would let others run, and asynchronously does; a subclass may meddle here."""
        if not self.blocking:
            await asyncio.sleep(0)

    async def wait_until(self, moment: float, waiting: set[asyncio.Future[None]] | None = None) -> None:
        """Let time go by until ``now`` is ``moment``, or until somebody ends the future that is put into ``waiting`` meanwhile.
        Raises ``StuckError`` where that would be for ever."""
        if moment > self.now() and not self.blocking:
            over: asyncio.Future[None] = asyncio.Future()
            if isinstance(loop := over.get_loop(), VirtualLoop):
                await self._wait_in(loop, over, moment, set() if waiting is None else waiting)
                return
        if moment == INFINITY:
            raise StuckError("this would wait for ever: the script brings nothing more, and no deadline ends it")
        self.clock.until(moment)
        await self.turn()

    async def _wait_in(
        self, loop: VirtualLoop, over: asyncio.Future[None], moment: float, waiting: set[asyncio.Future[None]]
    ) -> None:
        if loop.clock is not self.clock:
            raise UsageError("lives by another clock than the loop", field="io", allowed="virtual_run(main(), clock=io.clock)")
        timer = None if moment == INFINITY else loop.call_at(moment, finish, over)
        waiting.add(over)
        try:
            await over
        finally:
            waiting.discard(over)
            if timer is not None:
                timer.cancel()


class _Replies(Generic[Asked]):
    """Gives the script's reply to one request after another."""

    def __init__(self, script: Script[Asked]) -> None:
        self._decide: Callable[[Asked], Scripted] | None = None
        self._left: Iterator[Scripted] = iter(())
        if isinstance(script, Scripted):
            self._left = repeat(script)
        elif callable(script):
            self._decide = script
        else:
            self._left = iter(script)
        self._lock = Lock()
        self._taken = 0

    def take(self, request: Asked) -> Scripted:
        if self._decide is not None:
            return _scripted(self._decide(request))
        with self._lock:
            for reply in self._left:
                self._taken += 1
                return _scripted(reply)
        raise AssertionError(f"nothing is scripted for {request!r}: {self._taken} replies were, and are used up")


def _scripted(reply: object) -> Scripted:
    if not isinstance(reply, Scripted):
        raise UsageError("not a reply", field="script", got=kind_of(reply), allowed="Scripted(…), Scripted.of('a text')")
    return reply


class _Gate:
    """A gate for n at a time where nobody else runs: the one too many would wait for ever."""

    def __init__(self, n: int) -> None:
        self._free = n

    async def __aenter__(self) -> None:
        if self._free < 1:
            raise StuckError("a semaphore that only its own holder could free")
        self._free -= 1

    async def __aexit__(self, *_: object) -> None:
        self._free += 1


class _AsyncGate:
    """A gate for n tasks at a time."""

    def __init__(self, n: int) -> None:
        self._gate = asyncio.Semaphore(n)

    async def __aenter__(self) -> None:
        await self._gate.acquire()

    async def __aexit__(self, *_: object) -> None:
        self._gate.release()


__all__ = ["Script", "ScriptedIO"]
