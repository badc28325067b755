"""Bytes that no reader can take for what they were."""

from __future__ import annotations

import random
from typing import Literal

from ..wire.loose_json import loads

_NEEDED = b'{}[]:,"'


def garbled(written: bytes, how: Literal["flip", "half"] | None, chance: random.Random) -> bytes:
    """``written``, a frame or a body that holds a JSON object, spoilt: a sign that JSON needs is another one (``flip``), or the
    object ends half-way (``half``). What comes out is no JSON, not even to a lenient reader."""
    start, end = written.find(b"{"), written.rfind(b"}") + 1
    if start < 0 or end <= start:
        return written[: len(written) // 2]
    value = written[start:end]
    spoilt = value[: len(value) // 2] if (how or chance.choice(("flip", "half"))) == "half" else _flipped(value, chance)
    return written[:start] + spoilt + written[end:]


def _flipped(value: bytes, chance: random.Random) -> bytes:
    places = [n for n, byte in enumerate(value) if byte in _NEEDED]
    chance.shuffle(places)
    for place in places:
        spoilt = value[:place] + bytes([value[place] ^ 0x40]) + value[place + 1 :]
        if not _is_json(spoilt):
            return spoilt
    return value[: len(value) // 2]


def _is_json(value: bytes) -> bool:
    try:
        loads(value)
    except ValueError:
        return False
    return True
