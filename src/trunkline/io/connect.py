"""From a route to a connection: name, sockets, proxy, TLS; all of it by one moment, and interruptible."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Callable
from queue import Empty, SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING, Final

from ..values.errors import TransportError
from . import faults
from .head import end_of_head, parse_head
from .pool import Connection, LateError, Route
from .resolve import Address, Answer, ask, numeric

if TYPE_CHECKING:
    from ssl import SSLContext

STAGGER: Final = 0.25
"""How long an address has the field to itself before the next is tried beside it (RFC 8305, 5)."""

_SLICE: Final = 0.1  # how often a wait that no shutdown can end looks whether it has been called off


class StoppedError(Exception):
    """The exchange was closed from elsewhere."""


def addresses(host: str, port: int, limit: float, stopped: Callable[[], bool]) -> list[Address]:
    """The addresses of a host. Raises ``socket.gaierror``, ``LateError``, ``StoppedError``."""
    known = numeric(host, port)
    if known is not None:
        return known
    answers: SimpleQueue[Answer] = SimpleQueue()
    ask(host, port, answers.put)
    while True:
        try:
            answer = answers.get(timeout=max(min(_SLICE, limit - monotonic()), 0))
        except Empty:
            if stopped():
                raise StoppedError from None
            if monotonic() >= limit:
                raise LateError from None
            continue
        if isinstance(answer, OSError):
            raise answer
        return answer


def race(candidates: list[Address], limit: float, stopped: Callable[[], bool]) -> socket.socket:
    """The first of the addresses to answer, each tried a little after the one before it, or as soon as that has failed.
    Raises ``OSError`` (the last one's), ``LateError``, ``StoppedError``."""
    waiting = candidates[::-1]
    selector = selectors.DefaultSelector()
    started: list[socket.socket] = []
    winner: socket.socket | None = None
    failure: OSError = OSError("the host has no address")
    try:
        next_start = 0.0
        while winner is None and (waiting or selector.get_map()):
            now = monotonic()
            if now >= limit:
                raise LateError
            if stopped():
                raise StoppedError
            if waiting and (now >= next_start or not selector.get_map()):
                problem = _begin(waiting.pop(), selector, started)
                next_start = now + STAGGER
                failure = problem or failure
                continue
            for key, _ in selector.select(min(limit - now, _SLICE, next_start - now if waiting else _SLICE)):
                sock: socket.socket = key.data
                code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if code == 0:
                    winner = sock
                    break
                selector.unregister(sock)
                failure = OSError(code, "")  # OSError picks ConnectionRefusedError and the like by the number
    finally:
        selector.close()
        for sock in started:
            if sock is not winner:
                sock.close()
    if winner is None:
        raise failure
    return winner


def _begin(address: Address, selector: selectors.BaseSelector, started: list[socket.socket]) -> OSError | None:
    family, where = address
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:  # this machine does not speak that family
        return error
    started.append(sock)
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    try:
        sock.connect(where)
    except BlockingIOError:
        pass
    except OSError as error:
        return error
    selector.register(sock, selectors.EVENT_WRITE, sock)
    return None


def open_socket(route: Route, limit: float, stopped: Callable[[], bool]) -> socket.socket:
    """A TCP connection to the route's host, or to its proxy."""
    end = route.proxy or route.origin
    host = route.address if route.address is not None and route.proxy is None else end.host
    return race(addresses(host, end.port, limit, stopped), limit, stopped)


def tunnel(connection: Connection, limit: float) -> None:
    """Ask the route's proxy to pass us through to the origin (RFC 9110, 9.3.6). Raises ``TransportError`` when it does not."""
    route = connection.route
    origin, proxy = route.origin, route.proxy
    assert proxy is not None
    host = route.address or origin.host
    place = f"[{host}]:{origin.port}" if ":" in host else f"{host}:{origin.port}"
    connection.send(_connect_head(place, proxy.authorization), limit)
    data = b""
    while (end := end_of_head(data)) < 0:
        more = connection.receive(limit)
        if not more:
            raise TransportError(f"{proxy!r} closed the connection", phase="connect")
        data += more
    status = parse_head(data[:end], "CONNECT").head.status
    if not 200 <= status < 300:
        raise faults.by_proxy(repr(proxy), place, status)
    if len(data) > end:
        raise TransportError(f"{proxy!r} spoke before the tunnel was used", phase="connect")


def _connect_head(place: str, authorization: str | None) -> bytes:
    proof = f"Proxy-Authorization: {authorization}\r\n" if authorization else ""
    return f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n{proof}\r\n".encode("latin-1")


def secure(connection: Connection, context: SSLContext, limit: float) -> None:
    """Put TLS over the connection."""
    host = connection.route.origin.host
    try:
        connection.in_use = True
        wrapped = context.wrap_socket(connection.sock, server_hostname=host, do_handshake_on_connect=False)
        connection.sock = wrapped
        if connection.severed:  # while it had neither the one nor the other
            connection.sever()
        while True:
            connection.wait_until(limit)
            try:
                wrapped.do_handshake()
            except TimeoutError as error:
                if error.errno is not None or connection.severed:
                    raise
                continue
            return
    finally:
        connection.leave()
