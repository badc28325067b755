"""Providers by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from .base import LLMProvider
from .errors import LLMInvalidRequestError
from .providers.anthropic import AnthropicProvider
from .providers.local_gpt_oss import LocalGPTOSSProvider
from .providers.openai import OpenAIProvider
from .providers.openrouter import OpenRouterProvider


class ProviderFactory:
    """Makes providers from the configuration; a host adds its own with ``register_provider``."""

    _providers: ClassVar[dict[str, type[LLMProvider]]] = {
        "local_gpt_oss": LocalGPTOSSProvider,
        "openai": OpenAIProvider,
        "anthropic": AnthropicProvider,
        "openrouter": OpenRouterProvider,
    }

    @classmethod
    def register_provider(cls, name: str, provider: type[LLMProvider]) -> None:
        """From now on ``name`` means this class."""
        cls._providers[name] = provider

    @classmethod
    def create_from_config(cls, config: Mapping[str, Any]) -> LLMProvider:
        """The provider that ``config["llm"]["backend"]`` names. Raises ``LLMInvalidRequestError`` that lists what there is."""
        llm = _section(config, "llm")
        if "backend" not in llm:
            raise LLMInvalidRequestError(f"llm has no backend; there are: {', '.join(cls._providers)}")
        return cls.create(llm["backend"], config)

    @classmethod
    def create(cls, name: str, config: Mapping[str, Any]) -> LLMProvider:
        """The provider ``name``; ``config`` is the whole configuration or the provider's section of it."""
        if name not in cls._providers:
            raise LLMInvalidRequestError(f"there is no provider {name!r}; there are: {', '.join(cls._providers)}")
        return cls._providers[name](_section(_section(config, "llm"), name) if "llm" in config else config)


def _section(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = config.get(name)
    if not isinstance(section, Mapping):
        sections = [key for key, value in config.items() if isinstance(value, Mapping)]
        raise LLMInvalidRequestError(f"the configuration has no section {name!r}; it has: {', '.join(sections) or 'none'}")
    return section
