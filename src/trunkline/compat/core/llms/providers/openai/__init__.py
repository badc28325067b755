"""OpenAI, on the same pattern as Azure."""

from __future__ import annotations

from .base_implementation import OpenAIBaseLLM, OpenAIChatLLM
from .connector import OpenAIConnector

__all__ = ["OpenAIBaseLLM", "OpenAIChatLLM", "OpenAIConnector"]
