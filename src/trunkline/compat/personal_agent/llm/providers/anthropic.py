"""Anthropic."""

from __future__ import annotations

from typing import ClassVar

from .trunk import TrunkProvider


class AnthropicProvider(TrunkProvider):
    """Anthropic."""

    provider: ClassVar[str] = "anthropic"
    default_model: ClassVar[str] = "claude-3-haiku-20240307"
    usage_keys: ClassVar[tuple[str, ...]] = ("input_tokens", "output_tokens")
