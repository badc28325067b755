"""The way to Azure OpenAI, with backups in other regions."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from trunkline import AsyncClient, Settings, UsageError

from ..base.connector import ClientConnector, carrying
from .regions import region_of

API_VERSION = "2024-10-21"
"""The last of the dated ones that is generally available (azure-openai §1)."""
_KNOWN = ("api_key", "endpoint", "deployment_name", "api_version", "region")


@dataclass(frozen=True)
class _KeyPlace:
    """Where ``Settings.key`` shall look."""

    name: str = "azure"
    key_variables: tuple[str, ...] = ("AZURE_OPENAI_KEY", "AZURE_OPENAI_API_KEY")


class AzureConnector(ClientConnector):
    """The way to one deployment, made when the first request goes out.

    ``config``: ``api_key`` (text, a function that gives tokens, a credential of Entra), ``endpoint``, ``deployment_name``,
    ``api_version`` (a date, or ``v1``), ``timeout`` (seconds until the first byte, and between two), ``retries``, ``backups``.
    What is missing comes from ``AZURE_OPENAI_KEY`` (or ``_API_KEY``), ``AZURE_OPENAI_ENDPOINT``, ``AZURE_OPENAI_DEPLOYMENT``.

    ``backups``: a list of dicts with ``endpoint, api_key, deployment_name, api_version``; each has what it does not set from the
    configuration. They answer in their order, before anything of a stream has been told, when the one before is down (503 and
    its like), too slow or out of reach. One in the same region warns (``UserWarning``).
    """

    def __init__(self, config: Mapping[str, Any] | None = None) -> None:
        super().__init__(config)
        settings = Settings.load()
        self.deployment_name: str = self.config.get("deployment_name") or settings.variable("AZURE_OPENAI_DEPLOYMENT") or ""
        if not self.deployment_name:
            raise UsageError(
                "no deployment", field="deployment_name", got="None", allowed="its name, or AZURE_OPENAI_DEPLOYMENT set"
            )
        self.api_version: str = self.config.get("api_version") or settings.variable("OPENAI_API_VERSION") or API_VERSION
        self._place: str = self.endpoint or settings.variable("AZURE_OPENAI_ENDPOINT") or ""
        self.backups: list[dict[str, Any]] = []
        for n, backup in enumerate(self.config.get("backups") or ()):
            self.backups.append(self._checked(n, backup))
        self._key = self.api_key if self.api_key is not None else settings.key(_KeyPlace())

    def _make_client(self) -> AsyncClient:
        return AsyncClient(
            f"azure/{self.deployment_name}",
            api_key=self._key,
            fallbacks=[self._fallback(each) for each in self.backups],
            **self._address(self.config),
            **carrying(self.config),
        )

    @property
    def _in_path(self) -> bool:
        """Whether the deployment's name stands in the path, as it does with a dated version."""
        return self.api_version[:1].isdigit() and not self._place.rstrip("/").endswith("/v1")

    def _prepared(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        return dict(payload) if self._in_path else {"model": self.deployment_name, **payload}

    def _checked(self, n: int, backup: Any) -> dict[str, Any]:
        at = f"backups[{n}]"
        if not isinstance(backup, Mapping) or not set(backup) <= set(_KNOWN):
            raise UsageError("no backup", field=at, allowed=f"a dict with some of {', '.join(_KNOWN)}")
        said = {name: value for name, value in backup.items() if value is not None}
        if not self._in_path and said.get("deployment_name", self.deployment_name) != self.deployment_name:
            raise UsageError("another deployment", field=f"{at}.deployment_name", allowed="with a dated api_version only")
        here = {"endpoint": self._place, "region": self.config.get("region")}
        ours, its = self._region(here), self._region({**here, "region": None, **said} if "endpoint" in said else {**here, **said})
        if ours is not None and ours == its:
            warnings.warn(
                f"{at} is in the same region as what it stands in for ({ours}): no redundancy", UserWarning, stacklevel=3
            )
        return said

    @staticmethod
    def _region(config: Mapping[str, Any]) -> str | None:
        """Where an endpoint is: as the configuration says, else as its name tells, else its host."""
        host = urlsplit(config.get("endpoint") or "").netloc.lower()
        return config.get("region") or region_of(host) or host or None

    def _fallback(self, backup: Mapping[str, Any]) -> dict[str, Any]:
        said = self._address(backup)
        if "api_key" in backup:
            said["api_key"] = backup["api_key"]
        return {**said, "model": f"azure/{backup.get('deployment_name') or self.deployment_name}"}

    def _address(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The library's options for an endpoint. An address from the environment is the library's to read."""
        endpoint, version = config.get("endpoint"), config.get("api_version") or self.api_version
        said: dict[str, Any] = {} if version == "v1" else {"parameters": {"api_version": version}}
        if endpoint:
            said["base_url"] = (
                f"{endpoint.rstrip('/')}/openai/v1" if version == "v1" and not urlsplit(endpoint).path[1:] else endpoint
            )
        return said
