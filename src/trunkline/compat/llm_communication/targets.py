"""A provider as a target of the engine, which retries, moves on to the next, and keeps the time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from trunkline import Event, Request, Response

from ..backends import options, to_dicts
from .exceptions import in_our_words
from .providers import BaseProvider, LibraryProvider, timeout_of
from .values import to_response

CONNECT = 1.5
"""Seconds until a connection stands, while another provider could be asked instead."""


class ProviderTarget:
    """Answers with ``provider``, once: whoever asks it retries. ``timeout``: what a call says in place of its configuration's;
    ``another``: whether another could be asked instead. Those of one provider are one target: what the engine knows of it holds
    for all of them."""

    def __init__(self, name: str, provider: BaseProvider, timeout: float | None, another: bool, model: str | None = None) -> None:
        self.name = name
        self._provider, self._timeout, self._another, self._model = provider, timeout, another, model

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ProviderTarget) and other._provider is self._provider

    def __hash__(self) -> int:
        return id(self._provider)

    def generate(self, request: Request) -> Response:
        """The whole answer."""
        provider = self._provider
        if isinstance(provider, LibraryProvider):
            return provider.client.generate(list(request.messages), **self._options(provider, request))
        with in_our_words():
            return to_response(provider.generate_response(to_dicts(request.messages), **self._said(request)))

    def stream(self, request: Request) -> Iterator[Event | str]:
        """The answer as it is written."""
        provider = self._provider
        if isinstance(provider, LibraryProvider):
            with provider.client.stream(list(request.messages), **self._options(provider, request)) as stream:
                yield from stream
            return
        pieces: Iterable[str]
        with in_our_words():
            pieces = provider.generate_stream(to_dicts(request.messages), **self._said(request))
            yield from pieces

    def _options(self, provider: LibraryProvider, request: Request) -> dict[str, Any]:
        """What the request says, as the inner client takes it."""
        fields = (name for name in request.__struct_fields__ if name not in ("model", "messages", "stream"))
        said = {name: value for name in fields if (value := getattr(request, name)) not in (None, (), {})}
        if self._model is not None:
            said["model"] = f"{provider.config.name}/{self._model}"
        seconds = self._timeout or provider.config.timeout
        return {**said, "retries": 0, "timeout": timeout_of(seconds, CONNECT if self._another else None)}

    def _said(self, request: Request) -> dict[str, Any]:
        said = options(request) if not request.tools else {**options(request), "tools": request.tools}
        return said if self._model is None else {**said, "model": self._model}
