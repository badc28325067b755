"""A world whose time is a number: scripted exchanges, no socket, no clock, no waiting. For both kinds of client."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from trunkline.io.run import run_blocking
from trunkline.ports import INFINITY, Deadlines, Exchange, ProcessRequest
from trunkline.values.errors import (
    ConnectionRefusedByHostError,
    ConnectionResetByHostError,
    DeadlineError,
    DeadlinePhase,
    TransportError,
    TransportPhase,
    TruncatedBodyError,
)
from trunkline.values.headers import Headers
from trunkline.wire.http import Head, HttpRequest

T = TypeVar("T")
FOREVER = INFINITY
Piece = bytes | tuple[float, bytes]
"""What one read brings, after so many seconds."""


@dataclass
class Reply:
    """What the other side does with one request. ``end`` is what comes after the last piece: ``end``, ``reset``, ``truncated`` or ``stall``."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: Sequence[Piece] = ()
    end: str = "end"
    connect: float = 0.0
    wait: float = 0.0
    """Seconds from the connection to the head."""
    refuse: bool = False
    reset_head: bool = False


REFUSED = Reply(refuse=True)
NO_CONNECTION = Reply(connect=FOREVER)
NO_HEAD = Reply(wait=FOREVER)
Script = Iterable[Reply] | Callable[[HttpRequest], Reply]


class VirtualExchange:
    """See ``ports.Exchange``: plays one ``Reply``."""

    def __init__(self, io: VirtualIO, request: HttpRequest, deadlines: Deadlines, reply: Reply) -> None:
        self.io, self.request, self.deadlines, self.reply = io, request, deadlines, reply
        self.at = 0
        self.closes = 0
        self.aborted = self.whole = False
        self.begun = io.now()
        self._head: Head | None = None

    @property
    def closed(self) -> bool:
        return self.aborted or self.closes > 0

    def _pass(self, seconds: float, patience: float, phase: DeadlinePhase) -> None:
        """Lets time go by, as far as the deadlines allow."""
        io, deadlines = self.io, self.deadlines
        limit = min(io.now() + patience, deadlines.until)
        if io.now() + seconds < limit:
            io.time += seconds
            return
        if limit == INFINITY:
            raise AssertionError("a wait without any deadline")
        io.time = max(io.time, limit)
        if limit == deadlines.until:
            raise DeadlineError(phase="total", seconds=deadlines.total)
        raise DeadlineError(phase=phase, seconds=patience)

    def _alive(self, phase: TransportPhase) -> None:
        if self.closed:
            raise TransportError("the exchange was closed", phase=phase, sent=phase != "connect")

    async def head(self) -> Head:
        if self._head is not None:
            return self._head
        await self.io.turn()
        self._alive("connect")
        reply, deadlines = self.reply, self.deadlines
        self._pass(reply.connect, deadlines.connect, "connect")
        if reply.refuse:
            raise ConnectionRefusedByHostError("refused", phase="connect")
        self._pass(reply.wait, deadlines.first_byte, "first_byte")
        if reply.reset_head:
            raise ConnectionResetByHostError("reset", phase="head", sent=True)
        self._head = Head(reply.status, Headers(reply.headers.items()))
        return self._head

    async def read(self) -> bytes:
        await self.io.turn()
        self._alive("body")
        if self.at < len(self.reply.body):
            piece = self.reply.body[self.at]
            delay, data = piece if isinstance(piece, tuple) else (0.0, piece)
            self._pass(delay, self.deadlines.idle, "idle")
            self.at += 1
            return data
        if self.reply.end == "stall":
            self._pass(FOREVER, self.deadlines.idle, "idle")
        if self.reply.end == "reset":
            raise ConnectionResetByHostError("reset", phase="body", sent=True)
        if self.reply.end == "truncated":
            raise TruncatedBodyError("cut off", phase="body", sent=True)
        self.whole = True
        return b""

    async def close(self) -> None:
        self.closes += 1
        await self.io.turn()

    def abort(self) -> None:
        self.aborted = True


class VirtualSemaphore:
    async def __aenter__(self) -> None: ...
    async def __aexit__(self, *_: object) -> None: ...


class VirtualIO:
    """See ``ports.IO``. ``exchanges`` holds every exchange that was begun, ``sleeps`` every wait between them."""

    def __init__(self, script: Script = (), *, blocking: bool = True, seed: int = 1, wall: float = 1_795_000_000.0) -> None:
        self.blocking = blocking
        self.time = 1_000.0
        self.began_at = wall - self.time
        self.exchanges: list[VirtualExchange] = []
        self.limits: list[Deadlines] = []
        self.sleeps: list[float] = []
        self.offloaded = self.turns = 0
        self.meanwhile: Callable[[int], None] | None = None
        self.uniforms: list[tuple[float, float]] = []
        self._random = random.Random(seed)
        self._next = script if callable(script) else self._scripted(list(script))
        self._ids = 0

    @staticmethod
    def _scripted(replies: list[Reply]) -> Callable[[HttpRequest], Reply]:
        def take(request: HttpRequest) -> Reply:
            assert replies, f"nobody expected {request!r}"
            return replies.pop(0)

        return take

    @property
    def requests(self) -> list[HttpRequest]:
        return [exchange.request for exchange in self.exchanges]

    async def turn(self) -> None:
        """Where asynchronous code would let others run, the asynchronous flavour does; ``meanwhile`` is what the others do."""
        self.turns += 1
        if self.meanwhile is not None:
            self.meanwhile(self.turns)
        if not self.blocking:
            await asyncio.sleep(0)

    def now(self) -> float:
        return self.time

    def wall(self) -> float:
        return self.began_at + self.time

    def uniform(self, low: float, high: float) -> float:
        self.uniforms.append((low, high))
        return self._random.uniform(low, high)

    def new_id(self) -> str:
        self._ids += 1
        return f"call-{self._ids}"

    async def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.sleeps.append(seconds)
        self.time += seconds
        await self.turn()

    def send(self, request: HttpRequest, deadlines: Deadlines) -> Exchange:
        exchange = VirtualExchange(self, request, deadlines, self._next(request))
        self.exchanges.append(exchange)
        self.limits.append(deadlines)
        return exchange

    def spawn(self, request: ProcessRequest, deadlines: Deadlines) -> Exchange:
        raise AssertionError("no processes here")

    def semaphore(self, n: int) -> VirtualSemaphore:
        return VirtualSemaphore()

    async def all(self, coros: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
        return [await coro for coro in coros]

    async def first(self, coros: Sequence[Coroutine[Any, Any, T]]) -> T:
        raise AssertionError("no races here")

    async def offload(self, function: Callable[[], T]) -> T:
        self.offloaded += 1
        await self.turn()
        return function()

    async def resolve(self, host: str) -> list[str]:
        return ["127.0.0.1"]

    async def close(self) -> None:
        for exchange in self.exchanges:
            exchange.abort()

    def run(self, coro: Coroutine[Any, Any, T]) -> T:
        """The coroutine's result: with a single ``send``, or in an event loop."""
        return run_blocking(coro) if self.blocking else asyncio.run(coro)
