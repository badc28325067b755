"""Tokens that are fetched and renewed, and signatures: what a request shows where a key alone does not do.

A token is renewed before it expires, once whoever asks, in both worlds: the first that needs it fetches, the others wait, or go
on with the old one while that holds. A renewal that fails while the old token still holds changes nothing but that it is tried
again half a minute later. A token that a provider refuses (401) is dropped, and the call tried once more with a new one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from threading import Lock
from typing import Generic, NamedTuple, NoReturn, Protocol, TypeVar

from ..ports import INFINITY, IO, Deadlines, Semaphore
from ..values.errors import DeadlineError, ProviderError
from ..values.headers import Headers
from ..values.secret import Origin, Secret
from ..wire.http import HttpRequest
from .destination import Auth, Signed

T = TypeVar("T")
Pairs = tuple[tuple[str, str], ...]

MARGIN = 300.0
"""Seconds before its end at which a token is renewed; of one that lives less than 25 minutes, a fifth of its life."""
PAUSE = 30.0
"""Seconds after which a renewal that failed is tried again, while the old token holds."""


class Token(NamedTuple):
    """A token, and when it ends (Unix seconds); None: it is good for one request, and asked for again with the next."""

    text: str
    expires: float | None = None

    def __repr__(self) -> str:
        return f"Token(***, {self.expires})"


class _Held(NamedTuple, Generic[T]):
    value: T
    expires: float
    due: float


class Kept(Generic[T]):
    """One value that is fetched when it is first needed. ``fetch`` gives it with its end (Unix seconds; None: not to be kept)."""

    __slots__ = ("_busy", "_fetch", "_gate", "_held", "_lock", "_passing")

    def __init__(self, fetch: Callable[[IO], Awaitable[tuple[T, float | None]]]) -> None:
        self._fetch = fetch
        self._held: _Held[T] | None = None
        self._gate: Semaphore | None = None
        self._lock = Lock()
        self._busy = False
        self._passing = False

    async def get(self, io: IO, limits: Deadlines) -> T:
        """The value. Raises what ``fetch`` raises where there is none that still holds; ``DeadlineError`` when time is up (a
        fetch that blocks its thread ends when it ends)."""
        held = self._held
        if held is not None:
            wall = io.wall()
            if wall < held.due or (self._busy and wall < held.expires):
                return held.value
        if io.blocking or limits.until == INFINITY:
            return await self._renewed(io)
        return await io.first([self._renewed(io), _late(io, limits)])

    async def _renewed(self, io: IO) -> T:
        if self._passing:
            return (await self._fetch(io))[0]
        async with self._door(io):
            held = self._held
            if held is not None and io.wall() < held.due:  # somebody else has just been here
                return held.value
            self._busy = True
            try:
                value, expires = await self._fetch(io)
            except ProviderError:
                if held is None or io.wall() >= held.expires:
                    raise
                self._held = held._replace(due=min(held.expires, io.wall() + PAUSE))
                return held.value
            finally:
                self._busy = False
            if expires is None:
                self._passing = True
            else:
                left = expires - io.wall()
                self._held = _Held(value, expires, expires - min(MARGIN, max(0.0, left) / 5.0))
            return value

    def _door(self, io: IO) -> Semaphore:
        with self._lock:
            if self._gate is None:
                self._gate = io.semaphore(1)
            return self._gate

    def forget(self, refused: Callable[[T], bool]) -> None:
        """Drops the value, if it is still the one that was ``refused``."""
        with self._lock:
            if self._held is not None and refused(self._held.value):
                self._held = None


async def _late(io: IO, limits: Deadlines) -> NoReturn:
    await io.sleep(max(0.0, limits.until - io.now()))
    raise DeadlineError(phase="total", seconds=None if limits.total == INFINITY else limits.total)


class TokenSigner:
    """Shows a token as ``auth`` says. ``origin``: whose word it is."""

    __slots__ = ("_auth", "_kept", "_last", "_origin", "source")

    def __init__(self, fetch: Callable[[IO], Awaitable[Token]], auth: Auth, source: str, origin: Origin) -> None:
        self.source: str = source
        self._auth, self._origin = auth, origin
        self._last: Secret | None = None

        async def fetched(io: IO) -> tuple[Secret, float | None]:
            text, expires = await fetch(io)
            return self._sealed(text), expires

        self._kept = Kept(fetched)

    def _sealed(self, text: str) -> Secret:
        """``text`` as a secret that hides the one before it too: a request that shows that one may be under way."""
        last = self._last
        if last is not None and last.reveal() == text:
            return last
        before = None if last is None else Secret(last.reveal(), self._origin)
        self._last = secret = Secret(text, self._origin, before=before)
        return secret

    async def sign(self, io: IO, request: HttpRequest, limits: Deadlines) -> Signed:
        secret = await self._kept.get(io, limits)
        headers, query = self._auth.apply(secret)
        return Signed(showing(request, headers, query), secret)

    def forget(self, proof: Secret) -> None:
        self._kept.forget(lambda secret: secret is proof)

    def __repr__(self) -> str:
        return f"TokenSigner({self.source})"


C = TypeVar("C")


class Signing(Protocol[C]):
    """A platform's credentials and its signature. Everything blocks, and nothing but ``load`` and ``renew`` takes long."""

    def load(self) -> C:
        """The credentials. Raises ``AuthenticationError`` where there are none."""
        ...

    def stale(self, credentials: C) -> bool:
        """Whether they ought to be renewed."""
        ...

    def renew(self, credentials: C) -> None: ...

    def sign(self, credentials: C, request: HttpRequest) -> tuple[Pairs, Secret]:
        """The header fields that sign ``request``, and what of them must never be quoted."""
        ...


class SignatureSigner(Generic[C]):
    """Signs each request with credentials that are loaded once."""

    __slots__ = ("_kept", "_last", "_signing", "source")

    def __init__(self, signing: Signing[C], source: str) -> None:
        self.source: str = source
        self._signing = signing
        self._last: tuple[Secret, C] | None = None

        async def loaded(io: IO) -> tuple[C, float | None]:
            return await io.offload(signing.load), INFINITY

        self._kept = Kept(loaded)

    async def sign(self, io: IO, request: HttpRequest, limits: Deadlines) -> Signed:
        credentials = await self._kept.get(io, limits)
        if self._signing.stale(credentials):
            await io.offload(lambda: self._signing.renew(credentials))
        headers, secret = self._signing.sign(credentials, request)
        self._last = secret, credentials
        return Signed(showing(request, headers, ()), secret)

    def forget(self, proof: Secret) -> None:
        last = self._last
        if last is not None and last[0].id == proof.id:
            self._kept.forget(lambda credentials: credentials is last[1])

    def __repr__(self) -> str:
        return f"SignatureSigner({self.source})"


def showing(request: HttpRequest, headers: Pairs, query: Pairs) -> HttpRequest:
    """``request`` with these fields; what it says itself stands."""
    added = tuple(pair for pair in headers if pair[0] not in request.headers)
    url = request.url
    for name, value in query:
        url += f"{'&' if '?' in url else '?'}{name}={value}"
    return HttpRequest(request.method, url, Headers(request.headers.pairs + added), request.body)
