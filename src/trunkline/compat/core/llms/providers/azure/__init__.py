"""Azure OpenAI."""

from __future__ import annotations

from .base_implementation import AzureBaseLLM, AzureChatLLM
from .connector import AzureConnector

__all__ = ["AzureBaseLLM", "AzureChatLLM", "AzureConnector"]
