"""A model of the application's own as a model of the library."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import nullcontext
from typing import Any

from trunkline import Event, Request, Response

from ...backends import Translated, begun, options, to_dicts
from .interfaces.llm_interfaces import ILLM
from .translation import from_answer, from_chunk, to_tools


class ILLMBackend:
    """Makes ``AsyncClient(ILLMBackend(llm))`` ask an ``ILLM``: with the engine's retries, hooks, attempts and fallbacks.

    ``ctx`` is handed to it with each call. ``TimeoutError`` and ``ConnectionError`` that it raises are tried again.
    """

    def __init__(self, llm: ILLM, ctx: Any = None) -> None:
        self.llm = llm
        self.ctx = ctx
        self.name: str = type(llm).__name__

    async def generate(self, request: Request) -> Response:
        """Its ``get_answer``."""
        return from_answer(await self.llm.get_answer(to_dicts(request.messages), self.ctx, **_options(request)))

    async def stream(self, request: Request) -> AsyncIterator[Event]:
        """Its ``stream_answer``."""
        chunks = await begun(self.llm.stream_answer(to_dicts(request.messages), self.ctx, **_options(request)))
        return Translated(chunks, from_chunk, nullcontext)


def _options(request: Request) -> dict[str, Any]:
    said = options(request)
    return {**said, "tools": to_tools(request.tools)} if request.tools else said
