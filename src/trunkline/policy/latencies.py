"""How fast a target answers: what chooses the fastest, and says when a second one is worth asking."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from math import ceil

_KEPT = 128
_WEIGHT = 0.2  # of the latest, in the moving average
_DIGITS = 6  # 0.07 * 100 is 7.000000000000001, and is to be the seventh

Percentiles = tuple[float | None, float | None]
"""The median and the 95th percentile; None where nothing was seen."""


class Latencies:
    """Seconds until the first token, and until the end, of the last 128 replies. Not thread-safe by itself.

    ``average_first``: the exponential moving average until the first token, the latest with a weight of 0.2; None where no
    reply was seen that told.
    """

    __slots__ = ("_firsts", "_wholes", "average_first")

    def __init__(self) -> None:
        self.average_first: float | None = None
        self._firsts: deque[float] = deque(maxlen=_KEPT)
        self._wholes: deque[float] = deque(maxlen=_KEPT)

    def add(self, first: float | None, whole: float) -> None:
        """A reply began after ``first`` seconds (None: it cannot be told) and took ``whole`` of them."""
        self._wholes.append(whole)
        if first is None:
            return
        self._firsts.append(first)
        average = self.average_first
        self.average_first = first if average is None else average + _WEIGHT * (first - average)

    def percentile(self, share: float) -> float | None:
        """The seconds within which a ``share`` (0 to 1) of the last 128 first tokens came, by nearest rank: one that was seen."""
        return _nearest_rank(sorted(self._firsts), share)

    def percentiles(self) -> tuple[Percentiles, Percentiles]:
        """The median and the 95th percentile until the first token, and the same until the end."""
        return _middle_and_end(self._firsts), _middle_and_end(self._wholes)


def _middle_and_end(seen: Iterable[float]) -> Percentiles:
    ordered = sorted(seen)
    return _nearest_rank(ordered, 0.5), _nearest_rank(ordered, 0.95)


def _nearest_rank(ordered: list[float], share: float) -> float | None:
    if not ordered:
        return None
    return ordered[max(1, ceil(round(share * len(ordered), _DIGITS))) - 1]
