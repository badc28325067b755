"""OpenAI."""

from __future__ import annotations

from typing import ClassVar

from .trunk import TrunkProvider


class OpenAIProvider(TrunkProvider):
    """OpenAI."""

    provider: ClassVar[str] = "openai"
    default_model: ClassVar[str] = "gpt-3.5-turbo"
    usage_keys: ClassVar[tuple[str, ...]] = ("prompt_tokens", "completion_tokens", "total_tokens")
