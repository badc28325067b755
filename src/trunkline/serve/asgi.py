"""The HTTP edge as an ASGI 3 application: requests in, whatever their dialect; answers out, as fast as they are read."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Collection, MutableMapping, Sequence
from typing import Any

from msgspec.structs import replace

from ..dialects.dialect import Context, Decoded, Operation, Served, ServerHalf
from ..values.errors import InvalidRequestError, NotFoundError, ProviderError, ServerError, UnsupportedOperationError, UsageError
from ..values.headers import Headers
from ..wire.http import HttpReply, HttpRequest
from .answers import Answer, Answerer, Asked, Bytes, ByteSource, EventSource, HangUp, Streamed, Taken, Whole
from .connection import LINE, Line, NoLine
from .delivery import pour, stream
from .faults import told
from .gate import Gate, Refusal
from .intake import Receive, body_of, credential_of
from .outlet import Outlet, Send
from .presence import Presence
from .routes import Match, Missed, Routes

_log = logging.getLogger("trunkline.serve")
_log.addHandler(logging.NullHandler())
HOST = "trunkline.host"
"""Where in a scope's ``state`` the name stands that the server was told to listen at."""
LINGER = 2.0
"""For how many seconds what still comes of a refused body is thrown away, so that the refusal is read and not lost to a reset."""
MAX_BODY = 32 * 1024 * 1024
_TURNS_TO_FLUSH = 8
_TEXT = Headers([("content-type", "text/plain; charset=utf-8")])
_HEALTHY = HttpReply(200, Headers([("content-type", "application/json")]), b'{"status":"ok"}')
_NOT_OURS = frozenset({b"host", b"content-length", b"content-encoding", b"transfer-encoding"})
"""Headers that spoke of how the body came; it is handed on whole and decoded."""


