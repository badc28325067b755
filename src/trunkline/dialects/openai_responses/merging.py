"""One object laid upon another."""

from __future__ import annotations

from typing import Any


def merged(body: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """``over`` laid upon ``body``, object by object; everything else in it wins."""
    made = dict(body)
    for name, value in over.items():
        mine = made.get(name)
        made[name] = merged(mine, value) if isinstance(mine, dict) and isinstance(value, dict) else value
    return made
