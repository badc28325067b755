"""Fetches what somebody named by its address and a target cannot fetch itself, without reaching into a network of ours.

The name is looked up by us, every address that it leads to must be public, and the connection goes to one of these very
addresses: what the name leads to a moment later is of no matter. Each redirect is looked at like the first address. Nothing of
ours goes along, and what comes is read as far as it may be large.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

import msgspec

from ..policy.public_address import is_public
from ..ports import IO, Deadlines, Exchange
from ..values.errors import ClosedByCallerError, DeadlineError, ProviderError, TrunklineError, UsageError
from ..values.headers import Headers
from ..wire.http import HttpRequest

LARGEST = 50 << 20
"""Bytes of one file that are fetched."""
ALTOGETHER = 100 << 20
"""Bytes that are fetched for one call."""
LONGEST = 120.0
"""Seconds that one fetch may take, redirects and all, where the call leaves it so long."""
REDIRECTS = 5
TRIED = 4
"""So many addresses of one host are tried to connect to."""
_PLAIN = Headers((("Accept-Encoding", "identity"),))
_UNUSABLE = "no address that can be fetched"
_MOVED = frozenset({301, 302, 303, 307, 308})


class Fetched(NamedTuple):
    """What came, what the server said that it is, and its last address."""

    data: bytes
    said: str | None
    url: str


class Room:
    """Bytes that may still come, of all that is fetched for one call. What comes to nothing gives back what it took."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left: int = ALTOGETHER


async def fetch(io: IO, url: str, at: str, limits: Deadlines, private: bool = False, room: Room | None = None) -> Fetched:
    """What lies at ``url``. Raises ``UsageError``, which names ``at`` and never the address, whatever is wrong with it; the own
    end of the call stays what it is (``DeadlineError`` of phase ``total``, ``ClosedByCallerError``)."""
    until, room = limits.until, room or Room()
    limits = msgspec.structs.replace(limits, until=min(until, io.now() + LONGEST))
    try:
        for _ in range(REDIRECTS + 1):
            reply = await _ask(io, url, at, limits, private, room)
            if isinstance(reply, Fetched):
                return reply
            url = reply
    except ProviderError as error:
        late = isinstance(error, DeadlineError) and error.phase == "total"
        if isinstance(error, ClosedByCallerError) or (late and io.now() >= until):
            raise
        why = f"it took more than {LONGEST:g} s" if late else error.message
        raise UsageError(f"could not be fetched: {why}", field=at) from None
    raise UsageError("could not be fetched: it is redirected again and again", field=at, allowed=f"{REDIRECTS} redirects")


async def _ask(io: IO, url: str, at: str, limits: Deadlines, private: bool, room: Room) -> Fetched | str:
    """What one address answers: the file, or another address."""
    url, host = _checked(url, at, private)
    addresses = await io.resolve(host, min(io.now() + limits.connect, limits.until))
    if not addresses or not (private or all(map(is_public, addresses))):
        allowed = "an address on the public net (fetch_urls='private' allows others)"
        raise UsageError("leads into a private network, and is not fetched", field=at, allowed=allowed)
    for left, address in reversed([*enumerate(reversed(addresses[:TRIED]))]):
        exchange = io.send(HttpRequest("GET", url, _PLAIN, address=address), limits)
        try:
            head = await exchange.head()
            if head.status in _MOVED and (place := head.headers.get("location")):
                return _joined(url, place, at)
            if head.status != 200:
                raise UsageError(f"could not be fetched: its server answered {head.status}", field=at)
            return Fetched(await _read(exchange, at, room), head.headers.get("content-type"), url)
        except UsageError as error:
            raise error if error.field == at else UsageError(_UNUSABLE, field=at) from None
        except (ProviderError, TrunklineError) as error:
            if not left or getattr(error, "phase", None) != "connect" or isinstance(error, ClosedByCallerError):
                raise
        finally:
            await exchange.close()
    raise AssertionError("the last address returns or raises")


async def _read(exchange: Exchange, at: str, room: Room) -> bytes:
    pieces: list[bytes] = []
    size = 0
    try:
        while piece := await exchange.read():
            pieces.append(piece)
            size, room.left = size + len(piece), room.left - len(piece)
            if size > LARGEST:
                raise UsageError("is too large to be fetched", field=at, got="more", allowed=f"up to {LARGEST:,} bytes")
            if room.left < 0:
                allowed = f"up to {ALTOGETHER:,} bytes in all"
                raise UsageError("is too much to be fetched with the others", field=at, got="more", allowed=allowed)
    except BaseException:
        room.left += size
        raise
    return b"".join(pieces)


def _joined(url: str, place: str, at: str) -> str:
    try:
        return urljoin(url, place)
    except ValueError:
        raise UsageError("could not be fetched: it is redirected to no address", field=at) from None


def _checked(url: str, at: str, private: bool) -> tuple[str, str]:
    """The address without its fragment, and its host. Raises ``UsageError`` for one that is not fetched."""
    allowed = "https://host/path" if not private else "http(s)://host/path"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise UsageError(_UNUSABLE, field=at, allowed=allowed) from None
    if parts.scheme != "https" and not (private and parts.scheme == "http"):
        raise UsageError(
            "is, or is redirected to, an address that is not fetched", field=at, got=f"{parts.scheme}:", allowed=allowed
        )
    if not host or parts.username is not None or "\\" in url or any(c <= " " or c == "\x7f" for c in url):
        got = "a user or password in it" if parts.username is not None else "no plain address"
        raise UsageError(_UNUSABLE, field=at, got=got, allowed=allowed)
    return url.partition("#")[0], host
