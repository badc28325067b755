"""The way to a provider: requests in its own words, over one client of the library's."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator, Mapping
from types import TracebackType
from typing import Any, Self

from trunkline import (
    AsyncClient,
    DeadlineError,
    Event,
    Finish,
    MalformedResponseError,
    OpaqueEvent,
    OverloadedError,
    ServerError,
    TextDelta,
    Timeout,
    TransportError,
    UnsupportedOperationError,
    UsageUpdate,
)

from ...pieces import Pieces


class BaseConnector(ABC):
    """The way to a provider. ``config``: what it needs for that (``api_key, endpoint`` and the like)."""

    def __init__(self, config: Mapping[str, Any] | None = None) -> None:
        self.config: dict[str, Any] = {name: value for name, value in (config or {}).items() if value is not None}
        self.api_key: Any = self.config.get("api_key")
        self.endpoint: str | None = self.config.get("endpoint")
        self._session: Any = None

    @abstractmethod
    async def request(self, path: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """The provider's answer to ``payload``, posted to ``path`` (``chat/completions``)."""

    def stream(self, path: str, payload: Mapping[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """The provider's answer, piece by piece."""
        raise UnsupportedOperationError(f"{type(self).__name__} does not stream", hint="override stream() in its class")

    async def close(self) -> None:  # noqa: B027  (nothing to close is no fault)
        """Give back what it holds."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        await self.close()

    def __repr__(self) -> str:  # the configuration holds keys
        return f"{type(self).__name__}({self.endpoint or ''})"


TIMEOUT = 60.0
MOVES = (OverloadedError, ServerError, TransportError, DeadlineError)
"""What another address may do better: 503 and its like, timeouts, lost connections; never a wrong key or a rate limit."""


def carrying(config: Mapping[str, Any]) -> dict[str, Any]:
    """The library's options for how requests are carried out: ``timeout`` (seconds until the first byte, and between two) and
    ``retries`` of a configuration, and what moves on to a backup."""
    seconds = config.get("timeout", TIMEOUT)
    said = {"timeout": Timeout(first_byte=seconds, idle=seconds), "fallback_on": MOVES}
    return {**said, "retries": config["retries"]} if "retries" in config else said


class ClientConnector(BaseConnector):
    """Over an ``AsyncClient``, made when it is first needed: one pool of connections for all requests and backups, with the
    library's deadlines, retries and errors (``ProviderError`` and its subclasses)."""

    @abstractmethod
    def _make_client(self) -> AsyncClient:
        """The client that it asks with."""

    def _get_session(self) -> AsyncClient:
        if self._session is None:
            self._session = self._make_client()
        client: AsyncClient = self._session
        return client

    def _prepared(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """``payload`` as it goes out."""
        return dict(payload)

    async def request(self, path: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """The provider's answer to ``payload``, posted to ``path`` (``chat/completions``). Raises ``ProviderError``."""
        reply = await self._get_session().request("POST", f"/{path.lstrip('/')}", json=self._prepared(payload))
        try:
            answer = json.loads(reply.body)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise MalformedResponseError("the reply is no JSON object")
        return answer

    def stream(self, path: str, payload: Mapping[str, Any]) -> Pieces[Event, dict[str, Any]]:
        """The provider's answer, piece by piece, each as it stands on the wire. Raises ``ProviderError``; before the first piece
        that says something, backups take over."""
        body = self._prepared({**payload, "stream": True})
        return Pieces(self._get_session().stream_request("POST", f"/{path.lstrip('/')}", json=body), _Wire().read)

    async def close(self) -> None:
        """Close the connections. A later request opens others."""
        client, self._session = self._session, None
        if client is not None:
            await client.close()


class _Wire:
    """The pieces of a stream. Where a whole answer came although a stream was asked for, they are made of what it says."""

    def __init__(self) -> None:
        self._streams = False

    def read(self, event: Event) -> Iterator[dict[str, Any]]:
        if isinstance(event, OpaqueEvent) and event.kind == "wire":
            self._streams = True
            if event.data.lstrip().startswith(b"{"):
                yield json.loads(event.data)
        elif self._streams:
            return
        elif isinstance(event, TextDelta):
            yield {"choices": [{"index": event.choice, "delta": {"content": event.text}, "finish_reason": None}]}
        elif isinstance(event, UsageUpdate):
            yield {"choices": [], "usage": event.usage.raw}
        elif isinstance(event, Finish):
            yield {"choices": [{"index": event.choice, "delta": {}, "finish_reason": event.raw_reason or event.reason}]}
