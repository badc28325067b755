"""What a content filter found, where an error tells it (azure-openai §4 and §6)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def filtered(layers: Iterable[dict[str, Any]]) -> dict[str, str]:
    """The categories that refused, each with its severity; ``detected`` or ``filtered`` where it has none."""
    found: dict[str, str] = {}
    for layer in layers:
        for name in ("content_filter_result", "content_filter_results"):
            results = layer.get(name)
            for category, result in results.items() if isinstance(results, dict) else ():
                if (verdict := _verdict(result)) is not None:
                    found.setdefault(str(category)[:60], verdict)
    return found


def _verdict(result: object) -> str | None:
    if isinstance(result, list):  # lists of blocked words come as an array too
        return next((verdict for each in result if (verdict := _verdict(each)) is not None), None)
    if not isinstance(result, dict) or result.get("filtered") is not True:
        return None
    severity = result.get("severity")
    return severity[:60] if isinstance(severity, str) else "detected" if result.get("detected") is True else "filtered"
