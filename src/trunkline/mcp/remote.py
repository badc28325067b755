"""An MCP server that is reached by streamable HTTP: the SDK's transport, with a sender that keeps what is secret from it."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from typing import Final
from urllib.parse import urlsplit

import httpx2
from mcp.client._transport import TransportStreams
from mcp.client.streamable_http import streamable_http_client

from ..client.settings import Settings
from ..client.trust import host_of, is_loopback
from ..io.proxy import Proxies
from ..io.tls import tls_context
from ..values.secret import Secret

LONGEST: Final = 64 * 1024 * 1024
"""Bytes of the longest message that is taken."""

_log = logging.getLogger("trunkline.mcp")


class Remote:
    """``async with`` gives its streams. Nothing is sent before its first message."""

    def __init__(
        self, url: str, query: Secret | None, headers: tuple[tuple[str, Secret], ...], settings: Settings, lost: asyncio.Event
    ) -> None:
        if headers and url.startswith("http:") and not is_loopback(host_of(url)):
            _log.warning("headers for an MCP server go over plain HTTP to %s", host_of(url))
        self._url = url
        self._sender = Sender(url, query, headers, settings, lost)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> TransportStreams:
        # A call has a deadline of its own, and a stream of what changes may be silent for days.
        timeout = httpx2.Timeout(30, read=None)
        plain = {"accept-encoding": "identity"}
        client = httpx2.AsyncClient(transport=self._sender, headers=plain, trust_env=False, timeout=timeout)
        await self._stack.enter_async_context(client)
        transport = streamable_http_client(self._url, http_client=client, max_sse_event_size=LONGEST)
        return await self._stack.enter_async_context(transport)

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: object) -> bool | None:
        return await self._stack.__aexit__(kind, error, tb)  # type: ignore[arg-type]  # a traceback

    def kill(self) -> None:
        """Nothing is left behind."""

    forget = kill

    def complaint(self) -> str | None:
        """What the server refused with."""
        return self._sender.trouble


class Sender(httpx2.AsyncBaseTransport):
    """Adds headers and query on the last step, for this origin alone: what the SDK and its HTTP library log holds neither."""

    def __init__(
        self, url: str, query: Secret | None, headers: tuple[tuple[str, Secret], ...], settings: Settings, lost: asyncio.Event
    ) -> None:
        self._lost = lost
        self._url = httpx2.URL(url)
        self._query, self._headers = query, headers
        self.trouble: str | None = None
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        through = Proxies(settings.proxies).choose(parts.scheme, host_of(url), port)
        self._inner = httpx2.AsyncHTTPTransport(
            verify=tls_context(None) if parts.scheme == "https" else False,
            proxy=None if through is None else settings.proxies[parts.scheme],
            trust_env=False,
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        ours = (self._url.scheme, self._url.host, self._url.port)
        if (request.url.scheme, request.url.host, request.url.port) == ours:
            request = self._completed(request)
        try:
            response = await self._inner.handle_async_request(request)
        except httpx2.TransportError as error:
            self.trouble = f"it could not be reached ({type(error).__name__})"
            raise
        if request.method == "POST":
            self._note(response.status_code, "mcp-session-id" in request.headers)
        coded = response.headers.get("content-encoding", "identity") != "identity"
        if coded or not response.headers.get("content-type", "").startswith("text/event-stream"):
            assert isinstance(response.stream, httpx2.AsyncByteStream)
            response.stream = _Body(response.stream, 0 if coded else LONGEST)
        return response

    def _completed(self, request: httpx2.Request) -> httpx2.Request:
        url = request.url
        if self._query is not None and url.path == self._url.path:
            url = url.copy_with(query=self._query.reveal().encode())
        headers = httpx2.Headers(request.headers)
        for name, value in self._headers:
            headers[name] = value.reveal()
        return httpx2.Request(request.method, url, headers=headers, stream=request.stream, extensions=request.extensions)

    def _note(self, status: int, within: bool) -> None:
        if status == 404 and within:
            self.trouble = "it has forgotten the session (HTTP 404)"
            self._lost.set()
        elif status in (401, 403):
            self.trouble = f"it refused (HTTP {status}): does `headers` hold what it wants?"
        elif status >= 300:
            self.trouble = f"it answered HTTP {status}"
        else:
            self.trouble = None

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Body(httpx2.AsyncByteStream):
    """A body that is one message: the SDK measures events alone, and a coding could make gigabytes of little."""

    def __init__(self, stream: httpx2.AsyncByteStream, most: int) -> None:
        self._stream, self._left = stream, most
        self._pieces = aiter(stream)

    def __aiter__(self) -> _Body:
        return self

    async def __anext__(self) -> bytes:
        piece = await anext(self._pieces)
        self._left -= len(piece)
        if self._left < 0:
            raise httpx2.StreamError(f"more than {LONGEST // 2**20} MiB, or in a coding that was not asked for")
        return piece

    async def aclose(self) -> None:
        await self._stream.aclose()
