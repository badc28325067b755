"""OpenAI."""

from __future__ import annotations

from typing import Any, ClassVar

from .trunk import TrunkProvider


class OpenAIProvider(TrunkProvider):
    """OpenAI."""

    provider: ClassVar[str] = "openai"
    defaults: ClassVar[dict[str, Any]] = {"api_key_env": "OPENAI_API_KEY", "model": "gpt-4o", "timeout": 60}
