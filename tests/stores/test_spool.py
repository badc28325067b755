"""What waits to be written: never in the caller's way, seen by every read, and never lost in silence."""

from __future__ import annotations

import gc
import logging
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from tests.conftest import ROOT
from trunkline import SQLiteStore, StoreError
from trunkline.stores import spool as spool_module

Opened = Callable[..., SQLiteStore]
HOLDS = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
for statement in sys.argv[2:]:
    connection.execute(statement).fetchall()
print("held", flush=True)
sys.stdin.read()
"""
NO_WRITER = ("BEGIN EXCLUSIVE",)
NOBODY = ("PRAGMA locking_mode = EXCLUSIVE", "PRAGMA journal_mode = DELETE", "BEGIN EXCLUSIVE")
"""A write-ahead log lets others read on; a journal does not."""


@contextmanager
def held(path: Path, *statements: str) -> Iterator[None]:
    """Another process has the file, and gives it back at the end."""
    argv = [sys.executable, "-c", HOLDS, str(path), *statements]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield
        process.stdin.close()
        assert process.wait(30) == 0


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def data(store: SQLiteStore, log: str = "log", **options: int) -> list[bytes]:
    return [record.data for record in store.query(log, **options)]


def written(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("SELECT count(*) FROM record").fetchone()[0])
    finally:
        connection.close()


def no_thread(self: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def is_written(path: Path, records: int) -> bool:
    return written(path) == records


def test_what_is_handed_over_is_soon_on_disk_by_itself(path: Path, opened: Opened) -> None:
    store = opened()
    for n in range(1, 4):
        store.append("log", b"x")
        until(partial(is_written, path, n))


def test_the_thread_ends_when_there_is_nothing_to_do(path: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "IDLE", 0.01)
    store = opened()
    for n in range(3):
        store.append("log", b"x")
        thread = store._spool._thread
        assert thread is not None and thread.daemon
        thread.join(30)
        assert store._spool._thread is None
        assert written(path) == n + 1


def test_nothing_is_forgotten_where_the_thread_just_ends(path: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "IDLE", 0.0005)
    monkeypatch.setattr(spool_module, "REST", 0.0)
    store = opened()
    for n in range(300):
        store.append("log", b"x")
        time.sleep(0.0005 * (n % 4))
    until(partial(is_written, path, 300))


@pytest.mark.parametrize("statements", [NO_WRITER, NOBODY], ids=["writing", "everything"])
def test_a_locked_file_holds_up_nobody_who_hands_over(
    path: Path, opened: Opened, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, statements: tuple[str, ...]
) -> None:
    monkeypatch.setattr(spool_module, "PATIENCE", 0.05)
    opened().close()
    with held(path, *statements):
        store = opened(patience=0.1)
        began = time.monotonic()
        for n in range(100):
            store.append("log", b"%d" % n)
            store.put("key", b"%d" % n)
            store.book("no lease", 1)
        assert time.monotonic() - began < 5
        assert store.flush(0.0) is False and store.flush(0.05) is False
        until(lambda: "is locked by another program" in caplog.text)
        with pytest.raises(StoreError, match="locked by another program"):
            store.reserve("k", 1, 10, 60)
        assert store.dropped == 0
    assert store.flush(30)
    assert data(store) == [b"%d" % n for n in range(100)] and store.get("key") == b"99"
    assert [record.name for record in caplog.records] == ["trunkline.stores"], "one warning, however often it is tried"
    assert "records wait in memory" in caplog.text


def test_reads_see_what_waits(path: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened() as store:
        for n in range(3):
            store.append("log", b"disk %d" % n)
        for key in ("a", "b", "c"):
            store.put(key, b"disk")
    with held(path, *NO_WRITER):
        store = opened(patience=0.05)
        store.append("log", b"waits 0")
        store.append("other", b"x")
        store.append("log", b"waits 1")
        store.put("a", b"waits")
        store.put("d", b"waits", 60)
        store.put("e", b"waits", 0)
        store.delete("b")
        store.delete("none")
        everything = [b"disk 0", b"disk 1", b"disk 2", b"waits 0", b"waits 1"]
        records = store.query("log")
        assert [record.data for record in records] == everything
        assert all(a.number < b.number for a, b in pairwise(records))
        assert data(store, after=records[3].number) == [b"waits 1"]
        assert data(store, limit=4) == everything[:4]
        assert [record.data for record in store.query("log", containing=b"s 1")] == [b"waits 1"]
        assert [store.get(key) for key in "abcde"] == [b"waits", None, b"disk", b"waits", None]
        assert store.keys() == ["a", "c", "d"]
        store.clear("other")
        store.append("other", b"y")
        assert data(store, "other") == [b"y"]
    assert store.flush(30) and data(store) == everything
    assert store.keys() == ["a", "c", "d"] and store.get("a") == b"waits" and data(store, "other") == [b"y"]


def test_what_is_forgotten_while_it_waits_is_not_seen(path: Path, opened: Opened) -> None:
    with opened() as store:
        store.append("log", b"disk")
    with held(path, *NO_WRITER):
        store = opened(patience=0.05)
        store.append("log", b"waits")
        store.clear("log")
        assert data(store) == []
    assert store.flush(30) and data(store) == []


def test_a_full_spool_loses_the_oldest_and_says_so(
    path: Path, opened: Opened, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened().close()
    with held(path, *NO_WRITER):
        store = opened(spool=10)
        for n in range(25):
            store.append("log", b"%d" % n)
        until(lambda: store.dropped == 15)  # what is just being tried comes on top
    assert store.flush(30)
    assert data(store) == [b"%d" % n for n in range(15, 25)] and store.dropped == 15
    lost = [record for record in caplog.records if "are lost" in record.message]
    assert (
        len(lost) == 1 and lost[0].levelno == logging.WARNING and "store.db are lost, 1 so far: too many wait" in lost[0].message
    )


def test_bytes_fill_the_spool_too_and_the_newest_stays(path: Path, opened: Opened) -> None:
    opened().close()
    with held(path, *NO_WRITER):
        store = opened(spool_bytes=1_000)
        for n in range(6):
            store.append("log", b"%d" % n * 300)
        until(lambda: store.dropped == 3)
        store.append("log", b"x" * 5_000)
        until(lambda: store.dropped == 6)
    assert store.flush(30) and data(store) == [b"x" * 5_000]
    for n in range(3):
        store.append("log", b"%d" % n * 300)
    assert store.flush(30) and store.dropped == 6, "what is written makes room"


def test_what_is_lost_at_the_end_is_told(path: Path, opened: Opened, caplog: pytest.LogCaptureFixture) -> None:
    opened().close()
    with held(path, *NO_WRITER):
        store = opened()
        store.append("log", b"x")
        store.append("log", b"y")
        began = time.monotonic()
        store.close(0.05)
        store.close(0.05)
        assert time.monotonic() - began < 5
        until(lambda: store.dropped == 2)  # an attempt may just be under way
        until(lambda: "are lost, 2 so far: its store is closed" in caplog.text)
        store.append("log", b"late")
        assert store.dropped == 3
    assert written(path) == 0 and caplog.text.count("are lost") == 1


def test_late_records_of_a_closed_store_are_counted_and_told(opened: Opened, caplog: pytest.LogCaptureFixture) -> None:
    store = opened()
    store.close()
    store.append("log", b"late")
    assert store.dropped == 1 and "are lost, 1 so far: its store is closed" in caplog.text


def test_a_full_disk_holds_up_nobody(
    path: Path, opened: Opened, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_module, "PATIENCE", 0.05)
    store = opened()
    store.append("log", b"before")
    assert store.flush()
    pages = "PRAGMA max_page_count = {}"
    store._writes.run(lambda connection: connection.execute(pages.format(1)).fetchone(), 1.0)
    for n in range(5):
        store.append("log", b"%d" % n * 10_000)
    assert store.flush(0.1) is False
    until(lambda: "cannot grow: make room on its disk" in caplog.text)
    assert data(store) == [b"before", *(b"%d" % n * 10_000 for n in range(5))]
    store._writes.run(lambda connection: connection.execute(pages.format(1_000_000)).fetchone(), 1.0)
    assert store.flush(30) and store.dropped == 0
    assert data(store) == [b"before", *(b"%d" % n * 10_000 for n in range(5))]


LIMITED = """
import resource, sys
from trunkline import SQLiteStore, StoreError
store = SQLiteStore(sys.argv[1])
store.append("log", b"first")
assert store.flush()
most, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
for n in range(50):
    store.append("log", bytes([n]) * 10_000)
