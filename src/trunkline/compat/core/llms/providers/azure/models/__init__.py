"""Models on Azure: metadata, and a class where one is not like the others."""

from __future__ import annotations

from .gpt_4_1_mini import GPT_4_1_Mini_Metadata, GPT_4_1_MiniLLM
from .gpt_4o import GPT_4o_LLM, GPT_4o_Metadata

__all__ = ["GPT_4_1_MiniLLM", "GPT_4_1_Mini_Metadata", "GPT_4o_LLM", "GPT_4o_Metadata"]
