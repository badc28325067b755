"""A URL as aiohttp takes it, and the way that leads there."""

from __future__ import annotations

from multidict import CIMultiDict
from yarl import URL

from ..wire.http import HttpRequest
from .proxy import Proxy
from .request import Origin


class Place:
    """A URL ready for aiohttp, and the proxy that leads there. ``pinned``: the URL holds an address in place of the name."""

    __slots__ = ("_proxy", "origin", "pinned", "proxy_url", "server_name", "url")

    def __init__(self, url: URL, origin: Origin, proxy: Proxy | None, pinned: bool = False) -> None:
        self.url: URL = url
        self.pinned: bool = pinned
        self.server_name: str | None = origin.host if pinned and origin.scheme == "https" else None
        self.origin: Origin = origin
        self._proxy: Proxy | None = proxy
        host = f"[{proxy.host}]" if proxy is not None and ":" in proxy.host else proxy.host if proxy is not None else ""
        self.proxy_url: URL | None = URL(f"http://{host}:{proxy.port}") if proxy is not None else None

    def headers(self, request: HttpRequest) -> CIMultiDict[str]:
        """The fields of the request; a proxy of plain HTTP finds its own among them."""
        fields = CIMultiDict(request.headers.pairs)
        if self.pinned:
            fields["Host"] = self.origin.authority
        if self._proxy is not None and self.origin.scheme == "http":
            fields.extend(self._proof())
        return fields

    def proxy_headers(self) -> dict[str, str] | None:
        """What only the proxy is told, when it is asked for a tunnel."""
        return self._proof() if self._proxy is not None and self.origin.scheme == "https" else None

    def _proof(self) -> dict[str, str]:
        authorization = self._proxy.authorization if self._proxy is not None else None
        return {"Proxy-Authorization": authorization} if authorization is not None else {}
