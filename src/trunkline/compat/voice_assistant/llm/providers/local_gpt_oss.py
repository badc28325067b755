"""A model of one's own: gpt-oss behind an MLX server, on this machine."""

from __future__ import annotations

from typing import Any, ClassVar

from .trunk import TrunkProvider


class LocalGPTOSSProvider(TrunkProvider):
    """A model of one's own: gpt-oss behind an MLX server, on this machine."""

    provider: ClassVar[str] = "local"
    defaults: ClassVar[dict[str, Any]] = {"base_url": "http://localhost:8080", "model": "gpt-oss:120b", "timeout": 120}
