"""What is said and answered, and the base class of all providers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Any, Self


class MessageRole(StrEnum):
    """Who speaks."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


@dataclass
class Message:
    """One turn. ``name`` and ``tool_call_id`` belong to what a tool answered."""

    role: MessageRole
    content: str
    name: str | None = None
    tool_call_id: str | None = None


@dataclass
class ToolCall:
    """A tool that the model wants run. Arguments that are no JSON object stand as text under ``raw_arguments``."""

    id: str
    name: str
    arguments: dict[str, Any]


@dataclass
class ToolDefinition:
    """A tool that the model may call; ``parameters`` is a JSON Schema."""

    name: str
    description: str
    parameters: dict[str, Any]


@dataclass
class CompletionResult:
    """A whole answer. ``finish_reason``: ``stop``, ``length``, ``tool_calls``, or another word of the library's."""

    content: str
    model: str
    tokens_used: int
    finish_reason: str
    tool_calls: list[ToolCall] | None = None
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def has_tool_calls(self) -> bool:
        """Whether the model wants tools run."""
        return bool(self.tool_calls)


class LLMProvider(ABC):
    """A provider, ours or one of the host's own. ``config`` is its section of the configuration."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config = config

    @abstractmethod
    async def complete(self, messages: Sequence[Message], **kwargs: Any) -> CompletionResult:
        """The whole answer; ``kwargs``: ``tools``, ``temperature``, ``max_tokens`` and the like."""

    @abstractmethod
    def stream_complete(self, messages: Sequence[Message], **kwargs: Any) -> AsyncIterator[str] | Awaitable[AsyncIterator[str]]:
        """The answer's text as it is written."""

    async def close(self) -> None:  # noqa: B027  (nothing to close is no fault)
        """Give back what it holds."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        await self.close()
