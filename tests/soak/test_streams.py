"""Many streams at once over loopback, one of ten of them failing, their callers as careless as people are: nothing is lost, nothing
doubled, nothing kept.

The simulator and the client each work in a process of their own; what happened is in the report that the client's prints. ``make soak`` runs
each for 60 s, ``ARGS="--seconds 10 --streams 200 --threads 50 tests/soak/test_streams.py"`` less; ``--write`` adds the figures to ``docs/soak.md``.
"""

from __future__ import annotations

import json
import os
import platform
import queue
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import IO, Any

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what a process holds is read from /proc")
TOKENS = 3_000.0
"""So many tokens a second can the simulator say in all, with room to spare on one core."""
GROWTH = 1.0
"""MiB a minute that a process may grow by."""
SLACK = 1.0
"""Seconds that a call may end after its deadline, beyond what the whole process was late."""
UNHEARD = 30.0
"""Seconds after which a Ctrl-C counts as not heard."""
PLAIN_ALLOCATOR = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"}
"""Without the C library's own cache of freed memory for each thread: 200 of them fill for minutes, which looks like a leak of 5 MiB a
minute and is none (with it off 200 threads grow by 0.1)."""
Tell = Callable[[str, object], None]


@contextmanager
def provider(pace: float, seed: int) -> Iterator[str]:
    """The address of a simulator that fails as it is asked to."""
    argv = [sys.executable, "-m", "tests.soak.rough_provider", str(pace), str(seed)]
    with subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def client(program: str, *argv: object) -> Iterator[tuple[subprocess.Popen[str], queue.SimpleQueue[str]]]:
    """The process that asks, and the lines that it prints; whatever it says besides is an error of its own."""
    command = [sys.executable, "-X", "faulthandler", "-m", f"tests.soak.{program}", *map(str, argv)]
    env = {**os.environ, **PLAIN_ALLOCATOR}
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        errors: queue.SimpleQueue[str] = queue.SimpleQueue()
        listening = [threading.Thread(target=_hear, args=pair) for pair in ((process.stdout, lines), (process.stderr, errors))]
        for thread in listening:
            thread.start()
        try:
            yield process, lines
            assert process.wait(60) == 0
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGABRT)  # the fault handler shows where each thread stands
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()
            for thread in listening:
                thread.join()
            said = "".join(_drained(errors))
            assert not said, said[-20_000:]


def _hear(stream: IO[str], into: queue.SimpleQueue[str]) -> None:
    for line in stream:
        into.put(line)


def _drained(lines: queue.SimpleQueue[str]) -> Iterator[str]:
    while not lines.empty():
        yield lines.get()


def check(report: dict[str, Any], seconds: float, outcomes: set[str]) -> None:
    """What must hold at the end of every run."""
    assert not report["wrongs"], f"{report['wrongs']} complaints, such as\n" + "\n".join(report["wrong"])
    assert not report["left"], "\n".join(report["left"])
    # A cycle's finalizers are called in any order: a socket's own before that of the stream, which would have closed it.
    assert report["unclosed"] <= 2 * (report["tangled"] + report["outcomes"].get("interrupt", 0)), (
        "something is left to the collector"
    )
    assert report["late"] <= SLACK + report["lag"], "a call ended long after its deadline"
    assert outcomes <= set(report["outcomes"]), "every end came about"
    if seconds >= 60:
        assert report["slope"] < GROWTH, f"it grows: {report['rss']}"


def told(report: dict[str, Any]) -> str:
    """A run's figures in words."""
    outcomes = ", ".join(f"{count:,} {WORDS[name]}" for name, count in report["outcomes"].items())
    faults = sum(report["faults"].values())
    return (
        f"{report['calls']:,} calls: {outcomes}; {faults:,} met a fault of {len(report['faults'])} kinds. Nothing lost or doubled, each settled once; "
        f"{max(report['rss'], default=0.0):.0f} MiB at most, {report['slope']:+.2f} MiB a minute in the last two thirds; the latest end "
        f"{max(0.0, report['late']):.2f} s after its deadline (the process itself was up to {report['lag']:.2f} s late); no socket, task, thread or process left"
    )


WORDS = {
    "end": "whole",
    "error": "with an error of ours",
    "close": "left early",
    "closed": "closed from elsewhere",
    "cancel": "cancelled",
    "abandon": "abandoned",
    "interrupt": "interrupted",
    "shut": "ended with the client",
}


def note(tell: Tell, what: str, how: str, report: dict[str, Any]) -> None:
    """Hands the run's figures to the summary, and to the table of ``docs/soak.md`` where that is wanted."""
    tell("told", f"{what}: {told(report)}")
    how += ", the C library's caches for each thread off"
    machine = f"{os.cpu_count()} cores, CPython {platform.python_version().rpartition('.')[0]}"
    tell("row", f"| {datetime.now(UTC):%Y-%m-%d} | {what} (`tests/soak/test_streams.py`) | {how}, {machine} | {told(report)} |")


@pytest.fixture
def seconds(request: pytest.FixtureRequest) -> float:
    return float(request.config.getoption("--seconds"))


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--seed"))


def test_many_asynchronous_streams(seconds: float, seed: int, request: pytest.FixtureRequest, record_property: Tell) -> None:
    streams = request.config.getoption("--streams")
    pace = min(20.0, TOKENS / streams)
    with provider(pace, seed) as url, client("many_tasks", url, seconds, streams, pace, seed) as (_, lines):
        report = json.loads(lines.get(timeout=seconds + streams / 100 + 300))
    check(report, seconds, {"end", "error", "close", "closed", "cancel", "abandon"})
    assert report["most"] == streams
    how = f"{streams:,} streams at once of one `AsyncClient` for {seconds:g} s, {pace:.1f} tokens a second each, seed {seed}"
    note(record_property, "asynchronous streams", how, report)


def test_many_threads_and_ctrl_c(seconds: float, seed: int, request: pytest.FixtureRequest, record_property: Tell) -> None:
    threads = request.config.getoption("--threads")
    pace = min(20.0, TOKENS / threads)
    with provider(pace, seed) as url, client("many_threads", url, seconds, threads, pace, seed) as (process, lines):
        sent, slowest = interrupt(process, lines, random.Random(seed))
        report = json.loads(lines.get(timeout=120))
    assert sent == report["interrupts"] + report["interrupts_lost"]
    check(report, seconds, {"end", "error", "close", "closed", "abandon", "interrupt"})
    how = f"{threads} threads with blocking streams of one `Client` for {seconds:g} s, {sent} Ctrl-C into the main thread, which reads streams too, seed {seed}"
    record_property(
        "told", f"each Ctrl-C was answered within {slowest:.2f} s, {report['interrupts_lost']} of them met a finalizer"
    )
    note(record_property, "blocking streams and Ctrl-C", how, report)


def interrupt(process: subprocess.Popen[str], lines: queue.SimpleQueue[str], chance: random.Random) -> tuple[int, float]:
    """Sends SIGINT at random moments, the next after the last was answered, until the answer is that it is over; how many, and how
    long the slowest answer took."""
    sent, slowest = 0, 0.0
    assert lines.get(timeout=UNHEARD).strip() == "ready"
    while True:
        time.sleep(chance.uniform(0.02, 0.6))
        process.send_signal(signal.SIGINT)
        sent, began = sent + 1, time.monotonic()
        answer = lines.get(timeout=UNHEARD).strip()
        slowest = max(slowest, time.monotonic() - began)
        if answer == "over":
            return sent, slowest
        assert answer == ".", answer
