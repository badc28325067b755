"""Stations with limits, and whether all that was taken of them has been given back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.interrupts import interrupted
from trunkline.engine import admission, station, trial
from trunkline.engine.station import Account, Gate, Guarded, Station
from trunkline.policy import breaker, slots
from trunkline.policy.breaker import BreakerPolicy, Leave
from trunkline.policy.rate_limit import RateLimit, RateWindow, Reservation
from trunkline.policy.slots import Concurrency, Slots

MODULES = (admission, station, trial, breaker, slots)
"""Where Ctrl-C may break in."""


def limited(
    *limits: RateLimit | Concurrency,
    breaker: BreakerPolicy | None = BreakerPolicy(),
    account: Account | None = None,
) -> Station:
    """A station with these limits, the widest first: gate-0, gate-1, …"""
    guard = Guarded()
    gates = [
        Gate(f"gate-{n}", limit, None, guard) if isinstance(limit, RateLimit) else Gate(f"gate-{n}", None, limit, guard)
        for n, limit in enumerate(limits)
    ]
    return Station(breaker, account, tuple(gates))


def tripped(now: float, pause: float = 10.0) -> Station:
    """One whose circuit opened at ``now``."""
    made = Station(BreakerPolicy(failures=1, pause=pause))
    assert made.breaker is not None
    made.breaker.failed(made.breaker.admit(now), now)
    return made


def all_given_back(one: Station, now: float) -> bool:
    """Whether nobody is under way, nobody waits, no probe is out, and no lock is held."""
    places = [gate.slots for gate in one.gates if gate.slots is not None]
    if one.in_flight or one.lock.locked() or any(gate.lock.locked() or gate._left for gate in one.gates) or one._left:
        return False
    if one.breaker is not None:
        leave = one.breaker.admit(now)
        one.breaker.released(leave, now)
        if leave is Leave.NO and one.breaker.state(now) == "half_open":
            return False
    return all(slots.busy == slots.waiting == 0 for slots in places)


def slots_of(one: Station, gate: int = 0) -> Slots[object]:
    found = one.gates[gate].slots
    assert found is not None
    return found  # type: ignore[return-value]


def window_of(one: Station, gate: int = 0) -> RateWindow:
    found = one.gates[gate].window
    assert found is not None
    return found


class Logged(RateWindow):
    """A window that tells all that was ever booked."""

    __slots__ = ("given",)

    def __init__(self, limit: RateLimit) -> None:
        super().__init__(limit)
        self.given: list[Reservation] = []

    def reserve(
        self, now: float, tokens: int = 0, latest: float = float("inf"), earliest: float = -float("inf")
    ) -> Reservation | float:
        booked = super().reserve(now, tokens, latest, earliest)
        if isinstance(booked, Reservation):
            self.given.append(booked)
        return booked

    @property
    def moments(self) -> list[float]:
        return [booked.at for booked in self.given if not booked.cancelled]


def logged(one: Station) -> list[Logged]:
    """The station's windows, which from now on are logged."""
    windows = []
    for gate in one.gates:
        if gate.window is not None:
            gate.window = window = Logged(gate.window.limit)
            windows.append(window)
    return windows


def most_within(moments: Sequence[float], period: float) -> int:
    """How many of them lie in the fullest stretch of a period."""
    return max(sum(start <= moment < start + period for moment in moments) for start in moments)


def wherever_interrupted(make: Callable[[], Callable[[], object]], look: Callable[[int], None]) -> int:
    """Makes an act anew for each place where Ctrl-C may come, breaks in there, and has a look after it; the number of places."""
    places = 0
    for module in MODULES:
        after = 0
        while interrupted(module, after, make()):
            look(after)
            after += 1
        places += after
    return places
