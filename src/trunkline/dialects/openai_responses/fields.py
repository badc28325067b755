"""The fields of JSON objects, each verbatim until it is looked at."""

from __future__ import annotations

import msgspec

from ..reply_fields import REFUSED, Fields

_number = msgspec.json.Decoder(int | None).decode


def number_of(fields: Fields, name: str) -> int | None:
    """A field that is a whole number, not below 0; anything else is none."""
    raw = fields.get(name)
    if raw is None:
        return None
    try:
        number = _number(raw)
    except REFUSED:
        return None
    return number if number is not None and number >= 0 else None
