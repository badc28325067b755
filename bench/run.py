"""Speed and size beside the raw transport and other libraries: measures everything in one run and writes ``docs/benchmarks.md``.

``QUICK=1`` for a smoke run, which writes ``.cache/bench/benchmarks.md`` instead. Names of peers as arguments: only those.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import environments
from environments import CACHE, PEERS, ROOT, Environment
from rows import Results, rows
from startup import certificate, programs, run_program

QUICK = bool(os.environ.get("QUICK"))
HERE = Path(__file__).resolve().parent
PAIR = "trunkline,raw"

# (measure, rounds of processes, rounds in one process, repetitions in each) for us beside raw, and repetitions for peers.
PLAN: tuple[tuple[str, int, int, int, int], ...] = (
    ("calls", 5, 10, 100, 300),
    ("calls_async", 5, 10, 100, 0),
    ("in_flight", 5, 5, 640, 640),
    ("burst", 5, 5, 2000, 2000),
    ("burst_async", 5, 5, 2000, 2000),
    ("every", 5, 6, 200, 0),
    ("alone", 5, 4, 50, 0),
    ("alone_async", 5, 4, 50, 0),
)
STARTS = 3 if QUICK else 15
PEER_STARTS = 1 if QUICK else 3


def pinned(core: int) -> list[str]:
    """The words that keep a command on one core, where that can be said and there are two."""
    usable = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(usable) < 2:
        return []
    return ["taskset", "-c", str(usable[core])] if Path("/usr/bin/taskset").exists() else []


@contextmanager
def mock(python: Path, *words: str) -> Iterator[str]:
    """A mock upstream on the second core; its port."""
    process = subprocess.Popen([*pinned(1), str(python), str(HERE / "mock.py"), *words], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


class Run:
    """One run: the environments that could be made, the mock's address, and the results so far."""

    def __init__(self, made: dict[str, Environment], url: str) -> None:
        self.made = made
        self.url = url
        self.results = Results()
        self.failed: dict[str, str] = {}

    def measure(self, what: str, subjects: str, rounds: int, size: int) -> None:
        first = subjects.partition(",")[0].removesuffix("-messages")
        python = self.made["trunkline" if first == "raw" else first].python
        command = [*pinned(0), str(python), str(HERE / "measure.py"), what, self.url, subjects, str(rounds), str(size)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
        if done.returncode:
            why = done.stderr.strip().splitlines()[-1:] or ["no message"]
            if first == "trunkline":
                raise SystemExit(f"{what} of {subjects} failed:\n{done.stderr}")
            self.failed[first] = f"{what}: {why[0][:150]}"
            return
        self.results.add(what, json.loads(done.stdout.splitlines()[-1]))

    def speeds(self, peers: list[str]) -> None:
        for what, processes, rounds, size, peer_size in PLAN:
            for number in range(1 if QUICK else processes):
                self.measure(what, PAIR, 1 if QUICK else rounds, max(size // 20, 64) if QUICK else size)
                for peer in peers if peer_size and number < 3 else ():
                    self.measure(what, peer, 1, max(peer_size // 20, 64) if QUICK else peer_size)
                if what.startswith(("burst", "calls")) and number < 3 and peer_size:
                    self.measure(what, "trunkline-messages", 1, max(peer_size // 20, 64) if QUICK else peer_size)
            print(f"  {what}: {self.results.mid(what):.2f}, raw {self.results.mid(what, 'raw'):.2f} µs", flush=True)

    def memory(self, peers: list[str]) -> None:
        streams = 100 if QUICK else 1000
        for number in range(1 if QUICK else 3):
            for subject in ("trunkline", "raw", *(peers if number == 0 else ())):
                self.measure("open_streams", subject, 1, streams)
        print(
            f"  open streams: {self.results.mid('open_streams'):.1f}, raw {self.results.mid('open_streams', 'raw'):.1f} KiB",
            flush=True,
        )

    def startups(self, secure_url: str | None, ca: Path | None) -> None:
        todo = programs(self.url, secure_url)
        for number in range(-1, STARTS):  # the first writes bytecode
            for name, (environment, code) in todo.items():
                if environment not in self.made or (environment != "trunkline" and number >= PEER_STARTS):
                    continue
                cpu, held = run_program(self.made[environment].python, code, pinned(0), ca)
                if number >= 0:
                    self.results.add("startup cpu", {name: [cpu]})
                    self.results.add("startup memory", {name: [held]})
        print("  start-up done", flush=True)


def environment_of(name: str, wanted: tuple[str, ...], missing: dict[str, str]) -> Environment | None:
    try:
        return environments.peer(name, wanted)
    except subprocess.CalledProcessError as error:
        missing[name] = (error.stderr.strip().splitlines() or ["no message"])[-1][:200]
        return None


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor())


METHOD = """\
CPU is user and system time of the client's process (`getrusage`); the client is pinned to one core, a mock upstream on
loopback to another. Rounds are interleaved, figures are medians. *raw* is `http.client` (blocking) or aiohttp (async)
in the same process, taking turns with us, sending bytes that were made before and reading bytes back. *Own work* is our
median less raw's, and the ratio stands beside it. Everything that is on by default is on: retry, cost, usage, events,
the hooks' seams. Memory is what the process holds (VmRSS). A start is a fresh interpreter with bytecode written before.

The conversation is `client.conversation()`, once as it is and once with `max_turns=10`; what is timed is `send`, and the turn
is undone again. Making the body (listing what is sent, `encode_request`) and sending it are timed inside the turn, and *own* is
the rest. A body of half a megabyte leaves all caches cold, which makes the same code two or three times slower; so turn 10 of
the one that sends everything is also measured while such a body is made
at each step of it, and that is what turn 10,000 is held against."""


def distribution(wanted: str) -> str:
    return wanted.partition("==")[0].partition("[")[0]


def facts(run: Run, missing: dict[str, str], direct: str, seconds: float) -> list[str]:
    packages = {name: made.packages for name, made in run.made.items()}
    named = {name: distribution(wanted) for name, (wanted, *_) in PEERS.items() if name in packages}
    versions = [f"{wanted} {packages[name].get(wanted, 'of unknown version')}" for name, wanted in named.items()]
    load = f"; load average at the end {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return [
        f"- date: {dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC; the measurements took {seconds / 60:.1f} minutes{load}",
        f"- machine: {processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
        f"- Python {platform.python_version()}",
        f"- trunkline {packages['trunkline']['trunkline']}, {direct}",
        f"- {', '.join(versions) or 'no peers'}",
        *(f"- missing: {name}, which could not be installed: {why}" for name, why in missing.items()),
        *(f"- failed: {name}, {why}" for name, why in run.failed.items()),
    ]


def report(run: Run, missing: dict[str, str], size: int, seconds: float) -> str:
    packages = run.made["trunkline"].packages
    direct = ", ".join(f"{name} {packages[name]}" for name in ("msgspec", "aiohttp"))
    sizes = [f"{name} {len(made.packages)} packages, {made.size / 1e6:.0f} MB" for name, made in run.made.items()]
    found, other = run.results, "trunkline-messages"
    messages = [f"{what} {found.mid(what, other):.2f}" for what in ("calls", "burst", "burst_async") if found.has(what, other)]
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench`, which measures everything below in one run, peers included.",
        "",
        *facts(run, missing, direct, seconds),
        "",
        METHOD,
        "",
        "| what | reach | stretch | measured | beside it | met |",
        "|---|---|---|---|---|---|",
        *(row.line() for row in rows(found, size / 1e6, direct)),
        "",
        f"Through the messages protocol, CPU µs a call and a chunk: {', '.join(messages)}.",
        "",
        f"Installed, dependencies included and without bytecode: {'; '.join(sizes)}.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    began = time.monotonic()
    asked = sys.argv[1:] or list(PEERS)
    CACHE.mkdir(parents=True, exist_ok=True)
    missing: dict[str, str] = {}
    built = environments.wheel()
    made = {"trunkline": environments.ours(built)}
    for name in asked:
        if (environment := environment_of(name, PEERS[name], missing)) is not None:
            made[name] = environment
    loop = environment_of("mock", (environments.LOOP,), missing)
    python = loop.python if loop is not None else made["trunkline"].python
    peers = [name for name in asked if name in made]
    cert = certificate(sys.executable, CACHE)
    began_measuring = time.monotonic()
    with mock(python) as port:
        run = Run(made, f"http://127.0.0.1:{port}")
        run.speeds(peers)
        run.memory(peers)
        run.measure("conversation", "trunkline", 2 if QUICK else 9, 5 if QUICK else 20)
        if cert is None:
            run.startups(None, None)
        else:
            with mock(python, "--cert", str(cert)) as secure:
                run.startups(f"https://127.0.0.1:{secure}", Path(f"{cert}.ca"))
    text = report(run, missing, environments.wheel_size(built), time.monotonic() - began_measuring)
    (CACHE / "figures.json").write_text(json.dumps(run.results.figures, indent=1))
    target = CACHE / "benchmarks.md" if QUICK else ROOT / "docs" / "benchmarks.md"
    target.write_text(text)
    print(text)
    print(f"{target.relative_to(ROOT)} written; all in all {(time.monotonic() - began) / 60:.1f} minutes")


if __name__ == "__main__":
    main()
