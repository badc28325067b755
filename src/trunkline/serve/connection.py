"""The connection under a request: told when it is lost, and open to rudeness.

uvicorn's protocols hand an application no way to its transport. ``protocol_class`` gives the one that is installed
(httptools', else h11's) with a ``Line`` in the state of every scope, and mends what an edge trips over: see ``_Edge``.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import struct
from collections.abc import Callable
from typing import Any, cast

from ..values.errors import UnsupportedOperationError
from .faults import told

LINE = "trunkline.line"
"""Where in a scope's ``state`` the ``Line`` stands."""
MOST_HELD = 65_536
"""How many bytes of a next request are read while one is being answered."""
MOST_HEAD = 262_144
"""How long the head of a request may be, and what comes in the midst of a body and is none of it (trailers and the like)."""
PATIENCE = 60.0
"""Seconds that a head may take from its first byte (of a new connection: from the start), and a body between two pieces."""
_UPGRADE = re.compile(rb"\r\nupgrade:", re.IGNORECASE)
_RST = struct.pack("ii", 1, 0)
_TOO_LONG = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


def _wordless(record: logging.LogRecord) -> bool:
    """What kind of error and where: its own words may be the asker's."""
    if record.exc_info and record.exc_info[1] is not None:
        record.msg, record.args, record.exc_info = f"{str(record.msg).strip()}: {told(record.exc_info[1])}", (), None
    return True


_log = logging.getLogger("trunkline.serve.http")
_log.addFilter(_wordless)


class Line:
    """See ``answers.Connection``. ``lost``: it is no more; ``spoken``: somebody wrote past HTTP, so HTTP is over on it."""

    __slots__ = ("_told", "_transport", "lost", "spoken")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._told: list[Callable[[], object]] = []
        self.lost: bool = False
        self.spoken: bool = False

    def write(self, data: bytes) -> None:
        self.spoken = True
        if not self._transport.is_closing():
            self._transport.write(data)

    def close(self) -> None:
        self.spoken = True
        self._transport.close()

    def reset(self) -> None:
        self.spoken = True
        self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST)
        self._transport.abort()

    @property
    def unsent(self) -> int:
        """How many bytes the system has not taken yet."""
        return 0 if self.lost else self._transport.get_write_buffer_size()

    def watch(self, tell: Callable[[], object]) -> None:
        """``tell()`` is called once the connection is lost."""
        self._told.append(tell)

    def unwatch(self, tell: Callable[[], object]) -> None:
        self._told.remove(tell)

    def end(self) -> None:
        """It is lost: by the protocol."""
        self.lost = True
        for tell in tuple(self._told):
            tell()

    async def gone(self) -> None:
        """Wait until it is lost; it is closed if nobody has."""
        if not self._transport.is_closing():
            self._transport.close()
        if not self.lost:
            lost = asyncio.Event()
            self.watch(lost.set)
            try:
                await lost.wait()
            finally:
                self.unwatch(lost.set)


class NoLine:
    """In place of a connection, on servers that show none."""

    lost: bool = False
    spoken: bool = False
    unsent: int = 0

    def write(self, data: bytes) -> None:
        raise _hidden()

    def close(self) -> None:
        raise _hidden()

    def reset(self) -> None:
        raise _hidden()


def _hidden() -> UnsupportedOperationError:
    return UnsupportedOperationError("this ASGI server does not show its connections", hint="trunkline.serve.server.Server does")


