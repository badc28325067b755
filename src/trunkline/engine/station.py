"""What is known of one target and its limits: how it fares, when it may be asked again, who is under way.

A station is shared by all calls of a client and of the clients that were made from it, from any thread. An abandoned stream may
be collected at any moment, also while this very thread holds a station's lock: whoever gives something back therefore never waits
for the lock, but leaves word with whoever holds it (``Guarded``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Mapping
from functools import partial
from threading import Lock
from typing import NamedTuple, ParamSpec

from ..policy.breaker import Breaker, BreakerPolicy
from ..policy.latencies import Latencies
from ..policy.rate_limit import RateLimit, RateWindow
from ..policy.retry_budget import RetryBudget
from ..policy.slots import Concurrency, Slots
from ..ports import INFINITY, Signal
from ..values.errors import AuthenticationError, ProviderError, QuotaError, RateLimitError

P = ParamSpec("P")
REST = 5.0
"""Seconds for which a target that said "too fast", and not for how long, is passed over while another may take over."""
QUOTA_REST = 300.0
"""The same for a key whose quota is gone."""
KEY_REST = 300.0
"""The same for one that was refused, as long as nobody has looked at it."""
LONGEST_REST = 60.0
"""Seconds for which a target is believed that wants to be left alone; then it may be asked again whether it still does."""
SWEPT = 1000
"""After so many new targets those are forgotten that nobody has asked meanwhile."""


class Guarded:
    """State behind a lock that may be told things from anywhere. ``beside``: whose lock it shares.

    Who tells something looks whether the lock is free, and then takes it with ``with``: between a mere ``acquire`` and the
    ``try`` after it Ctrl-C could come. Where two look at once the second waits for the first, but never in a ring: each would
    have seen a lock free that the next one held already.
    """

    __slots__ = ("_left", "lock")

    def __init__(self, beside: Guarded | None = None) -> None:
        self.lock: Lock = Lock() if beside is None else beside.lock
        self._left: deque[Callable[[], None]] = deque() if beside is None else beside._left

    def tell(self, act: Callable[P, None], *details: P.args, **more: P.kwargs) -> None:
        """``act`` is done with the lock held: at once, or by whoever holds it when he lets go. It must bear to be done twice, for
        Ctrl-C may come in the middle."""
        if self.lock.locked():
            self._left.append(partial(act, *details, **more))
        else:
            with self.lock:
                act(*details, **more)
        self.heed()

    def heed(self) -> None:
        """Does what was left to be done. To be called after the lock was let go."""
        left = self._left
        while left and not self.lock.locked():
            with self.lock:
                while left:
                    left[0]()
                    left.popleft()


class Account:
    """One key of a provider, whatever model it is shown for. ``rests_until``: its quota is gone, or it was ``refused`` (401), so
    it is passed over until then while another may take over."""

    __slots__ = ("refused", "rests_until")

    def __init__(self) -> None:
        self.rests_until: float = -INFINITY
        self.refused: bool = False


class Ticket:
    """One who wants a place among those that are under way; ``signal`` wakes him once he has it."""

    __slots__ = ("signal",)

    def __init__(self) -> None:
        self.signal: Signal | None = None


class Gate(Guarded):
    """A limit of the user's own, shared by the targets that it is for. The gates of one target share a lock."""

    __slots__ = ("concurrency", "name", "slots", "window")

    def __init__(
        self,
        name: str,
        rate: RateLimit | None = None,
        concurrency: Concurrency | None = None,
        beside: Guarded | None = None,
    ) -> None:
        super().__init__(beside)
        self.name: str = name
        self.window: RateWindow | None = None if rate is None else RateWindow(rate)
        self.concurrency: Concurrency | None = concurrency
        self.slots: Slots[Ticket] | None = None if concurrency is None else Slots(concurrency)

    def leave(self, ticket: Ticket) -> None:
        """Gives the place back, and wakes who has it now. The lock is held."""
        assert self.slots is not None
        woken = self.slots.leave(ticket)
        if woken is not None and woken.signal is not None:
            woken.signal.set()


