"""The proxies that the environment names, checked and in the form that the ports take."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from ..values.errors import UsageError
from .trust import bare

ALLOWED = "http://host:port, with user:password@ before the host where the proxy wants it; NO_PROXY=* switches proxies off"
_STRAIGHT = ("localhost", "127.0.0.1", "::1")


class Proxies(Mapping[str, str]):
    """``http`` and ``https``: the proxy's URL for addresses of that scheme; ``no``: hosts that are reached without one.

    ``HTTPS_PROXY`` and ``HTTP_PROXY`` by the request's scheme, else ``ALL_PROXY``; the lower-case name wins; ``NO_PROXY`` lists
    hosts, domains (with all below them), ``host:port``, networks or ``*``. Loopback never goes through a proxy. Inside a CGI
    program (``REQUEST_METHOD`` is set) ``HTTP_PROXY`` is ignored in either spelling, because a client's ``Proxy:`` header
    sets it (CVE-2016-5385). ``repr`` shows no address, which may hold a password. ``UsageError`` names the variable whose proxy
    is none that we speak (SOCKS, say): going around it in silence would be worse.
    """

    __slots__ = ("_entries", "variables")

    def __init__(self, environ: Mapping[str, str]) -> None:
        exempt = [entry for entry in re.split(r"[\s,]+", environ.get("no_proxy") or environ.get("NO_PROXY") or "") if entry]
        self._entries: dict[str, str] = {}
        self.variables: dict[str, str] = {}
        """Which variable decides for which scheme."""
        if "*" in exempt:
            return
        for scheme in ("http", "https"):
            name = next((name for name in _names(scheme, environ) if environ.get(name, "").strip()), None)
            if name is not None:
                self.variables[scheme] = name
                try:
                    self._entries[scheme] = _checked(name, environ[name].strip())
                except UsageError as error:
                    raise bare(error) from None  # the frame below holds the password
        if self._entries:
            self._entries["no"] = ",".join((*_STRAIGHT, *exempt))

    def __getitem__(self, name: str) -> str:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"Proxies({', '.join(f'{scheme}: {name}' for scheme, name in self.variables.items())})"


def _names(scheme: str, environ: Mapping[str, str]) -> Iterator[str]:
    for name in (f"{scheme}_proxy", "all_proxy"):
        if name != "http_proxy" or "REQUEST_METHOD" not in environ:
            yield name
            yield name.upper()


def _checked(variable: str, value: str) -> str:
    url = value if "://" in value else f"http://{value}"
    try:
        parts = urlsplit(url)
        valid = parts.scheme == "http" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or re.search(r"[^!-~]", url):
        raise UsageError("is no proxy that can be used", field=f"{variable} (environment)", got="text", allowed=ALLOWED)
    return url
