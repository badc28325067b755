"""Microsoft Entra: tokens by azure-identity, which is imported when first used.

The chain is azure-identity's own (``DefaultAzureCredential``: variables, workload and managed identities, the az and other
programs' logins), and so are the environment that it reads and the network that it uses.
"""

from __future__ import annotations

from typing import Any

from .vendor import asked

SOURCE = "Microsoft Entra (DefaultAzureCredential)"


class EntraTokens:
    """Tokens for ``scope``. ``fetch`` blocks."""

    def __init__(self, scope: str) -> None:
        self._scope = scope
        self._credential: Any = None

    def fetch(self) -> tuple[str, float | None]:
        """A token and its end (Unix seconds)."""
        return asked(SOURCE, self._fetched)

    def _fetched(self) -> tuple[str, float | None]:
        if self._credential is None:
            from azure.identity import DefaultAzureCredential

            self._credential = DefaultAzureCredential()
        token = self._credential.get_token(self._scope)
        return token.token, float(token.expires_on)
