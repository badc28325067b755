"""The engine's little machines, each beside a plain model of its own that was written for these tests: whatever it decides is held to that."""

from __future__ import annotations

from collections import Counter
from math import inf
from typing import Any

from trunkline.policy.breaker import Breaker, BreakerPolicy, Leave
from trunkline.policy.rate_limit import RateLimit, RateWindow, Reservation
from trunkline.policy.retry_budget import RetryBudget
from trunkline.policy.slots import Concurrency, Entry, Slots

SLACK = 1e-6


class WatchedBreaker(Breaker):
    """``leaves``: how often each was given; ``told``: how often one ended how. ``strict``: time does not go back (it does where a
    blocking world runs branches one after another)."""

    def __init__(self, policy: BreakerPolicy, *, strict: bool = True) -> None:
        super().__init__(policy)
        self.policy = policy
        self.leaves: Counter[str] = Counter()
        self.told: Counter[str] = Counter()
        self.moves: Counter[str] = Counter()
        self.seen_strict = strict
        self.seen_state = "closed"
        self.seen_results: list[tuple[float, bool]] = []
        self.seen_row, self.seen_rest, self.seen_over = 0, policy.pause, 0.0
        self.probes = 0

    def admit(self, now: float) -> Leave:
        leave = super().admit(now)
        tripped = Leave.NO if self.probes or now < self.seen_over else Leave.PROBE
        due = Leave.GO if self.seen_state == "closed" else tripped
        assert leave is due, f"the breaker is {self.seen_state} and says {leave}"
        if leave is Leave.PROBE:
            self.probes += 1
            self.moves["half open"] += 1
        self.leaves[leave.value] += 1
        return leave

    def succeeded(self, leave: Leave, now: float) -> None:
        super().succeeded(leave, now)
        self.seen_note("succeeded", leave)
        if leave is Leave.PROBE:
            self.seen_state, self.seen_row, self.seen_rest = "closed", 0, self.policy.pause
            self.seen_results.clear()
            self.moves["closed"] += 1
        elif self.seen_state == "closed":
            self.seen_row = 0
            self.seen_results.append((now, True))
        self.seen_compare(now)

    def failed(self, leave: Leave, now: float) -> None:
        super().failed(leave, now)
        self.seen_note("failed", leave)
        if leave is Leave.PROBE:
            self.seen_rest = min(2 * self.seen_rest, self.policy.longest)
            self.seen_open(now)
        elif self.seen_state == "closed":
            self.seen_row += 1
            self.seen_results.append((now, False))
            must, may = self.seen_due(now)
            opened = super().state(now) != "closed"
            assert must <= opened <= may, f"{self.seen_row} failures in a row, {self.seen_results[-30:]}: opened is {opened}"
            if opened:
                self.seen_rest = self.policy.pause
                self.seen_open(now)
        self.seen_compare(now)

    def released(self, leave: Leave, now: float) -> None:
        super().released(leave, now)
        self.seen_note("released", leave)

    def seen_note(self, how: str, leave: Leave) -> None:
        self.told[how] += 1
        if leave is Leave.PROBE:
            self.probes -= 1
        assert self.probes in (0, 1), "one probe at a time"

    def seen_open(self, now: float) -> None:
        self.seen_state, self.seen_over = "open", now + self.seen_rest
        self.moves["opened"] += 1

    def seen_due(self, now: float) -> tuple[bool, bool]:
        """Whether it must have opened, and whether it may: results that are nearly as old as the window may count or not."""
        if self.seen_row >= self.policy.failures:
            return True, True
        if not self.seen_strict:
            return False, True
        window = self.policy.window
        sure = [good for at, good in self.seen_results if now - at <= window * 0.95 - SLACK]
        unsure = [good for at, good in self.seen_results if window * 0.95 - SLACK < now - at < window + SLACK]
        verdicts = [self.seen_share(unsure[n:] + sure) for n in range(len(unsure) + 1)]
        return all(verdicts), any(verdicts)

    def seen_share(self, results: list[bool]) -> bool:
        return len(results) >= self.policy.least and results.count(False) / len(results) >= self.policy.rate

    def seen_compare(self, now: float) -> None:
        assert (super().state(now) == "closed") == (self.seen_state == "closed"), (
            "open where it is open, closed where it is closed"
        )


class WatchedSlots(Slots[Any]):
    """Held to a list of those who are in and a list of those who wait."""

    def __init__(self, concurrency: Concurrency) -> None:
        super().__init__(concurrency)
        self.inside: list[Any] = []
        self.line: list[Any] = []
        self.entries: Counter[str] = Counter()

    def enter(self, ticket: Any) -> Entry:
        entry = super().enter(ticket)
        due: Entry = (
            "in" if len(self.inside) < self.concurrency.most else "queued" if len(self.line) < self.concurrency.queue else "full"
        )
        assert entry == due, f"{len(self.inside)} are in, {len(self.line)} wait: {entry}"
        if entry != "full":
            (self.inside if entry == "in" else self.line).append(ticket)
        self.entries[entry] += 1
        return entry

    def leave(self, ticket: Any) -> Any:
        heir = super().leave(ticket)
        for some in (self.inside, self.line):
            if ticket in some:
                some.remove(ticket)
        due = self.line[0] if self.line and len(self.inside) < self.concurrency.most else None
        assert heir is due, "whoever waits longest comes next"
        if heir is not None:
            self.line.remove(heir)
            self.inside.append(heir)
            self.entries["woken"] += 1
        assert len(self.inside) == self.busy <= self.concurrency.most
        return heir


class WatchedWindow(RateWindow):
    """Each booking is counted against all others one by one. ``booked``: those that were not taken back."""

    def __init__(self, limit: RateLimit) -> None:
        super().__init__(limit)
        self.booked: list[Reservation] = []
        self.refused = 0

    def reserve(self, now: float, tokens: int = 0, latest: float = inf, earliest: float = -inf) -> Reservation | float:
        booked = super().reserve(now, tokens, latest, earliest)
        if isinstance(booked, float):
            self.refused += 1
            return booked
        assert now <= booked.at <= latest, "neither in the past nor too late"
        assert not self.booked or booked.at >= self.booked[-1].at, "first come, first served"
        self.booked.append(booked)
        counting = [each for each in self.booked if each.at <= booked.at < each.at + self.limit.period]
        assert self.limit.requests is None or len(counting) <= self.limit.requests, "a window of the limit is exceeded"
        assert self.limit.tokens is None or sum(each.tokens for each in counting) <= self.limit.tokens, "too many tokens"
        return booked

    def cancel(self, reservation: Reservation) -> None:
        super().cancel(reservation)
        assert reservation.cancelled, "what never went is taken back"
        if reservation in self.booked:  # it may be said twice
            self.booked.remove(reservation)


class WatchedBudget(RetryBudget):
    """``least`` and ``share`` as they were said; how often a retry was refused."""

    def __init__(self, share: float, least: int) -> None:
        super().__init__(share, least, 100)
        self.share, self.least = share, least
        self.calls = self.taken = self.refused = 0

    def called(self) -> None:
        super().called()
        self.calls += 1

    def take(self) -> bool:
        took = super().take()
        self.taken += took
        self.refused += not took
        assert self.taken <= self.least + self.share * self.calls + SLACK, "retries within budget"
        return took
