"""A store that lives as long as its process."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from secrets import token_hex
from types import TracebackType

from ..ports import Record
from . import arguments
from .forks import Still


class MemoryStore:
    """Keeps everything in this process, and nothing beyond it: a ``Store`` for tests, and for what nobody needs tomorrow.

    ``wall`` gives Unix seconds. May be used by any number of threads; a forked child has a copy of its own.
    """

    def __init__(self, *, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._values: dict[str, tuple[bytes, float | None]] = {}
        self._logs: dict[str, list[Record]] = {}
        self._gone: dict[str, int] = {}
        """The last number of a log that was cleared: no number comes twice."""
        self._leases: dict[str, tuple[str, float, float]] = {}
        self._booked: dict[str, float] = {}
        self._still = Still()

    def get(self, key: str) -> bytes | None:
        """The value of ``key``; None where there is none, or no more."""
        found = self._values.get(arguments.name(key, "key"))
        return found[0] if found and self._lasts(found[1]) else None

    def put(self, key: str, value: bytes, seconds: float | None = None) -> None:
        """Keeps ``value``, for so many seconds if they are given."""
        entry = arguments.data(value, "value"), arguments.ending(self._wall(), seconds)
        with self._still.lock:
            self._values[arguments.name(key, "key")] = entry

    def delete(self, key: str) -> None:
        """Forgets ``key``, if it is there."""
        with self._still.lock:
            self._values.pop(arguments.name(key, "key"), None)

    def keys(self, prefix: str = "") -> list[str]:
        """The keys that begin with ``prefix``, sorted."""
        arguments.name(prefix, "prefix")
        with self._still.lock:
            self._values = {key: entry for key, entry in self._values.items() if self._lasts(entry[1])}
            return sorted(key for key in self._values if key.startswith(prefix))

    def reserve(self, key: str, amount: float, limit: float, seconds: float) -> str | None:
        """A lease on ``amount`` where it fits; it ends by itself after so many seconds."""
        arguments.name(key, "key")
        now, wanted, lease = self._wall(), arguments.amount(amount), token_hex(12)
        ends = now + arguments.number(seconds, "seconds")
        with self._still.lock:
            self._leases = {name: old for name, old in self._leases.items() if old[2] > now - arguments.REMEMBERED}
            leased = sum(taken for owner, taken, until in self._leases.values() if owner == key and until > now)
            if not arguments.fits(self._booked.get(key, 0.0) + leased, wanted, limit):
                return None
            self._leases[lease] = key, wanted, ends
            return lease

    def book(self, lease: str, amount: float) -> None:
        """Ends a lease: ``amount`` was really used. A lease that was booked before is left alone."""
        used = arguments.amount(amount)
        with self._still.lock:
            if found := self._leases.pop(arguments.name(lease, "lease"), None):
                self._booked[found[0]] = self._booked.get(found[0], 0.0) + used

    def append(self, log: str, record: bytes) -> None:
        """Adds to a log."""
        arguments.data(record, "record")
        with self._still.lock:
            records = self._logs.setdefault(arguments.name(log, "log"), [])
            records.append(Record(self._gone.get(log, 0) + len(records) + 1, self._wall(), record))

    def query(self, log: str, after: int = 0, limit: int | None = None, containing: bytes | None = None) -> Sequence[Record]:
        """The records of a log with numbers above ``after``, in order; those alone that contain so much."""
        first, most = arguments.position(after), arguments.most(limit)
        with self._still.lock:
            found = self._logs.get(arguments.name(log, "log"), [])[max(first - self._gone.get(log, 0), 0) :]
        if containing:
            found = [record for record in found if arguments.data(containing, "containing") in record.data]
        return found if most < 0 else found[:most]

    def clear(self, log: str) -> None:
        """Forgets a log."""
        with self._still.lock:
            if records := self._logs.pop(arguments.name(log, "log"), None):
                self._gone[log] = records[-1].number

    def flush(self, seconds: float = 5.0) -> bool:
        """Nothing waits."""
        return True

    def close(self) -> None:
        """Nothing is held."""

    def __enter__(self) -> MemoryStore:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _lasts(self, ends: float | None) -> bool:
        return ends is None or ends > self._wall()
