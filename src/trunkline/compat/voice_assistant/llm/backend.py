"""A provider of the host's own as a model of the library."""

from __future__ import annotations

from collections.abc import AsyncIterator

from trunkline import Request, Response

from ...backends import Translated, begun, options
from .base import LLMProvider
from .errors import in_our_words
from .translation import from_messages, from_tools, to_response


class ProviderBackend:
    """Makes ``AsyncClient(ProviderBackend(provider))`` ask a provider of the host's own: with the engine's retries, hooks,
    attempts and fallbacks. Closing it remains the host's business."""

    def __init__(self, provider: LLMProvider) -> None:
        self.provider = provider
        self.name: str = type(provider).__name__

    async def generate(self, request: Request) -> Response:
        """Its ``complete``."""
        with in_our_words():
            return to_response(await self.provider.complete(from_messages(request.messages), **_options(request)))

    async def stream(self, request: Request) -> AsyncIterator[str]:
        """Its ``stream_complete``."""
        with in_our_words():
            chunks = await begun(self.provider.stream_complete(from_messages(request.messages), **_options(request)))
        return Translated(chunks, lambda chunk: (chunk,), in_our_words)


def _options(request: Request) -> dict[str, object]:
    said = options(request)
    return {**said, "tools": from_tools(request.tools)} if request.tools else said
