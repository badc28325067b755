"""What the agent says of its language model."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class LLMConfig:
    """A model untouched follows the provider. ``api_key`` None: the environment's. ``repr`` does not show the key."""

    provider: str = "openai"
    model: str = "gpt-3.5-turbo"
    api_key: str | None = field(default=None, repr=False)
    temperature: float = 0.7
    max_tokens: int = 1000
    system_prompt: str = "You are a helpful assistant."
    rate_limit_requests: int = 60
    rate_limit_period: int = 60


@dataclass
class Config:
    """The agent's configuration."""

    llm: LLMConfig = field(default_factory=LLMConfig)