class _Edge(asyncio.Protocol):
    """What both of uvicorn's protocols are given on top.

    A request that comes while another is being answered (pipelining) is held back here, not parsed: uvicorn would forget the one
    under way when the connection is lost, and would stop reading, so that nobody noticed. For the same reason reading goes on
    after a long body. A head without end is refused, and who does not go on with what he began is not waited for. An offer to
    upgrade is not heard: the parser would take the body for another protocol's. Nor are trailers, which uvicorn takes for headers
    that came late. Whatever uvicorn has to say goes to a log of ours.
    """

    cycle: Any
    flow: Any
    scope: dict[str, Any]
    loop: asyncio.AbstractEventLoop
    app_state: dict[str, Any]
    timeout_keep_alive_task: asyncio.TimerHandle | None
    _line: Line
    _transport: asyncio.Transport

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.logger = _log
        self.access_log = False
        self._held = bytearray()
        self._vain = 0
        self._cycles: list[Any] = []
        self._since: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._transport = cast(asyncio.Transport, transport)
        self._line = Line(self._transport)
        self.app_state = {**self.app_state, LINE: self._line}
        self._expect()

    def data_received(self, data: bytes) -> None:
        if self._line.spoken:
            return
        if self._held or self._busy():
            self._held += data
            if len(self._held) > MOST_HELD:
                self.flow.pause_reading()
            return
        before = self.cycle
        size = 0 if before is None else len(before.body)
        super().data_received(_without_upgrade(data) if self.idle() else data)
        if self.cycle is not before or self._busy() or (before is not None and len(before.body) > size):
            self._vain = 0
        else:
            self._vain += len(data)
            if self._vain > MOST_HEAD:
                self._refuse(_TOO_LONG)
        self._expect()
        if self.flow.read_paused and self._busy():
            self.flow.resume_reading()

    def on_header(self, name: bytes, value: bytes) -> None:
        """httptools': a field of the head, or, when that is over, of the trailers."""
        if "method" not in self.scope:
            super().on_header(name, value)  # type: ignore[misc]

    def on_headers_complete(self) -> None:
        """httptools': a request begins, perhaps while others of the same read are not done."""
        super().on_headers_complete()  # type: ignore[misc]
        self._cycles = [cycle for cycle in self._cycles if not cycle.response_complete]
        self._cycles.append(self.cycle)

    def on_response_complete(self) -> None:
        super().on_response_complete()  # type: ignore[misc]
        if self._held:
            self.loop.call_soon(self._go_on)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        for cycle in self._cycles:
            cycle.disconnected = not cycle.response_complete
            cycle.message_event.set()
        self._cycles.clear()
        self._held.clear()
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
        if self._timer is not None:
            self._timer.cancel()
        self._line.end()

    def idle(self) -> bool:
        """Whether no request is under way."""
        return self.cycle is None or (self.cycle.response_complete and not self._held)

    def end(self) -> None:
        """Close it at once."""
        self._transport.abort()

    def _busy(self) -> bool:
        """Whether a request has come whole and is not answered."""
        return self.cycle is not None and not self.cycle.more_body and not self.cycle.response_complete

    def _go_on(self) -> None:
        if self._held and not self._busy() and not self._transport.is_closing():
            data, self._held = bytes(self._held), bytearray()
            self.data_received(data)

    def _owed(self) -> bool:
        """Whether a head or a body is to come, or to go on."""
        if self.cycle is None or self.cycle.response_complete:
            return self.cycle is None or self._vain > 0
        return bool(self.cycle.more_body)

    def _expect(self) -> None:
        """See to it that what is owed does come; each piece of a body is as good as its end, each of a head is not."""
        if not self._owed():
            self._since = None
            return
        in_body = self.cycle is not None and not self.cycle.response_complete
        if self._since is None or in_body:
            self._since = self.loop.time()
        if self._timer is None:
            self._timer = self.loop.call_later(PATIENCE, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._since is None or not self._owed():
            return
        left = self._since + PATIENCE - self.loop.time()
        if left > 0:
            self._timer = self.loop.call_later(left, self._look)
        else:
            self._refuse(_TOO_SLOW)

    def _refuse(self, reply: bytes) -> None:
        """``reply``, where there is something to reply to and nobody has, and the end."""
        if self._transport.is_closing():
            return
        begun = self._vain if self.cycle is None or self.cycle.response_complete else not self.cycle.response_started
        if begun:
            self._transport.write(reply)
        self._transport.close()


def _without_upgrade(data: bytes) -> bytes:
    """``data``, the beginning of a request, with an offer of another protocol made unknown (Java's client offers HTTP/2 so)."""
    end = data.find(b"\r\n\r\n")
    end = len(data) if end < 0 else end
    if data.find(b"pgrade", 0, end) < 0 and data.find(b"PGRADE", 0, end) < 0:
        return data
    return _UPGRADE.sub(b"\r\nx-not-upgraded:", data[:end]) + data[end:]


def protocol_class() -> type[asyncio.Protocol]:
    """uvicorn's HTTP protocol, ours on top. ``ImportError`` where uvicorn is absent."""
    try:
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
    except ImportError:
        from uvicorn.protocols.http.h11_impl import H11Protocol

        return edge_over(H11Protocol)
    return edge_over(HttpToolsProtocol)


def edge_over(base: type[asyncio.Protocol]) -> type[asyncio.Protocol]:
    """``base``, one of uvicorn's, with ``_Edge`` on top."""
    return type("EdgeProtocol", (_Edge, base), {})
