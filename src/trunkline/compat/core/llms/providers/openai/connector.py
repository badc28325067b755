"""The way to OpenAI, or to a server that speaks its protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trunkline import AsyncClient

from ..base.connector import ClientConnector, carrying


class OpenAIConnector(ClientConnector):
    """``config``: ``api_key``, ``endpoint``, ``timeout`` (seconds until the first byte and between two), ``retries``, ``backups``
    (dicts with ``endpoint``, ``api_key``); what is missing comes from ``OPENAI_API_KEY`` and ``OPENAI_BASE_URL``."""

    def _make_client(self) -> AsyncClient:
        return AsyncClient(
            "openai/any",
            api_key=self.api_key,
            base_url=self.endpoint,
            fallbacks=[_fallback(each) for each in self.config.get("backups") or ()],
            **carrying(self.config),
        )


def _fallback(backup: Mapping[str, Any]) -> dict[str, Any]:
    said = {"base_url": backup.get("endpoint"), "api_key": backup.get("api_key")}
    return {name: value for name, value in said.items() if value is not None}
