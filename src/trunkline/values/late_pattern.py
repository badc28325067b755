"""A regular expression that is compiled when it is first needed."""

from __future__ import annotations

import re


class LatePattern:
    """Call it for the pattern: ``_DATE().search(text)``. To compile all of ours on import would take six milliseconds, and most
    programs need none."""

    __slots__ = ("_compiled", "_flags", "_text")

    def __init__(self, text: str, flags: int = 0) -> None:
        self._text = text
        self._flags = flags
        self._compiled: re.Pattern[str] | None = None

    def __call__(self) -> re.Pattern[str]:
        if self._compiled is None:
            self._compiled = re.compile(self._text, self._flags)
        return self._compiled
