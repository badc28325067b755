"""Processes that write to a store are killed at random moments, hundreds of times: nothing is corrupt, nothing doubled, nothing out of
order, and nothing is lost that was handed over more than 100 ms before.

Up to three processes share one file, which goes on from kill to kill; in every fourth round each has two threads that compute all the time
beside it. ``make soak ARGS="--minutes 1 tests/soak/test_kills.py"``; ``--write`` adds the figures to ``docs/soak.md``.
"""

from __future__ import annotations

import os
import platform
import random
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.stores.kills import Left, kill

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
PROMISED = 0.1
"""Seconds; beyond it only what the machine was late: each of a few steps may have waited for a processor (or the interpreter) and the disk."""
STEPS = 3
ROUNDS_OF_A_FILE = 50


def test_kills(tmp_path: Path, request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> None:
    chance = random.Random(request.config.getoption("--seed"))
    end = time.monotonic() + 60 * request.config.getoption("--minutes")
    left: list[Left] = []
    rounds = 0
    while time.monotonic() < end:
        folder = tmp_path / str(rounds // ROUNDS_OF_A_FILE)
        folder.mkdir(exist_ok=True)
        busy = 2 if rounds % 4 == 3 else 0
        for one in kill(folder / "store.db", str(rounds), chance, writers=chance.choice([1, 2, 3]), busy=busy):
            assert one.lost <= PROMISED + STEPS * (one.late + one.disk), f"round {rounds}, busy {busy}: {one}"
            left.append(one)
        rounds += 1
    losses = sorted(one.lost for one in left)
    longest, median = losses[-1], losses[len(losses) // 2]
    kept, over = sum(one.kept for one in left), sum(loss > PROMISED for loss in losses)
    latest, slowest = max(one.late for one in left), max(one.disk for one in left)
    outcome = (
        f"{len(left)} processes killed in {rounds} rounds, {kept:,} records kept, every file whole, nothing doubled or out of order; lost: "
        f"median {1e3 * median:.0f} ms, at most {1e3 * longest:.0f} ms; {over} above 100 ms, where it waited for a processor (up to "
        f"{1e3 * latest:.0f} ms) or the disk (up to {1e3 * slowest:.0f} ms)"
    )
    record_property("told", f"kills: {outcome}")
    how = (
        f"{request.config.getoption('--minutes'):g} minutes, seed {request.config.getoption('--seed')}, {os.cpu_count()} cores, "
        f"{platform.python_implementation()} {'.'.join(platform.python_version_tuple()[:2])}"
    )
    today = datetime.now(UTC).date().isoformat()
    record_property("row", f"| {today} | `kill -9` of what writes to a store (`tests/soak/test_kills.py`) | {how} | {outcome} |")
