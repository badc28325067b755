"""How a key is shown to a provider, and whose chain of credentials stands in for one, as data.

``Auth``: each form turns a key into header fields and query parameters and knows nothing else. ``Chain``: where a provider has no
key of its own but credentials of a platform, which lie in variables, files and services that the platform's library knows.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from ..values.errors import UsageError
from ..values.secret import Secret

Pairs = tuple[tuple[str, str], ...]
Shown = tuple[Pairs, Pairs]
"""Header fields and query parameters."""

NOTHING: Shown = ((), ())


class Bearer(msgspec.Struct, frozen=True, tag="bearer"):
    """``Authorization: Bearer KEY``."""

    def apply(self, secret: Secret | None) -> Shown:
        return NOTHING if secret is None else ((("authorization", f"Bearer {_text(secret)}"),), ())


class HeaderAuth(msgspec.Struct, frozen=True, tag="header"):
    """``NAME: KEY``."""

    name: str

    def apply(self, secret: Secret | None) -> Shown:
        return NOTHING if secret is None else (((self.name, _text(secret)),), ())


class QueryAuth(msgspec.Struct, frozen=True, tag="query"):
    """``?NAME=KEY``."""

    name: str

    def apply(self, secret: Secret | None) -> Shown:
        return NOTHING if secret is None else ((), ((self.name, _text(secret)),))


class NoAuth(msgspec.Struct, frozen=True, tag="none"):
    """No key is ever shown."""

    def apply(self, secret: Secret | None) -> Shown:
        return NOTHING


Auth = Bearer | HeaderAuth | QueryAuth | NoAuth


class SigV4(msgspec.Struct, frozen=True, tag="sigv4"):
    """The credentials of AWS, and its signature (version 4) over each request in the name of ``service`` (bedrock-converse §2).

    The region that is signed for is the provider's parameter ``region``.
    """

    service: str
    extra: ClassVar[str] = "aws"
    package: ClassVar[str] = "botocore"


class GoogleToken(msgspec.Struct, frozen=True, tag="google"):
    """A token of Google's application-default credentials (gemini §2)."""

    scopes: tuple[str, ...] = ("https://www.googleapis.com/auth/cloud-platform",)
    extra: ClassVar[str] = "google"
    package: ClassVar[str] = "google.auth"


class EntraToken(msgspec.Struct, frozen=True, tag="entra"):
    """A token of Microsoft Entra (azure-openai §2)."""

    scope: str
    extra: ClassVar[str] = "azure"
    package: ClassVar[str] = "azure.identity"


Chain = SigV4 | GoogleToken | EntraToken


def _text(secret: Secret) -> str:
    """The key, fit for a header: HTTP libraries quote a header that they refuse, so they must never see one."""
    text = secret.reveal()
    if not text or " " in text or not (text.isascii() and text.isprintable()):
        raise UsageError("a key is visible ASCII characters; this one is empty, or holds a blank, a line end or a strange letter")
    return text
