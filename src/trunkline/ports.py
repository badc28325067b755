"""What the engine needs of the world, and what the world may hand to it. No implementation stands here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextvars import ContextVar
from types import TracebackType
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

import msgspec

from .values.events import Event
from .values.request import Request, Tool
from .values.response import Attempt, Response
from .wire.http import Head, HttpRequest

T = TypeVar("T")
INFINITY = float("inf")

correlation_id: ContextVar[str | None] = ContextVar("trunkline_correlation_id", default=None)
"""Set it around your calls and our log records and observers carry it. We only ever read it."""


class Deadlines(msgspec.Struct, frozen=True):
    """When to give up on one exchange. ``connect, first_byte, idle`` are seconds: until the connection (and TLS) stands;
    from then until the head of the reply is whole; while one read of the body waits (any byte is life). ``until`` is the moment
    on ``IO.now()``'s clock at which the whole call ends, and ``total`` its length in seconds, for the error's text."""

    connect: float = INFINITY
    first_byte: float = INFINITY
    idle: float = INFINITY
    until: float = INFINITY
    total: float = INFINITY


class ProcessRequest(msgspec.Struct, frozen=True):
    """A child process that answers on its standard output: no shell, exactly this environment.

    ``cwd``: where it works; None: in an empty folder of its own, which is removed after it.
    """

    argv: tuple[str, ...]
    stdin: bytes = b""
    env: tuple[tuple[str, str], ...] = ()
    cwd: str | None = None

    def __repr__(self) -> str:
        return f"ProcessRequest({self.argv[0] if self.argv else ''}, {len(self.stdin)} bytes)"


class Exchange(Protocol):
    """One request and its reply. It exists, and can be closed from anywhere, before its head has arrived.

    ``head`` waits for status and headers (for a process: status 200 once it has started). ``read`` gives what one read of
    the network brought, decoded from its transfer and content coding, and ``b""`` at the body's proper end. A body that
    ends early raises ``TruncatedBodyError``; a passed deadline ``DeadlineError`` with its phase. ``close`` is idempotent and
    never waits for the network: the connection goes back to the pool when its reply has been read whole, else it is
    closed at once. ``abort`` closes from any thread, without awaiting; a waiting ``head`` or ``read`` then raises
    ``TransportError``. ``set_until``: from now on, between two waits, the exchange ends at ``moment`` (on ``IO.now()``'s
    clock), in place of ``Deadlines.until``; the error is the same.
    """

    async def head(self) -> Head: ...
    async def read(self) -> bytes: ...
    async def close(self) -> None: ...
    def abort(self) -> None: ...
    def set_until(self, moment: float) -> None: ...


class Signal(Protocol):
    """Something that happens once, and that may be waited for.

    ``wait``: True when it has been set (before, or while it waited), False when so many seconds passed first. ``set`` may be
    called from any thread and any event loop, any number of times, and never waits.
    """

    async def wait(self, seconds: float = INFINITY) -> bool: ...
    def set(self) -> None: ...


class Semaphore(Protocol):
    """A gate for n at a time: ``async with``."""

    async def __aenter__(self) -> None: ...
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None: ...


class IO(Protocol):
    """The world: clock, randomness, network, processes, concurrency. One for asyncio, one that blocks."""

    blocking: bool

    def now(self) -> float:
        """Seconds on a clock that never goes back."""
        ...

    def wall(self) -> float:
        """Seconds since 1970, UTC."""
        ...

    def uniform(self, low: float, high: float) -> float: ...
    def new_id(self) -> str: ...
    async def sleep(self, seconds: float) -> None: ...
    def send(self, request: HttpRequest, deadlines: Deadlines) -> Exchange: ...
    def spawn(self, request: ProcessRequest, deadlines: Deadlines) -> Exchange: ...
    def semaphore(self, n: int) -> Semaphore: ...
    def signal(self) -> Signal: ...

    async def all(self, coros: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
        """Every result, in order; the first error ends the others and is raised."""
        ...

    async def first(self, coros: Sequence[Coroutine[Any, Any, T]]) -> T:
        """The result of whichever ends first; the others are ended, and so are the exchanges that they began, even where they
        had ended too and returned them. What the first one began lives on, and may be read on by the caller."""
        ...

    async def offload(self, function: Callable[[], T]) -> T:
        """The result of a blocking function, without holding up other work."""
        ...

    async def apart(self, function: Callable[[], T], seconds: float = INFINITY, signal: Signal | None = None) -> T:
        """The result of a function in a thread of its own. Raises ``TimeoutError`` where it takes longer than so many seconds,
        ``ClosedByCallerError`` where somebody else sets ``signal`` before it ends: then it is left to itself, and what becomes of
        it is nobody's business any more."""
        ...

    def read_file(self, path: str, most: int) -> bytes:
        """The bytes of a file of this machine, ``most`` + 1 of them at most: blocking, to be offloaded. Raises ``OSError``, also
        for what is no file (a folder, a pipe, a device)."""
        ...

    async def resolve(self, host: str, until: float = INFINITY) -> list[str]:
        """The addresses of a host. Raises ``NameResolutionError``, and ``DeadlineError`` at the moment ``until``."""
        ...

    async def close(self) -> None:
        """Close idle connections and end what is under way; who sleeps or waits for a signal gets a ``ClosedByCallerError``."""
        ...