assert store.flush(0.3) is False
assert len(store.query("log")) == 51
resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
assert store.flush(30) and store.dropped == 0
assert [record.data[:1] for record in store.query("log")][1:] == [bytes([n]) for n in range(50)]
store.close()
assert SQLiteStore(sys.argv[1])._writes.run(lambda c: c.execute("PRAGMA integrity_check").fetchone(), 1) == ("ok",)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit")
def test_a_file_that_may_not_grow_is_written_when_it_may(path: Path) -> None:
    subprocess.run([sys.executable, "-c", LIMITED, str(path)], cwd=ROOT, check=True, timeout=60)


def test_a_new_file_on_a_locked_or_full_disk_is_opened_nevertheless(path: Path, opened: Opened) -> None:
    sqlite3.connect(path).close()
    with held(path, *NO_WRITER):
        store = opened(patience=0.05)
        store.append("log", b"x")
        with pytest.raises(StoreError, match="locked"):
            store.reserve("k", 1, 1, 1)
    assert store.flush(30) and data(store) == [b"x"]


def test_the_collector_may_append_while_the_same_thread_appends(path: Path, opened: Opened) -> None:
    """A call that was abandoned is settled, and so recorded, by whatever thread the collector happens to run in."""
    store = opened()

    class Abandoned:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            store.append("log", b"collected")

    before = gc.get_threshold()
    gc.set_threshold(2)
    try:
        for _ in range(200):
            Abandoned()
            store.append("log", b"own")
    finally:
        gc.set_threshold(*before)
    gc.collect()
    found = data(store)
    assert (found.count(b"own"), found.count(b"collected")) == (200, 200)


