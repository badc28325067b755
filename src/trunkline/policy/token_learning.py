"""What a target's own counts teach of estimates: what it adds to every prompt, and by which factor its texts are longer.

Both are unknowns of a Bayesian line ``counted = added + factor * estimated``: short prompts show what is added, long ones the
factor, and what neither has shown stays in doubt.
"""

from __future__ import annotations

from math import ceil, sqrt

from ..values.token_estimate import TokenEstimate

ADDED = 200.0
"""Tokens: so far from 0 what is added may well lie (standard deviation)."""
FACTOR = 0.15
"""So far from 1 the factor may well lie."""
SHARE = 0.03
"""By what share of itself an estimate is off on its own."""
FORGETS = 0.98
"""What weighs what was seen before, at each new prompt: a provider may change what it adds."""
STRAY, HIDDEN = 4, 50_000
"""A count that is so many times beyond the bounds, and by more than any hidden prompt has tokens, says nothing of prompts."""
WIDTHS = 2.5
"""Standard deviations to either bound."""


class Experience:
    """What was learnt of one target. Not thread-safe by itself: a lost prompt is no harm."""

    __slots__ = ("_line", "seen")

    def __init__(self) -> None:
        self._line = (0.0, 0.0, 0.0, 0.0, 0.0)
        """Sums over prompts, each by its weight: of 1, of the estimate, of its square, of what was missed, of that by the
        estimate."""
        self.seen: int = 0

    def learn(self, told: TokenEstimate, counted: int) -> None:
        """A prompt that was estimated so has so many tokens. What cannot be is passed over."""
        if not told.low / STRAY <= counted <= told.high * STRAY + HIDDEN:
            return
        weight = 1.0 / _noise(told) ** 2
        size, missed = float(told.tokens), float(counted - told.tokens)
        new = (weight, weight * size, weight * size * size, weight * missed, weight * size * missed)
        one, sizes, squares, misses, both = (old * FORGETS + more for old, more in zip(self._line, new, strict=True))
        self._line = one, sizes, squares, misses, both
        self.seen += 1

    def applied(self, told: TokenEstimate) -> TokenEstimate:
        """``told`` as it is here, with the bounds narrower where enough was seen."""
        if not self.seen:
            return told
        one, sizes, squares, misses, both = self._line
        one, squares = one + ADDED**-2, squares + FACTOR**-2
        whole = one * squares - sizes * sizes
        added = (squares * misses - sizes * both) / whole
        further = (one * both - sizes * misses) / whole
        size = float(told.tokens)
        tokens = max(1.0, size + added + further * size)
        variance = (squares - 2.0 * sizes * size + one * size * size) / whole
        width = WIDTHS * sqrt(max(0.0, variance) + _noise(told) ** 2)
        low = tokens - min(width, float(told.tokens - told.low))
        high = tokens + min(width, float(told.high - told.tokens))
        about = round(tokens)
        return told._replace(tokens=about, low=min(about, max(1, int(low))), high=max(about, ceil(high)))


def _noise(told: TokenEstimate) -> float:
    """By how many tokens an estimate is off that has nothing left to learn (standard deviation): by more with media."""
    return max(1.0 + SHARE * told.tokens, (told.high - told.low) / 16.0)
