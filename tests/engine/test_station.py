"""What is known of a target, told from anywhere: also by what is collected while this very thread holds the lock."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable

import pytest

from tests.engine.calls import stream_call, wire
from tests.engine.conftest import MakeIO
from tests.engine.stations import all_given_back, limited, slots_of, tripped
from tests.replies import chat_stream
from trunkline.engine.station import (
    LONGEST_REST,
    QUOTA_REST,
    REST,
    SWEPT,
    Account,
    Counts,
    Gate,
    Guarded,
    Place,
    Station,
    Stations,
    Ticket,
)
from trunkline.engine.stream import LiveStream
from trunkline.policy.breaker import BreakerPolicy, Leave
from trunkline.policy.rate_limit import RateLimit
from trunkline.policy.slots import Concurrency
from trunkline.values.errors import AuthenticationError, OverloadedError, ProviderError, QuotaError, RateLimitError, ServerError

# --- told from anywhere -----------------------------------------------------------------------------------------------


def test_what_is_told_is_done_at_once_with_the_lock_held() -> None:
    guarded, seen = Guarded(), []
    guarded.tell(lambda: seen.append(guarded.lock.locked()))
    assert seen == [True]
    assert not guarded.lock.locked()


def test_details_go_with_it() -> None:
    guarded, seen = Guarded(), []
    guarded.tell(lambda *words, end: seen.append((words, end)), 1, 2, end=3)
    with guarded.lock:
        guarded.tell(lambda *words, end: seen.append((words, end)), 4, end=5)
    guarded.heed()
    assert seen == [((1, 2), 3), ((4,), 5)]


def test_what_is_told_while_the_lock_is_held_is_done_by_its_holder_in_order() -> None:
    guarded, seen = Guarded(), []
    with guarded.lock:
        for n in range(3):
            guarded.tell(seen.append, n)
        guarded.heed()
        assert seen == []
    guarded.heed()
    guarded.heed()
    assert seen == [0, 1, 2]


def test_what_is_told_in_the_middle_of_something_told_is_done_too() -> None:
    guarded, seen = Guarded(), []

    def outer() -> None:
        guarded.tell(seen.append, "inner")
        seen.append("outer")

    guarded.tell(outer)
    assert seen == ["outer", "inner"]


def test_what_ctrl_c_broke_into_is_done_once_more() -> None:
    guarded, seen = Guarded(), []

    def act() -> None:
        seen.append("begun")
        if len(seen) == 1:
            raise KeyboardInterrupt
        seen.append("done")

    with guarded.lock:
        guarded.tell(act)
    with pytest.raises(KeyboardInterrupt):
        guarded.heed()
    assert not guarded.lock.locked()
    guarded.heed()
    assert seen == ["begun", "begun", "done"]


def test_two_may_share_a_lock() -> None:
    one = Guarded()
    other, seen = Guarded(one), []
    assert other.lock is one.lock
    with one.lock:
        other.tell(seen.append, 1)
    one.heed()
    assert seen == [1]


def test_many_threads_tell_and_nothing_is_lost() -> None:
    guarded = Guarded()
    count = [0]

    def add() -> None:
        seen = count[0]
        count[0] = seen + 1

    def work() -> None:
        for _ in range(200):
            guarded.tell(add)
            with guarded.lock:
                guarded.tell(add)
            guarded.heed()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert count == [8 * 200 * 2]


class Abandoned:
    """Somebody who forgets his stream: a part of a ring, so that only the collector finds it."""

    def __init__(self, live: LiveStream) -> None:
        self.live, self.ring = live, self

    def __del__(self) -> None:
        self.live.abort("collected")


def within(seconds: float, act: Callable[[], None]) -> bool:
    """Whether it came to its end."""
    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    thread.join(seconds)
    return not thread.is_alive()


@pytest.mark.parametrize("held", ["station", "gate"])
def test_a_stream_that_is_collected_while_the_lock_is_held_waits_for_nothing(world: MakeIO, held: str) -> None:
    to = limited(Concurrency(1))
    io = world([chat_stream()])
    live = LiveStream(io, stream_call(wire(station=to)))
    io.run(live.open())
    assert (to.in_flight, slots_of(to).busy) == (1, 1)
    Abandoned(live)
    del live
    guarded: Guarded = to if held == "station" else to.gates[0]

    def collects() -> None:
        with guarded.lock:
            gc.collect()
            assert (to.in_flight, slots_of(to).busy) == ((1, 0) if held == "station" else (0, 1)), "not in our hands"
        guarded.heed()

    assert within(30, collects)
    assert all_given_back(to, io.now())


def test_a_place_that_is_free_goes_to_the_next_and_wakes_him(world: MakeIO) -> None:
    io = world()
    gate = Gate("g", None, Concurrency(1))
    assert gate.slots is not None
    first, second, third = Ticket(), Ticket(), Ticket()
    second.signal = io.signal()
    assert [gate.slots.enter(ticket) for ticket in (first, second, third)] == ["in", "queued", "queued"]
    gate.leave(first)
    assert io.run(second.signal.wait(0.0))
    gate.leave(second)  # the third has no signal yet: he looks himself
    assert gate.slots.enter(third) == "in"
    gate.leave(third)
    gate.leave(third)
    assert (gate.slots.busy, gate.slots.waiting) == (0, 0)


# --- one target -------------------------------------------------------------------------------------------------------


def test_a_new_one() -> None:
    station = Station()
    assert station.breaker is not None
    assert Station(None).breaker is None
    assert (station.in_flight, station.calls, station.failures) == (0, 0, 0)
    assert (station.gates, station.hedges, station.place, station.gateway) == ((), None, None, False)
    assert station.blocked(0.0) == 0.0
    assert station.usable(0.0)
    assert station.account is not Station().account


def test_how_long_it_had_better_be_left_alone() -> None:
    station = Station()
    station.free_at, station.rests_until, station.account.rests_until = 103.0, 102.0, 101.0
    assert station.blocked(100.0) == 3.0
    station.free_at = 0.0
    assert station.blocked(100.0) == 2.0
    station.rests_until = 0.0
    assert station.blocked(100.0) == 1.0
    assert station.blocked(200.0) == 0.0
    assert tripped(100.0).blocked(104.0) == 6.0


@pytest.mark.parametrize("what", ["free_at", "rests_until", "account", "circuit"])
def test_a_key_is_worth_showing_from_the_very_moment_on(what: str) -> None:
    station = tripped(100.0) if what == "circuit" else Station()
    if what == "account":
        station.account.rests_until = 110.0
    elif what != "circuit":
        setattr(station, what, 110.0)
    assert not station.usable(109.99)
    assert station.usable(110.0)
    station.account.refused = True
    assert not station.usable(110.0)


def test_a_retry_is_taken_from_the_budget() -> None:
    station = Station(None)
    assert [station.may_retry() for _ in range(11)] == [True] * 10 + [False]


def test_no_retry_goes_while_the_circuit_is_open_and_none_is_taken_for_it() -> None:
    station = tripped(100.0)
    assert not station.may_retry(109.99)
    assert [station.may_retry(110.0) for _ in range(11)] == [True] * 10 + [False]


def test_what_is_left_alone_is_done_by_whoever_looks() -> None:
    station, seen = Station(), []
    with station.lock:
        station.tell(seen.append, 1)
    station.may_retry()
    assert seen == [1]


@pytest.mark.parametrize(
    ("error", "free", "rests", "account"),
    [
        (RateLimitError(retry_after=7.0), 107.0, None, None),
        (RateLimitError(retry_after=LONGEST_REST), 160.0, None, None),
        (RateLimitError(retry_after=LONGEST_REST + 1), 160.0, None, None),
        (RateLimitError(retry_after=0.0), 100.0, None, None),
        (RateLimitError(), None, 105.0, None),
        (QuotaError(), None, None, 400.0),
        (QuotaError(retry_after=7200.0), None, None, 7300.0),
        (ServerError(retry_after=7.0), None, None, None),
        (OverloadedError(), None, None, None),
    ],
)
def test_what_an_error_says_of_the_times_to_come(
    error: ProviderError, free: float | None, rests: float | None, account: float | None
) -> None:
    assert (REST, QUOTA_REST, LONGEST_REST) == (5.0, 300.0, 60.0)
    station, never = Station(), -float("inf")
    station.heard(error, 100.0)
    assert station.free_at == (never if free is None else free)
    assert station.rests_until == (never if rests is None else rests)
    assert station.account.rests_until == (never if account is None else account)
    assert not station.account.refused


def test_a_longer_rest_is_not_shortened() -> None:
    station = Station()
    for error in (RateLimitError(retry_after=9.0), RateLimitError(), QuotaError(retry_after=50.0)):
        station.heard(error, 100.0)
    for error in (RateLimitError(retry_after=1.0), RateLimitError(), QuotaError(retry_after=1.0)):
        station.heard(error, 99.0)
    assert (station.free_at, station.rests_until, station.account.rests_until) == (109.0, 105.0, 150.0)


def test_a_key_that_was_refused_is_good_again_once_it_was_taken() -> None:
    account = Account()
    station, other = Station(account=account), Station(account=account)
    station.heard(AuthenticationError(), 100.0)
    assert account.refused
    other.succeeded(101.0, None, 1.0)
    assert (account.refused, account.rests_until) == (False, 101.0)
    station.heard(QuotaError(), 102.0)
    assert not other.usable(103.0)
    other.succeeded(103.0, None, 1.0)
    assert station.usable(103.0)


def test_an_answer_that_says_nothing_new_of_the_key_leaves_it_as_it_is() -> None:
    station = Station()
    station.account.rests_until = 50.0
    station.succeeded(50.0, 0.25, 2.0)
    assert station.account.rests_until == 50.0
    assert station.measured_at == 50.0
    assert station.latencies.average_first == 0.25
    station = Station()
    station.succeeded(50.0, None, 2.0)  # a whole reply's first token is its last
    assert station.latencies.percentiles() == ((2.0, 2.0), (2.0, 2.0))


# --- the registry -----------------------------------------------------------------------------------------------------


def test_a_target_is_an_address_a_model_and_a_key() -> None:
    stations = Stations()
    one = stations.of("p", "m", "k", "https://a", "sk-…a")
    assert one.place == Place("p", "m", "https://a", "sk-…a", "k")
    assert stations.of("p", "m", "k", "https://a") is one
    others = [
        stations.of(*names)
        for names in (
            ("q", "m", "k", "https://a"),
            ("p", "n", "k", "https://a"),
            ("p", "m", "l", "https://a"),
            ("p", "m", "k", "https://b"),
        )
    ]
    assert len({id(station) for station in (one, *others)}) == 5
    assert stations.all() == (one, *others)
    assert one.breaker is not None
    assert Stations(None).of("p", "m", None, "https://a").breaker is None


def test_a_key_is_one_account_whatever_model_and_address_it_is_shown_for() -> None:
    stations = Stations()
    one = stations.of("p", "m", "k", "https://a")
    assert stations.of("p", "n", "k", "https://b").account is one.account
    assert stations.of("p", "m", "l", "https://a").account is not one.account
    assert stations.of("q", "m", "k", "https://a").account is not one.account
    bare = stations.of("p", "m", None, "https://a")
    assert stations.of("p", "n", None, "https://a").account is bare.account
    assert stations.of("p", "m", None, "https://b").account is not bare.account


def test_keys_are_forgiven() -> None:
    stations = Stations()
    station = stations.of("p", "m", "k", "https://a")
    station.account.refused, station.account.rests_until = True, 9.0
    spent = stations.of("q", "m", "k", "https://a")
    spent.account.rests_until = 9.0
    stations.forgive()
    assert (station.account.refused, station.account.rests_until) == (False, float("-inf"))
    assert (spent.account.refused, spent.account.rests_until) == (False, 9.0)


def test_which_limits_hold_for_whom_the_widest_first() -> None:
    rates = {"": RateLimit(1), "p": RateLimit(2), "p/m": RateLimit(3), "q": RateLimit(4), "own/None": RateLimit(5)}
    stations = Stations(rates=rates, concurrency={"p/m": Concurrency(5), "own": Concurrency(6)})
    one = stations.of("p", "m", "k", "https://a")
    assert [gate.name for gate in one.gates] == ["p", "p", "p/m"]
    assert [gate.window.limit.requests for gate in one.gates if gate.window is not None] == [1, 2, 3]
    assert [gate.concurrency for gate in one.gates] == [None, None, Concurrency(5)]
    assert [gate.slots is not None for gate in one.gates] == [False, False, True]
    other = stations.of("p", "n", "k", "https://b")
    assert other.gates == one.gates[:2], "they are shared"
    assert not set(stations.of("p", "m", "l", "https://a").gates) & set(one.gates), "each key has its own"
    assert not set(stations.of("q", "m", "k", "https://a").gates) & set(one.gates)
    own = stations.of_object("own", object())
    assert [gate.name for gate in own.gates] == ["own", "own"]
    assert len(stations.gates()) == 3 + 3 + 2 + 2
    assert len({id(gate.lock) for gate in stations.gates()}) == 1
    assert Stations().of("p", "m", "k", "https://a").gates == ()


def test_an_object_is_known_by_itself_and_kept() -> None:
    stations = Stations(BreakerPolicy(failures=1))
    names = {id(stations.of_object(f"o{n}", object())) for n in range(50)}
    assert len(names) == 50, "none takes the place of one that is gone"
    backend = object()
    one = stations.of_object("o", backend)
    assert stations.of_object("other name", backend) is one
    assert one.place == Place("o", "")
    assert one.breaker is not None
    one.breaker.failed(Leave.GO, 0.0)
    assert one.breaker.state(0.0) == "open"


# --- limits that several share, and what is forgotten -----------------------------------------------------------------


def test_whoever_says_the_same_limit_counts_with_the_others_whatever_else_he_says() -> None:
    counts, rate, places = Counts(), RateLimit(5), Concurrency(2)
    both = Stations(rates={"": rate}, concurrency={"": places}, counts=counts).of("p", "m", "k", "u").gates[0]
    paced = Stations(rates={"": RateLimit(5)}, counts=counts).of("p", "other", "k", "v").gates[0]
    wider = Stations(rates={"": RateLimit(6)}, concurrency={"": places}, counts=counts).of("p", "m", "k", "u").gates[0]
    assert (paced.window, paced.slots) == (both.window, None)
    assert wider.window is not both.window
    assert wider.slots is both.slots
    assert both.lock is paced.lock is wider.lock
    counts.forget()
    anew = Stations(rates={"": rate}, concurrency={"": places}, counts=counts).of("p", "m", "k", "u").gates[0]
    assert anew.window is not both.window
    assert anew.slots is not both.slots
    assert anew.lock is not both.lock


def test_without_a_key_the_address_tells_whose_limit_it_is() -> None:
    stations = Stations(rates={"": RateLimit(5)})
    assert stations.of("p", "m", None, "u").gates[0].window is not stations.of("p", "m", None, "v").gates[0].window
    assert stations.of("p", "m", "k", "u").gates[0] is stations.of("p", "m", "k", "v").gates[0]


def test_targets_that_nobody_asks_are_forgotten_after_many_new_ones() -> None:
    class Mine:
        pass

    stations = Stations(rates={"": RateLimit(5)})
    idle, asked, busy = (stations.of("p", "m", key, "u") for key in ("idle", "asked", "busy"))
    mine, own = Mine(), stations.of_object("Mine", known := Mine())
    busy.in_flight = 1
    for n in range(SWEPT - 4):
        stations.of("p", "m", f"first {n}", "u")
    assert len(stations.all()) == SWEPT
    stations.of("p", "m", "one more", "u")
    assert len(stations.all()) == SWEPT + 1  # none is idle that was not there when it was last looked
    asked.calls = own.calls = 1
    for n in range(SWEPT - 1):
        stations.of_object("Mine", mine) if n == 0 else stations.of("p", "m", f"second {n}", "u")
    assert len(stations.all()) == 2 * SWEPT
    assert len(stations.gates()) == 2 * SWEPT - 1  # both objects are under one
    stations.of("p", "m", "the last", "u")
    assert len(stations.all()) == len(stations.gates()) + 1 == 3 + SWEPT + 1
    assert idle not in stations.all()
    assert stations.of("p", "m", "asked", "u") is asked
    assert stations.of("p", "m", "busy", "u") is busy
    assert stations.of_object("Mine", known) is own
    again = stations.of("p", "m", "idle", "u")
    assert again is not idle
    assert again.account is not idle.account
    assert again.gates[0].window is idle.gates[0].window  # what was used is used


def test_a_refused_key_rests_for_five_minutes() -> None:
    station = Station()
    station.heard(AuthenticationError(), 100.0)
    assert (station.account.refused, station.account.rests_until, station.last) == (True, 400.0, "AuthenticationError")