class App:
    """An ASGI 3 application that speaks the dialects of ``halves`` and lets ``answerer`` answer.

    ``max_body``: bytes of a request, decoded. ``hosts``: names besides loopback that this server is reached by (``*``: any).
    ``about``: what ``GET /`` says. ``token`` makes the random part of ids, ``wall`` tells Unix seconds.
    """

    def __init__(
        self,
        answerer: Answerer,
        halves: Sequence[ServerHalf],
        *,
        max_body: int = MAX_BODY,
        hosts: Collection[str] = (),
        about: str | None = None,
        token: Callable[[], str] = lambda: secrets.token_hex(12),
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._answerer = answerer
        self._routes = Routes(halves)
        self._gate = Gate(hosts)
        self._max_body = max_body
        self._token, self._wall = token, wall
        spoken = ", ".join(half.id for half in halves)
        self._about = HttpReply(200, _TEXT, (about or f"Trunkline: speaks {spoken}.\n").encode())

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise UnsupportedOperationError(f"nothing is served here by {scope['type']}", hint="plain HTTP is")
        line = scope.get("state", {}).get(LINE) or NoLine()
        await _Request(self, scope, receive, Outlet(send), line).serve()

    def failed(self, scope: MutableMapping[str, Any], error: ProviderError) -> None:
        """Called with each error that becomes the reply to a request, before it goes out. For those who keep records."""


class _Request:
    """One request, from its head to the end of its answer."""

    def __init__(self, app: App, scope: MutableMapping[str, Any], receive: Receive, outlet: Outlet, line: Line | NoLine) -> None:
        self._app, self._scope, self._receive, self._outlet, self._line = app, scope, receive, outlet, line
        self._headers = Headers(raw=tuple(scope["headers"]))
        self._id = f"req_{app._token()}"

    async def serve(self) -> None:
        try:
            await self._serve()
        except HangUp as hang_up:
            await self._hang_up(hang_up)
        except Refusal as refusal:
            await self._refuse(refusal)
        except Exception as error:  # noqa: BLE001 - the outermost frame: nobody else would tell the asker
            await self._failed(error)
        if isinstance(self._line, Line) and self._line.spoken:
            await self._line.gone()

    async def _serve(self) -> None:
        path, method = self._scope["path"], self._scope["method"]
        self._app._gate.check(self._headers, self._here(), named=self._scope["http_version"] != "1.0")
        if method in {"GET", "HEAD"} and path in {"/", "/health"}:
            await self._outlet.whole(self._app._about if path == "/" else _HEALTHY)
            return
        found = self._app._routes.find(method, path, self._headers)
        body = await body_of(self._receive, self._headers, self._app._max_body)
        if body is None:
            return
        http = HttpRequest(method, self._url(), self._told_headers(), body)
        if isinstance(found, Missed):
            await self._miss(found, http)
            return
        asked = await self._asked(found, http)
        if asked is not None:
            await self._answer(asked)

    async def _miss(self, missed: Missed, http: HttpRequest) -> None:
        """404, or 405 with what this path does take."""
        error: ProviderError = NotFoundError("there is nothing at this path", status=404)
        if missed.allow:
            error = InvalidRequestError("this path does not take this method", status=405)
        reply = self._encoded(missed.half, error, self._context(missed.half, http))
        await self._outlet.whole(reply, [("allow", ", ".join(missed.allow))] if missed.allow else ())

    async def _asked(self, match: Match, http: HttpRequest) -> Asked | None:
        """What is asked, decoded; None when the asker has been told that it is no request."""
        half, decoded = match.half, None
        if match.operation in {Operation.GENERATE, Operation.COUNT_TOKENS}:
            try:
                decoded = half.decode_request(http)
            except ProviderError as error:
                await self._outlet.whole(self._encoded(half, error, self._context(half, http)))
                return None
        context = self._context(half, http) if decoded is None else self._served(half, decoded.context)
        return Asked(
            half=half,
            operation=match.operation,
            http=http,
            context=context,
            request_id=self._id,
            connection=self._line,
            decoded=None if decoded is None else Decoded(decoded.request, decoded.warnings, context),
            model=match.model,
            key=credential_of(self._headers, self._scope.get("query_string") or b""),
        )

    async def _answer(self, asked: Asked) -> None:
        source: EventSource | ByteSource | None = None
        try:
            async with Presence(self._line, self._receive) as presence:
                try:
                    answer = await self._app._answerer.answer(asked)
                except ProviderError as error:
                    answer = Whole(self._encoded(asked.half, error, asked.context))
                if isinstance(answer, Streamed | Bytes):
                    source = answer.source
                await self._deliver(answer, asked, presence)
        finally:
            if source is not None:
                await self._close(source)

    async def _deliver(self, answer: Answer, asked: Asked, presence: Presence) -> None:
        if self._line.spoken:
            return
        if isinstance(answer, Streamed):
            await stream(self._outlet, presence, asked.half, answer, self._id)
        elif isinstance(answer, Bytes):
            await pour(self._outlet, presence, answer)
        elif isinstance(answer, Whole):
            await self._outlet.whole(answer.reply)
        elif not isinstance(answer, Taken):
            raise UsageError("expected an answer", field="answer", got=type(answer).__name__)
        else:
            self._line.close()  # taken, he says, and has said nothing

    async def _close(self, source: EventSource | ByteSource) -> None:
        try:
            await source.close()
        except Exception as error:  # noqa: BLE001 - the reply is over; the log is told
            _log.error("request %s: closing its source failed with %s", self._id, told(error))

    async def _hang_up(self, hang_up: HangUp) -> None:
        """End the connection under the reply; what was said before is let out, as far as it goes without waiting."""
        if not isinstance(self._line, Line):
            raise ConnectionAbortedError("the answer ends without its end") from hang_up
        if hang_up.reset:
            for turn in range(_TURNS_TO_FLUSH):
                if turn > 1 and not self._line.unsent:
                    break
                await asyncio.sleep(0)
            self._line.reset()
        else:
            self._line.close()

    async def _refuse(self, refusal: Refusal) -> None:
        """Say no and end the connection. What comes of the body is thrown away for a while, or a reset would swallow it."""
        reply = self._error(refusal.error)
        pending = self._headers.first(("content-length", "transfer-encoding")) not in {None, "0"}
        await self._outlet.whole(reply, (*refusal.headers, ("connection", "close")), last=not pending)
        if not pending:
            return
        try:
            async with asyncio.timeout(LINGER):
                while (message := await self._receive())["type"] != "http.disconnect" and message.get("more_body"):
                    pass
        except TimeoutError:
            pass
        await self._outlet.end()

    async def _failed(self, error: Exception) -> None:
        """Nobody's plan: the log is told what kind and where, the asker that there was something."""
        _log.error("request %s: answering failed with %s", self._id, told(error))
        if self._outlet.ended or self._line.spoken or self._line.lost:
            return
        if self._outlet.started:
            await self._hang_up(HangUp(reset=False))
            return
        await self._outlet.whole(self._error(ServerError("internal error", status=500)))

    def _error(self, error: ProviderError) -> HttpReply:
        """In the words of the dialect that this path is most like."""
        half = self._app._routes.speaker(self._scope["path"], self._headers)
        http = HttpRequest(self._scope["method"], self._url(), self._told_headers())
        return self._encoded(half, error, self._context(half, http))

    def _encoded(self, half: ServerHalf, error: ProviderError, context: Context) -> HttpReply:
        self._app.failed(self._scope, error)
        return half.encode_error(error, context)

    def _context(self, half: ServerHalf, http: HttpRequest) -> Context:
        return self._served(half, half.context_of(http))

    def _served(self, half: ServerHalf, context: Context) -> Context:
        """``context`` with what the server says of itself."""
        app = self._app
        reply_id, created = half.reply_prefix + app._token(), int(app._wall())
        known = context.served or Served()
        return replace(context, served=replace(known, request_id=self._id, reply_id=reply_id, created=created))

    def _told_headers(self) -> Headers:
        return Headers(raw=tuple(pair for pair in self._scope["headers"] if pair[0] not in _NOT_OURS))

    def _url(self) -> str:
        scope = self._scope
        host = self._headers.first(("host",)) or _place(scope.get("server"))
        path = scope.get("raw_path") or scope["path"].encode()
        query = scope.get("query_string") or b""
        return f"{scope.get('scheme', 'http')}://{host}{path.decode('latin-1')}" + (
            f"?{query.decode('latin-1')}" if query else ""
        )

    def _here(self) -> tuple[str, ...]:
        """What this server is called: the address that the request came in at, and where it was told to listen."""
        server, named = self._scope.get("server"), self._scope.get("state", {}).get(HOST)
        return tuple(name for name in (server[0] if server else None, named) if name)


def _place(server: Sequence[Any] | None) -> str:
    if not server:
        return "localhost"
    name = f"[{server[0]}]" if ":" in server[0] else server[0]
    return f"{name}:{server[1]}" if server[1] else name
