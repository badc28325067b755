"""What a simulator was asked, and how each request ended. In memory only, until the simulator is thrown away."""

from __future__ import annotations

import threading
from collections import deque
from typing import Literal

import msgspec

from ..dialects.dialect import Operation
from ..values.errors import ProviderError
from ..values.request import Request
from ..values.response import Warning
from ..values.secret import mask_keys
from ..wire.http import HttpRequest

_REASON_SHOWN = 300
Outcome = Literal["open", "end", "failed", "cut", "reset", "gone"]
"""``open``: under way; ``end``: answered whole; ``failed``: an error reply, or an error in the stream; ``cut``: closed before
its end; ``reset``; ``gone``: the asker went away before the end."""


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """One request. ``request`` is None where none could be decoded, or none was needed (lists of models); ``dialect`` and
    ``operation`` are None where nothing answers at that path.

    ``warnings``: what the protocol could not express. ``status`` is None until the head is out. ``rule`` is the number of the
    rule that answered (from 0; None: the built-in brain, or a refusal before any rule). ``reason``: why there was an error, in
    the simulator's own words, which repeat neither what was said nor a key; None where there was none, and of a ``Fail`` with a
    body of its own. Its repr shows sizes, not what was said.
    """

    number: int
    http: HttpRequest
    dialect: str | None = None
    operation: str | None = None
    request: Request | None = None
    warnings: tuple[Warning, ...] = ()
    status: int | None = None
    request_id: str | None = None
    rule: int | None = None
    outcome: Outcome = "open"
    reason: str | None = None

    def __repr__(self) -> str:
        what = self.request and f"{self.request.model}, {len(self.request.messages)} messages"
        told = (self.dialect, self.operation, what, self.status, self.outcome)
        return f"Recorded({self.number}: {self.http!r}, {', '.join(str(fact) for fact in told if fact is not None)})"


class Entry:
    """One request while it is under way."""

    __slots__ = (
        "dialect", "http", "number", "operation", "outcome", "reason", "request", "request_id", "rule", "status", "warnings"
    )  # fmt: skip

    def __init__(self, number: int, http: HttpRequest) -> None:
        self.number: int = number
        self.http: HttpRequest = http
        self.dialect: str | None = None
        self.operation: Operation | None = None
        self.request: Request | None = None
        self.warnings: tuple[Warning, ...] = ()
        self.status: int | None = None
        self.request_id: str | None = None
        self.rule: int | None = None
        self.outcome: Outcome = "open"
        self.reason: str | None = None

    def failed(self, error: ProviderError) -> None:
        """Note why: the error's own message. What its reply says beyond that may quote who asked."""
        self.reason = mask_keys(error.message[:_REASON_SHOWN])

    def told(self) -> Recorded:
        facts = {name: getattr(self, name) for name in Entry.__slots__}
        return Recorded(**{**facts, "operation": self.operation and self.operation.value})


class Recorder:
    """The last ``keep`` requests (None: all) in the order in which they came. Written by the server's thread, read by any."""

    def __init__(self, keep: int | None) -> None:
        self._entries: deque[Entry] = deque(maxlen=keep)
        self._count = 0
        self._under_way = 0
        self._changed = threading.Condition()

    @property
    def recorded(self) -> tuple[Recorded, ...]:
        """Those that are kept, as they stand now."""
        with self._changed:
            return tuple(entry.told() for entry in self._entries)

    def begin(self, http: HttpRequest) -> Entry:
        with self._changed:
            entry = Entry(self._count, http)
            self._entries.append(entry)
            self._count += 1
            self._under_way += 1
        return entry

    def end(self, entry: Entry) -> None:
        """It is over; one whose outcome nobody told has lost its asker."""
        with self._changed:
            if entry.outcome == "open":
                entry.outcome = "gone"
            self._under_way -= 1
            self._changed.notify_all()

    def clear(self) -> None:
        """Forget all requests, and count from 0 again."""
        with self._changed:
            self._entries.clear()
            self._count = 0

    def wait(self, timeout: float | None) -> bool:
        """Until none is under way; False when ``timeout`` seconds passed before."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._under_way, timeout)
