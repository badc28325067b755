"""Kill processes that write to a store, and look at what is left."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT
from tests.stores.killed import TICK
from trunkline import SQLiteStore

RECENT = 0.5
"""Seconds before the kill within which a process may have been late."""


@dataclass
class Left:
    """``lost``: how long before its kill (seconds) the oldest record was handed over that is gone, 0.0: none is. ``late``: how late that
    process was at most just then, waiting for a processor. ``kept``: how many records are there."""

    lost: float
    late: float
    kept: int


def kill(path: Path, name: str, chance: random.Random, writers: int, busy: int) -> list[Left]:
    """Several processes write to ``path`` and are killed together at a random moment; what is left of each. Fails for whatever is broken."""
    logs = [f"{name} {n}" for n in range(writers)]
    notes = {log: path.parent / f"{log}.notes" for log in logs}
    with ExitStack() as stack:
        running = []
        for log in logs:
            argv = [sys.executable, "-m", "tests.stores.killed", path, log, notes[log], f"{chance.random()}", f"{busy}"]
            running.append(stack.enter_context(subprocess.Popen([*map(str, argv)], cwd=ROOT, stdout=subprocess.PIPE)))
        assert all(process.stdout and process.stdout.readline() == b"begun\n" for process in running)
        time.sleep(chance.uniform(0.0, 0.6))
        moments = []
        for process in running:
            moments.append(time.monotonic())
            process.send_signal(signal.SIGKILL)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    with SQLiteStore(path) as store:
        return [_left(store, log, notes[log], moment) for log, moment in zip(logs, moments, strict=True)]


def _left(store: SQLiteStore, log: str, notes: Path, moment: float) -> Left:
    lines = [line.split() for line in notes.read_text().splitlines()]
    notes.unlink()
    told = [float(at) for kind, _, at in lines if kind == "kept"]
    there = [int(record.data.split()[0]) for record in store.query(log)]
    assert there == list(range(len(there))), "in order, none twice, none missing in between"
    assert len(there) <= len(told) + 1, "one at most was kept and not noted any more"
    value = store.get(log)
    last = (len(there) - 1) // 10 * 10
    assert (int(value) if value is not None else None) in ({last, last - 10} if len(there) > 10 else {0, None}), (
        "values keep step"
    )
    ticks = [float(at) for kind, _, at in lines if kind == "tick" and float(at) > moment - RECENT]
    steps = zip([moment - RECENT if len(ticks) < 2 else ticks[0], *ticks], [*ticks, moment], strict=True)
    late = max(after - before - TICK for before, after in steps)
    return Left(moment - told[len(there)] if len(there) < len(told) else 0.0, max(late, 0.0), len(there))
