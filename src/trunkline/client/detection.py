"""Which model servers run on this machine: asked all at once, known for sure, within a fraction of a second."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec

from ..engine.attempt import read_error
from ..engine.destination import Wire
from ..ports import IO, Deadlines
from ..providers.local import LOCAL, Local, Sign, local
from ..values.errors import DeadlineError, ProviderError, TransportError, UsageError
from ..wire.http import HttpRequest

PATIENCE = 0.25
"""Seconds for all of it: a server on this machine that takes longer to say who it is, is too busy to answer."""
PATIENCE_WITH_ONE = 2.0
"""Seconds for a server that was named."""
HOST = "127.0.0.1"


class Found(msgspec.Struct, frozen=True):
    """A server that runs: its kind, and its address (without a path)."""

    local: Local
    address: str


async def detect(io: IO, kinds: Sequence[Local] = LOCAL, host: str = HOST) -> tuple[Found, ...]:
    """The servers that listen on their usual ports, in the order of ``kinds``. No prompt is sent, and nothing is waited for
    beyond ``PATIENCE``."""
    places = [(kind, f"http://{host}:{port}") for kind in kinds for port in kind.ports]
    limits = Deadlines(until=io.now() + PATIENCE, total=PATIENCE)
    known = await io.all([_tried(io, address, kind, limits) for kind, address in places])
    found: dict[str, Found] = {}
    for (kind, address), sure in zip(places, known, strict=True):
        if sure:
            found.setdefault(kind.name, Found(kind, address))
    return tuple(found.values())


async def _tried(io: IO, address: str, kind: Local, limits: Deadlines) -> bool:
    try:
        return await identified(io, address, kind, limits)
    except ProviderError:  # nobody there, or nobody who answers in time
        return False


async def identified(io: IO, address: str, kind: Local, limits: Deadlines) -> bool:
    """Whether it is a server of that kind that listens at ``address``. Raises what prevents the question."""
    for sign in kind.signs:
        if await _shown(io, address, sign, limits):
            return True
    return False


async def _shown(io: IO, address: str, sign: Sign, limits: Deadlines) -> bool:
    exchange = io.send(HttpRequest("GET", address + sign.path), limits)
    try:
        head = await exchange.head()
        body = await read_error(exchange) if head.status in sign.statuses else b""
    finally:
        await exchange.close()
    return sign.holds(head.status, head.headers, body)


class Sure:
    """Lets nothing be said to the usual address of a server before it has said that it is that server (see ``Gate``)."""

    def __init__(self, kind: Local, address: str) -> None:
        self._kind, self._address = kind, address
        self._sure = False

    async def admit(self, io: IO, limits: Deadlines) -> None:
        if self._sure:
            return
        seconds = min(PATIENCE_WITH_ONE, limits.first_byte)
        asked = Deadlines(limits.connect, seconds, seconds, min(limits.until, io.now() + seconds), seconds)
        if not await self._says_so(io, asked):
            raise TransportError(
                f"who listens at {self._address} is no {self._kind.name} server, or does not say so",
                phase="connect",
                hint="give its address as base_url, or name the provider that runs there (`trunkline health` shows who does)",
                should_retry=False,
            )
        self._sure = True

    async def _says_so(self, io: IO, limits: Deadlines) -> bool:
        try:
            return await identified(io, self._address, self._kind, limits)
        except DeadlineError:  # he took the connection, and says nothing
            return False


def guard(wires: Sequence[Wire], name: str, url: str) -> None:
    """Nothing is said at the usual address of a server on this machine before that has said who it is."""
    kind = local(name)
    if kind is None:
        why = f"nothing tells {name} from others at its usual port"
        raise UsageError(why, field="base_url", got="None", allowed=f"its address, which may be {url}")
    parts = urlsplit(url)
    gate = Sure(kind, f"{parts.scheme}://{parts.netloc}")
    for wire in wires:
        wire.gate = gate
