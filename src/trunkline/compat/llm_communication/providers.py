"""Providers: the base class of all, and those that the library asks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from trunkline import Client, Timeout, TrunklineError, estimate_tokens

from .configuration import Configuration, ProviderConfig, retry_policy
from .exceptions import in_their_words
from .values import LLMResponse, to_llm_response

Messages = Sequence[Mapping[str, Any]]


class BaseProvider(ABC):
    """A provider, one of the module's or one of the host's own. ``messages``: dicts with ``role`` and ``content``."""

    @abstractmethod
    def is_available(self) -> bool:
        """Whether it can be asked."""

    @abstractmethod
    def generate_response(self, messages: list[dict[str, Any]], **kwargs: Any) -> LLMResponse:
        """The whole answer. Raises ``LLMException``."""

    @abstractmethod
    def generate_stream(self, messages: list[dict[str, Any]], **kwargs: Any) -> Iterator[str]:
        """The answer's text as it is written."""

    @abstractmethod
    def get_model_info(self) -> dict[str, Any]:
        """What is known of its model."""

    def validate_config(self) -> bool:
        """Whether its configuration is whole."""
        return True

    def estimate_tokens(self, text: str) -> int:
        """About how many tokens ``text`` is."""
        return estimate_tokens(text)


class LibraryProvider(BaseProvider):
    """A provider that the library knows, by the name that it has there. Safe to share among threads."""

    name: ClassVar[str] = ""
    default_model: ClassVar[str] = "any"

    def __init__(self, config: ProviderConfig | None = None) -> None:
        self.config: ProviderConfig = config if config is not None else ProviderConfig.from_env(self.name)
        self._llm: Client | None = None
        self._found: bool | None = None

    @property
    def model(self) -> str:
        """The model that it asks when none is named."""
        return self.config.model or self.default_model

    @property
    def client(self) -> Client:
        """The library's client that it asks with, made when it is first needed. Raises ``LLMException``."""
        if self._llm is None:
            with in_their_words():
                self._llm = self._make()
        return self._llm

    def _make(self) -> Client:
        config = self.config
        return Client(
            f"{config.name}/{self.model}",
            api_key=config.handed_key(),
            base_url=config.base_url,
            timeout=timeout_of(config.timeout),
            retries=retry_policy(Configuration),
            **self._said(),
        )

    def _said(self) -> dict[str, Any]:
        """What is said with every request."""
        said: dict[str, Any] = {"max_tokens": self.config.max_tokens, "temperature": self.config.temperature}
        return {**said, "extra_headers": self.config.headers} if self.config.headers else said

    def is_available(self) -> bool:
        """Whether it has what it needs: a key that is no placeholder, an address. Nothing is sent to find out."""
        if not self._found:
            self._found = self.problem() is None
        return self._found

    def was_available(self) -> bool:
        """Whether it was when that was last looked at."""
        return self.is_available() if self._found is None else self._found

    def problem(self) -> str | None:
        """What it lacks; None: nothing."""
        try:
            with self._make() as llm:
                health = llm.health(ask=False)
        except TrunklineError as error:
            return str(error)
        return health.why if health.model is None else None

    def generate_response(self, messages: Messages, **kwargs: Any) -> LLMResponse:
        """The whole answer. ``kwargs``: ``model``, ``max_tokens``, ``temperature`` and the like; None is the default."""
        with in_their_words():
            return to_llm_response(self.client.generate(messages, **self.options(kwargs)), self.model)

    def generate_stream(self, messages: Messages, **kwargs: Any) -> Iterator[str]:
        """The answer's text as it is written; nothing is sent before the first item is asked for."""
        with in_their_words(), self.client.stream(messages, **self.options(kwargs)) as stream:
            yield from stream.text

    def options(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """Keyword arguments of a call, as the library takes them."""
        options = {name: value for name, value in said.items() if value is not None}
        if "model" in options:
            options["model"] = f"{self.config.name}/{options['model']}"
        if isinstance(options.get("timeout"), int | float):
            options["timeout"] = timeout_of(options["timeout"])
        return options

    def get_model_info(self) -> dict[str, Any]:
        """``provider, model, max_tokens, temperature, streaming``, and ``context_window, max_output_tokens`` where they are
        known."""
        with in_their_words():
            known = {each.id: each for each in self.client.models(self.config.name)} if self.name else {}
        record = known.get(self.model)
        return {
            "provider": self.config.name,
            "model": self.model,
            "max_tokens": self.config.max_tokens,
            "temperature": self.config.temperature,
            "streaming": True,
            "context_window": None if record is None else record.context,
            "max_output_tokens": None if record is None else record.max_output,
        }

    def validate_config(self) -> bool:
        """Whether its configuration is whole: the provider, the numbers, a key where one is needed."""
        return self.problem() is None

    def ping(self) -> None:
        """Asks it for its models: no paid call. Raises ``LLMException``."""
        with in_their_words():
            self.client.models(live=True)

    def close(self) -> None:
        """Close its connections. A later call opens others."""
        llm, self._llm = self._llm, None
        if llm is not None:
            llm.close()


class AnthropicProvider(LibraryProvider):
    """Anthropic."""

    name: ClassVar[str] = "anthropic"
    default_model: ClassVar[str] = "claude-sonnet-5"


class OpenAIProvider(LibraryProvider):
    """OpenAI."""

    name: ClassVar[str] = "openai"
    default_model: ClassVar[str] = "gpt-5.4-mini"


class ClaudeCLIProvider(LibraryProvider):
    """The program ``claude``, as a model and nothing else."""

    name: ClassVar[str] = "claude-cli"
    default_model: ClassVar[str] = "sonnet"

    def _said(self) -> dict[str, Any]:
        return {"max_tokens": self.config.max_tokens}  # it takes no temperature

    def problem(self) -> str | None:
        """What it lacks: the program may be missing."""
        try:
            with Client() as llm:
                rows = llm.health(ask=False).providers
        except TrunklineError as error:
            return str(error)
        return next((row.problem or "not configured" for row in rows if row.provider == self.name and not row.configured), None)

    def ping(self) -> None:
        """Nothing: it is there, or it is not."""


KNOWN: dict[str, type[LibraryProvider]] = {kind.name: kind for kind in (AnthropicProvider, OpenAIProvider, ClaudeCLIProvider)}


def timeout_of(seconds: float, connect: float | None = None) -> Timeout:
    """Deadlines for a longest wait of ``seconds``; ``connect``: until the connection stands, if it shall differ."""
    total = max(seconds, Configuration.RETRY_TIMEOUT)
    if connect is None:
        return Timeout(first_byte=seconds, idle=seconds, total=total)
    return Timeout(connect=connect, first_byte=seconds, idle=seconds, total=total)
