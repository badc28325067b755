"""The LLM Communication Module of the dialogue system MRC: a synchronous service over the providers that are configured.

``LLMCommunication`` is safe to share among threads. What there is and what is still to come: ``docs/seeds.md``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from trunkline import (
    AllTargetsFailedError,
    AuthenticationError,
    Client,
    DeadlineError,
    NoProviderError,
    OverloadedError,
    PermissionDeniedError,
    QuotaError,
    RateLimitError,
    ServerError,
    Settings,
    StreamInterruptedError,
    Timeout,
    TransportError,
    TrunklineError,
)

_DEFAULT_MODELS = {"anthropic": "claude-sonnet-5", "openai": "gpt-5.4-mini"}


class LLMException(Exception):  # noqa: N818  (the documents' name)
    """Base exception for LLM communication errors."""


class ProviderUnavailableException(LLMException):
    """No provider is available."""


class RateLimitException(LLMException):
    """A rate limit or quota is exceeded."""


class AuthenticationException(LLMException):
    """The provider does not accept the key, or not for this."""


class NetworkException(LLMException):
    """The connection failed, broke off, or took too long."""


_EXCEPTIONS: tuple[tuple[tuple[type[TrunklineError], ...], type[LLMException]], ...] = (
    ((AuthenticationError, PermissionDeniedError), AuthenticationException),
    ((RateLimitError, QuotaError), RateLimitException),
    ((OverloadedError, ServerError, NoProviderError), ProviderUnavailableException),
    ((TransportError, DeadlineError, StreamInterruptedError), NetworkException),
)


def _exception_for(error: TrunklineError) -> type[LLMException]:
    """Several targets that failed alike failed in that way; else none was available."""
    if isinstance(error, AllTargetsFailedError):
        kinds = {_exception_for(failed) for failed in error.errors}
        return kinds.pop() if len(kinds) == 1 else ProviderUnavailableException
    return next((kind for errors, kind in _EXCEPTIONS if isinstance(error, errors)), LLMException)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except TrunklineError as error:
        raise _exception_for(error)(str(error)) from error


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


def _typed(key: str, variable: str, text: str | None) -> Any:
    if text is None or not text.strip() or key in {"api_key", "model"}:
        return text or None
    try:
        return int(text)
    except ValueError:
        raise LLMException(f"{variable} is no whole number") from None


class LLMCommunication:
    """One interface over several providers.

    ``provider``: a provider's name; None takes the first of ``Configuration.PROVIDER_PRIORITY`` that is configured, and the
    others when it fails. ``config``: fields of ``ProviderConfig``, for the provider that is taken.
    """

    def __init__(self, provider: str | None = None, **config: Any) -> None:
        unknown = set(config) - {known.name for known in fields(ProviderConfig)}
        if unknown:
            raise LLMException(f"unknown: {', '.join(sorted(unknown))}")
        said = {name: value for name, value in config.items() if value is not None}
        names, self._problem = _available(provider, said)
        self._configs = [ProviderConfig.from_env(name) for name in names]
        self._client = _client(self._configs, said)

    def generate_text(self, prompt: str, **kwargs: Any) -> str:
        """The answer's text. ``kwargs``: ``model``, ``max_tokens``, ``temperature`` and the like; None is the default."""
        with _translated():
            return self._ready.generate(prompt, **self._options(kwargs)).text

    def generate_stream(self, messages: Sequence[Mapping[str, Any]], **kwargs: Any) -> Iterator[str]:
        """The answer's text as it is written. ``messages``: dicts with ``role`` and ``content``."""
        with _translated(), self._ready.stream(messages, **self._options(kwargs)) as stream:
            yield from stream.text

    @property
    def _ready(self) -> Client:
        if self._client is None:
            raise ProviderUnavailableException(f"No providers available: {self._problem}")
        return self._client

    def _options(self, said: Mapping[str, Any]) -> dict[str, Any]:
        options = {name: value for name, value in said.items() if value is not None}
        if "model" in options:
            options["model"] = f"{self._configs[0].name}/{options['model']}"
        if "timeout" in options:
            options["timeout"] = _timeout(options["timeout"])
        return options


def _available(provider: str | None, said: Mapping[str, Any]) -> tuple[list[str], str]:
    """The providers that can be asked, in order, and what the others lack; the library knows."""
    name = None if provider is None else f"{provider}/{said.get('model') or _DEFAULT_MODELS.get(provider, 'any')}"
    with _translated(), Client(name, api_key=said.get("api_key"), base_url=said.get("base_url")) as llm:
        health = llm.health(ask=False)
    if provider is not None:
        return ([] if health.model is None else [provider]), health.why
    rows = {row.provider: row for row in health.providers}
    known = [rows[name] for name in Configuration.PROVIDER_PRIORITY if name in rows]
    return [row.provider for row in known if row.configured], "; ".join(row.problem or "" for row in known if not row.configured)


def _client(configs: list[ProviderConfig], said: dict[str, Any]) -> Client | None:
    if not configs:
        return None
    first = ProviderConfig(**{**vars(configs[0]), "api_key": None, **said})
    names = [f"{config.name}/{config.model or _DEFAULT_MODELS.get(config.name, '')}" for config in (first, *configs[1:])]
    with _translated():
        return Client(
            names[0],
            fallbacks=names[1:],
            api_key=first.api_key,
            base_url=first.base_url,
            max_tokens=first.max_tokens,
            temperature=first.temperature,
            timeout=_timeout(first.timeout),
            retries=Configuration.MAX_RETRIES,
            extra_headers=first.headers or None,
        )


def _timeout(seconds: float) -> Timeout:
    return Timeout(first_byte=seconds, idle=seconds, total=max(seconds, Configuration.RETRY_TIMEOUT))
