"""Whom the edge talks to: no page of another site, by whatever name it reached us."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from ..values.errors import InvalidRequestError, PermissionDeniedError, ProviderError, UsageError
from ..values.headers import Headers

ANY = "*"
_LOOPBACK_NAMES = ("localhost", "localhost.")
_PLACE = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\[\]:/?#@,\s]+))(?::[0-9]*)?").fullmatch
"""A host, an IPv6 address in brackets, with or without port; and nothing else, so that nobody reads it in two ways."""


class Refusal(Exception):  # noqa: N818 - it is an answer
    """The edge says no before anybody has read the body: ``error`` in the words of the protocol, then the connection ends."""

    def __init__(self, error: ProviderError, headers: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(error.message)
        self.error = error
        self.headers: tuple[tuple[str, str], ...] = tuple(headers)


class Gate:
    """Takes requests whose Host is loopback, the address that they came in at, or one of ``hosts`` (names without port; ``*``:
    any): a foreign name that leads here is how a web page would reach a server on loopback (DNS rebinding)."""

    def __init__(self, hosts: Collection[str] = ()) -> None:
        if isinstance(hosts, str):
            raise UsageError("expected several names", field="hosts", got="str", allowed="a tuple of host names")
        self._hosts = frozenset(name.lower().strip("[]") for name in hosts)

    def check(self, headers: Headers, here: Collection[str], *, named: bool) -> None:
        """Raises ``Refusal``: 400 for a request without a Host (``named``: its version owes one) or with two, 421 for a foreign
        one, 403 for one that a page of another site sent. ``here``: what the server itself is called."""
        names = [value for name, value in headers.pairs if name == "host"]
        if len(names) > 1 or (named and not names):
            raise Refusal(InvalidRequestError("a request has one Host header", status=400))
        if names and not self._known(names[0], here):
            raise Refusal(InvalidRequestError("this server is not known by the name in the Host header", status=421))
        origin = headers.get("origin")
        if origin is not None and not self._known(origin.partition("://")[2], here):
            raise Refusal(PermissionDeniedError("requests from pages of other sites are refused", status=403))

    def _known(self, place: str, here: Collection[str]) -> bool:
        """Whether ``place``, a host with or without port, is us."""
        if ANY in self._hosts:
            return True
        found = _PLACE(place)
        name = "" if found is None else (found[1] or found[2]).lower()
        return is_loopback(name) or name in self._hosts or name in here


def is_loopback(name: str) -> bool:
    """Whether ``name`` can mean nothing but this machine."""
    if name in _LOOPBACK_NAMES or name == "::1" or name.endswith(".localhost"):
        return True
    parts = name.split(".")
    return len(parts) == 4 and parts[0] == "127" and all(part.isdecimal() and part.isascii() for part in parts)
