"""What a tool answered: ``functionResponse.response`` (gemini §4), always an object on the wire, and text among ours.

``output`` holds what it gave, ``error`` what went wrong; an object with neither is what it gave, as it stands. So a text that is
such an object goes out as one, and any other goes under ``output``. ``read(write(text, error)) == (text, error)``, always; what
``write(*read(response))`` does not say again is kept in the part's state (``{"functionResponse": {"response": …}}``) and goes out
in its place as long as ``read`` gives what the part says.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ...wire.loose_json import DEEPEST

_encode = msgspec.json.Encoder().encode
_any = msgspec.json.Decoder().decode
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_REFUSED = (msgspec.DecodeError, UnicodeError, RecursionError)
_KEYS = ("output", "error")


def read(response: bytes) -> tuple[str, bool]:
    """Text, and whether it tells of an error, of a ``response`` (the JSON of an object)."""
    fields = _fields(response)
    if len(fields) == 1:
        key, raw = next(iter(fields.items()))
        if key in _KEYS:
            value = _any(raw)
            return value if isinstance(value, str) else bytes(raw).decode(), key == "error"
    return bytes(response).decode(), False


def write(text: str, is_error: bool) -> dict[str, Any] | msgspec.Raw:
    """The ``response`` that says it."""
    if is_error:
        return {"error": text}
    if text[:1] == "{" and text[-1:] == "}" and text.count("{") + text.count("[") < DEEPEST:
        try:
            fields = _any(text.encode())
        except _REFUSED:
            return {"output": text}
        if not (len(fields) == 1 and next(iter(fields)) in _KEYS):
            return msgspec.Raw(text.encode())
    return {"output": text}


def same(one: object, other: object) -> bool:
    """Whether two responses are the same JSON."""
    try:
        return bool(_any(_encode(one)) == _any(_encode(other)))
    except (*_REFUSED, TypeError, ValueError):
        return False
