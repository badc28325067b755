"""The LLM Communication Module of the dialogue system MRC: a synchronous service over the providers that are configured.

``LLMCommunication`` is safe to share among threads. What there is and what is still to come: ``docs/seeds.md``.
"""

from __future__ import annotations

from .choosing import ProviderManager
from .communication import LLMCommunication
from .configuration import Configuration, ProviderConfig
from .exceptions import (
    AuthenticationException,
    LLMException,
    NetworkException,
    ProviderUnavailableException,
    RateLimitException,
)
from .providers import AnthropicProvider, BaseProvider, ClaudeCLIProvider, OpenAIProvider
from .resilience import CircuitBreaker, RetryHandler
from .values import LLMResponse, UsageInfo

__all__ = [
    "AnthropicProvider",
    "AuthenticationException",
    "BaseProvider",
    "CircuitBreaker",
    "ClaudeCLIProvider",
    "Configuration",
    "LLMCommunication",
    "LLMException",
    "LLMResponse",
    "NetworkException",
    "OpenAIProvider",
    "ProviderConfig",
    "ProviderManager",
    "ProviderUnavailableException",
    "RateLimitException",
    "RetryHandler",
    "UsageInfo",
]
