"""What the agent asks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

from ..config.settings import Config, LLMConfig
from .conversation import AgentConversation
from .providers.anthropic import AnthropicProvider
from .providers.base import LLMProvider
from .providers.openai import OpenAIProvider
from .providers.trunk import TrunkProvider
from .rate_limiter import RateLimiter
from .values import LLMResponse, Message

__all__ = ["AgentConversation", "LLMClient", "LLMResponse", "Message"]

_HELPFUL = "You are a helpful assistant."


class LLMClient:
    """The agent's line to the provider that ``config.llm`` names. Raises ``ValueError`` for one that there is not.

    ``rate_limiter`` paces its calls, by ``rate_limit_requests`` and ``rate_limit_period`` of the configuration; another may be
    put in its place, also one that several clients share.
    """

    _providers: ClassVar[dict[str, type[LLMProvider]]] = {"openai": OpenAIProvider, "anthropic": AnthropicProvider}

    def __init__(self, config: Config) -> None:
        self.config: Config = config
        self.provider: LLMProvider = self._initialize_provider()
        self.rate_limiter: RateLimiter = RateLimiter(config.llm.rate_limit_requests, config.llm.rate_limit_period)

    def _initialize_provider(self) -> LLMProvider:
        name = self.config.llm.provider
        if name not in self._providers:
            raise ValueError(f"Unsupported provider: {name}")
        return self._providers[name](self.config.llm)

    def generate_response(self, messages: list[Message], **kwargs: Any) -> LLMResponse:
        """The whole answer; the configured system prompt goes first where ``messages``, which stay as they are, have none.
        It waits first, where one more call would be too many."""
        self.rate_limiter.wait_if_needed()
        return self.provider.generate_response(self._with_system(messages), **kwargs)

    def stream_response(self, messages: list[Message], **kwargs: Any) -> Iterator[str]:
        """The answer's text as it is written; with the system prompt likewise. What there is to wait for is
        waited for when its first piece is asked for."""
        self.rate_limiter.wait_if_needed()
        yield from self.provider.stream_response(self._with_system(messages), **kwargs)

    def conversation(self, **options: Any) -> AgentConversation:
        """A conversation with the configured model and system prompt, paced as the other calls are. ``options`` of
        ``trunkline.Client.conversation``: ``max_turns``, ``saved_in``, ``id``… Raises ``ValueError`` where the provider is the
        host's own."""
        if not isinstance(self.provider, TrunkProvider):
            raise ValueError(f"{type(self.provider).__name__} keeps no conversation: the library's providers do")
        chat = self.provider.conversation(self.config.llm.system_prompt or _HELPFUL, **options)
        kinds = {name: kind for name, kind in self._providers.items() if issubclass(kind, TrunkProvider)}
        return AgentConversation(chat, self.provider.provider, kinds, self.rate_limiter)

    def switch_model(self, model: str | None = None, provider: str | None = None) -> None:
        """Another model answers from the next call on; ``model`` None: the provider's default, where that is another. The
        ``Config`` that was handed over stays as it is; an ``api_key`` in it is not shown to another provider, which has its own
        in the environment. Conversations that are under way go on with their model. Raises ``ValueError`` for a provider that
        there is not."""
        before, llm = self.config, replace(self.config.llm)
        if provider and provider != llm.provider:
            llm.provider, llm.model, llm.api_key = provider, LLMConfig.model, None
        llm.model = model or llm.model
        self.config = replace(before, llm=llm)
        try:
            self.provider = self._initialize_provider()
        except BaseException:
            self.config = before
            raise

    def get_available_models(self) -> list[str]:
        """The ids of the models that the provider names."""
        return self.provider.get_available_models()

    def _with_system(self, messages: list[Message]) -> list[Message]:
        if any(message.role == "system" for message in messages):
            return messages
        return [Message("system", self.config.llm.system_prompt or _HELPFUL), *messages]
