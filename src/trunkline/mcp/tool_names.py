"""What a server's tools are called towards a model: with the server's name, in letters that every provider takes."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterable

LONGEST = 64
"""Characters of a tool's name that every provider takes (some take 128)."""

_log = logging.getLogger("trunkline.mcp")


def tool_names(prefix: str, names: Iterable[str]) -> dict[str, str]:
    """Each name that models see, and the server's own for it: ``prefix__name``; what is no letter, digit, ``_`` or ``-`` becomes
    ``_``. One that is too long, or would be another's, ends in a digest of the server's own."""
    made: dict[str, str] = {}
    for name in sorted(dict.fromkeys(names), key=lambda name: _seen(prefix, name) != _whole(prefix, name)):
        seen = whole = _seen(prefix, name)
        if len(seen) > LONGEST or not name or seen in made:
            if seen in made:
                _log.warning("two tools of one MCP server would both be %s; one has a digest at its end", seen)
            digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
            taken = (f"{whole[: LONGEST - 1 - length]}_{digest[:length]}" for length in range(8, LONGEST))
            seen = next(made_up for made_up in taken if made_up not in made)  # a hostile server can foresee the first
        made[seen] = name
    return made


def _whole(prefix: str, name: str) -> str:
    return f"{prefix}__{name}" if prefix else name


def _seen(prefix: str, name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", _whole(prefix, name))
