"""A key from the moment it is read: never shown, never pickled, sent only where it may go."""

from __future__ import annotations

import hashlib
import re
from binascii import b2a_base64
from enum import IntEnum
from typing import NoReturn, final

from .late_pattern import LatePattern

# What looks like a key of some provider, in any text. A known prefix, at the start of a word, and a rest that no prose has:
# a digit or the asterisks of a provider's own masking, or no break for long. Lookaheads are bounded: the time stays linear.
_PREFIXED = LatePattern(
    r"(?<![A-Za-z0-9])(?:"
    r"(?:sk|pk|rk|gsk|csk|tgp|r8|nvapi|gh[opsur]|github_pat)[-_](?=[\w.-]{0,48}[\d*•…]|[\w-]{0,24}[A-Za-z]{20})[\w.*•…-]{8,}"
    r"|(?:xai|pplx|fw|hf|pa|jina)[-_](?=[\w.-]{0,48}(?:(?=[A-Za-z]{0,48}\d)[A-Za-z0-9]{12}|[*•…]{2}))[\w.*•…-]{8,}"
    r"|AIza[\w-]{16,}|A[KS]IA[0-9A-Z]{12,}|AQ\.[\w-]{20,}|ya29\.[\w.-]{10,}|eyJ[\w-]{10,}\.[\w-]{4,}(?:\.[\w-]*)?"
    r")"
)
# A word that announces a credential, and what follows it: likewise nothing that prose would have there.
_ANNOUNCED = LatePattern(
    r"(?i:((?:\b(?:bearer|basic)\s{1,4}"
    r"|(?:api[-_ ]?key|(?:access|auth|security)[-_ ]?token|secret|password|(?<=[ ,&])(?:x-amz-)?signature(?==))"
    r"(?:[ ](?:provided|given|used|is|was))?"
    r"[\"'`]?(?:\s{0,4}[:=]\s{0,4}[\"'`(]?|\s{1,4}[\"'`(]))"
    r"))(?=[^\s\"'`,;)}&]{0,64}[\d*•…]|[^\s\"'`,;)}&]{20})[^\s\"'`,;)}&]{6,}"
    r"|([?&](?:api[-_]?key|key|token)=)[^\s\"'`&]{6,}"
)
_NEVER_ESCAPED = re.compile(r"[A-Za-z0-9_.-]*\Z")
_SHORTEST = 8
_URL_ALPHABET = str.maketrans("+/", "-_")


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
    keys apart without telling either. ``before``: another one that is hidden with it, such as the token that
    it took the place of.
    """

    __slots__ = ("_before", "_encoded", "_pattern", "_text", "id", "origin")

    def __init__(self, text: str, origin: Origin = Origin.ARGUMENT, *, before: Secret | None = None) -> None:
        self._text = text
        self._before = before
        self._pattern: re.Pattern[str] | None = None
        self._encoded: tuple[str, ...] | None = None
        self.origin: Origin = origin
        self.id: str = hashlib.sha256(b"trunkline key:" + text.encode("utf-8", "surrogatepass")).hexdigest()[:8]

    def reveal(self) -> str:
        return self._text

    def mask(self, text: str) -> str:
        """``text`` with this key replaced: plain, as JSON escapes it (any of the ways), as a URL does, or in base64; its
        beginning too, where the text was cut in the middle of it.

        A key of fewer than eight characters is a placeholder (``none``, ``test``): it guards nothing, and replacing it would
        garble what else is said.
        """
        if self._before is not None:
            text = self._before.mask(text)
        if len(self._text) < _SHORTEST:
            return text
        if len(text) < len(self._text):
            return self._without_beginning(text)
        if _NEVER_ESCAPED.match(self._text):
            text = text.replace(self._text, "***")
        else:
            if self._pattern is None:
                self._pattern = re.compile("".join(map(_spellings, self._text)))
            text = self._pattern.sub("***", text)
        if self._encoded is None:
            self._encoded = _in_base64(self._text)
        for encoded in self._encoded:
            text = text.replace(encoded, "***")
        return self._without_beginning(text)

    def _without_beginning(self, text: str) -> str:
        """``text`` without the first part of this key at its end."""
        key = self._text
        at = text.find(key[:_SHORTEST], max(0, len(text) - len(key)))
        while at >= 0:
            if key.startswith(text[at:]):
                return text[:at] + "***"
            at = text.find(key[:_SHORTEST], at + 1)
        return text

    def stands_in(self, data: bytes) -> bool:
        """Whether ``data`` quotes this key as it is."""
        if self._before is not None and self._before.stands_in(data):
            return True
        return len(self._text) >= _SHORTEST and self._text.encode("utf-8", "surrogatepass") in data

    def mask_bytes(self, data: bytes) -> bytes:
        """``data`` with this key replaced, likewise."""
        if len(self._text) < _SHORTEST and self._before is None:
            return data
        return self.mask(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        from hmac import compare_digest  # costs a millisecond, and keys are seldom compared

        return isinstance(other, Secret) and compare_digest(_bytes(self), _bytes(other))

    def __hash__(self) -> int:
        return hash(self.id)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled: read the key again where it is needed")


def _bytes(secret: Secret) -> bytes:
    return secret.reveal().encode("utf-8", "surrogatepass")


def _spellings(letter: str) -> str:
    """A pattern for one character of a key: itself, behind a backslash, as ``\\u002b`` or as ``%2B``."""
    if letter.isascii() and letter.isalnum():
        return letter
    units = letter.encode("utf-16-be", "surrogatepass").hex()
    escaped = "".join(rf"\\u{units[n : n + 4]}" for n in range(0, len(units), 4))
    quoted = "".join(f"%{byte:02x}" for byte in letter.encode("utf-8", "surrogatepass"))
    return rf"(?:\\?{re.escape(letter)}|(?i:{escaped}|{quoted}))"


def _in_base64(text: str) -> tuple[str, ...]:
    """What base64 makes of ``text`` wherever it stands in what is encoded (``user:key``, say), in both alphabets: the letters
    that
    hold nothing but the key. None of a key too short to be told from chance."""
    data = text.encode("utf-8", "surrogatepass")
    found: dict[str, None] = {}
    for before in range(3):
        whole = b2a_base64(b"\0" * before + data, newline=False).decode()
        cut = whole[(0, 2, 3)[before] : (before + len(data)) * 8 // 6]
        if len(cut) >= _SHORTEST:
            found[cut] = found[cut.translate(_URL_ALPHABET)] = None
    return tuple(found)


def mask_keys(text: str) -> str:
    """``text`` with whatever looks like a provider's key replaced by ``***``."""
    text = _PREFIXED().sub("***", text)
    return _ANNOUNCED().sub(lambda found: f"{found[1] or found[2]}***", text)