class Counts:
    """What is used of the limits, for each name, provider and key. Whoever says the same limit uses the same one, whatever
    else he says."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """After a fork, in the child: nobody is under way there."""
        self._windows: dict[Hashable, RateWindow] = {}
        self._slots: dict[Hashable, Slots[Ticket]] = {}
        self._guard = Guarded()

    def gate(self, name: str, of: tuple[str, str | None], rate: RateLimit | None, concurrency: Concurrency | None) -> Gate:
        """The limit ``name``, as it holds for this provider and key."""
        gate = Gate(name or of[0], rate, concurrency, self._guard)
        if gate.window is not None:
            gate.window = self._windows.setdefault((name, of, rate), gate.window)
        if gate.slots is not None:
            gate.slots = self._slots.setdefault((name, of, concurrency), gate.slots)
        return gate


class Place(NamedTuple):
    """Which target it is. ``key``: its key, masked; ``key_id``: what tells it from others."""

    provider: str
    model: str
    address: str | None = None
    key: str | None = None
    key_id: str | None = None


class Station(Guarded):
    """One target: an address, a model and a key. ``gates``: the limits that hold for it, the widest first. ``free_at``: it said
    itself that it wants to be left alone until then; ``rests_until``: the same, but guessed."""

    __slots__ = ("account", "breaker", "budget", "calls", "failures", "free_at", "gates", "gateway", "hedges", "in_flight",
                 "last", "latencies", "measured_at", "place", "rests_until")  # fmt: skip

    def __init__(
        self,
        policy: BreakerPolicy | None = BreakerPolicy(),  # noqa: B008 - frozen
        account: Account | None = None,
        gates: tuple[Gate, ...] = (),
    ) -> None:
        super().__init__()
        self.breaker: Breaker | None = None if policy is None else Breaker(policy)
        self.account: Account = account or Account()
        self.gates: tuple[Gate, ...] = gates
        self.budget: RetryBudget = RetryBudget()
        self.hedges: RetryBudget | None = None
        self.latencies: Latencies = Latencies()
        self.measured_at: float = -INFINITY
        self.free_at: float = -INFINITY
        self.rests_until: float = -INFINITY
        self.in_flight: int = 0
        self.calls: int = 0
        self.failures: int = 0
        self.last: str | None = None
        """The class of its last failure."""
        self.place: Place | None = None
        self.gateway: bool = False
        """Whether it is a gateway of ours, which is told how much time is left."""

    def blocked(self, now: float) -> float:
        """Seconds for which it had better not be asked; 0 when it may be."""
        circuit = 0.0 if self.breaker is None else self.breaker.wait(now)
        return max(0.0, circuit, self.free_at - now, self.rests_until - now, self.account.rests_until - now)

    def usable(self, now: float) -> bool:
        """Whether its key is worth showing: not refused, not at rest, and the circuit not open."""
        return not self.account.refused and self.blocked(now) == 0.0

    def may_retry(self, at: float = INFINITY) -> bool:
        """Whether one more retry may go at that moment: the circuit will not be open then, and the traffic bears it; if so, it is
        taken."""
        with self.lock:
            may = (self.breaker is None or self.breaker.wait(at) == 0.0) and self.budget.take()
        self.heed()
        return may

    def heard(self, error: ProviderError, now: float) -> None:
        """Notes what ``error`` says of the times to come."""
        wait, self.last = error.retry_after, type(error).__name__
        if isinstance(error, RateLimitError):
            if wait is not None:
                self.free_at = max(self.free_at, now + min(wait, LONGEST_REST))
            else:
                self.rests_until = max(self.rests_until, now + REST)
        elif isinstance(error, QuotaError):
            self.account.rests_until = max(self.account.rests_until, now + (QUOTA_REST if wait is None else wait))
        elif isinstance(error, AuthenticationError):
            self.account.refused = True
            self.account.rests_until = now + KEY_REST

    def succeeded(self, now: float, first: float | None, whole: float) -> None:
        """Notes an answer: the key is good."""
        self.latencies.add(whole if first is None else first, whole)
        self.measured_at = now
        account = self.account
        if account.refused or account.rests_until > now:
            account.refused, account.rests_until = False, now


class Stations:
    """The stations of a client family, made when they are first needed. ``counts``: shared with others that have other limits."""

    def __init__(
        self,
        breaker: BreakerPolicy | None = BreakerPolicy(),  # noqa: B008 - frozen
        rates: Mapping[str, RateLimit] | None = None,
        concurrency: Mapping[str, Concurrency] | None = None,
        counts: Counts | None = None,
    ) -> None:
        self._breaker = breaker
        self._rates, self._concurrency = dict(rates or {}), dict(concurrency or {})
        self._stations: dict[Hashable, Station] = {}
        self._accounts: dict[Hashable, Account] = {}
        self._gates: dict[Hashable, Gate] = {}
        self._counts = Counts() if counts is None else counts
        self._kept: dict[Hashable, object] = {}
        """The user's objects, so that no other comes to stand at the place of one."""
        self._asked: dict[Hashable, int] = {}
        """How often each had been asked when it was last looked who is idle."""
        self._most = SWEPT
        self._lock = Lock()

    def of(self, provider: str, model: str, key: str | None, address: str, shown: str | None = None) -> Station:
        """The station of one target. ``key`` tells its key from others, ``shown`` is that key, masked."""
        with self._lock:
            found = self._stations.get((provider, model, key, address))
            if found is None:
                self._forget_idle()
                account = self._accounts.setdefault((provider, key, None if key else address), Account())
                gates = self._gates_of(provider, model, key or address)
                found = self._stations[provider, model, key, address] = Station(self._breaker, account, gates)
                found.place = Place(provider, model, address, shown, key)
            return found

    def of_object(self, name: str, backend: object) -> Station:
        """The station of an object of the user's own. Objects that are equal have one, as wherever they are a dict's keys."""
        key = _key_of(backend)
        with self._lock:
            found = self._stations.get(key)
            if found is None:
                self._forget_idle()
                self._kept[key] = backend
                found = self._stations[key] = Station(self._breaker, None, self._gates_of(name, "", None))
                found.place = Place(name, "")
            return found

    def all(self) -> tuple[Station, ...]:
        """Those that there are."""
        with self._lock:
            return tuple(self._stations.values())

    def gates(self) -> tuple[Gate, ...]:
        """The limits that there are."""
        with self._lock:
            return tuple(self._gates.values())

    def forgive(self) -> None:
        """Keys that were refused are worth another try: somebody has looked at them."""
        with self._lock:
            for account in self._accounts.values():
                if account.refused:
                    account.refused, account.rests_until = False, -INFINITY

    def _forget_idle(self) -> None:
        """Programs that show ever new keys have ever new targets. Whoever still holds one that is forgotten asks it as before.
        The lock is held."""
        if len(self._stations) < self._most:
            return
        before = self._asked
        left = {key: each for key, each in self._stations.items() if each.in_flight or before.get(key) != each.calls}
        accounts, gates = {each.account for each in left.values()}, {gate for each in left.values() for gate in each.gates}
        self._stations, self._asked = left, {key: each.calls for key, each in left.items()}
        self._accounts = {key: account for key, account in self._accounts.items() if account in accounts}
        self._gates = {key: gate for key, gate in self._gates.items() if gate in gates}
        self._kept = {key: kept for key, kept in self._kept.items() if key in left}
        self._most = len(left) + SWEPT

    def _gates_of(self, provider: str, model: str, key: str | None) -> tuple[Gate, ...]:
        gates = []
        for name in ("", provider, f"{provider}/{model}"):
            rate, concurrency = self._rates.get(name), self._concurrency.get(name)
            if rate is not None or concurrency is not None:
                of = (provider, key)
                if (name, of) not in self._gates:
                    self._gates[name, of] = self._counts.gate(name, of, rate, concurrency)
                gates.append(self._gates[name, of])
        return tuple(gates)


def _key_of(backend: object) -> Hashable:
    try:
        hash(backend)
    except TypeError:
        return id(backend)
    return backend
