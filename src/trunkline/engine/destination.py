"""Where a call can go: a wire endpoint with its address and key, or an object of the user's own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from threading import Lock
from typing import NamedTuple, Protocol
from urllib.parse import quote

import msgspec

from ..dialects.dialect import ClientHalf, WireRequest
from ..ports import INFINITY, IO, Backend, Deadlines, Exchange, StreamingBackend
from ..values.headers import Headers
from ..values.model import Model, Target
from ..values.request import Request
from ..values.secret import Secret
from ..wire.http import Head, HttpReply, HttpRequest
from ..wire.own_headers import TIMEOUT
from .station import Station


class Auth(Protocol):
    """How a key is shown: pure data of a provider's row."""

    def apply(self, secret: Secret | None) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]:
        """Header fields and query parameters."""
        ...


class Signed(NamedTuple):
    """A request that shows who asks, and what it shows, so that no error quotes it."""

    request: HttpRequest
    proof: Secret


class Signer(Protocol):
    """How a request is made to show who asks, where that takes more than a key: a token that is fetched and refreshed, or a
    signature over the whole request. ``source`` says in a word where the credentials come from."""

    source: str

    async def sign(self, io: IO, request: HttpRequest, limits: Deadlines) -> Signed:
        """The request as it goes out. Raises ``AuthenticationError`` where there are no credentials to be had."""
        ...

    def forget(self, proof: Secret) -> None:
        """``proof`` was refused: the next request shows something newer."""
        ...


class Gate(Protocol):
    """Who makes sure, before anything is said to an address, that it is the one that is meant."""

    async def admit(self, io: IO, limits: Deadlines) -> None:
        """Returns once it is sure. Raises ``TransportError`` where somebody else is there, or nobody tells who he is."""
        ...


class Note(Protocol):
    """Where it is written down what an attempt has shown, and what its reply's head was. ``until``: when the whole call's time is
    up, which may be later than the end of the one exchange."""

    proof: Secret | None

    @property
    def until(self) -> float: ...

    def replied(self, head: Head, now: float, wall: float) -> None: ...


class Turns:
    """Whose turn it is: counts up, from any thread."""

    __slots__ = ("_count", "_lock")

    def __init__(self) -> None:
        self._count = 0
        self._lock = Lock()

    def next(self, length: int) -> int:
        with self._lock:
            turn = self._count
            self._count += 1
        return turn % length


