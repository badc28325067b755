"""How a key is shown to a provider, as data.

Each form turns a key into header fields and query parameters and knows nothing else. Ways that need a conversation of their own
(a signature over the request, a token that is fetched and refreshed) will be generators that yield requests and are sent replies.
"""

from __future__ import annotations

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


def _text(secret: Secret) -> str:
    """The key, fit for a header: HTTP libraries quote a header that they refuse, so they must never see one."""
    text = secret.reveal()
    if not text or " " in text or not (text.isascii() and text.isprintable()):
        raise UsageError("a key is visible ASCII characters; this one is empty, or holds a blank, a line end or a strange letter")
    return text
