"""One connection to one SQLite file: whose file it is, which schema it has, and who may use it when."""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import TIMEOUT_MAX, Lock
from typing import ClassVar, TypeVar

from ..values.errors import StoreError
from .forks import Still

T = TypeVar("T")
OURS = 0x54726C6E
"""``application_id`` of our files: "Trln"."""
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE pair (key TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL, ends REAL)",
        "CREATE INDEX pair_ends ON pair (ends) WHERE ends IS NOT NULL",
        "CREATE TABLE lease (id TEXT NOT NULL PRIMARY KEY, key TEXT NOT NULL, amount REAL NOT NULL, ends REAL)",
        "CREATE INDEX lease_key ON lease (key)",
        "CREATE TABLE record (number INTEGER PRIMARY KEY AUTOINCREMENT, log TEXT NOT NULL, at REAL NOT NULL, data BLOB NOT NULL)",
        "CREATE INDEX record_log ON record (log)",
        "CREATE VIEW arrival (what, name, number, data) AS SELECT NULL, NULL, NULL, NULL",
        *(
            f"CREATE TRIGGER arrived_{what} INSTEAD OF INSERT ON arrival WHEN new.what = '{what}' BEGIN {statement}; END"
            for what, statement in {
                "put": "INSERT INTO pair VALUES (new.name, new.data, new.number) "
                "ON CONFLICT (key) DO UPDATE SET value = excluded.value, ends = excluded.ends",
                "delete": "DELETE FROM pair WHERE key = new.name",
                "append": "INSERT INTO record (log, at, data) VALUES (new.name, new.number, new.data)",
                "clear": "DELETE FROM record WHERE log = new.name",
                "book": "UPDATE lease SET amount = new.number, ends = NULL WHERE id = new.name AND ends IS NOT NULL",
            }.items()
        ),
    ),
)
"""What makes each version of the schema (``user_version``: 1 is the first) out of the one before. What stands here stays.

What arrives is written into a view, so that one statement does whatever is to be done, in order: each statement hands the
interpreter's lock to whoever wants it, and waits 5 ms and more to have it back where other threads compute."""
BUSY = 0.02
"""Seconds that SQLite itself waits for a lock. We wait longer, but not inside of it: nobody could fork meanwhile."""
PAUSE = 0.01
PASSES = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
"""What is tried again at once."""
MENDS = {*PASSES, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}
"""What may be mended while we run: a store is opened nevertheless, and its records wait."""
WORDS = {
    sqlite3.SQLITE_BUSY: "is locked by another program: end that, or wait",
    sqlite3.SQLITE_LOCKED: "is locked by another program: end that, or wait",
    sqlite3.SQLITE_FULL: "cannot grow: make room on its disk",
    sqlite3.SQLITE_IOERR: "cannot be read or written: its disk is full, or fails",
    sqlite3.SQLITE_NOTADB: "is no SQLite database: give another path, or move that file away",
    sqlite3.SQLITE_CORRUPT: "is damaged: move it away, or mend it (sqlite3 FILE .recover)",
    sqlite3.SQLITE_READONLY: "may not be written: change its owner or mode, or give another path",
    sqlite3.SQLITE_PERM: "may not be read or written: change its owner or mode, or give another path",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: look whether it is a file, and its folder is there and yours",
}
SYSTEM = {
    errno.ENOSPC: sqlite3.SQLITE_FULL,
    errno.EIO: sqlite3.SQLITE_IOERR,
    errno.EFBIG: sqlite3.SQLITE_IOERR,
    errno.EROFS: sqlite3.SQLITE_READONLY,
    errno.EACCES: sqlite3.SQLITE_PERM,
    errno.EPERM: sqlite3.SQLITE_PERM,
}
"""How SQLite would name what the system says; the rest is about the path."""
_creating = Lock()


