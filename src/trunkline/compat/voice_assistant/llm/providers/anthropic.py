"""Anthropic."""

from __future__ import annotations

from typing import Any, ClassVar

from .trunk import TrunkProvider


class AnthropicProvider(TrunkProvider):
    """Anthropic."""

    provider: ClassVar[str] = "anthropic"
    defaults: ClassVar[dict[str, Any]] = {"api_key_env": "ANTHROPIC_API_KEY", "model": "claude-sonnet-4-20250514", "timeout": 60}
