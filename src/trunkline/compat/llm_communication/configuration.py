"""The module's constants, and what is configured of a provider."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from trunkline import RetryPolicy, Settings

from .exceptions import LLMException


class Configuration:
    """The module's constants: seconds, and how often."""

    PROVIDER_PRIORITY: ClassVar[list[str]] = ["anthropic", "openai", "claude-cli"]
    DEFAULT_TIMEOUT = 60
    RETRY_TIMEOUT = 120
    MAX_RETRIES = 3
    RETRY_BACKOFF_FACTOR = 2
    ENV_MAPPINGS: ClassVar[dict[str, dict[str, str]]] = {
        "anthropic": {"api_key": "ANTHROPIC_API_KEY", "model": "ANTHROPIC_MODEL", "max_tokens": "ANTHROPIC_MAX_TOKENS"},
        "openai": {"api_key": "OPENAI_API_KEY", "model": "OPENAI_MODEL", "max_tokens": "OPENAI_MAX_TOKENS"},
    }


def retry_policy(config: Any) -> RetryPolicy:
    """How often something is tried again, and when: after ``RETRY_BACKOFF_FACTOR`` to the power of 0, 1, 2… seconds at most,
    unless the provider says. ``config``: ``Configuration``, or an object like it."""
    return RetryPolicy(config.MAX_RETRIES, first=1.0, factor=config.RETRY_BACKOFF_FACTOR, cap=config.RETRY_TIMEOUT)


@dataclass
class ProviderConfig:
    """How one provider is asked. ``timeout``: seconds until its first byte, and between two. ``repr`` does not show the key."""

    name: str
    api_key: str | None = field(default=None, repr=False)
    model: str | None = None
    max_tokens: int = 4096
    temperature: float = 0.7
    timeout: int = Configuration.DEFAULT_TIMEOUT
    base_url: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def from_env(cls, provider_name: str) -> ProviderConfig:
        """What the environment and ``.env`` say of a provider; an unset variable leaves the default.

        Raises ``LLMException``, which names the variable, for a value that is no number where one is due.
        """
        settings = Settings.load()
        mapping = {**Configuration.ENV_MAPPINGS.get(provider_name, {}), "timeout": "LLM_TIMEOUT"}
        said = {key: _typed(key, variable, settings.variable(variable)) for key, variable in mapping.items()}
        return cls(provider_name, **{key: value for key, value in said.items() if value is not None})

    def handed_key(self) -> str | None:
        """The key, unless it is the one that the environment holds: that one the library reads itself, and knows whose it is."""
        variable = Configuration.ENV_MAPPINGS.get(self.name, {}).get("api_key")
        known = None if variable is None else Settings.load().variable(variable)
        return None if self.api_key == known else self.api_key


def _typed(key: str, variable: str, text: str | None) -> Any:
    if text is None or not text.strip() or key in {"api_key", "model"}:
        return text or None
    try:
        return int(text)
    except ValueError:
        raise LLMException(f"{variable} is no whole number") from None
