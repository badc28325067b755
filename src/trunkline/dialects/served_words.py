"""What a reply says as JSON can hold it: what protocols whose parts are objects share when we are the server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import msgspec

from ..values.message import Citation, ProviderState
from ..values.response import Usage
from ..wire.loose_json import clean_text, loads, sound
from .losses import Losses
from .served_fields import REFUSED

Object = dict[str, Any]
INVALID = "INVALID_JSON"
"""Under this key stand arguments that are no JSON object: the protocols' own are always one."""
CUSTOM_INPUT = "input"
"""The one argument of a call whose input is plain text."""
FOREIGN = "another protocol's, which this one has no words for"
_encode = msgspec.json.Encoder().encode
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_any = msgspec.json.Decoder().decode


def json_bytes(body: Object, losses: Losses) -> bytes:
    """``body`` as JSON. Of what others put into it (``extra``, figures), what JSON cannot hold becomes null, with a warning."""
    try:
        return _encode(body)
    except UnicodeEncodeError:
        losses.approximated("message.text", "half of a surrogate pair is no text: U+FFFD in its place")
    except (TypeError, ValueError, OverflowError, RecursionError):
        losses.dropped("extra", "it cannot be written as JSON")
    return _encode(sound(body))


def printable(text: str) -> str:
    """``text`` as a header can hold it."""
    return "".join(letter if " " < letter < "\x7f" else "_" for letter in text[:200])


def sayable(text: str, losses: Losses) -> str:
    """``text`` as JSON can say it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        losses.approximated("message.text", "half of a surrogate pair is no text: U+FFFD in its place")
        return clean_text(text)
    return text


class SaidParts:
    """What the parts of one reply hold, in the protocol ``dialect``; ``losses`` grows with what cannot be said. ``refused``: one
    of them was a refusal."""

    __slots__ = ("losses", "refused")
    dialect: ClassVar[str]
    why_refused: ClassVar[str] = "a refusal is text, and the reason to stop"

    def __init__(self, losses: Losses) -> None:
        self.losses: Losses = losses
        self.refused: bool = False

    def refusal(self) -> None:
        self.refused = True
        self.losses.approximated("message.refusal", self.why_refused)

    def clean(self, text: str) -> str:
        """``text`` as JSON can say it."""
        return sayable(text, self.losses)

    def own(self, state: ProviderState | None, what: str) -> Object | None:
        """The fields that only this protocol knows; None where there are none."""
        if state is None:
            return None
        if state.dialect == self.dialect:
            try:
                _any(state.data)
                return dict(_fields(state.data))
            except REFUSED:
                self.losses.dropped(f"message.{what}.state", "it is not JSON")
                return None
        self.losses.dropped(f"message.{what}.state", FOREIGN)
        return None

    def input(self, text: str, *, custom: bool = False) -> Any:
        """Arguments as an object, as they stand where they are one; else inside one, under ``INVALID``."""
        if custom:
            self.losses.approximated("message.tool_call", f"plain input stands in an object, as {CUSTOM_INPUT}")
            return {CUSTOM_INPUT: self.clean(text)}
        if not text or text.isspace():
            return {}
        try:
            if isinstance(_any(text), dict):
                return msgspec.Raw(text)
        except REFUSED:
            if (value := _mended(text)) is not None:
                return value
        self.losses.approximated("message.tool_call.arguments", f"they are no JSON object: sent inside one, as {INVALID}")
        return {INVALID: self.clean(text)}

    def cited(self, citation: Citation, rebuilt: Callable[[Citation], Object | None]) -> Object | msgspec.Raw | None:
        """In its own form, or as ``rebuilt`` in the form that this protocol has for its kind, where it has one."""
        if citation.state is not None and citation.state.dialect == self.dialect:
            own = self.own(citation.state, "citations")
            return None if own is None else msgspec.Raw(citation.state.data)
        made = rebuilt(citation)
        if made is None:
            self.losses.dropped("message.citations", "this protocol has no such form of them")
        elif citation.text_start is not None or citation.text_end is not None:
            self.losses.approximated("message.citations.place", "a citation is of the whole text of its block here")
        return made


def _mended(text: str) -> Object | None:
    """The object that ``text`` plainly means though a strict parser refuses it."""
    try:
        value = loads(clean_text(text).encode())
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def beside_cache(usage: Usage, losses: Losses) -> tuple[int, int | None, int | None]:
    """Tokens of the prompt that were read afresh, that came from a cache and that went into it, where a protocol counts these
    beside each other."""
    read, written = usage.cache_read_tokens, usage.cache_write_tokens
    fresh = (usage.input_tokens or 0) - (read or 0) - (written or 0)
    if fresh < 0 and usage.input_tokens is not None:  # some providers count so
        losses.approximated("usage.cache_read_tokens", "the cache holds more than the whole input: no more than that is said")
        read = None if read is None else min(read, usage.input_tokens)
        written = None if written is None else min(written, usage.input_tokens - (read or 0))
        fresh = usage.input_tokens - (read or 0) - (written or 0)
    return max(0, fresh), read, written