@pytest.mark.parametrize("when", ["before", "after"])
def test_ctrl_c_in_a_flush_neither_loses_nor_doubles(
    path: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    store = opened()
    sqlite = sys.modules[SQLiteStore.__module__]
    write_all = sqlite._write_all  # type: ignore[attr-defined]

    def interrupted(connection: sqlite3.Connection, batch: object) -> None:
        if when == "after":
            write_all(connection, batch)
        raise KeyboardInterrupt

    for n in range(3):
        store.append("log", b"%d" % n)
    with monkeypatch.context() as patch:
        patch.setattr(sqlite, "_write_all", interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.flush()
    store.append("log", b"3")
    assert store.flush() and data(store) == [b"0", b"1", b"2", b"3"]


def test_a_flush_does_not_wait_for_what_others_hand_over_meanwhile(opened: Opened) -> None:
    store = opened()
    stop = threading.Event()

    def babble() -> None:
        while not stop.is_set():
            store.append("log", b"x")
            time.sleep(0.0002)

    thread = threading.Thread(target=babble)
    thread.start()
    try:
        assert all(store.flush(20) for _ in range(5))
    finally:
        stop.set()
        thread.join()


def test_where_no_thread_can_be_started_a_flush_writes(path: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    store = opened()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        store.append("log", b"x")
        assert store.flush() and written(path) == 1
    store.append("log", b"y")
    until(partial(is_written, path, 2))
