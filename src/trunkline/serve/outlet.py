"""The way out of a reply: its head, its body, and whether both can be said."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from ..values.errors import UsageError
from ..wire.http import HttpReply

Send = Callable[[dict[str, Any]], Awaitable[None]]
Pairs = Iterable[tuple[str, str]]
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*").fullmatch
_FRAMING = ("content-length", "transfer-encoding", "connection")
_NO_BODY = (204, 304)


class Outlet:
    """One reply. ``started``: its head is out. ``ended``: so is its last piece."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._now = asyncio.get_running_loop().time
        self._sending = 0
        self._sent = 0.0
        self.started: bool = False
        self.ended: bool = False

    async def start(self, status: int, headers: Pairs) -> None:
        """The head. Raises ``UsageError`` for one that HTTP cannot carry; nothing is sent then."""
        if not 200 <= status <= 599:
            raise UsageError("no reply of HTTP has this status", field="status", got=str(status), allowed="200 to 599")
        raw = in_bytes(headers)
        self.started = True
        await self._out({"type": "http.response.start", "status": status, "headers": raw})

    async def more(self, body: bytes) -> None:
        """A piece of the body: comes back when the asker has room for more."""
        await self._out({"type": "http.response.body", "body": body, "more_body": True})

    async def end(self, body: bytes = b"") -> None:
        """The last piece."""
        await self._out({"type": "http.response.body", "body": body, "more_body": False})
        self.ended = True

    async def whole(self, reply: HttpReply, headers: Pairs = (), *, last: bool = True) -> None:
        """``reply`` with further ``headers``. Not ``last``: the body is out and whole, and yet the reply is not ended."""
        body = b"" if reply.status in _NO_BODY else reply.body
        length = [] if reply.status in _NO_BODY else [("content-length", str(len(body)))]
        kept = [pair for pair in reply.headers.pairs if pair[0].lower() not in _FRAMING]
        await self.start(reply.status, over(kept, (*length, *headers)))
        await (self.end(body) if last else self.more(body))

    def idle(self) -> float:
        """For how many seconds nothing has been sent; 0 while something waits for room."""
        return 0.0 if self._sending else self._now() - self._sent

    async def _out(self, message: dict[str, Any]) -> None:
        self._sending += 1
        try:
            await self._send(message)
        finally:
            self._sending -= 1
            self._sent = self._now()


def over(pairs: Pairs, others: Pairs) -> Sequence[tuple[str, str]]:
    """``pairs`` with ``others``, which take the place of what has the same name."""
    others = tuple(others)
    taken = {name.lower() for name, _ in others}
    return (*(pair for pair in pairs if pair[0].lower() not in taken), *others)


def in_bytes(headers: Pairs) -> list[tuple[bytes, bytes]]:
    """Header fields as they go out. Raises ``UsageError`` for what would break the head apart."""
    raw = []
    for name, value in headers:
        if not _NAME(name) or not _VALUE(value):
            raise UsageError("not a header field that HTTP can carry", field="headers", got=repr(name[:40]))
        raw.append((name.lower().encode("latin-1"), value.encode("latin-1")))
    return raw
