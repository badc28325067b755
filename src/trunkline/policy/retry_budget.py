"""How much of the traffic may be retries: a target in trouble is not asked several times as often as one that is well."""

from __future__ import annotations

_ONE = 1_000_000  # a retry: credit is counted in millionths, for sums of fractions would drift


class RetryBudget:
    """Each call adds ``share`` of a retry to a credit of at most ``most``, each retry takes one whole; the credit begins with
    ``least``, so that a program of few calls may retry at all.

    Retries ever taken are never more than ``least + share * calls``. ``share`` is kept to the millionth. Not thread-safe by
    itself.
    """

    __slots__ = ("_credit", "_most", "_share")

    def __init__(self, share: float = 0.2, least: int = 10, most: int = 100) -> None:
        self._share = round(share * _ONE)
        self._most = most * _ONE
        self._credit = min(least, most) * _ONE

    def called(self) -> None:
        """A call asks this target for the first time."""
        self._credit = min(self._credit + self._share, self._most)

    def take(self) -> bool:
        """Whether there may be one more retry; if so, it is taken."""
        if self._credit < _ONE:
            return False
        self._credit -= _ONE
        return True
