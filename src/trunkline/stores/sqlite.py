"""A store in an SQLite file, which any number of threads and processes may share."""

from __future__ import annotations

import atexit
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import chain, islice
from secrets import token_hex
from types import TracebackType
from typing import TypeVar
from weakref import WeakSet

from ..ports import Record
from ..values.errors import StoreError, UsageError
from . import arguments
from .database import PAUSE, Database
from .spool import Order, Spool

T = TypeVar("T")
GET = "SELECT key, value, ends FROM pair WHERE key = ?"
KEYS = "SELECT key, x'', ends FROM pair WHERE key >= ? ORDER BY key"
MANY = 200
"""Rows of one statement: four values each, and old builds of SQLite take 999."""
FOLDED = 64
"""So many rows of what was booked under a key become one."""
AT_IT = 0.05
"""Seconds for which the thread in the background tries, before it pauses."""
SWEEP = 60.0
"""Seconds after which what has expired is cleared away."""
SOON = 1.0
"""Seconds for which a read waits until what was handed over is written; then it reads that from memory."""

_open: WeakSet[SQLiteStore] = WeakSet()


class SQLiteStore:
    """A ``Store`` in the file ``path`` (made where it is missing, for its owner alone), for any number of threads and processes.

    ``append``, ``put``, ``delete`` and ``book`` never wait for the disk and never fail for its sake: a thread in the background
    writes what they are given, in order, within 50 ms (so a process that is killed loses the last 100 ms at most, or as much as
    its disk or processor made that thread wait), and reads
    through the same store see it at once. While the file is locked or the disk full it waits in memory, ``spool`` records and
    ``spool_bytes`` at most; then the oldest are lost: ``dropped`` counts them, and a warning in the log tells of it. ``flush``
    now and then where you hand over very many at once. A record that is read before it is written has a number that may change.

    ``get, keys, query, reserve`` wait for ``patience`` seconds, then raise ``StoreError``. ``wall`` gives Unix seconds;
    ``create_folder`` makes the file's folder where it is missing, for its owner alone.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        create_folder: bool = False,
        spool: int = 100_000,
        spool_bytes: int = 64 * 1024 * 1024,
        patience: float = 5.0,
        wall: Callable[[], float] = time.time,
    ) -> None:
        given = os.fspath(path)
        if not isinstance(given, str) or given in {"", ":memory:"}:
            raise UsageError("is no path of a file", field="path", allowed="a file's path; MemoryStore keeps things in memory")
        self.path: str = os.path.realpath(given)
        self._wall = wall
        self._patience = arguments.number(patience, "patience", 0.0)
        self._closed = False
        self._swept = 0.0
        self._unwiped = False
        self._reads, self._writes = Database(self.path), Database(self.path)
        self._spool = Spool(
            self.path,
            self._write_waiting,
            int(arguments.number(spool, "spool", 1)),
            int(arguments.number(spool_bytes, "spool_bytes", 1)),
        )
        self._writes.open(create_folder=create_folder)
        _open.add(self)

    @property
    def dropped(self) -> int:
        """How many records were lost so far: too many waited, or they could not be written before the store was closed."""
        return self._spool.dropped

    def get(self, key: str) -> bytes | None:
        """The value of ``key``; None where there is none, or no more."""
        arguments.name(key, "key")
        return self._pairs(GET, key, lambda other: other == key).get(key)

    def put(self, key: str, value: bytes, seconds: float | None = None) -> None:
        """Keeps ``value``, soon; for so many seconds if they are given."""
        ends = arguments.ending(self._wall(), seconds)
        self._spool.add(Order("put", arguments.name(key, "key"), ends, arguments.data(value, "value")))

    def delete(self, key: str) -> None:
        """Forgets ``key``, soon, if it is there."""
        self._spool.add(Order("delete", arguments.name(key, "key")))

    def keys(self, prefix: str = "") -> list[str]:
        """The keys that begin with ``prefix``, sorted."""
        arguments.name(prefix, "prefix")
        return sorted(self._pairs(KEYS, prefix, lambda key: key.startswith(prefix)))

    def reserve(self, key: str, amount: float, limit: float, seconds: float) -> str | None:
        """A lease on ``amount`` where it fits, whoever else reserves; it ends by itself after so many seconds."""
        arguments.name(key, "key")
        wanted, length = arguments.amount(amount), arguments.number(seconds, "seconds")
        arguments.fits(0.0, wanted, limit)

        def work(connection: sqlite3.Connection) -> str | None:
            self._write(connection)
            connection.execute("BEGIN IMMEDIATE")
            now, lease = self._wall(), token_hex(12)
            used = _used(connection, key, now)
            there_is = arguments.fits(used, wanted, limit)
            if there_is:
                connection.execute("INSERT INTO lease VALUES (?, ?, ?, ?)", (lease, key, wanted, now + length))
            connection.execute("COMMIT")
            return lease if there_is else None

        return self._still_open(self._writes).run(work, self._patience)

    def book(self, lease: str, amount: float) -> None:
        """Ends a lease, soon: ``amount`` was really used. A lease that was booked before is left alone."""
        self._spool.add(Order("book", arguments.name(lease, "lease"), arguments.amount(amount)))

    def append(self, log: str, record: bytes) -> None:
        """Adds to a log, soon."""
        self._spool.add(Order("append", arguments.name(log, "log"), self._wall(), arguments.data(record, "record")))

    def query(self, log: str, after: int = 0, limit: int | None = None, containing: bytes | None = None) -> Sequence[Record]:
        """The records of a log with numbers above ``after``, in order; those alone that contain so much."""
        first, most = arguments.position(after), arguments.most(limit)
        part = arguments.data(containing or b"", "containing")
        where, values = "log = ? AND number > ?", [arguments.name(log, "log"), first]
        if part:
            where, values = f"{where} AND instr(data, ?)", [*values, part]
        statement = f"SELECT number, at, data FROM record WHERE {where} ORDER BY number LIMIT ?"  # noqa: S608  (nothing of a caller's)

        def work(connection: sqlite3.Connection, pending: Sequence[Order]) -> list[Record]:
            found = [Record(*row) for row in connection.execute(statement, (*values, most))]
            cleared = max((at for at, order in enumerate(pending, 1) if (order.what, order.name) == ("clear", log)), default=0)
            if cleared:
                found, pending = [], pending[cleared:]
            if pending:
                (last,) = connection.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence").fetchone()
                waiting = (order for order in pending if order.what == "append" and order.name == log)
                late = (Record(last + at, order.number or 0.0, order.data) for at, order in enumerate(waiting, 1))
                found += [record for record in late if record.number > first and part in record.data]
            return found if most < 0 else found[:most]

        return self._read(work)

    def clear(self, log: str) -> None:
        """Forgets a log, soon."""
        self._spool.add(Order("clear", arguments.name(log, "log")))

    def flush(self, seconds: float = 5.0) -> bool:
        """Whether all that was handed over is written now; waits so many seconds at most."""
        until, added = time.monotonic() + seconds, self._spool.added
        while self._spool.left(added) > 0:
            try:
                self._writes.run(self._write, max(0.0, until - time.monotonic()))
            except StoreError:
                if time.monotonic() >= until:
                    return False
                time.sleep(PAUSE)
        return True

    def close(self, seconds: float = 5.0) -> None:
        """Writes what waits, for so many seconds at most, and lets the file go; what is lost then is counted and told of."""
        _open.discard(self)
        if not self._closed:
            self._closed = True
            self.flush(seconds)
            self._spool.close()
            self._reads.close()
            self._writes.close()

    def __enter__(self) -> SQLiteStore:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"SQLiteStore({self.path!r})"

    def _still_open(self, database: Database) -> Database:
        if self._closed:
            raise StoreError(f"{self.path}: this store is closed; make another")
        return database

    def _read(self, work: Callable[[sqlite3.Connection, Sequence[Order]], T]) -> T:
        """What ``work`` finds on disk, and in memory where that cannot be written just now."""
        database = self._still_open(self._reads)
        if self.flush(min(SOON, self._patience)):
            return database.run(lambda connection: work(connection, ()), self._patience)
        return self._writes.run(lambda connection: work(connection, self._spool.pending()), self._patience)

    def _pairs(self, statement: str, least: str, wanted: Callable[[str], bool]) -> dict[str, bytes]:
        """What the keys that are wanted stand for; on disk they are the first that the statement finds."""

        def work(connection: sqlite3.Connection, pending: Sequence[Order]) -> dict[str, bytes]:
            found = {}
            for key, *entry in connection.execute(statement, (least,)):
                if not wanted(key):
                    break
                found[key] = entry
            for order in pending:
                if order.what == "put" and wanted(order.name):
                    found[order.name] = [order.data, order.number]
                elif order.what == "delete":
                    found.pop(order.name, None)
            now = self._wall()
            return {key: value for key, (value, ends) in found.items() if ends is None or ends > now}

        return self._read(work)

    def _write_waiting(self) -> None:
        self._writes.run(self._write, AT_IT)

    def _write(self, connection: sqlite3.Connection) -> None:
        """All that waits now, whole or not at all."""
        batch = self._spool.take()
        before, written = connection.total_changes, False
        try:
            if batch:
                _write_all(connection, batch)
                self._wipe(connection, batch)
            written = True
        except sqlite3.Error:
            raise
        except BaseException:  # Ctrl-C, perhaps after the transaction's end
            written = not connection.in_transaction and connection.total_changes > before
            raise
        finally:
            self._spool.settle(written=written)
        now = self._wall()
        if now >= self._swept + SWEEP:
            connection.execute("DELETE FROM pair WHERE ends <= ?", (now,))
            connection.execute("DELETE FROM lease WHERE ends <= ?", (now - arguments.REMEMBERED,))
            self._swept = now

    def _wipe(self, connection: sqlite3.Connection, batch: Sequence[Order]) -> None:
        """What was forgotten is not in the write-ahead log either; while somebody reads, the next batch tries again."""
        if self._unwiped or any(order.what in ("clear", "delete") for order in batch):
            self._unwiped = True
            with suppress(sqlite3.Error):  # the batch is written in any case
                self._unwiped = bool(connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0])


def _write_all(connection: sqlite3.Connection, batch: Sequence[Order]) -> None:
    if len(batch) > MANY:
        connection.execute("BEGIN IMMEDIATE")
    waiting = iter(batch)
    while rows := list(islice(waiting, MANY)):
        statement = "INSERT INTO arrival VALUES (?, ?, ?, ?)" + ", (?, ?, ?, ?)" * (len(rows) - 1)
        connection.execute(statement, [*chain.from_iterable(rows)])
    if len(batch) > MANY:
        connection.execute("COMMIT")


def _used(connection: sqlite3.Connection, key: str, now: float) -> float:
    """What is leased and booked under a key. Many rows of what was booked become one."""
    booked, rows, leased = connection.execute(
        "SELECT total(amount) FILTER (WHERE ends IS NULL), count(*) FILTER (WHERE ends IS NULL), "
        "total(amount) FILTER (WHERE ends > ?) FROM lease WHERE key = ?",
        (now, key),
    ).fetchone()
    if rows > FOLDED:
        connection.execute("DELETE FROM lease WHERE key = ? AND ends IS NULL", (key,))
        connection.execute("INSERT INTO lease VALUES (?, ?, ?, NULL)", (token_hex(12), key, booked))
    return float(booked + leased)


@atexit.register
def _close_all() -> None:
    for store in list(_open):
        store.close()
