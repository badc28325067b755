"""Connections of the blocking port: in use, or idle and kept for the next call to the same place."""

from __future__ import annotations

import os
import socket
import sys
import threading
import weakref
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Final

from .proxy import Proxies, Proxy
from .request import Origin, parse_origin

if TYPE_CHECKING:
    from ssl import SSLContext

KEPT_PER_ROUTE: Final = 100
KEPT_SECONDS: Final = 60.0
READ_SIZE: Final = 65536
INFINITY = float("inf")

# How long one system call may wait. On Windows a wait in a socket call is deaf to Ctrl-C and to a shutdown by another thread.
LONGEST_WAIT: Final = 0.2 if sys.platform == "win32" else INFINITY


class LateError(Exception):
    """The moment that a wait was given has passed."""


class Route:
    """One origin, how to reach it, and the connections to it that are idle (the freshest last). ``address``: the only one of the
    host's that is meant."""

    __slots__ = ("address", "idle", "origin", "proxy")

    def __init__(self, origin: Origin, proxy: Proxy | None, address: str | None = None) -> None:
        self.address: str | None = address
        self.origin: Origin = origin
        self.proxy: Proxy | None = proxy
        self.idle: deque[Connection] = deque()

    @property
    def end(self) -> str:
        """Where it leads to, as a proxy is told."""
        if self.address is None:
            return self.origin.authority
        return f"[{self.address}]:{self.origin.port}" if ":" in self.address else f"{self.address}:{self.origin.port}"

    def __repr__(self) -> str:
        return f"Route({self.origin.scheme}://{self.origin.authority})"


class Connection:
    """A connected socket (TLS included, where there is any). Every wait on it ends at a moment that the caller names."""

    __slots__ = ("__weakref__", "closed", "idle_since", "in_use", "itself", "reused", "route", "severed", "sock")

    def __init__(self, sock: socket.socket, route: Route) -> None:
        self.sock: socket.socket = sock
        self.itself: weakref.ref[Connection] = weakref.ref(self)
        self.route: Route = route
        self.reused: bool = False
        self.severed: bool = False
        self.in_use: bool = False
        self.closed: bool = False
        self.idle_since: float = 0.0

    def __repr__(self) -> str:
        return f"Connection({self.route!r})"

    def __del__(self) -> None:
        self.sock.close()  # a Ctrl-C between two steps of its user may have lost it

    def wait_until(self, limit: float) -> None:
        """Let the next call on the socket wait until ``limit``. Raises ``LateError`` when that is past already."""
        if limit != INFINITY:
            left = limit - monotonic()
            if left <= 0:
                raise LateError
            self.sock.settimeout(min(left, LONGEST_WAIT))
        else:
            self.sock.settimeout(None if LONGEST_WAIT == INFINITY else LONGEST_WAIT)

    def receive(self, limit: float) -> bytes:
        """What the network brings next, b"" at its end. Raises ``LateError`` and ``OSError``."""
        try:
            self.in_use = True
            while not self.severed:
                self.wait_until(limit)
                try:
                    return self.sock.recv(READ_SIZE)
                except TimeoutError as error:
                    if error.errno is not None:  # the kernel's own: ETIMEDOUT
                        raise
            return b""
        finally:
            self.leave()

    def send(self, data: bytes, limit: float) -> None:
        """All of it, by ``limit``. Raises ``LateError`` and ``OSError``."""
        view = memoryview(data)
        try:
            self.in_use = True
            while view:
                self.wait_until(limit)
                try:
                    view = view[self.sock.send(view) :]
                except TimeoutError as error:
                    if error.errno is not None or self.severed:
                        raise
        finally:
            self.leave()
        # no settimeout here: the next wait sets its own

    def leave(self) -> None:
        """Whoever waited on it does so no more: what another thread closed meanwhile is closed now."""
        self.in_use = False
        if self.closed:
            self.sock.close()

    def glance(self) -> bytes | None:
        """What has arrived already, without waiting: None when nothing has."""
        self.sock.settimeout(0)
        try:
            return self.sock.recv(READ_SIZE)
        except OSError:  # nothing yet (or an error, which the next user of the connection would meet)
            return None

    def dead(self) -> bool:
        """Whether something can be read from an idle connection: its end, or bytes that nobody asked for."""
        return readable(self.sock)

    def sever(self) -> None:
        """End it under the feet of whoever waits on it; may be called from any thread."""
        self.severed = True
        with suppress(OSError):  # never connected, or gone already
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)  # not SSLSocket's, which would go on in plain text

    def close(self) -> None:
        """The shutdown ends it for the other side even where a forked child holds the same socket.

        While another thread waits on it, that one closes it: its wait may begin a moment later, and the descriptor be another
        connection's by then.
        """
        self.closed = True
        self.sever()
        if not self.in_use:
            self.sock.close()


