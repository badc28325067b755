"""What a server is asked, and what whoever answers (the simulator, a gateway) may give: the contract of the HTTP edge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from ..dialects.dialect import Context, Decoded, Operation, ServerHalf
from ..values.events import Event
from ..values.response import Warning
from ..values.secret import Secret
from ..wire.http import HttpReply, HttpRequest


class Connection(Protocol):
    """The connection that a request came on, for those who must be rude to it."""

    def write(self, data: bytes) -> None:
        """Bytes as they are, past HTTP. The connection cannot be used for another request after that."""
        ...

    def close(self) -> None:
        """End it after what was written (FIN)."""
        ...

    def reset(self) -> None:
        """End it at once (RST); what was written and not sent is lost."""
        ...


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One request. ``decoded`` is there for ``GENERATE`` and ``COUNT_TOKENS``, ``model`` for ``MODEL``. ``key`` is the credential
    that the caller showed."""

    half: ServerHalf
    operation: Operation
    http: HttpRequest
    context: Context
    request_id: str
    connection: Connection
    decoded: Decoded | None = None
    model: str | None = None
    key: Secret | None = None

    def __repr__(self) -> str:
        return f"Asked({self.half.id}, {self.operation.value}, {self.request_id})"


class EventSource(Protocol):
    """Events as they become known. ``next`` gives at least one, or none at the end. A ``ProviderError`` that it raises is told in
    the stream, as its last word; ``HangUp`` ends the connection. ``close`` is called once, whatever happens."""

    async def next(self) -> Sequence[Event]: ...
    async def close(self) -> None: ...


class ByteSource(Protocol):
    """The same of bytes: ``b""`` is the end; only ``HangUp`` may be raised."""

    async def next(self) -> bytes: ...
    async def close(self) -> None: ...


class HangUp(Exception):  # noqa: N818 - it is not an error: the other side shall believe in one
    """End the connection in the midst of a reply: ``reset`` (RST), or a close without the proper end of the body."""

    def __init__(self, *, reset: bool) -> None:
        super().__init__()
        self.reset = reset


class Whole(msgspec.Struct, frozen=True):
    """A whole reply."""

    reply: HttpReply


class Streamed(msgspec.Struct, frozen=True):
    """A reply in events: the edge encodes them, and pings while they are long in coming (``ping_every`` seconds; None: never).
    ``headers`` take the place of the protocol's own of the same name. ``warned`` is told once, before the source is closed, what
    the protocol could not express."""

    source: EventSource
    context: Context
    headers: tuple[tuple[str, str], ...] = ()
    ping_every: float | None = 15.0
    warned: Callable[[tuple[Warning, ...]], None] | None = None


class Bytes(msgspec.Struct, frozen=True):
    """A reply in bytes, as they come."""

    status: int
    headers: tuple[tuple[str, str], ...]
    source: ByteSource


class Taken(msgspec.Struct, frozen=True):
    """Whoever answers has spoken to the ``Connection`` himself, and ended it."""


Answer = Whole | Streamed | Bytes | Taken


class Answerer(Protocol):
    """Whoever answers. A ``ProviderError`` that ``answer`` raises becomes the error reply of the asker's protocol. It is
    cancelled as soon as the asker has gone."""

    async def answer(self, asked: Asked) -> Answer: ...


__all__ = [
    "Answer",
    "Answerer",
    "Asked",
    "ByteSource",
    "Bytes",
    "Connection",
    "EventSource",
    "HangUp",
    "Streamed",
    "Taken",
    "Whole",
]
