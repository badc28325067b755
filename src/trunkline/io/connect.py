"""From a route to a connection: name, sockets, proxy, TLS; all of it by one moment, and interruptible."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, Final

from ..values.errors import TransportError
from .head import end_of_head, parse_head
from .pool import Connection, LateError, Route

Address = tuple[int, Any]
"""Family and socket address."""

STAGGER: Final = 0.25
"""How long an address has the field to itself before the next is tried beside it (RFC 8305, 5)."""

_SLICE: Final = 0.1  # how often a wait that no shutdown can end looks whether it has been called off


class StoppedError(Exception):
    """The exchange was closed from elsewhere."""


def addresses(host: str, port: int, limit: float, stopped: Callable[[], bool]) -> list[Address]:
    """The addresses of a host. A look-up cannot be interrupted, so it is made in a thread that is left behind when
    nobody waits for it any more. Raises ``socket.gaierror``, ``LateError``, ``StoppedError``."""
    if host[-1:].isdigit() or ":" in host:
        try:
            return _look_up(host, port, socket.AI_NUMERICHOST)
        except socket.gaierror:  # a name after all
            pass
    found: list[list[Address] | OSError] = []
    answered = threading.Event()

    def ask() -> None:
        try:
            found.append(_look_up(host, port, 0))
        except OSError as error:
            found.append(error)
        except UnicodeError:  # a label that is empty or too long
            found.append(socket.gaierror(socket.EAI_NONAME, "not a host name"))
        answered.set()

    threading.Thread(target=ask, name="trunkline-resolve", daemon=True).start()
    while not answered.wait(min(_SLICE, max(limit - monotonic(), 0))):
        if stopped():
            raise StoppedError
        if monotonic() >= limit:
            raise LateError
    answer = found[0]
    if isinstance(answer, OSError):
        raise answer
    return answer


def _look_up(host: str, port: int, flags: int) -> list[Address]:
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return [(int(family), where) for family, _, _, _, where in infos]


def host_addresses(infos: Sequence[tuple[Any, ...]]) -> list[str]:
    """What ``getaddrinfo`` answered, as plain addresses, each once."""
    return list(dict.fromkeys(str(info[4][0]) for info in infos))


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
                sock: socket.socket = key.fileobj  # type: ignore[assignment]
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
    selector.register(sock, selectors.EVENT_WRITE)
    return None


def open_socket(route: Route, limit: float, stopped: Callable[[], bool]) -> socket.socket:
    """A TCP connection to the route's host, or to its proxy."""
    end = route.proxy or route.origin
    return race(addresses(end.host, end.port, limit, stopped), limit, stopped)


def tunnel(connection: Connection, limit: float) -> None:
    """Ask the route's proxy to pass us through to the origin (RFC 9110, 9.3.6). Raises ``TransportError`` when it does not."""
    origin, proxy = connection.route.origin, connection.route.proxy
    assert proxy is not None
    place = f"[{origin.host}]:{origin.port}" if ":" in origin.host else f"{origin.host}:{origin.port}"
    connection.send(_connect_head(place, proxy.authorization), limit)
    data = b""
    while (end := end_of_head(data)) < 0:
        more = connection.receive(limit)
        if not more:
            raise TransportError(f"{proxy!r} closed the connection", phase="connect")
        data += more
    status = parse_head(data[:end], "CONNECT").head.status
    if not 200 <= status < 300:
        hint = "Check the user and password of the proxy" if status == 407 else None
        raise TransportError(f"{proxy!r} would not connect to {place}: HTTP {status}", phase="connect", hint=hint)
    if len(data) > end:
        raise TransportError(f"{proxy!r} spoke before the tunnel was used", phase="connect")


def _connect_head(place: str, authorization: str | None) -> bytes:
    proof = f"Proxy-Authorization: {authorization}\r\n" if authorization else ""
    return f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n{proof}\r\n".encode("latin-1")


def secure(connection: Connection, verify: Any, limit: float) -> None:
    """Put TLS over the connection."""
    from .tls import tls_context

    host = connection.route.origin.host
    wrapped = tls_context(verify).wrap_socket(connection.sock, server_hostname=host, do_handshake_on_connect=False)
    connection.sock = wrapped
    while True:
        connection.wait_until(limit)
        try:
            wrapped.do_handshake()
        except TimeoutError as error:
            if error.errno is not None or connection.severed:
                raise
            continue
        return
