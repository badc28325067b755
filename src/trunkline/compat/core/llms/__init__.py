"""Models behind one protocol. ``docs/seeds.md`` says what is here and what is to come."""

from __future__ import annotations

from trunkline import UnsupportedOperationError

from .backend import ILLMBackend
from .interfaces.llm_interfaces import (
    ILLM,
    LLMAudioChunk,
    LLMAudioResponse,
    LLMImageChunk,
    LLMImageResponse,
    LLMResponse,
    LLMStreamChunk,
    LLMVideoChunk,
    LLMVideoResponse,
    ModelCosts,
    ModelFamily,
    ModelLimits,
    ModelMetadata,
    OutputMediaType,
)
from .llm_factory import create_llm, register_llm
from .providers.azure import AzureBaseLLM, AzureChatLLM, AzureConnector
from .providers.azure.models import GPT_4_1_Mini_Metadata, GPT_4_1_MiniLLM, GPT_4o_LLM, GPT_4o_Metadata
from .providers.base import BaseConnector, BaseLLM
from .providers.openai import OpenAIBaseLLM, OpenAIChatLLM, OpenAIConnector

__all__ = [
    "ILLM", "AzureBaseLLM", "AzureChatLLM", "AzureConnector", "BaseConnector", "BaseLLM", "GPT_4_1_MiniLLM",
    "GPT_4_1_Mini_Metadata", "GPT_4o_LLM", "GPT_4o_Metadata", "ILLMBackend", "LLMAudioChunk", "LLMAudioResponse",
    "LLMImageChunk", "LLMImageResponse", "LLMResponse", "LLMStreamChunk", "LLMVideoChunk", "LLMVideoResponse", "ModelCosts",
    "ModelFamily", "ModelLimits", "ModelMetadata", "OpenAIBaseLLM", "OpenAIChatLLM", "OpenAIConnector", "OutputMediaType",
    "UnsupportedOperationError", "create_llm", "register_llm",
]  # fmt: skip
