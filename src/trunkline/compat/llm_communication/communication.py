"""The one class that hosts know: whoever is available answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from time import monotonic
from typing import Any

from .choosing import ProviderManager
from .configuration import ProviderConfig
from .exceptions import LLMException
from .providers import KNOWN, BaseProvider, LibraryProvider
from .values import LLMResponse


class LLMCommunication:
    """One interface over several providers. Safe to share among threads.

    ``provider``: a provider's name, or a ``BaseProvider`` of the host's own, which alone is asked; None takes the first that is
    available, in the order of ``Configuration.PROVIDER_PRIORITY``, and the others when it fails. ``config``: fields of
    ``ProviderConfig``, for the provider that is taken. ``provider_manager`` holds the providers.
    """

    def __init__(self, provider: str | BaseProvider | None = None, **config: Any) -> None:
        unknown = set(config) - {known.name for known in fields(ProviderConfig)}
        if unknown:
            raise LLMException(f"unknown: {', '.join(sorted(unknown))}")
        said = {name: value for name, value in config.items() if value is not None}
        self.provider_manager: ProviderManager = ProviderManager()
        if provider is not None:
            self._take(provider, said)
        elif said:
            self._configure(said)

    def _take(self, provider: str | BaseProvider, said: dict[str, Any]) -> None:
        """That one alone."""
        manager = self.provider_manager
        name: str
        taken: BaseProvider
        if isinstance(provider, str):
            name, taken = provider, _made(replace(ProviderConfig.from_env(provider), **_own(said)))
        else:
            name, taken = manager.name_of(provider), provider
        manager.providers, manager.detection_order = {name: taken}, [name]

    def _configure(self, said: dict[str, Any]) -> None:
        """``said`` is for the first that is available, with it."""
        providers = self.provider_manager.providers
        for name, provider in providers.items():
            if isinstance(provider, LibraryProvider):
                made = _made(replace(provider.config, **_own(said)))
                if provider.is_available() or made.is_available():
                    providers[name] = made
                    return

    def generate_text(self, prompt: str, **kwargs: Any) -> str:
        """The answer's text. ``kwargs``: ``model``, ``max_tokens``, ``temperature`` and the like; None is the default."""
        return self.provider_manager.generate_response(prompt, **kwargs).content

    def llm_call(self, prompt: str) -> str:
        """The answer's text."""
        return self.generate_text(prompt)

    def generate_response(self, messages: Sequence[Mapping[str, Any]], **kwargs: Any) -> LLMResponse:
        """The whole answer. ``messages``: dicts with ``role`` and ``content``."""
        return self.provider_manager.generate_response(messages, **kwargs)

    def generate_stream(self, messages: Sequence[Mapping[str, Any]], **kwargs: Any) -> Iterator[str]:
        """The answer's text as it is written; nothing is sent before the first piece is asked for."""
        yield from self.provider_manager.generate_stream(messages, **kwargs)

    def get_provider_info(self) -> dict[str, Any]:
        """``provider``, what is known of its model, and ``available_providers``."""
        manager = self.provider_manager
        available = manager.detect_available_providers()
        if not available:
            return {"provider": None, "model": None, "available_providers": [], "problem": manager.problems()}
        active = manager.get_active_provider()
        return {**active.get_model_info(), "provider": manager.name_of(active), "available_providers": available}

    def health_check(self) -> dict[str, Any]:
        """``status`` (``healthy``, ``degraded`` where only some can be reached, ``unavailable``), ``active_provider``, and of
        each of ``providers`` whether it is ``available``, ``reachable`` (asked for its models, no paid call; None: not asked),
        ``response_time`` in seconds and the ``problem``."""
        manager = self.provider_manager
        rows = {name: _looked_at(provider) for name, provider in manager.providers.items()}
        able = [row["reachable"] is not False for row in rows.values() if row["available"]]
        status = "unavailable" if not any(able) else "healthy" if all(able) else "degraded"
        active = manager.name_of(manager.get_active_provider()) if any(row["available"] for row in rows.values()) else None
        return {"status": status, "active_provider": active, "providers": rows}

    def switch_provider(self, provider_name: str) -> bool:
        """Ask that one first from now on; False where it is not available."""
        return self.provider_manager.switch_provider(provider_name)

    def close(self) -> None:
        """Close all connections. A later call opens others."""
        self.provider_manager.close()


def _own(said: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if name != "name"}


def _made(config: ProviderConfig) -> LibraryProvider:
    return KNOWN.get(config.name, LibraryProvider)(config)


def _looked_at(provider: BaseProvider) -> dict[str, Any]:
    row: dict[str, Any] = {"available": False, "reachable": None, "response_time": None, "problem": None}
    began = monotonic()
    try:
        row["available"] = provider.is_available()
        if isinstance(provider, LibraryProvider) and row["available"]:
            provider.ping()
            row |= {"reachable": True, "response_time": monotonic() - began}
        elif isinstance(provider, LibraryProvider):
            row["problem"] = provider.problem()
    except LLMException as error:
        row |= {"reachable": False, "problem": str(error)}
    return row
