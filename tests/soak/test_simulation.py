"""The simulated world of ``tests/engine/simulation.py``, played for as many seeds as patience allows. ``make soak`` plays 50,000, half of
them on each port; ``ARGS="--scenarios 1000 tests/soak/test_simulation.py -n auto"`` fewer, ``--write`` adds the figures to
``docs/soak.md``. What fails is told with the command that plays it again."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from tests.engine.simulated.tally import missing, tally
from tests.engine.simulation import play

SHOWN = 5


@pytest.mark.parametrize("port", ["blocking", "async"])
def test_whatever_the_seed(port: str, request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> None:
    count, first = int(request.config.getoption("--scenarios")) // 2, int(request.config.getoption("--seed"))
    wrong: list[str] = []
    ends, seen = Counter[str](), Counter[str]()
    requests, passed = 0, 0.0
    for seed in range(first, first + count):
        try:
            scenario = play(seed, port)
        except AssertionError as error:
            wrong.append(str(error))
            continue
        ends.update(end.how for caller in scenario.callers for end in caller.ends)
        seen += tally(scenario)
        requests += len(scenario.io.talks)
        passed += scenario.io.now() - scenario.began
    assert not wrong, f"{len(wrong)} of {count} seeds, such as\n" + "\n".join(wrong[:SHOWN])
    assert not missing(seen, count, port), f"the draw covers too little: {seen}"
    how = ", ".join(f"{each:,} {WORDS[name]}" for name, each in ends.most_common())
    told = f"{ends.total():,} calls ({how}), {requests:,} requests, {passed / 3600:,.0f} hours of virtual time; no promise broken"
    record_property("told", f"simulation, {port}, seeds {first} to {first + count - 1}: {told}")
    what = f"simulated providers, {port} port (`tests/soak/test_simulation.py`): what `tests/engine/simulated/checks.py` says holds in each"
    machine = f"{os.cpu_count()} cores, CPython {platform.python_version().rpartition('.')[0]}"
    record_property(
        "row", f"| {datetime.now(UTC):%Y-%m-%d} | {what} | {count:,} scenarios, seeds from {first} on, {machine} | {told} |"
    )


WORDS = {
    "end": "to their end",
    "error": "with an error",
    "close": "closed early",
    "cancel": "cancelled",
    "collected": "abandoned",
}
