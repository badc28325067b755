"""How a request in JSON ends: what one adds oneself is laid upon it, and the whole becomes bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ..values.errors import UsageError
from ..wire.loose_json import clean_text
from .losses import Losses

_encode = msgspec.json.Encoder().encode
_REFUSED = (TypeError, ValueError, OverflowError, RecursionError)


def merged(body: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``over`` laid upon ``body``, object by object; everything else in it wins."""
    made = dict(body)
    for name, value in over.items():
        mine = made.get(name)
        made[name] = merged(mine, value) if isinstance(mine, dict) and isinstance(value, dict) else value
    return made


ONLY_JSON = "Reply with a single JSON object and nothing else: no prose, no code fence."
OBEY = " It must obey this JSON Schema:\n"


def json_bytes(body: dict[str, Any], losses: Losses) -> bytes:
    """A body, or a schema within it, as JSON, with U+FFFD for half surrogates.

    Raises ``UsageError`` that names the field which no JSON can hold.
    """
    try:
        return _encode(body)
    except UnicodeEncodeError:
        losses.approximated("messages", "half of a surrogate pair is no text: U+FFFD in its place")
    except _REFUSED:
        raise _culprit(body) from None
    try:
        return _encode(cleaned(body))
    except _REFUSED:
        raise _culprit(body) from None


def cleaned(value: Any) -> Any:
    """``value`` with U+FFFD for half surrogates, which are no text."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        return {clean_text(name) if isinstance(name, str) else name: cleaned(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [cleaned(item) for item in value]
    return value


def _culprit(body: dict[str, Any]) -> UsageError:
    for name, value in body.items():
        try:
            _encode(cleaned(value))
        except _REFUSED:
            return UsageError("cannot be written as JSON", field=name, got=type(value).__name__, allowed="what JSON can hold")
    return UsageError("cannot be written as JSON", field="extra_body", allowed="what JSON can hold")
