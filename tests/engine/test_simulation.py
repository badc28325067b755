"""Thousands of scenarios that nobody thought of, in either world, and what must hold in each (``simulation.py``)."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.engine.simulated.tally import missing, tally
from tests.engine.simulation import play

SCENARIOS = 1_200
BLOCKS = 2


@pytest.mark.parametrize("block", range(BLOCKS))
@pytest.mark.parametrize("port", ["blocking", "async"])
def test_whatever_happens(port: str, block: int) -> None:
    each = SCENARIOS // BLOCKS
    seen: Counter[str] = Counter()
    for seed in range(block * each, (block + 1) * each):
        seen += tally(play(seed, port))
    assert not missing(seen, each, port), f"the draw covers too little: {seen}"
