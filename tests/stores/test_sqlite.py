"""The file: whose it is, which schema it has, who may read it, and what is told when it cannot be used."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from trunkline import SQLiteStore, StoreError, UsageError
from trunkline.stores import database

Opened = Callable[..., SQLiteStore]


def ask(path: Path, statement: str) -> object:
    with closing(sqlite3.connect(path)) as connection:
        row = connection.execute(statement).fetchone()
        connection.commit()
        return row and row[0]


@pytest.mark.skipif(sys.platform == "win32", reason="modes")
def test_only_the_owner_may_read_what_is_made(path: Path, opened: Opened) -> None:
    before = os.umask(0)
    try:
        store = opened()
        store.append("a", b"x")
        assert store.flush()
        files = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert files == {"store.db": 0o600, "store.db-wal": 0o600, "store.db-shm": 0o600}


def test_the_mode_of_a_file_that_is_there_is_its_owners_affair(path: Path, opened: Opened) -> None:
    path.touch()
    path.chmod(0o640)
    opened().put("a", b"x")
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_folder_is_made_only_where_that_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "store.db"
    with pytest.raises(StoreError, match="folder"):
        SQLiteStore(path)
    assert not path.parent.exists()
    with SQLiteStore(path, create_folder=True) as store:
        store.put("a", b"x")
    assert path.parent.stat().st_mode & 0o777 == 0o700
    with SQLiteStore(path, create_folder=True) as store:
        assert store.get("a") == b"x"


def test_a_log_is_written_ahead_and_taken_in_at_the_end(path: Path, opened: Opened) -> None:
    store = opened()
    store.append("a", b"x")
    assert store.flush()
    assert ask(path, "PRAGMA journal_mode") == "wal"
    assert store._writes.run(lambda connection: connection.execute("PRAGMA synchronous").fetchone(), 1.0) == (1,)
    store.close()
    assert [file.name for file in path.parent.iterdir()] == ["store.db"]


def test_a_path_stays_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with SQLiteStore("store.db") as store:
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        store.append("a", b"x")
        assert len(store.query("a")) == 1
    assert (tmp_path / "store.db").exists() and not (tmp_path / "elsewhere" / "store.db").exists()


def test_what_was_kept_is_there_again(path: Path, opened: Opened) -> None:
    with opened() as store:
        store.put("a", b"1")
        store.append("log", b"2")
        lease = store.reserve("k", 3, 10, 60)
        assert lease is not None
        store.book(lease, 4)
    with opened() as store:
        assert (store.get("a"), [record.data for record in store.query("log")]) == (b"1", [b"2"])
        assert store.reserve("k", 6.5, 10, 60) is None and store.reserve("k", 6, 10, 60) is not None


@pytest.mark.parametrize("path", ["", ":memory:", b"x.db"])
def test_what_is_no_path_is_misuse(path: str) -> None:
    with pytest.raises(UsageError, match="path"):
        SQLiteStore(path)


@pytest.mark.parametrize("content", [b"some text", b"SQLite format 3\0" + b"\1" * 5_000, os.urandom(10_000)])
def test_what_is_no_database_is_refused_and_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"store\.db is (no SQLite database: give another path|damaged: move it away)"):
        SQLiteStore(path)
    assert path.read_bytes() == content and len(list(path.parent.iterdir())) == 1


def test_another_programs_database_is_refused_and_left_alone(path: Path) -> None:
    ask(path, "CREATE TABLE theirs (x)")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="another program"):
        SQLiteStore(path)
    assert path.read_bytes() == before


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="look whether it is a file"):
        SQLiteStore(tmp_path)


def test_a_newer_schema_is_refused_and_left_alone(path: Path, opened: Opened) -> None:
    opened().close()
    ask(path, "PRAGMA user_version = 2")
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"newer Trunkline \(its schema is 2, this one knows 1\): update Trunkline"):
        SQLiteStore(path)
    assert path.read_bytes() == before


def test_an_older_schema_is_brought_forward(path: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened() as store:
        store.append("log", b"old")
    more = ("ALTER TABLE record ADD COLUMN mark TEXT", "UPDATE record SET mark = 'was old'"), ("CREATE TABLE further (x)",)
    monkeypatch.setattr(database, "MIGRATIONS", (*database.MIGRATIONS, *more))
    with opened() as store:
        store.append("log", b"new")
        assert [record.data for record in store.query("log")] == [b"old", b"new"]
    assert (ask(path, "PRAGMA user_version"), ask(path, "SELECT mark FROM record")) == (3, "was old")
    assert ask(path, "SELECT count(*) FROM further") == 0


def test_a_step_that_fails_leaves_the_schema_whole(path: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened() as store:
        store.append("log", b"old")
    with monkeypatch.context() as patch:
        patch.setattr(database, "MIGRATIONS", (*database.MIGRATIONS, ("CREATE TABLE half (x)", "CREATE TABEL slip (x)")))
        with pytest.raises(StoreError, match="TABEL"):
            opened()
    assert ask(path, "PRAGMA user_version") == 1 and ask(path, "SELECT count(*) FROM sqlite_master WHERE name = 'half'") == 0
    with opened() as store:
        assert len(store.query("log")) == 1


def test_many_may_make_the_file_at_once(path: Path, opened: Opened) -> None:
    def work(n: int) -> None:
        with opened() as store:
            store.append("log", b"%d" % n)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert sorted(record.data for record in opened().query("log")) == [b"%d" % n for n in range(8)]


def test_damage_that_comes_later_is_told(path: Path, opened: Opened) -> None:
    with opened() as store:
        for _ in range(300):
            store.append("log", b"x" * 1_000)
    whole = path.read_bytes()
    path.write_bytes(whole[:4_096] + b"\xff" * (len(whole) - 4_096))
    store = opened(patience=0.1)
    with pytest.raises(StoreError, match="is damaged: move it away, or mend it"):
        store.query("log")
    store.append("log", b"waits")
    assert store.flush(0.05) is False
    store.close(0.0)
    assert store.dropped == 1


def test_expired_values_and_old_leases_are_cleared_away(path: Path, opened: Opened, wall: object) -> None:
    store = opened()
    store.put("a", b"x", 10)
    store.put("b", b"x")
    assert store.reserve("k", 1, 10, 10)
    store.flush()
    wall.now += 100_000  # type: ignore[attr-defined]
    store.append("log", b"x")
    assert store.flush()
    assert (ask(path, "SELECT count(*) FROM pair"), ask(path, "SELECT count(*) FROM lease")) == (1, 0)


def test_what_is_deleted_is_not_in_the_file(path: Path, opened: Opened) -> None:
    with opened() as store:
        store.put("key", b"a secret")
        store.append("log", b"a secret" * 2_000)
        assert store.flush()
        store.delete("key")
        store.clear("log")
        assert store.flush()
        assert not any(b"a secret" in file.read_bytes() for file in path.parent.iterdir())


def test_what_is_deleted_while_somebody_reads_is_gone_with_the_next_batch(path: Path, opened: Opened) -> None:
    with opened() as store, closing(sqlite3.connect(path)) as reader:
        store.append("log", b"a secret")
        assert store.flush()
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM record").fetchone() == (1,)
        store.clear("log")
        assert store.flush()
        reader.execute("COMMIT")
        store.append("log", b"new")
        assert store.flush()
        assert not any(b"a secret" in file.read_bytes() for file in path.parent.iterdir())


def test_many_bookings_are_few_rows(path: Path, opened: Opened) -> None:
    store = opened()
    for _ in range(150):
        store.book(store.reserve("k", 1, 1_000, 60) or "", 1)
    assert store.flush()
    assert int(str(ask(path, "SELECT count(*) FROM lease"))) < 70
    assert ask(path, "SELECT total(amount) FROM lease") == 150


def test_a_store_that_was_closed_says_so(opened: Opened) -> None:
    store = opened()
    store.close()
    for read in (lambda: store.get("a"), store.keys, lambda: store.query("a"), lambda: store.reserve("a", 1, 1, 1)):
        with pytest.raises(StoreError, match="this store is closed; make another"):
            read()


def test_nothing_of_sqlite_is_loaded_before_it_is_used() -> None:
    program = "import sys, trunkline; trunkline.Client, trunkline.MemoryStore; assert 'sqlite3' not in sys.modules; trunkline.SQLiteStore; assert 'sqlite3' in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)
