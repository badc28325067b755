"""Kill processes that write to a store, and look at what is left."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tests.conftest import ROOT
from tests.stores.killed import TICK
from trunkline import SQLiteStore

RECENT = 0.5
"""Seconds before the kill within which a process may have been late."""


@dataclass
class Left:
    """``lost``: how long before its kill (seconds) the oldest record was handed over that is gone, 0.0: none is. ``late``: how late that
    process was at most just then, waiting for a processor. ``disk``: how long the disk took at most to sync a few bytes. ``kept``: how
    many records are there."""

    lost: float
    late: float
    disk: float
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
        disk = _pass(chance.uniform(0.0, 0.6), path.parent / "probe")
        moments = []
        for process in running:
            moments.append(time.monotonic())
            process.send_signal(signal.SIGKILL)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    with SQLiteStore(path) as store:
        return [_left(store, log, notes[log], moment, disk) for log, moment in zip(logs, moments, strict=True)]


def _pass(seconds: float, probe: Path) -> float:
    """Lets time pass, and tells how long the disk took at most to sync a few bytes meanwhile."""
    end, longest = time.monotonic() + seconds, 0.0
    with probe.open("wb", buffering=0) as file:
        while (began := time.monotonic()) < end:
            file.write(b"x")
            os.fsync(file.fileno())
            longest = max(longest, time.monotonic() - began)
            time.sleep(0.02)
    return longest


def _left(store: SQLiteStore, log: str, notes: Path, moment: float, disk: float) -> Left:
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
    late = max((after - before - TICK for before, after in pairwise([*ticks, moment])), default=RECENT)
    return Left(moment - told[len(there)] if len(there) < len(told) else 0.0, max(late, 0.0), disk, len(there))
