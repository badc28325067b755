"""Google: tokens of application-default credentials, by google-auth, which is imported when first used.

The chain is google-auth's own (``GOOGLE_APPLICATION_CREDENTIALS``, the gcloud program's file, the metadata of a machine), and so
is the environment that it reads. What it asks the network for goes through our own blocking port.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from ..ports import Deadlines
from ..values.headers import Headers
from ..wire.http import HttpRequest
from .blocking import BlockingIO
from .run import run_blocking
from .vendor import asked

SOURCE = "Google's application-default credentials"
PATIENCE = 60.0
"""Seconds for one request of the library's that names none."""


class GoogleTokens:
    """Tokens for ``scopes``. ``fetch`` blocks."""

    def __init__(self, scopes: tuple[str, ...], proxies: Mapping[str, str] | None = None) -> None:
        self._scopes, self._proxies = scopes, proxies
        self._credentials: Any = None

    def fetch(self) -> tuple[str, float | None]:
        """A new token and its end (Unix seconds)."""
        from google.auth.exceptions import TransportError as Unreachable

        return asked(SOURCE, self._fetched, (Unreachable,))

    def _fetched(self) -> tuple[str, float | None]:
        import google.auth

        io = BlockingIO(proxies=self._proxies)
        try:
            send: Any = _Transport(io)
            if self._credentials is None:
                self._credentials, _ = google.auth.default(scopes=self._scopes, request=send)
            self._credentials.refresh(send)
        finally:
            run_blocking(io.close())
        expiry = self._credentials.expiry  # UTC, and does not say so
        return self._credentials.token, None if expiry is None else expiry.replace(tzinfo=UTC).timestamp()


class _Reply:
    """What google-auth wants to know of a reply."""

    def __init__(self, status: int, headers: Mapping[str, str], data: bytes) -> None:
        self.status, self.headers, self.data = status, headers, data


class _Transport:
    """google-auth's ``transport.Request``, over our port."""

    def __init__(self, io: BlockingIO) -> None:
        self._io = io

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **_: Any,
    ) -> _Reply:
        from google.auth.exceptions import TransportError as Unreachable

        data = body.encode() if isinstance(body, str) else body or b""
        request = HttpRequest(method, url, Headers(tuple((headers or {}).items())), data)
        patience = timeout or PATIENCE
        try:
            return run_blocking(
                self._exchange(request, Deadlines(connect=patience, until=self._io.now() + patience, total=patience))
            )
        except OSError as error:  # our TransportError and DeadlineError are such
            name = type(error).__name__
        raise Unreachable(name)  # type: ignore[no-untyped-call]

    async def _exchange(self, request: HttpRequest, limits: Deadlines) -> _Reply:
        exchange = self._io.send(request, limits)
        try:
            head = await exchange.head()
            pieces = []
            while piece := await exchange.read():
                pieces.append(piece)
        finally:
            await exchange.close()
        return _Reply(head.status, head.headers, b"".join(pieces))
