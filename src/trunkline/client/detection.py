"""Which model servers run on this machine: asked all at once, known for sure, within a fraction of a second."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ..engine.attempt import read_error
from ..ports import IO, Deadlines
from ..providers.local import LOCAL, Local, Sign
from ..values.errors import ProviderError
from ..wire.http import HttpRequest

PATIENCE = 0.25
"""Seconds for all of it: a server on this machine that takes longer to say who it is, is too busy to answer."""
HOST = "127.0.0.1"


class Found(msgspec.Struct, frozen=True):
    """A server that runs: its kind, and its address (without a path)."""

    local: Local
    address: str


async def detect(io: IO, kinds: Sequence[Local] = LOCAL, host: str = HOST) -> tuple[Found, ...]:
    """The servers that listen on their usual ports, in the order of ``kinds``. No prompt is sent, and nothing is waited for
    beyond ``PATIENCE``."""
    places = [(kind, f"http://{host}:{port}") for kind in kinds for port in kind.ports]
    until = io.now() + PATIENCE
    known = await io.all([identified(io, address, kind, until) for kind, address in places])
    found: dict[str, Found] = {}
    for (kind, address), sure in zip(places, known, strict=True):
        if sure:
            found.setdefault(kind.name, Found(kind, address))
    return tuple(found.values())


async def identified(io: IO, address: str, kind: Local, until: float) -> bool:
    """Whether a server of that kind listens at ``address``; what does not answer by ``until`` is none."""
    for sign in kind.signs:
        if await _shown(io, address, sign, until):
            return True
    return False


async def _shown(io: IO, address: str, sign: Sign, until: float) -> bool:
    exchange = io.send(HttpRequest("GET", address + sign.path), Deadlines(until=until, total=PATIENCE))
    try:
        head = await exchange.head()
        body = await read_error(exchange) if head.status in sign.statuses else b""
    except ProviderError:  # nobody there, or nobody who speaks HTTP
        return False
    finally:
        await exchange.close()
    return sign.holds(head.status, head.headers, body)
