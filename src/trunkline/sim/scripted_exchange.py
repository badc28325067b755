"""One exchange of a ``ScriptedIO``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from msgspec.structs import replace

from ..ports import INFINITY, Deadlines, ProcessRequest
from ..values.errors import (
    ClosedByCallerError,
    ConnectionRefusedByHostError,
    ConnectionResetByHostError,
    DeadlineError,
    DeadlinePhase,
    TransportError,
    TransportPhase,
    TruncatedBodyError,
)
from ..values.headers import Headers
from ..wire.http import Head, HttpRequest
from .scripted import Scripted

if TYPE_CHECKING:
    from .scripted_io import ScriptedIO


class ScriptedExchange:
    """See ``ports.Exchange``: plays one ``Scripted``.

    ``at`` is how many pieces have been read, ``whole`` whether the proper end was reached, ``closes`` how often it was closed.
    """

    def __init__(self, io: ScriptedIO, request: HttpRequest | ProcessRequest, deadlines: Deadlines, reply: Scripted) -> None:
        self.request: HttpRequest | ProcessRequest = request
        self.deadlines: Deadlines = deadlines
        self.reply: Scripted = reply
        self.at: int = 0
        self.closes: int = 0
        self.aborted: bool = False
        self.whole: bool = False
        self._io = io
        self._head: Head | None = None
        self._phase: TransportPhase = "connect"
        self._waiting: set[asyncio.Future[None]] = set()

    def __repr__(self) -> str:
        return f"ScriptedExchange({self.request!r}, {self._phase})"

    @property
    def closed(self) -> bool:
        return self.aborted or self.closes > 0

    async def head(self) -> Head:
        if self._head is not None:
            return self._head
        await self._io.turn()
        self._alive()
        reply, deadlines = self.reply, self.deadlines
        await self._pass(reply.connect, deadlines.connect, "connect")
        if reply.refuse:
            raise self._no_connection()
        self._phase = "head"
        await self._pass(reply.wait, deadlines.first_byte, "first_byte")
        if reply.reset_head:
            raise ConnectionResetByHostError("the connection was reset", phase="head", sent=True)
        self._phase = "body"
        fields = reply.headers
        self._head = Head(reply.status, fields if isinstance(fields, Headers) else Headers(fields.items()))
        return self._head

    async def read(self) -> bytes:
        if self._head is None:
            await self.head()
        await self._io.turn()
        self._alive()
        reply, idle = self.reply, self.deadlines.idle
        while self.at < len(reply.pieces):
            piece = reply.pieces[self.at]
            delay, data = piece if isinstance(piece, tuple) else (0.0, piece)
            await self._pass(delay, idle, "idle")
            self.at += 1
            if data:  # nothing but a wait is no end
                return data
        if reply.end == "stall":
            await self._pass(INFINITY, idle, "idle")
        if reply.end != "end":
            raise self._broken()
        self.whole = True
        return b""

    async def close(self) -> None:
        self.closes += 1
        self._wake()
        await self._io.turn()

    def abort(self) -> None:
        self.aborted = True
        self._wake()

    def set_until(self, moment: float) -> None:
        self.deadlines = replace(self.deadlines, until=moment)

    def _wake(self) -> None:
        for over in list(self._waiting):
            over.get_loop().call_soon_threadsafe(finish, over)

    def _alive(self) -> None:
        if self.closed:
            raise ClosedByCallerError("the exchange was closed from elsewhere", phase=self._phase, sent=self._phase != "connect")

    async def _pass(self, seconds: float, patience: float, phase: DeadlinePhase) -> None:
        """Lets time go by, as far as the deadlines allow."""
        now, deadlines = self._io.now(), self.deadlines
        limit, moment = min(now + patience, deadlines.until), now + seconds
        if moment < limit and not seconds:
            return
        await self._io.wait_until(min(moment, limit), self._waiting)
        self._alive()
        if limit <= moment:
            total = limit == deadlines.until
            raise DeadlineError(phase="total" if total else phase, seconds=deadlines.total if total else patience)

    def _no_connection(self) -> TransportError:
        if isinstance(self.request, ProcessRequest):
            return TransportError("the program could not be started", phase="connect")
        return ConnectionRefusedByHostError("nothing listens there", phase="connect")

    def _broken(self) -> TransportError:
        if isinstance(self.request, ProcessRequest):
            return TransportError("the program ended with exit code 1", phase="body", sent=True)
        kind = ConnectionResetByHostError if self.reply.end == "reset" else TruncatedBodyError
        return kind("the connection ended in the middle of the body", phase="body", sent=True)


def finish(over: asyncio.Future[None]) -> None:
    """End a wait, if it has not ended."""
    if not over.done():
        over.set_result(None)


__all__ = ["ScriptedExchange", "finish"]
