"""A process that hands records to a store until it is killed, and notes in a file of its own what it has handed over, and when.

``python -m tests.stores.killed STORE LOG NOTES SEED BUSY``: log and notes are for this process alone; ``BUSY`` threads compute beside it.
"""

from __future__ import annotations

import os
import random
import sys
import threading
import time

from trunkline import SQLiteStore

TICK = 0.005
"""Seconds between two looks at how late this process is: for the processor, or for the interpreter's own lock."""


def noted(notes: int, kind: str, what: int) -> None:
    """What a process has written is kept when it is killed; a line is whole or absent."""
    os.write(notes, f"{kind} {what} {time.monotonic():.6f}\n".encode())


def look_at_the_clock(notes: int) -> None:
    while True:
        time.sleep(TICK)
        noted(notes, "tick", 0)


def compute() -> None:
    while True:
        sum(range(10_000))


def main(path: str, log: str, notes_path: str, seed: str, busy: str) -> None:
    chance = random.Random(seed)
    notes = os.open(notes_path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    store = SQLiteStore(path)
    for target, arguments in [(look_at_the_clock, (notes,)), *[(compute, ())] * int(busy)]:
        threading.Thread(target=target, args=arguments, daemon=True).start()
    print("begun", flush=True)
    n = 0
    while True:
        for _ in range(chance.choice([1, 1, 1, 2, 5, 30])):
            store.append(log, b"%d %s" % (n, b"x" * chance.choice([0, 10, 200, 2_000, 20_000])))
            if n % 10 == 0:
                store.put(log, b"%d" % n)
            noted(notes, "kept", n)
            n += 1
        time.sleep(chance.choice([0, 0.0005, 0.002, 0.01, 0.04]))


if __name__ == "__main__":
    main(*sys.argv[1:])
