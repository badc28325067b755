"""Models behind one protocol. ``docs/seeds.md`` says what is here and what is to come."""

from __future__ import annotations

from .backend import ILLMBackend
from .interfaces.llm_interfaces import ILLM, LLMResponse, LLMStreamChunk

__all__ = ["ILLM", "ILLMBackend", "LLMResponse", "LLMStreamChunk"]
