"""Several processes on one file: they share it, fork with it, end without a word and are killed."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.stores.kills import kill
from trunkline import MemoryStore, SQLiteStore

Opened = Callable[..., SQLiteStore]
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
# From 3.12 on a process with threads that forks is warned: that this is safe here is what is tested.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")

SHARES = """
import sys
from trunkline import SQLiteStore
with SQLiteStore(sys.argv[1]) as store:
    for n in range(100):
        store.append("log", f"{sys.argv[2]} {n}".encode())
        lease = store.reserve("k", 1, 150, 600)
        if lease:
            store.book(lease, 1)
        print(int(lease is not None))
"""


def test_processes_share_a_file(path: Path, opened: Opened) -> None:
    argv = [sys.executable, "-c", SHARES, str(path)]
    running = [subprocess.Popen([*argv, name], cwd=ROOT, stdout=subprocess.PIPE, text=True) for name in "ab"]
    reserved = sum(int(line) for process in running for line in process.communicate(timeout=60)[0].split())
    assert [process.returncode for process in running] == [0, 0]
    store = opened()
    found = [record.data.decode().split() for record in store.query("log")]
    assert reserved == 150 and store.reserve("k", 1, 150, 600) is None
    assert all([int(n) for who, n in found if who == name] == list(range(100)) for name in "ab")


def test_what_waits_is_written_when_a_program_ends(path: Path, opened: Opened) -> None:
    program = (
        "import sys, trunkline\nstore = trunkline.SQLiteStore(sys.argv[1])\nfor n in range(5000): store.append('log', b'%d' % n)"
    )
    subprocess.run([sys.executable, "-c", program, str(path)], cwd=ROOT, check=True)
    assert [record.data for record in opened().query("log")] == [b"%d" % n for n in range(5_000)]


def in_child(work: Callable[[], bool]) -> int:
    """Forks, and is told in the parent whether all was well in the child."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if work() else 2
        finally:
            os._exit(code)
    return child


@forks
def test_a_child_writes_its_own_and_nothing_of_its_parents(path: Path, opened: Opened) -> None:
    store = opened()
    store.append("log", b"parent before")

    def work() -> bool:
        fine = not store._spool.pending()
        store.append("log", b"child")
        return fine and store.flush(20) and b"child" in [record.data for record in store.query("log")]

    child = in_child(work)
    store.append("log", b"parent after")
    assert os.waitpid(child, 0)[1] == 0
    assert sorted(record.data for record in store.query("log")) == [b"child", b"parent after", b"parent before"]


@forks
def test_forks_while_threads_read_and_write(path: Path, opened: Opened) -> None:
    store, stop = opened(), threading.Event()

    def work(name: str) -> None:
        n = 0
        while not stop.is_set():
            store.append(name, b"%d" % n)
            n += 1
            if n % 20 == 0:
                store.query(name, limit=1)
                store.reserve("k", 1, 10, 60)
            time.sleep(0.0005)

    threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    try:
        for n in range(12):

            def child(n: int = n) -> bool:
                store.append("child", b"%d" % n)
                return store.flush(20) and store.reserve("c", 1, 100, 60) is not None

            assert os.waitpid(in_child(child), 0)[1] == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert [record.data for record in store.query("child")] == [b"%d" % n for n in range(12)]
    for name in "ab":
        found = [int(record.data) for record in store.query(name)]
        assert found and found == list(range(len(found)))
    assert store._reads.run(lambda connection: connection.execute("PRAGMA integrity_check").fetchone(), 1.0) == ("ok",)


@forks
def test_a_child_outlives_its_parent(path: Path, opened: Opened) -> None:
    """A child that kept the parent's connection would write into a log that the parent has taken away with its end."""
    program = (
        "import os, sys, time, trunkline\n"
        "store = trunkline.SQLiteStore(sys.argv[1])\n"
        "store.append('log', b'parent'); store.flush()\n"
        "if os.fork() == 0:\n"
        "    store.append('log', b'child'); store.flush()\n"
        "    sys.stdin.read()\n"
        "    store.append('log', b'child, later')\n"
        "else:\n"
        "    store.close(); print('parent ended', flush=True); os._exit(0)\n"
    )
    argv = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(
        argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None and process.stdin is not None
        assert process.stdout.readline() == "parent ended\n"
        opened().close()
        process.stdin.close()
        assert process.stdout.read() == ""  # the child has it too: it has ended
    assert [record.data for record in opened().query("log")] == [b"parent", b"child", b"child, later"]


@forks
def test_a_store_in_memory_goes_on_in_a_child() -> None:
    store = MemoryStore()
    store.put("a", b"x")
    assert os.waitpid(in_child(lambda: store.get("a") == b"x" and store.reserve("k", 1, 1, 1) is not None), 0)[1] == 0
    assert store.reserve("k", 1, 1, 1) is not None


def test_a_kill_loses_the_last_moment_at_most(path: Path) -> None:
    """The last 100 ms: hundreds of kills are in tests/soak. Here the machine may be busy with other tests."""
    chance = random.Random(3)
    for n in range(2):
        for left in kill(path, f"{n}", chance, writers=1, busy=0):
            assert left.lost < 0.1 + 5 * (left.late + left.disk) + 1.0
