"""Which provider answers: those that are available, in their order, and the next when one fails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from threading import Lock
from typing import Any

from trunkline import Client

from .configuration import Configuration, ProviderConfig, retry_policy
from .exceptions import LLMException, ProviderUnavailableException, in_their_words
from .providers import KNOWN, BaseProvider, LibraryProvider, Messages, timeout_of
from .targets import ProviderTarget
from .values import LLMResponse, to_llm_response


class ProviderManager:
    """The providers by name, and which of them is asked first.

    ``config``: ``Configuration``, a class below it, or an object like it; its ``PROVIDER_PRIORITY`` is the order of detection.
    A provider of the host's own joins with ``register_provider``, or by standing in ``providers``: after those of
    ``detection_order``, if it is not named there. Nothing is sent to find out who is available.
    """

    def __init__(self, config: Any = None) -> None:
        self.config: Any = Configuration if config is None else config
        self.detection_order: list[str] = list(self.config.PROVIDER_PRIORITY)
        self.providers: dict[str, BaseProvider] = {
            name: KNOWN[name](ProviderConfig.from_env(name)) for name in self.detection_order if name in KNOWN
        }
        self.active_provider: BaseProvider | None = None
        self._engine: Client | None = None
        self._making = Lock()

    def register_provider(self, name: str, provider: BaseProvider, *, first: bool = False) -> None:
        """From now on ``name`` is found and asked like the others; ``first``: before them."""
        self.providers[name] = provider
        if name not in self.detection_order:
            self.detection_order.insert(0 if first else len(self.detection_order), name)

    def _in_order(self) -> Iterator[tuple[str, BaseProvider]]:
        names = [name for name in self.detection_order if name in self.providers]
        for name in (*names, *(name for name in self.providers if name not in names)):
            yield name, self.providers[name]

    def detect_available_providers(self) -> list[str]:
        """The names of all that are available, in order."""
        return [name for name, provider in self._in_order() if _is_available(provider)]

    def get_provider(self, provider_name: str) -> BaseProvider:
        """That provider, available or not. Raises ``LLMException``, which lists what there is."""
        if provider_name not in self.providers:
            raise LLMException(f"there is no provider {provider_name!r}; there are: {', '.join(self.providers)}")
        return self.providers[provider_name]

    def get_active_provider(self) -> BaseProvider:
        """The one that is asked first: as long as it is available the active one, else the first that is, which becomes active.
        Raises ``ProviderUnavailableException``, which says what each lacks."""
        if self.active_provider is not None and _is_available(self.active_provider):
            return self.active_provider
        for _, provider in self._in_order():
            if _is_available(provider):
                self.active_provider = provider
                return provider
        raise ProviderUnavailableException(f"No providers available: {self.problems()}")

    def switch_provider(self, provider_name: str) -> bool:
        """Ask that one first from now on; False, and nothing changes, where there is none or it is not available."""
        provider = self.providers.get(provider_name)
        if provider is None or not _is_available(provider):
            return False
        self.active_provider = provider
        return True

    def name_of(self, provider: BaseProvider) -> str:
        """The name under which it stands here."""
        return next((name for name, each in self.providers.items() if each is provider), type(provider).__name__)

    def problems(self) -> str:
        """What each that is not available lacks."""
        told = {name: _problem(each) for name, each in self._in_order()}
        return "; ".join(f"{name}: {problem}" for name, problem in told.items() if problem) or "none is known"

    # --- asking -----------------------------------------------------------------------------------------------------------

    def generate_response(self, messages: Messages | str, **kwargs: Any) -> LLMResponse:
        """The answer of the active provider, or of the next that is available when it refuses, fails, or cannot be reached.
        Who has failed too often is passed over for a while (``trunkline.BreakerPolicy``), as long as another is there.
        ``kwargs`` as of a provider's ``generate_response``; ``model`` is for the active one. Raises ``LLMException``."""
        options = self._options(kwargs)
        with in_their_words():
            return to_llm_response(self._client(options["model"]).generate(messages, **options))

    def generate_stream(self, messages: Messages | str, **kwargs: Any) -> Iterator[str]:
        """Its text as it is written. Once a first piece has come, no other provider is asked."""
        options = self._options(kwargs)
        with in_their_words(), self._client(options["model"]).stream(messages, **options) as stream:
            yield from stream.text

    def _client(self, target: ProviderTarget) -> Client:
        """The client whose engine asks the targets of each call, and remembers who failed."""
        with self._making:
            if self._engine is None:
                self._engine = Client(target, retries=retry_policy(self.config))
            return self._engine

    def _options(self, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """What is said with a call. Its targets are the providers, each with its own configuration."""
        said = {name: value for name, value in kwargs.items() if value is not None}
        model, timeout = said.pop("model", None), said.pop("timeout", None)
        first = self.get_active_provider()
        others = [(name, each) for name, each in self._in_order() if each is not first and _was_available(each)]
        targets = [ProviderTarget(self.name_of(first), first, timeout, bool(others), model)]
        targets += [ProviderTarget(name, each, timeout, each is not others[-1][1]) for name, each in others]
        limit = timeout_of(timeout or self.config.DEFAULT_TIMEOUT)
        return {**said, "timeout": limit, "model": targets[0], "fallbacks": targets[1:]}

    def close(self) -> None:
        """Close the connections of all providers that have any."""
        for provider in self.providers.values():
            if callable(close := getattr(provider, "close", None)):
                close()


def _was_available(provider: BaseProvider) -> bool:
    return provider.was_available() if isinstance(provider, LibraryProvider) else _is_available(provider)


def _is_available(provider: BaseProvider) -> bool:
    try:
        return bool(provider.is_available())
    except Exception:  # noqa: BLE001 - then it cannot be asked; `problems` tells why
        return False


def _problem(provider: BaseProvider) -> str | None:
    """Why it cannot be asked; None: it can. A provider of the host's own may raise when it is looked at: that is why."""
    try:
        available = provider.is_available()
    except Exception as error:  # noqa: BLE001 - told by `problems`
        return f"{type(error).__name__}: {error}"
    if available:
        return None
    return provider.problem() if isinstance(provider, LibraryProvider) else "not available"
