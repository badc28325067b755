"""What of a server lives on the event loop: a listening socket, the connections, their end."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

from ..values.errors import UnsupportedOperationError, UsageError
from .asgi import HOST, App
from .connection import protocol_class

BACKLOG = 2_048
KEEP_ALIVE = 75
"""Seconds that a connection may idle: longer than clients keep theirs, so that it is they who end it."""
_PORT_IS_AT_FAULT = frozenset({errno.EADDRINUSE, errno.EACCES})
"""In use, or not for everybody (below 1024); else there is no such address on this machine."""
GRACE = 2.0
"""Seconds that answers have to end themselves once their connection is gone, before they are cancelled."""


class Listener:
    """Serves ``app`` at ``host`` and ``port`` (0: a free one, which it then says); made and used on the loop. Raises
    ``UsageError`` for a place that it cannot have."""

    def __init__(self, app: App, host: str, port: int) -> None:
        from uvicorn import Config

        self._loop = asyncio.get_running_loop()
        self._host = host
        self._socket = bound(host, port)
        self.port: int = self._socket.getsockname()[1]
        self._protocol = protocol_class()
        self._config = Config(
            app,
            http=self._protocol,
            interface="asgi3",
            lifespan="off",
            ws="none",
            log_config=None,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE,
        )
        self._config.load()
        self._state = _state()
        self._server: asyncio.Server | None = None

    async def listen(self) -> None:
        """Take connections."""
        if self._server is None:
            self._server = await self._loop.create_server(self._connection, sock=self._socket, backlog=BACKLOG)

    async def refuse(self) -> None:
        """Take no more connections, and end those that idle; the port stays ours."""
        if self._server is None:
            return
        await self._close()
        for connection in tuple(self._state.connections):
            if connection.idle():
                connection.end()
        self._socket = bound(self._host, self.port)

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
            while self._socket.fileno() >= 0:  # noqa: ASYNC110 - a loop may close it in its next turn, and tells nobody
                await asyncio.sleep(0)
        self._socket.close()

    async def end(self) -> None:
        """No connection, no answer any more: what is under way is cut off."""
        await self._close()
        patience = self._loop.time() + GRACE
        while self._state.connections or self._state.tasks:
            for connection in tuple(self._state.connections):
                connection.end()
            if self._loop.time() > patience:
                for task in tuple(self._state.tasks):
                    task.cancel()
                break
            await (asyncio.wait(self._state.tasks, timeout=0.05) if self._state.tasks else asyncio.sleep(0))

    def _connection(self) -> asyncio.Protocol:
        make: Callable[..., asyncio.Protocol] = self._protocol
        return make(config=self._config, server_state=self._state, app_state={HOST: self._host}, _loop=self._loop)


def _state() -> Any:
    """uvicorn's state of a server, with the date as it is when a reply begins (uvicorn's own server ticks for it)."""
    from uvicorn.server import ServerState

    class Dated(ServerState):
        _second = -1
        _date: list[tuple[bytes, bytes]] = []

        @property
        def default_headers(self) -> list[tuple[bytes, bytes]]:
            now = int(time.time())
            if now != self._second:
                self._second, self._date = now, [(b"date", formatdate(now, usegmt=True).encode())]
            return self._date

        @default_headers.setter
        def default_headers(self, headers: list[tuple[bytes, bytes]]) -> None:
            """uvicorn begins with none."""

    return Dated()


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop's where it is installed. Raises ``UnsupportedOperationError`` where uvicorn is not."""
    try:
        import uvicorn  # noqa: F401 - whether it is there
    except ImportError:
        hint = "pip install 'trunkline[sim]' (in a clone: pip install '.[sim]')"
        raise UnsupportedOperationError("the simulator needs the extra sim", hint=hint) from None
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


def bound(host: str, port: int) -> socket.socket:
    """A socket bound to the first address of ``host``, not listening: who connects is refused. Raises ``UsageError``."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (OSError, UnicodeError) as error:
        raise UsageError(f"there is no such host ({error})", field="host", got=repr(host)) from None
    made = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # elsewhere it would let others take the port
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
    except OSError as error:
        made.close()
        field = "port" if error.errno in _PORT_IS_AT_FAULT else "host"
        raise UsageError(f"cannot listen there: {error}", field=field, got=f"{host}:{port}") from None
    return made
