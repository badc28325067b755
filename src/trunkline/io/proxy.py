"""Which proxy stands between us and a host. The rules of the ``*_proxy`` variables are those that curl and requests share."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import final
from urllib.parse import unquote, urlsplit

from ..values.errors import UsageError

_ALLOWED = "http://[user:password@]host:port"


@final
class Proxy:
    """An HTTP proxy. ``authorization`` is the value of its Proxy-Authorization header; ``repr`` keeps it to itself."""

    __slots__ = ("authorization", "host", "port")

    def __init__(self, field: str, url: str) -> None:
        parts = urlsplit(url if "://" in url else "http://" + url)
        if parts.scheme != "http" or not parts.hostname:
            raise UsageError(
                "only HTTP proxies are spoken to",
                field=field,
                got=f"the scheme {parts.scheme}" if parts.hostname else "no host",
                allowed=_ALLOWED,
            )
        self.host: str = parts.hostname
        self.port: int = parts.port or 80
        self.authorization: str | None = None
        if parts.username is not None:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self.authorization = "Basic " + b64encode(pair.encode()).decode()

    def __repr__(self) -> str:
        return f"Proxy({self.host}:{self.port})"


@final
class Proxies:
    """``{"http": url, "https": url, "all": url, "no": "host,.domain,10.0.0.0/8"}``; each key may be missing.

    Raises ``UsageError`` for a proxy that is not plain HTTP.
    """

    __slots__ = ("_by_scheme", "_no")

    def __init__(self, mapping: Mapping[str, str] | None) -> None:
        self._by_scheme: dict[str, Proxy] = {}
        self._no: tuple[str, ...] = ()
        if mapping:
            self._no = tuple(entry.strip().lower() for entry in mapping.get("no", "").split(",") if entry.strip())
            for scheme in ("http", "https"):
                field = scheme if mapping.get(scheme) else "all"
                if mapping.get(field):
                    self._by_scheme[scheme] = Proxy(f"proxies[{field!r}]", mapping[field])

    def choose(self, scheme: str, host: str, port: int) -> Proxy | None:
        """The proxy for this address, or None to go straight there."""
        proxy = self._by_scheme.get(scheme)
        if proxy is None or any(_exempts(entry, host, port) for entry in self._no):
            return None
        return proxy


def _exempts(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    if "/" in entry:
        return _in_network(entry, host)
    name, colon, number = entry.rpartition(":")
    if colon and number.isdigit() and not (":" in name and not name.endswith("]")):
        if int(number) != port:
            return False
        entry = name
    entry = entry.strip("[]").removeprefix("*").lstrip(".")
    return host == entry or host.endswith("." + entry)


def _in_network(entry: str, host: str) -> bool:
    import ipaddress  # 3 ms, and few lists name a network

    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
    except ValueError:  # the host is a name, or the entry is no network: it exempts nothing
        return False
