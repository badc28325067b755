"""The edge under a simulator's eyes: every request is recorded, those that nobody understood too."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ..serve.answers import Asked
from ..serve.asgi import App
from ..serve.connection import LINE
from ..values.errors import ProviderError
from ..values.headers import Headers
from ..wire.http import HttpRequest
from .recorder import Entry, Recorder

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
_OF_THE_HOUSE = ("/", "/health")


class WatchedApp(App):
    """An ``App`` that records what it is asked in ``recorder``, and tells ``ended`` of each request that is over."""

    recorder: Recorder
    ended: Callable[[Entry], object]
    under_way: dict[int, Entry]

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or (scope["path"] in _OF_THE_HOUSE and scope["method"] != "POST"):
            await super().__call__(scope, receive, send)
            return
        watch = _Watch(self.recorder.begin(_http(scope)), receive, send)
        line = id(scope.get("state", {}).get(LINE))
        self.under_way[line] = watch.entry
        try:
            await super().__call__(scope, watch.receive, watch.send)
        finally:
            self.under_way.pop(line, None)
            watch.keep_body()
            self.recorder.end(watch.entry)
            self.ended(watch.entry)

    def failed(self, scope: MutableMapping[str, Any], error: ProviderError) -> None:
        """Of an error that the edge itself tells, the reason."""
        if (entry := self.under_way.get(id(scope.get("state", {}).get(LINE)))) is not None:
            entry.failed(error)


class _Watch:
    """What goes in and out of one request."""

    def __init__(self, entry: Entry, receive: Receive, send: Send) -> None:
        self.entry = entry
        self._receive = receive
        self._send = send
        self._body: list[bytes] = []

    async def receive(self) -> dict[str, Any]:
        message = await self._receive()
        if self.entry.dialect is None and message["type"] == "http.request":
            self._body.append(message.get("body", b""))
        return message

    async def send(self, message: dict[str, Any]) -> None:
        """What is known is noted before it goes out: who reads the reply's end finds it in the records."""
        if message["type"] == "http.response.start":
            self.entry.status = message["status"]
        elif not message.get("more_body") and self.entry.outcome == "open":
            self.entry.outcome = "failed" if (self.entry.status or 0) >= 400 else "end"
        await self._send(message)

    def keep_body(self) -> None:
        """Of a request that nobody understood, the body as it came."""
        if self.entry.dialect is None and self._body:
            http = self.entry.http
            self.entry.http = HttpRequest(http.method, http.url, http.headers, b"".join(self._body))


def note(entry: Entry, asked: Asked) -> None:
    """What a request turned out to be."""
    entry.http = asked.http
    entry.dialect = asked.half.id
    entry.operation = asked.operation
    entry.request_id = asked.request_id
    if asked.decoded is not None:
        entry.request = asked.decoded.request
        entry.warnings = asked.decoded.warnings


def _http(scope: MutableMapping[str, Any]) -> HttpRequest:
    headers = Headers(raw=tuple(scope["headers"]))
    query = scope.get("query_string") or b""
    path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    url = f"{scope.get('scheme', 'http')}://{headers.get('host', 'localhost')}{path}" + (
        f"?{query.decode('latin-1')}" if query else ""
    )
    return HttpRequest(scope["method"], url, headers)