class Settled(msgspec.Struct, frozen=True):
    """How a call ended, told exactly once. ``how`` is ``end``, ``error``, ``close``, ``cancel`` or ``collected``."""

    how: str
    call_id: str
    provider: str | None
    model: str | None
    attempts: tuple[Attempt, ...]
    response: Response | None = None
    error: BaseException | None = None
    seconds: float = 0.0
    correlation_id: str | None = None


@runtime_checkable
class Observer(Protocol):
    """Is told of every attempt and of every call's end. It must not block; what ``settled`` raises goes to
    ``sys.unraisablehook``."""

    def attempted(self, call_id: str, attempt: Attempt) -> None: ...
    def settled(self, settled: Settled) -> None: ...


class Record(NamedTuple):
    """One entry of a log: its ``number`` (later ones have higher numbers), when it was appended (Unix seconds), its bytes."""

    number: int
    at: float
    data: bytes


@runtime_checkable
class Store(Protocol):
    """A small blocking store of values by key, of leases on what is limited, and of logs that only grow.

    All but ``append`` may wait for a disk or a network: the engine runs them through ``IO.offload``. Raises ``StoreError`` where
    it cannot do what is asked.
    """

    def get(self, key: str) -> bytes | None: ...
    def put(self, key: str, value: bytes, seconds: float | None = None) -> None:
        """``seconds``: it is forgotten after so many; None: kept."""
        ...

    def delete(self, key: str) -> None: ...
    def keys(self, prefix: str = "") -> Sequence[str]:
        """Those that begin with ``prefix``, sorted."""
        ...

    def reserve(self, key: str, amount: float, limit: float, seconds: float) -> str | None:
        """A lease on ``amount``, atomically, where all leases and amounts booked under ``key`` stay within ``limit`` with it;
        None where they do not. It ends by itself after ``seconds``, unless ``book`` is told before."""
        ...

    def book(self, lease: str, amount: float) -> None:
        """The lease's end: ``amount`` (0: nothing) was really used, and stays booked under its key."""
        ...

    def append(self, log: str, record: bytes) -> None:
        """Adds to a log, soon. Never waits, and never fails for what is wrong with the store."""
        ...

    def query(self, log: str, after: int = 0, limit: int | None = None, containing: bytes | None = None) -> Sequence[Record]:
        """What was appended, in order: numbers above ``after``, ``limit`` records at most, those alone that contain so much."""
        ...

    def clear(self, log: str) -> None:
        """Forgets a log, whole."""
        ...

    def flush(self, seconds: float = 5.0) -> bool:
        """Whether all that was appended is kept now; waits so many seconds at most."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class ToolSource(Protocol):
    """Where tools come from besides plain functions (an MCP server, say).

    Both methods may block (they are run beside an event loop), or be coroutine functions for the asynchronous client.
    ``list_tools`` gives ``Tool`` values, ``call_tool`` what a function that is a tool may return; what it raises is told to the
    model. ``trusted``: its tools run without being approved. It may also have ``begin_call(name, arguments)``, which never blocks
    and gives an object with ``result()``, which does, and ``cancel()``: then what is given up is ended.
    """

    trusted: bool

    def list_tools(self) -> Sequence[Tool] | Awaitable[Sequence[Tool]]: ...
    def call_tool(self, name: str, arguments: dict[str, Any]) -> Any: ...


@runtime_checkable
class Backend(Protocol):
    """A target of your own: any object that answers on our values.

    ``generate(request) -> Response | str`` (or a coroutine of it) and/or ``stream(request)``: an iterator, async iterator,
    async generator, or a coroutine that returns one, of events or plain strings. An object with either of the two will do.
    Objects that are equal (and hashable) are one target: they share a breaker, and limits.
    """

    def generate(self, request: Request) -> Response | str | Awaitable[Response | str]: ...


Pieces = Iterator[Event | str] | AsyncIterator[Event | str]
"""What ``stream`` gives: events, or plain text."""


class StreamingBackend(Protocol):
    """A ``Backend`` that has ``stream`` alone."""

    def stream(self, request: Request) -> Pieces | Awaitable[Pieces]: ...


__all__ = [
    "INFINITY",
    "IO",
    "Backend",
    "Deadlines",
    "Event",
    "Exchange",
    "Head",
    "HttpRequest",
    "Observer",
    "Pieces",
    "ProcessRequest",
    "Record",
    "Semaphore",
    "Settled",
    "Signal",
    "Store",
    "StreamingBackend",
    "ToolSource",
    "correlation_id",
]
