"""The contract: two methods, and what they give."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from trunkline import Warning

from .media import (
    LLMAudioChunk as LLMAudioChunk,
    LLMAudioResponse as LLMAudioResponse,
    LLMImageChunk as LLMImageChunk,
    LLMImageResponse as LLMImageResponse,
    LLMVideoChunk as LLMVideoChunk,
    LLMVideoResponse as LLMVideoResponse,
)
from .metadata import (
    ModelCosts as ModelCosts,
    ModelFamily as ModelFamily,
    ModelLimits as ModelLimits,
    ModelMetadata as ModelMetadata,
    OutputMediaType as OutputMediaType,
)


@dataclass
class LLMResponse:
    """A whole answer. ``usage``: ``prompt_tokens, completion_tokens, total_tokens``; ``tool_calls``: dicts in OpenAI's shape;
    ``latency`` in seconds; ``raw`` the provider's reply; ``warnings``: what of the call the model was not told."""

    content: str
    model: str | None = None
    finish_reason: str | None = None
    usage: dict[str, Any] | None = None
    latency: float | None = None
    tool_calls: list[dict[str, Any]] | None = None
    raw: Any = None
    warnings: tuple[Warning, ...] = ()


@dataclass
class LLMStreamChunk:
    """A piece of an answer; ``finish_reason`` and ``usage`` come with the last, which is ``is_final``."""

    content: str = ""
    finish_reason: str | None = None
    usage: dict[str, Any] | None = None
    is_final: bool = False


@runtime_checkable
class ILLM(Protocol):
    """A model: any object with these two methods. ``messages``: dicts in OpenAI's shape. ``ctx``: any object of the host's; it is
    never sent to a provider."""

    async def get_answer(self, messages: Sequence[Mapping[str, Any]], ctx: Any, **kwargs: Any) -> LLMResponse:
        """The whole answer."""
        ...

    def stream_answer(
        self, messages: Sequence[Mapping[str, Any]], ctx: Any, **kwargs: Any
    ) -> AsyncIterator[LLMStreamChunk] | Awaitable[AsyncIterator[LLMStreamChunk]]:
        """The answer in pieces: an asynchronous iterator or generator, or a coroutine that returns one."""
        ...
