"""OpenRouter."""

from __future__ import annotations

from typing import Any, ClassVar

from .trunk import TrunkProvider


class OpenRouterProvider(TrunkProvider):
    """OpenRouter."""

    provider: ClassVar[str] = "openrouter"
    defaults: ClassVar[dict[str, Any]] = {"api_key_env": "OPENROUTER_API_KEY", "model": "openai/gpt-4o", "timeout": 60}
