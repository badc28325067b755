"""JSON as senders really write it: what a strict parser refuses is mended where its meaning is plain."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from ..values.late_pattern import LatePattern

_BOM = b"\xef\xbb\xbf"
# An escaped surrogate pair, an escaped lone surrogate, or any other escape (so that ``\\ud800`` is not taken for one).
_ESCAPE = LatePattern(r"\\(u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[dD][89a-fA-F][0-9a-fA-F]{2}|.)", re.DOTALL)
_strict = msgspec.json.Decoder()


def loads(data: bytes) -> Any:
    """The value of a JSON text. A byte order mark, space around it, bytes that are not UTF-8, NaN, control characters and
    lone surrogates (read as U+FFFD) are borne; of duplicate keys the last wins. Raises ``ValueError`` without content."""
    try:
        return _strict.decode(data)
    except (ValueError, RecursionError):
        pass
    text = data.removeprefix(_BOM).decode("utf-8", "replace").strip()
    if "\\ud" in text or "\\uD" in text:
        text = _ESCAPE().sub(_mend, text)
    import json  # costs a millisecond, and few need it

    try:
        return json.loads(text, strict=False)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except ValueError:
        raise ValueError("not JSON") from None


def _mend(escape: re.Match[str]) -> str:
    found = escape[0]
    return "\\ufffd" if len(found) == 6 else found


def clean_text(text: str) -> str:
    """``text`` with lone surrogates, which no encoder takes, replaced by U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
