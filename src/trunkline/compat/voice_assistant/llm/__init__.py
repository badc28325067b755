"""Providers behind one interface, made from a configuration. ``docs/seeds.md`` says what is here and what is to come."""

from __future__ import annotations

from .backend import ProviderBackend
from .base import CompletionResult, LLMProvider, Message, MessageRole, ToolCall, ToolDefinition
from .context import ConversationContext
from .errors import LLMConnectionError, LLMError, LLMInvalidRequestError, LLMRateLimitError, LLMTimeoutError
from .factory import ProviderFactory

__all__ = [
    "CompletionResult",
    "ConversationContext",
    "LLMConnectionError",
    "LLMError",
    "LLMInvalidRequestError",
    "LLMProvider",
    "LLMRateLimitError",
    "LLMTimeoutError",
    "Message",
    "MessageRole",
    "ProviderBackend",
    "ProviderFactory",
    "ToolCall",
    "ToolDefinition",
]
