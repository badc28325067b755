"""The base class of all providers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

from ...config.settings import LLMConfig
from ..values import LLMResponse, Message

__all__ = ["LLMProvider", "LLMResponse", "Message"]


class LLMProvider(ABC):
    """A provider, ours or the host's own."""

    def __init__(self, config: LLMConfig) -> None:
        self.config = config

    @abstractmethod
    def generate_response(self, messages: list[Message], **kwargs: Any) -> LLMResponse:
        """The whole answer."""

    @abstractmethod
    def stream_response(self, messages: list[Message], **kwargs: Any) -> Iterator[str]:
        """The answer's text as it is written."""

    @abstractmethod
    def get_available_models(self) -> list[str]:
        """The ids of the models that there are."""