if sys.platform == "win32":
    from select import select

    def readable(sock: socket.socket) -> bool:
        return bool(select([sock], [], [], 0)[0])
else:
    from select import POLLIN, poll

    def readable(sock: socket.socket) -> bool:
        """Whether a read would not block (``poll``: ``select`` stops at descriptor 1,024)."""
        watcher = poll()
        watcher.register(sock, POLLIN)
        return bool(watcher.poll(0))


class Pool:
    """Routes and connections of one blocking port; safe to use from any thread, and after a fork."""

    def __init__(self, proxies: Mapping[str, str] | None, verify: SSLContext | str | None) -> None:
        self.proxies: Proxies = Proxies(proxies)
        self.verify = verify
        # Re-entrant: a finalizer may abort an exchange while its own thread holds the lock.
        self.lock: threading.RLock = threading.RLock()
        self.generation: int = 0  # goes up when everything under way is to end
        # Weak: what a Ctrl-C between two steps tore from its user is collected, and does not count as busy for ever.
        self.busy: set[weakref.ref[Connection]] = set()
        self._routes: dict[str, Route] = {}
        self._next_sweep = monotonic() + KEPT_SECONDS
        _pools.add(self)
        weakref.finalize(self, _close_idle, self._routes)  # a client need not be closed: what it kept goes with it

    def route(self, origin: str, address: str | None = None) -> Route:
        """The route to ``scheme://host:port``; to one ``address`` of the host a new one, whose connection is not kept. Raises
        ``UsageError`` for what is no such thing."""
        route = self._routes.get(origin) if address is None else None
        if route is None:
            parsed = parse_origin(origin)
            proxy = self.proxies.choose(parsed.scheme, parsed.host, parsed.port)
            if address is not None:
                return Route(parsed, proxy, address)
            with self.lock:
                if len(self._routes) > 1000:  # a program that calls ever new hosts
                    used = {connection.route for connection in self.under_way()}
                    for key in [key for key, known in self._routes.items() if not known.idle and known not in used]:
                        del self._routes[key]
                route = self._routes.setdefault(origin, Route(parsed, proxy))
        return route

    def take(self, route: Route) -> Connection | None:
        """The freshest idle connection that is still alive; it counts as busy from now on."""
        now = monotonic()
        while True:
            with self.lock:
                if not route.idle:
                    return None
                connection = route.idle.pop()
                self.busy.add(connection.itself)
            if now - connection.idle_since <= KEPT_SECONDS and not connection.dead():
                connection.reused = True
                return connection
            self.drop(connection)

    def give(self, connection: Connection) -> None:
        """Keep a connection whose reply has been read whole."""
        connection.idle_since = now = monotonic()
        with self.lock:
            self.busy.discard(connection.itself)
            idle = connection.route.idle
            if len(idle) < KEPT_PER_ROUTE and not connection.severed:
                idle.append(connection)
            else:
                connection.close()
        if now > self._next_sweep:
            self._sweep(now)

    def drop(self, connection: Connection) -> None:
        """Close a connection for good."""
        with self.lock:
            self.busy.discard(connection.itself)
            connection.close()

    def under_way(self) -> list[Connection]:
        """The connections in use. Call it with the lock held."""
        found = [connection for known in self.busy if (connection := known()) is not None]
        self.busy = {connection.itself for connection in found}
        return found

    def close(self) -> None:
        """Close what is idle and end what is under way."""
        with self.lock:
            self.generation += 1
            for connection in self.under_way():
                connection.sever()
            for route in self._routes.values():
                while route.idle:
                    route.idle.pop().close()

    def _sweep(self, now: float) -> None:
        with self.lock:
            self._next_sweep = now + KEPT_SECONDS / 4
            self.under_way()  # forgets those that have been collected
            for route in self._routes.values():
                while route.idle and now - route.idle[0].idle_since > KEPT_SECONDS:
                    route.idle.popleft().close()

    def forget(self) -> None:
        """After a fork, in the child: the connections are the parent's. Only our descriptors of them are closed."""
        self.lock = threading.RLock()
        self.generation += 1
        for connection in self.under_way():
            connection.severed = True
            connection.sock.close()
        self.busy = set()
        for route in self._routes.values():
            while route.idle:
                route.idle.pop().sock.close()


_pools: weakref.WeakSet[Pool] = weakref.WeakSet()


def _close_idle(routes: Mapping[str, Route]) -> None:
    for route in list(routes.values()):
        while route.idle:
            route.idle.pop().sock.close()


def _after_fork() -> None:
    for pool in list(_pools):
        pool.forget()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_after_fork)