class Database(Still):
    """A connection that is made when it is first used, by one thread at a time, and closed before every fork.

    A child that inherits one would believe that it holds the locks that only its parent holds, and destroy the file.
    """

    order: ClassVar[int] = 0

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path
        self._connection: sqlite3.Connection | None = None

    def run(self, work: Callable[[sqlite3.Connection], T], seconds: float) -> T:
        """What ``work`` gives. A locked file is tried again for so many seconds; then, and in other trouble, ``StoreError``."""
        until, trouble = time.monotonic() + seconds, None
        while True:
            if not self.lock.acquire(timeout=min(max(0.0, until - time.monotonic()), TIMEOUT_MAX)):
                raise trouble or StoreError(f"{self.path} is slow: other threads are still at it after {seconds:g} s")
            try:
                return work(self._connected())
            except (sqlite3.Error, OSError) as error:
                self._undo(_code(error))
                trouble = _told(self.path, error)
                if _code(error) not in PASSES or time.monotonic() >= until:
                    raise trouble from error
            except BaseException:
                self._undo(None)
                raise
            finally:
                self.lock.release()
            time.sleep(PAUSE)

    def open(self, *, create_folder: bool) -> None:
        """Make sure that the file is there and ours; what may yet be mended is no error here."""
        try:
            if create_folder:
                Path(self.path).parent.mkdir(0o700, parents=True, exist_ok=True)
            self.run(lambda _: None, 0.1)
        except OSError as error:
            raise _told(self.path, error) from error
        except StoreError as error:
            if _code(error.__cause__) not in MENDS:
                raise

    def close(self, seconds: float = 5.0) -> None:
        """Let the file go, as soon as nobody is at it; waits so many seconds at most."""
        if self.lock.acquire(timeout=seconds):
            try:
                self._disconnect()
            finally:
                self.lock.release()

    def hold(self) -> None:
        super().hold()
        self._disconnect()

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            _create(self.path)
            connection = sqlite3.connect(self.path, timeout=BUSY, isolation_level=None, check_same_thread=False)
            try:
                _prepare(connection, self.path)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _undo(self, code: int | None) -> None:
        """No transaction stays open; a connection that is in doubt is made anew."""
        if self._connection is not None:
            try:
                self._connection.rollback()
            except sqlite3.Error:
                code = sqlite3.SQLITE_IOERR
            if code not in {*PASSES, sqlite3.SQLITE_FULL, None}:
                self._disconnect()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()


def _create(path: str) -> None:
    """An empty file that nobody else may read: what SQLite puts beside it (``-wal``, ``-shm``) gets the same mode.

    A file that is there is not even opened here: closing it would give up every lock that this process has on it.
    """
    with _creating, suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _prepare(connection: sqlite3.Connection, path: str) -> None:
    if _version(connection, path) < len(MIGRATIONS):
        connection.execute("BEGIN IMMEDIATE")
        for at in range(_version(connection, path), len(MIGRATIONS)):  # another process may have been first
            for statement in MIGRATIONS[at]:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {OURS}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    connection.execute("PRAGMA journal_mode = WAL")
    # With a write-ahead log NORMAL loses nothing when a process is killed, as the system has every commit by then; when the power
    # fails it may lose the last commits, and corrupts nothing. FULL would wait for the disk at each of them.
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA secure_delete = ON")  # what is deleted, or has expired, is not to be found in the file either


def _version(connection: sqlite3.Connection, path: str) -> int:
    """Of the schema; 0 where the file is empty. ``StoreError`` where the file is another program's, or newer than we are."""
    application, version, tables = connection.execute(
        "SELECT (SELECT * FROM pragma_application_id), (SELECT * FROM pragma_user_version), (SELECT count(*) FROM sqlite_master)"
    ).fetchone()
    if application != OURS and (application or version or tables):
        raise StoreError(f"{path} is a database of another program: give another path")
    if version > len(MIGRATIONS):
        raise StoreError(
            f"{path} was written by a newer Trunkline (its schema is {version}, this one knows {len(MIGRATIONS)}): "
            "update Trunkline, or give another path"
        )
    return int(version)


def _code(error: BaseException | None) -> int | None:
    """SQLite's code, without its details."""
    if isinstance(error, OSError):
        return SYSTEM.get(error.errno or 0, sqlite3.SQLITE_CANTOPEN)
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _told(path: str, error: Exception) -> StoreError:
    words = WORDS.get(_code(error) or 0)
    told = StoreError(f"{path} {words}" if words else f"{path}: {error}")
    told.__cause__ = error
    return told
