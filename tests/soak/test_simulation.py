"""The simulated world of ``tests/engine/simulation.py``, played for as many seeds as patience allows. ``make soak`` plays 50,000, half of them on each
port; ``ARGS="--scenarios 1000 tests/soak/test_simulation.py -n auto"`` fewer. What fails is told with the command that plays it again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

simulation = pytest.importorskip("tests.engine.simulation")
BLOCKS = 10
SHOWN = 5


@pytest.mark.parametrize("port", ["blocking", "async"])
@pytest.mark.parametrize("block", range(BLOCKS))
def test_whatever_the_seed(
    port: str, block: int, request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> None:
    each = request.config.getoption("--scenarios") // (2 * BLOCKS)
    first = int(request.config.getoption("--seed")) + block * each
    wrong: list[str] = []
    ends: Counter[str] = Counter()
    for seed in range(first, first + each):
        try:
            scenario = simulation.play(seed, port)
        except AssertionError as error:
            wrong.append(str(error))
        else:
            ends.update(end.how for caller in scenario.callers for end in caller.ends)
    assert not wrong, f"{len(wrong)} of {each} seeds, such as\n" + "\n".join(wrong[:SHOWN])
    told = ", ".join(f"{count:,} {how}" for how, count in ends.most_common())
    record_property(
        "told", f"simulation, {port}, seeds {first} to {first + each - 1}: {ends.total():,} calls ({told}), no promise broken"
    )
