"""A guard over what this process sends: to this machine, and to no other."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv6Address, ip_address
from typing import Any, Final

_ADDRESSED: Final = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_NAMED: Final = frozenset({"socket.getaddrinfo", "socket.gethostbyname"})


class NetworkUseError(RuntimeError):
    """A test sent something to another machine, or looked its name up; nothing was sent."""


class Guard:
    """What was refused, as ``host:port``, until it is taken."""

    def __init__(self) -> None:
        self._refused: list[str] = []

    def check(self, host: object, port: object) -> None:
        if isinstance(host, bytes):
            host = host.decode("ascii", "replace")
        if not isinstance(host, str) or is_here(host):
            return
        where = host if port is None else f"{host}:{port}"
        self._refused.append(where)
        raise NetworkUseError(f"{where} is not this machine; this test may not use the network (trunkline_no_network)")

    def take(self) -> list[str]:
        """What was refused since it was last asked, each once."""
        refused, self._refused = list(dict.fromkeys(self._refused)), []
        return refused


_guards: list[Guard] = []
_watching: list[bool] = []


@contextmanager
def guarding() -> Iterator[Guard]:
    """While it lasts, no socket of this process reaches another machine, whichever library holds it.

    Python's own hook for auditors watches, and sees every socket of Python's. What a library in C does by itself (uvloop's
    ``create_connection``) it does not see, nor what child processes do.
    """
    if not _watching:
        _watching.append(True)
        sys.addaudithook(_watch)  # for good: there is no way to take it back, and without a guard it does nothing
    guard = Guard()
    _guards.append(guard)
    try:
        yield guard
    finally:
        _guards.remove(guard)


def _watch(event: str, args: tuple[Any, ...]) -> None:
    if not _guards or not event.startswith("socket."):
        return
    if event in _NAMED:
        _guards[-1].check(args[0], args[1] if len(args) > 1 else None)
    elif event in _ADDRESSED and isinstance(address := args[1], tuple):  # text: a path, for sockets of this machine's own
        _guards[-1].check(address[0], address[1] if len(address) > 1 else None)


def is_here(host: str) -> bool:
    """Whether an address or a name is this machine's."""
    name = host.strip("[]").partition("%")[0].rstrip(".").lower()
    if name in {"", "localhost", platform.node().lower()} or name.endswith(".localhost"):
        return True
    try:
        address = ip_address(name)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback or address.is_unspecified
