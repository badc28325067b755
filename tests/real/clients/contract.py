"""What every client program of this folder does: ``python PROGRAM DIALECT BASE_URL SCENARIO…`` prints one JSON document, an object
``{scenario: what was seen}``.

A scenario's name is what the program asks (the whole prompt), and its first word, up to ``-``, chooses the function that asks it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

_SHARED = json.loads(Path(__file__).with_name("contract.json").read_text(encoding="utf-8"))

DIALECT, BASE, *NAMES = sys.argv[1:]
KEY: str = _SHARED["key"]
MODEL: str = _SHARED["model"]
SYSTEM: str = _SHARED["system"]
IMAGE: str = _SHARED["image"]
IMAGE_URL: str = _SHARED["image_url"]
WEATHER: dict[str, Any] = _SHARED["weather"]
RETRIES = 2
MOST_TURNS = 4


def get_weather(city: str) -> str:
    """The weather in a city, now."""
    return f"{city}: 4 °C"


class Seen(dict[str, Any]):
    """What a program saw of one scenario; what is here when an exception comes stays."""

    def piece(self, text: str | None) -> None:
        if text:
            self["text"] = self.get("text", "") + text
            self["pieces"] = self.get("pieces", 0) + 1

    def thought(self, text: str | None) -> None:
        if text:
            self["reasoning"] = self.get("reasoning", "") + text

    def call(self, name: str, arguments: Any) -> None:
        self.setdefault("calls", []).append([name, json.loads(arguments) if isinstance(arguments, str) else arguments])


def _known(error: BaseException | None, name: str) -> Any:
    """What an error, or else what caused it, knows under a name."""
    while error is not None and getattr(error, name, None) is None:
        error = error.__cause__
    return getattr(error, name, None)


def _told(error: BaseException) -> dict[str, Any]:
    headers = _known(error, "litellm_response_headers") or getattr(_known(error, "response"), "headers", {})
    return {
        "classes": [kind.__name__ for kind in type(error).__mro__],
        "status": _known(error, "status_code"),
        "request_id": _known(error, "request_id"),
        "retry_after": headers.get("retry-after"),
        "message": str(error)[:300],
    }


def run(
    functions: Mapping[str, Callable[[str, Seen], None]], told: Callable[[BaseException], dict[str, Any]] | None = None
) -> None:
    """Ask everything that the command line names, and print what was seen; ``told`` knows where errors keep their status."""
    outcomes: dict[str, Seen] = {}
    for name in NAMES:
        seen = outcomes[name] = Seen()
        try:
            functions[name.partition("-")[0]](name, seen)
        except Exception as error:
            seen["error"] = _told(error) | (told(error) if told else {})
    json.dump(outcomes, sys.stdout)
