"""What a process holds: memory, descriptors, threads, children; how fast it grows, and what it has kept."""

from __future__ import annotations

import gc
import os
import resource
import threading
import time
from collections.abc import Sequence
from pathlib import Path

MIB = 1 << 20
SETTLING = 5.0
"""Seconds that what has been told to end may take to be gone."""


def raise_descriptors(wanted: int) -> int:
    """The limit of open descriptors, raised towards ``wanted`` as far as the hard limit allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if most > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        return most
    return soft


def resident() -> float:
    """MiB of memory that the process has, garbage collected."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / MIB


def slope(samples: Sequence[tuple[float, float]]) -> float:
    """MiB a minute: least squares over (second, MiB)."""
    if len(samples) < 2:
        return 0.0
    mean_x = sum(x for x, _ in samples) / len(samples)
    mean_y = sum(y for _, y in samples) / len(samples)
    spread = sum((x - mean_x) ** 2 for x, _ in samples)
    return 60.0 * sum((x - mean_x) * (y - mean_y) for x, y in samples) / spread


class Held:
    """What the process holds at one moment, by name: descriptors as the kernel shows them, threads and children."""

    def __init__(self) -> None:
        self.descriptors: dict[str, str] = {}
        for entry in Path("/proc/self/fd").iterdir():
            try:
                self.descriptors[entry.name] = str(entry.readlink())
            except FileNotFoundError:  # the descriptor of this very listing
                continue
        self.threads: list[str] = sorted(thread.name for thread in threading.enumerate())
        self.kernel_threads: int = len(os.listdir("/proc/self/task"))  # noqa: PTH208 - only their number
        self.children: list[str] = []
        for task in Path("/proc/self/task").iterdir():
            try:
                self.children += (task / "children").read_text(encoding="ascii").split()
            except FileNotFoundError:  # it has ended meanwhile, or this kernel does not tell
                continue

    def beyond(self, before: Held) -> list[str]:
        """What this moment has that ``before`` had not."""
        grown = [f"descriptor {name}: {what}" for name, what in self.descriptors.items() if name not in before.descriptors]
        grown += [f"thread {name}" for name in self.threads if self.threads.count(name) > before.threads.count(name)]
        if self.kernel_threads > before.kernel_threads:
            grown.append(f"{self.kernel_threads - before.kernel_threads} threads of the kernel")
        return grown + [f"child process {child}" for child in self.children if child not in before.children]


def left(before: Held) -> list[str]:
    """What stays beyond ``before`` once everything had time to end."""
    until = time.monotonic() + SETTLING
    while True:
        gc.collect()
        grown = Held().beyond(before)
        if not grown or time.monotonic() > until:
            return grown
        time.sleep(0.05)
