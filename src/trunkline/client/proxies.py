"""Which proxy a request goes through, by the conventions of the environment."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from ..values.errors import UsageError
from .trust import is_loopback

ALLOWED = "http://host:port or https://host:port, with user:password@ before the host where the proxy wants it"


class Proxies:
    """The proxies of an environment: ``for_url`` says which one holds for a host.

    ``HTTPS_PROXY`` and ``HTTP_PROXY`` by the request's scheme, else ``ALL_PROXY``; the lower-case name wins; ``NO_PROXY`` lists
    hosts, domains (with all below them), ``host:port`` or ``*``. Loopback never goes through a proxy. Inside a CGI program
    (``REQUEST_METHOD`` is set) ``HTTP_PROXY`` is ignored in either spelling, because a client's ``Proxy:`` header
    sets it (CVE-2016-5385). ``repr`` shows no address, which may hold a password.
    """

    __slots__ = ("_chosen", "_exempt")

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._chosen: dict[str, tuple[str, str]] = {}
        for scheme in ("http", "https"):
            names = [f"{scheme}_proxy", "all_proxy"]
            if scheme == "http" and "REQUEST_METHOD" in environ:
                names = names[1:]
            for name in (spelled for lower in names for spelled in (lower, lower.upper())):
                if environ.get(name, "").strip():
                    self._chosen[scheme] = (name, environ[name].strip())
                    break
        listed = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
        self._exempt = tuple(entry.lower() for entry in re.split(r"[\s,]+", listed) if entry)

    def for_url(self, scheme: str, host: str, port: int) -> str | None:
        """The proxy's URL, with its credentials if it has any; None: go straight there.

        ``UsageError`` names the variable where the proxy that would hold is none that we speak (SOCKS, say).
        """
        chosen = self._chosen.get(scheme)
        name = host.lower().strip("[]").rstrip(".")
        if chosen is None or is_loopback(name) or any(_covers(entry, name, port) for entry in self._exempt):
            return None
        return _checked(*chosen)

    def variables(self) -> dict[str, str]:
        """Which variable decides for which scheme."""
        return {scheme: name for scheme, (name, _) in self._chosen.items()}

    def __bool__(self) -> bool:
        return bool(self._chosen)

    def __repr__(self) -> str:
        return f"Proxies({', '.join(f'{scheme}: {name}' for scheme, name in self.variables().items())})"


def _covers(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    with_port = re.fullmatch(r"(\[[^\]]+\]|[^:]+):(\d+)", entry)
    if with_port:
        if int(with_port[2]) != port:
            return False
        entry = with_port[1]
    if "/" in entry:
        return _in_network(entry, host)
    entry = entry.strip("[]").removeprefix("*").strip(".")
    return bool(entry) and (host == entry or host.endswith("." + entry))


def _in_network(entry: str, host: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False


def _checked(variable: str, value: str) -> str:
    url = value if "://" in value else f"http://{value}"
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or re.search(r"[^!-~]", url):
        raise UsageError("is no proxy that can be used", field=f"{variable} (environment)", got="text", allowed=ALLOWED)
    return url
