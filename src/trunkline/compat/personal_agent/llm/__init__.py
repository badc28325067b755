"""The agent's line to a model. ``docs/seeds.md`` says what is here and what is to come."""

from __future__ import annotations

from .client import LLMClient, LLMResponse, Message
from .exceptions import AuthenticationError, LLMException, ModelError, RateLimitError
from .rate_limiter import RateLimiter

__all__ = [
    "AuthenticationError",
    "LLMClient",
    "LLMException",
    "LLMResponse",
    "Message",
    "ModelError",
    "RateLimitError",
    "RateLimiter",
]
