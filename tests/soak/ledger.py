"""The books of a long run: every call begun, how its caller saw it end, and how often the client said that it had."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter, deque
from typing import Any

from tests.soak.asks import Ask
from tests.soak.faults import NONE
from trunkline import Settled, correlation_id
from trunkline.values.response import Attempt

SHOWN = 10
"""So many complaints are told whole."""
HANGS = 30.0
"""Seconds beyond its deadline after which a call counts as one that never ends."""
FITTING = {
    "end": {"end"},
    "error": {"error"},
    "close": {"close", "end"},
    "closed": {"close", "end"},
    "cancel": {"cancel", "close", "end"},
    "abandon": {"collected"},
    "interrupt": {"cancel", "close", "end", "error", "collected"},
    "shut": {"close", "error"},
}
"""How a caller saw the end, and what the client may have told its observers of it."""


class Entry:
    """One call that is not over yet."""

    __slots__ = ("ask", "at", "how", "outcome", "told")

    def __init__(self, ask: Ask, at: float) -> None:
        self.ask, self.at = ask, at
        self.told = 0
        self.how = ""
        self.outcome: str | None = None


class Ledger:
    """An ``Observer``. What is told comes from any thread, from finalizers and in the midst of a Ctrl-C: it is only laid down, in one
    step, and entered by ``post``."""

    def __init__(self) -> None:
        self._news: deque[tuple[Any, ...]] = deque()
        self._numbers = itertools.count(1)
        self._open: dict[int, Entry] = {}
        self._lock = threading.Lock()
        self.outcomes: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.attempts = self.torn = self.tangled = 0
        self.latest = 0.0

    def number(self) -> int:
        return next(self._numbers)

    def begin(self, ask: Ask) -> float:
        """The moment at which it begins."""
        correlation_id.set(str(ask.number))
        now = time.monotonic()
        self._news.append(("begin", ask.number, ask, now))
        return now

    def finish(self, ask: Ask, outcome: str, began: float, complaint: str | None) -> None:
        """As its caller saw it."""
        self._news.append(("finish", ask.number, outcome, time.monotonic() - began - ask.total, complaint))

    def attempted(self, call_id: str, attempt: Attempt) -> None:
        """Counted where the call is settled."""

    def settled(self, settled: Settled) -> None:
        self._news.append(("settled", int(settled.correlation_id or 0), settled.how, len(settled.attempts)))

    def complain(self, words: str) -> None:
        self._news.append(("wrong", 0, words))

    # -- in one thread at a time

    def post(self) -> None:
        """Enter what has been laid down."""
        with self._lock:
            while self._news:
                kind, number, *facts = self._news.popleft()
                if kind == "wrong":
                    self.wrong += facts
                elif kind == "begin":
                    self._open[number] = Entry(*facts)
                elif (entry := self._open.get(number)) is None:
                    self.wrong.append(f"call {number}: {kind} {facts}, though it was over")
                elif kind == "settled":
                    self._settled(number, entry, *facts)
                else:
                    self._finished(number, entry, *facts)

    def _settled(self, number: int, entry: Entry, how: str, attempts: int) -> None:
        entry.told += 1
        entry.how = how
        self.attempts += attempts
        if entry.told > 1:
            self.wrong.append(f"call {number}: settled {entry.told} times")
        self._close(number, entry)

    def _finished(self, number: int, entry: Entry, outcome: str, late: float, complaint: str | None) -> None:
        entry.outcome = outcome
        if outcome not in ("abandon", "shut"):
            self.latest = max(self.latest, late)
        if complaint is not None:
            self.wrong.append(
                f"call {number} ({entry.ask.prompt!r}, {entry.ask.options['model']}, {entry.ask.fallback}): {complaint}"
            )
        self._close(number, entry)

    def _close(self, number: int, entry: Entry) -> None:
        if entry.outcome is None or entry.told == 0:
            return
        self.outcomes[entry.outcome] += 1
        self.faults[entry.ask.fault] += 1
        self.tangled += entry.ask.tangled and entry.outcome == "abandon"
        # A fault and a close at once: which was first, nobody saw.
        both = entry.outcome == "closed" and entry.how == "error" and (entry.ask.hasty or entry.ask.fault != NONE)
        if entry.how not in FITTING[entry.outcome] and not both:
            self.wrong.append(f"call {number}: {entry.outcome}, but settled as {entry.how}: {entry.ask}")
        del self._open[number]

    def hanging(self) -> list[str]:
        """Calls that ought to be over for long."""
        now = time.monotonic()
        found = [entry for entry in self._open.values() if now > entry.at + entry.ask.total + HANGS]
        return [f"call {entry.ask.number} hangs: {entry.ask}" for entry in found]

    def end(self, main_thread: set[int]) -> None:
        """All is over: what is still open is lost, but for what a Ctrl-C tore between two steps of the main thread's own."""
        self.post()
        for number, entry in self._open.items():
            if number in main_thread and (entry.outcome in (None, "interrupt")) and entry.told <= 1:
                self.torn += 1
                self.outcomes["interrupt"] += 1
            else:
                self.wrong.append(f"call {number}: {entry.outcome}, settled {entry.told} times: {entry.ask}")

    def report(self) -> dict[str, Any]:
        return {
            "calls": self.outcomes.total(),
            "attempts": self.attempts,
            "outcomes": dict(self.outcomes.most_common()),
            "faults": {name: count for name, count in self.faults.items() if name != "none"},
            "late": self.latest,
            "torn": self.torn,
            "tangled": self.tangled,
            "wrong": self.wrong[:SHOWN],
            "wrongs": len(self.wrong),
        }
