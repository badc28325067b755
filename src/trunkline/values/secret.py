"""A key from the moment it is read: never shown, never pickled, sent only where it may go."""

from __future__ import annotations

import hashlib
import hmac
import re
from enum import IntEnum
from typing import NoReturn, final

# What looks like a key of some provider, in any text: a known prefix, or a credential word and what follows it.
_KEY_LIKE = re.compile(
    r"(?:sk|pk|rk|gsk|xai|pplx|fw|hf|tgp|key|AIza|ghp|gho|eyJ)[-_A-Za-z0-9]{1,8}[-_.A-Za-z0-9*•…]{8,}"
    r"|(?i:(?<=bearer )|(?<=api[-_ ]key[:=] )|(?<=api[-_ ]key[:=]))[^\s\"',;]{6,}"
)


class Origin(IntEnum):
    """Where a setting came from, the more trusted the higher (``DESIGN``, Trust)."""

    PROJECT = 1
    """A file of the project's folder: ``.env``, ``trunkline.toml``, ``trunkline.yaml``."""
    USER = 2
    """The user's own configuration file."""
    ENVIRONMENT = 3
    ARGUMENT = 4
    BUILT_IN = 5
    """A row of our own table: where a provider's key belongs."""


@final
class Secret:
    """A key that shows itself to nobody: ``repr`` and ``str`` are masked, pickling is refused.

    ``reveal()`` gives the text, for the one place that puts it on the wire. ``id`` is a short digest that tells two
    keys apart without telling either.
    """

    __slots__ = ("_text", "id", "origin")

    def __init__(self, text: str, origin: Origin = Origin.ARGUMENT) -> None:
        self._text = text
        self.origin: Origin = origin
        self.id: str = hashlib.sha256(b"trunkline key:" + text.encode("utf-8", "surrogatepass")).hexdigest()[:8]

    def reveal(self) -> str:
        return self._text

    def mask(self, text: str) -> str:
        """``text`` with this key, plain or as JSON escapes it, replaced."""
        if not self._text:
            return text
        text = text.replace(self._text, "***")
        escaped = self._text.replace("/", "\\/")
        return text if escaped == self._text else text.replace(escaped, "***")

    def mask_bytes(self, data: bytes) -> bytes:
        """``data`` with this key replaced, likewise."""
        key = self._text.encode("utf-8", "surrogatepass")
        if not key:
            return data
        return data.replace(key, b"***").replace(key.replace(b"/", b"\\/"), b"***")

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(self.id)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled: read the key again where it is needed")


def mask_keys(text: str) -> str:
    """``text`` with whatever looks like a provider's key replaced by ``***``."""
    return _KEY_LIKE.sub("***", text)