class Wire:
    """A provider's endpoint: a ``target`` for the codec, the address, and the key. ``record`` is what the catalog knows; ``room``
    the tokens that surely are all that the model has room for, None where that is not sure.

    ``query`` goes with every request. ``models_url`` is where the models are listed, if that is elsewhere. ``ring`` are the
    endpoints that differ in nothing but their key, of which each call takes the next. ``secret`` is the key, or what a ``signer``
    showed last.
    """

    __slots__ = (
        "_headers", "_merged", "_query", "_urls", "base_url", "dialect", "gate", "models_url", "record", "ring", "room",
        "secret", "signer", "station", "target", "turns",
    )  # fmt: skip

    def __init__(
        self,
        dialect: ClientHalf,
        target: Target,
        base_url: str,
        auth: Auth,
        secret: Secret | None,
        *,
        record: Model | None = None,
        room: int | None = None,
        headers: tuple[tuple[str, str], ...] = (),
        signer: Signer | None = None,
        query: tuple[tuple[str, str], ...] = (),
        models_url: str | None = None,
        station: Station | None = None,
    ) -> None:
        self.station: Station = station or Station()
        self.dialect: ClientHalf = dialect
        self.target: Target = target
        self.record: Model | None = record
        self.room: int | None = room
        self.secret: Secret | None = secret
        self.signer: Signer | None = signer
        self.models_url: str | None = models_url
        self.ring: Sequence[Wire] = ()
        self.turns: Turns | None = None
        self.gate: Gate | None = None
        shown, shown_query = auth.apply(secret)
        self.base_url: str = base_url.rstrip("/")
        self._headers = Headers((*headers, *shown))  # its repr masks what it holds
        self._query = Headers(query + shown_query)
        self._urls: dict[str, str] = {}
        self._merged: tuple[tuple[tuple[str, str], ...], Headers] = ((), self._headers)

    @property
    def provider(self) -> str:
        return self.target.provider

    @property
    def model(self) -> str:
        return self.target.model

    def http(self, wire: WireRequest) -> HttpRequest:
        """The request as it goes out. A header that the request names itself replaces the endpoint's."""
        url = self._urls.get(wire.path)
        if url is None:
            url = self._urls[wire.path] = join_url(self.base_url, wire.path)
        query = wire.query + self._query.pairs
        if query:
            url += ("&" if "?" in url else "?") + "&".join(f"{quote(n, safe='')}={quote(v, safe='')}" for n, v in query)
        if not wire.headers:
            return HttpRequest(wire.method, url, self._headers, wire.body)
        named, headers = self._merged
        if wire.headers is not named:  # most requests of a dialect share one tuple
            names = {name.lower() for name, _ in wire.headers}
            headers = Headers(tuple(pair for pair in self._headers.pairs if pair[0].lower() not in names) + wire.headers)
            self._merged = wire.headers, headers
        return HttpRequest(wire.method, url, headers, wire.body)

    async def exchange(self, io: IO, wire: WireRequest, limits: Deadlines, note: Note | None = None) -> Exchange:
        """The exchange that ``wire`` begins, not yet under way; what it shows stands in ``note``, where that may be refused."""
        if self.station.gateway and (until := limits.until if note is None else note.until) < INFINITY:
            left = max(0.0, until - io.now())
            wire = msgspec.structs.replace(wire, headers=(*wire.headers, (TIMEOUT, str(int(left * 1000.0)))))
        request = self.http(wire)
        if self.gate is not None:
            await self.gate.admit(io, limits)
        if self.signer is not None:
            request, self.secret = await self.signer.sign(io, request, limits)
            if note is not None:
                note.proof = self.secret
        return io.send(request, limits)

    def in_turn(self, now: float, barred: Collection[Destination] = ()) -> Wire:
        """The endpoint for this call: the next of its ring whose key is worth showing; where none is, of those that were not
        refused the one that may be asked soonest, and else the next. ``barred``: those that may not be asked, while there are
        others."""
        if self.turns is None:
            return self
        ring = self.ring
        turn = self.turns.next(len(ring))
        order = [*ring[turn:], *ring[:turn]]
        if barred:
            order = [wire for wire in order if wire not in barred] or order
        for wire in order:
            if wire.station.usable(now):
                return wire
        taken = [wire for wire in order if not wire.station.account.refused]
        return min(taken or order, key=lambda wire: wire.station.blocked(now))

    def sibling(self, now: float, tried: Collection[Destination]) -> Wire | None:
        """Another of its ring whose key is worth showing, and is not among ``tried``."""
        return next((wire for wire in self.ring if wire not in tried and wire.station.usable(now)), None)

    def lister(self) -> Wire:
        """The endpoint that lists the models."""
        if self.models_url is None:
            return self
        from copy import copy  # only here

        other = copy(self)
        other.base_url, other._urls = self.models_url.rstrip("/"), {}
        return other

    def renews(self, proof: Secret | None) -> bool:
        """Whether something else than the ``proof`` that was refused can be shown."""
        if self.signer is None or proof is None:
            return False
        self.signer.forget(proof)
        return True

    @property
    def key_from(self) -> str | None:
        """Where its key comes from, in a word."""
        if self.signer is not None:
            return self.signer.source
        return None if self.secret is None else self.secret.origin.name.lower()

    def masked(self, reply: HttpReply) -> HttpReply:
        """``reply`` without our key, should the provider have quoted it."""
        if self.secret is None:
            return reply
        pairs = tuple((name, self.secret.mask(value)) for name, value in reply.headers.pairs)
        return HttpReply(reply.status, Headers(pairs), self.secret.mask_bytes(reply.body))

    def __repr__(self) -> str:
        return f"Wire({self.provider}/{self.model})"


class Own:
    """An object of the user's own that answers on our values."""

    __slots__ = ("backend", "station", "target")
    record: Model | None = None
    secret: Secret | None = None

    def in_turn(self, now: float, barred: Collection[Destination] = ()) -> Own:
        return self

    def sibling(self, now: float, tried: Collection[Destination]) -> None:
        return None

    def renews(self, proof: Secret | None) -> bool:
        return False

    def __init__(self, backend: Backend | StreamingBackend, name: str | None = None, station: Station | None = None) -> None:
        self.station: Station = station or Station()
        self.backend: Backend | StreamingBackend = backend
        given = name or getattr(backend, "name", None) or type(backend).__name__
        self.target: Target = Target("backend", str(given), "")

    @property
    def provider(self) -> str:
        return self.target.provider

    @property
    def model(self) -> str:
        return self.target.model

    def __repr__(self) -> str:
        return f"Own({self.provider})"


Destination = Wire | Own


class Sought(ABC):
    """A target that has to be looked for, or several to be chosen among, when a call needs it. Nothing is known of it before."""

    target: Target = Target("", "", "")
    provider: str = ""
    model: str = ""

    @abstractmethod
    async def found(self, io: IO, request: Request) -> Sequence[Destination]:
        """The targets for ``request``, in the order in which they are to be asked; one at least. Raises ``NoProviderError``,
        which says where was looked, or ``UsageError``."""

    def leading(self) -> Destination | None:
        """The target that comes first whatever is asked, where that is known without looking."""
        return None

    def check(self, blocking: bool) -> None:  # noqa: B027 - most have nothing to refuse
        """Raises ``UsageError`` where something that is known without looking cannot answer this client."""

    def __repr__(self) -> str:
        return "Sought()"


Planned = Wire | Own | Sought


def join_url(base_url: str, path: str) -> str:
    """``base_url`` and ``path``; a version that both name (``/v1`` and ``/v1/messages``) stands once."""
    if not path.startswith("/"):
        path = "/" + path
    last = base_url.partition("://")[2].partition("/")[2].rpartition("/")[2]
    first = path.split("/", 2)[1]
    if first == last and len(first) > 1 and first[0] == "v" and first[1].isdigit():
        path = path[len(first) + 1 :]
    return base_url + path
