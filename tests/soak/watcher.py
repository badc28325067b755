"""Looks at a process while it works under strain: memory, stalls of its own, warnings, errors that nobody saw."""

from __future__ import annotations

import sys
import time
import warnings
from typing import Any

from tests.soak.ledger import Ledger
from tests.soak.leftovers import resident, slope

FORGOTTEN = "was not closed: use `with`"
LAST = 2 / 3
"""The share of the time, at its end, over which growth is measured: 40 of 60 seconds."""


class Watcher:
    """``look`` every tenth of a second: once a second the books are posted and memory is measured."""

    EVERY = 0.1

    def __init__(self, ledger: Ledger, seconds: float) -> None:
        self.ledger = ledger
        self._seconds = seconds
        self._began = self._sampled = time.monotonic()
        self.samples: list[tuple[float, float]] = []
        self.blocks: list[int] = []
        """How many pieces of memory Python itself has, at the same moments: growth without more of them is the allocator's."""
        self.lag = 0.0
        self.interrupts_lost = self.unclosed = 0
        warnings.simplefilter("always")
        warnings.showwarning = self._warned
        sys.unraisablehook = self._unraisable

    def begin(self) -> None:
        """The strain is whole now: what counts begins."""
        self._began = self._sampled = time.monotonic()

    @property
    def over(self) -> bool:
        return time.monotonic() > self._began + self._seconds

    def look(self, expected: float) -> None:
        """``expected``: when it should have been."""
        now = time.monotonic()
        self.lag = max(self.lag, now - expected)
        if now - self._sampled >= 1.0:
            self._sampled = now
            self.ledger.post()
            self.samples.append((now - self._began, resident()))
            self.blocks.append(sys.getallocatedblocks())

    def report(self) -> dict[str, Any]:
        late = [sample for sample in self.samples if sample[0] >= self._seconds * (1 - LAST)]
        return {
            "rss": [round(size, 1) for _, size in self.samples],
            "blocks": self.blocks,
            "slope": slope(late),
            "lag": self.lag,
            "unclosed": self.unclosed,
            "interrupts_lost": self.interrupts_lost,
        }

    def _warned(self, message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: object) -> None:
        if FORGOTTEN in str(message):
            return
        if category is ResourceWarning and str(message).startswith("unclosed "):
            self.unclosed += 1
        else:
            self.ledger.complain(f"{category.__name__}: {message} ({filename}:{lineno})")

    def _unraisable(self, args: Any) -> None:
        if args.exc_type is KeyboardInterrupt:  # it arrived in a finalizer, where Python drops it
            self.interrupts_lost += 1
        else:
            self.ledger.complain(f"in {args.object!r}: {args.exc_value!r}")
