"""A target that keeps failing is left alone, and then asked by one call at a time: every boundary, and a walk beside a slow model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from trunkline.policy.breaker import Breaker, BreakerPolicy, Leave
from trunkline.values.errors import UsageError

GO, PROBE, NO = Leave.GO, Leave.PROBE, Leave.NO
ROW = BreakerPolicy(failures=3, least=1000, pause=10.0, longest=35.0)  # the share never opens it
SHARE = BreakerPolicy(failures=1000, rate=0.5, least=4, window=20.0)  # failures in a row never do; a slice is a second


def told(policy: BreakerPolicy, results: str, now: float = 0.0) -> Breaker:
    """A breaker that was told of successes (``.``) and failures (``x``), all at ``now``."""
    breaker = Breaker(policy)
    tell(breaker, results, now)
    return breaker


def tell(breaker: Breaker, results: str, now: float) -> None:
    for result in results:
        (breaker.succeeded if result == "." else breaker.failed)(GO, now)


def opened(policy: BreakerPolicy = ROW, now: float = 0.0) -> Breaker:
    breaker = told(policy, "x" * policy.failures, now)
    assert breaker.state(now) == "open"
    return breaker


# ------------------------------------------------------------------------------------------------------------------ policy


def test_the_usual_policy() -> None:
    policy = BreakerPolicy()
    assert (policy.failures, policy.rate, policy.least) == (5, 0.5, 20)
    assert (policy.window, policy.pause, policy.longest) == (60.0, 10.0, 120.0)


@pytest.mark.parametrize(
    "good",
    [
        {"failures": 1},
        {"least": 1},
        {"rate": 1.0},
        {"rate": 1},
        {"rate": 1e-9},
        {"window": 1e-3},
        {"window": 1},
        {"pause": 1e-3},
        {"pause": 10.0, "longest": 10.0},
        {"pause": 7, "longest": 7},
    ],
)
def test_what_a_policy_may_say(good: dict[str, Any]) -> None:
    policy = BreakerPolicy(**good)
    assert {name: getattr(policy, name) for name in good} == good


@pytest.mark.parametrize(
    ("field", "wrong", "allowed"),
    [
        ("failures", 0, "a whole number of at least 1"),
        ("failures", -1, "a whole number of at least 1"),
        ("failures", 2.0, "a whole number of at least 1"),
        ("failures", True, "a whole number of at least 1"),
        ("failures", None, "a whole number of at least 1"),
        ("least", 0, "a whole number of at least 1"),
        ("least", "20", "a whole number of at least 1"),
        ("rate", 0, "a number above 0 up to 1"),
        ("rate", 0.0, "a number above 0 up to 1"),
        ("rate", -0.1, "a number from 0 to 1"),
        ("rate", 1.0001, "a number from 0 to 1"),
        ("rate", float("nan"), "a number from 0 to 1"),
        ("rate", "half", "a number from 0 to 1"),
        ("window", 0, "a number above 0"),
        ("window", -1.0, "a number above 0"),
        ("window", float("inf"), "a number"),
        ("window", None, "a number"),
        ("pause", 0.0, "a number above 0"),
        ("pause", -3, "a number above 0"),
        ("pause", float("nan"), "a number"),
        ("longest", 9.999, "a number of at least 10.0"),
        ("longest", 0, "a number of at least 10.0"),
        ("longest", float("inf"), "a number of at least 10.0"),
        ("longest", True, "a number of at least 10.0"),
    ],
)
def test_what_a_policy_may_not_say(field: str, wrong: object, allowed: str) -> None:
    with pytest.raises(UsageError) as caught:
        BreakerPolicy(**{field: wrong})
    assert (caught.value.field, caught.value.allowed) == (f"breaker.{field}", allowed)
    assert caught.value.got == ("None" if wrong is None else type(wrong).__name__)
    assert ("out of range" in str(caught.value)) == (
        not isinstance(wrong, str | bool | None) and (field, wrong) != ("failures", 2.0)
    )


def test_longest_is_held_to_the_pause_that_was_given() -> None:
    with pytest.raises(UsageError) as caught:
        BreakerPolicy(pause=200.0)
    assert (caught.value.field, caught.value.allowed) == ("breaker.longest", "a number of at least 200.0")


def test_a_policy_is_frozen_and_takes_names_only() -> None:
    kind: Any = BreakerPolicy
    with pytest.raises(AttributeError):
        kind().failures = 1
    with pytest.raises(TypeError):
        kind(5)


def test_a_policy_that_is_read_from_a_file_is_checked_too() -> None:
    assert msgspec.convert({"failures": 2}, BreakerPolicy) == BreakerPolicy(failures=2)
    with pytest.raises(msgspec.ValidationError, match=r"breaker\.rate"):
        msgspec.convert({"rate": 0}, BreakerPolicy)


# ------------------------------------------------------------------------------------------------------------------ opening


def test_the_words_of_a_leave() -> None:
    assert [leave.value for leave in Leave] == ["go", "probe", "no"]


def test_a_new_breaker_lets_all_go() -> None:
    breaker = Breaker(BreakerPolicy())
    for now in (-5.0, 0.0, 1e9):
        assert [breaker.admit(now) for _ in range(3)] == [GO, GO, GO]
        assert (breaker.state(now), breaker.wait(now)) == ("closed", 0.0)


@pytest.mark.parametrize(
    ("results", "state"),
    [
        ("xx", "closed"),
        ("xxx", "open"),
        ("xx.xx", "closed"),
        ("xx.xxx", "open"),
        ("x.x.x.x.xx", "closed"),
        ("...xxx", "open"),
    ],
)
def test_so_many_failures_in_a_row_open_it(results: str, state: str) -> None:
    assert told(ROW, results).state(0.0) == state


def test_one_failure_is_a_row_of_one() -> None:
    assert told(BreakerPolicy(failures=1), "x").state(0.0) == "open"


def test_a_row_has_no_age() -> None:
    breaker = Breaker(ROW)
    for now in (0.0, 1e5, 2e5):
        assert breaker.state(now) == "closed"
        breaker.failed(GO, now)
    assert breaker.state(2e5) == "open"


@pytest.mark.parametrize(
    ("results", "state"),
    [
        (".xx", "closed"),  # one result less than is needed
        ("..xx", "open"),  # exactly so many, exactly the share
        ("...xx", "closed"),
        ("...xxx", "open"),
        ("....xxx", "closed"),
        ("....xxxx", "open"),
        ("xx..", "closed"),  # the share is looked at when a failure is told
        ("xx..x", "open"),
    ],
)
def test_a_share_of_failures_opens_it(results: str, state: str) -> None:
    assert told(SHARE, results).state(0.0) == state


@pytest.mark.parametrize(
    ("rate", "good", "bad"), [(0.1, 27, 3), (0.3, 7, 3), (0.7, 3, 7), (0.29, 71, 29), (1.0, 0, 5), (1 / 3, 4, 2)]
)
def test_a_share_that_is_equal_is_reached(rate: float, good: int, bad: int) -> None:
    policy = BreakerPolicy(failures=1000, rate=rate, least=good + bad)
    assert told(policy, "." * good + "x" * bad).state(0.0) == "open"
    more = BreakerPolicy(failures=1000, rate=rate, least=good + bad)
    assert told(more, "." * (good + 1) + "x" * bad).state(0.0) == "closed"


def test_a_rate_of_one_needs_failures_only() -> None:
    assert told(BreakerPolicy(failures=1000, rate=1.0, least=2), ".xxxxxxxxx").state(0.0) == "closed"


# ------------------------------------------------------------------------------------------------------------------- window


@pytest.mark.parametrize(
    ("now", "state"), [(119.0, "open"), (119.999, "open"), (120.0, "closed"), (120.001, "closed"), (500.0, "closed")]
)
def test_what_is_as_old_as_the_window_counts_no_more(now: float, state: str) -> None:
    breaker = told(SHARE, "..x", 100.0)
    tell(breaker, "x", now)
    assert breaker.state(now) == state


def test_old_successes_are_forgotten_too() -> None:
    breaker = told(SHARE, "." * 50, 100.0)
    tell(breaker, "xxxx", 119.9)
    assert breaker.state(119.9) == "closed"
    tell(breaker, "xxx", 120.0)
    assert breaker.state(120.0) == "open"


def test_old_successes_are_forgotten_within_one_slice() -> None:
    breaker = told(SHARE, "." * 50, 100.0)
    tell(breaker, "xxxx", 119.5)
    tell(breaker, "x", 120.4)  # of the slice that began at 119.5
    assert breaker.state(120.4) == "open"


@pytest.mark.parametrize(("last", "state"), [(100.999, "closed"), (101.0, "open")])
def test_a_slice_is_a_twentieth_of_the_window_and_goes_as_one(last: float, state: str) -> None:
    """Three failures at ``last`` are younger than the window at 120.5; those of the slice that began at 100 go with it."""
    breaker = told(SHARE, ".", 100.0)
    tell(breaker, "..x", last)
    tell(breaker, "x", 120.5)
    assert breaker.state(120.5) == state


@pytest.mark.parametrize(("last", "state"), [(100.999, "closed"), (101.0, "open")])
def test_a_slice_may_begin_with_a_failure(last: float, state: str) -> None:
    breaker = told(SHARE, "x", 100.0)
    tell(breaker, "x..", last)
    tell(breaker, "x", 120.5)
    assert breaker.state(120.5) == state


def test_all_slices_of_the_window_are_counted_together() -> None:
    policy = BreakerPolicy(failures=1000, rate=0.5, least=20, window=20.0)
    breaker = Breaker(policy)
    for second in range(19):
        tell(breaker, ".x"[second % 2], 100.0 + second)
    assert breaker.state(118.0) == "closed"
    breaker.failed(GO, 119.0)
    assert breaker.state(119.0) == "open"


def test_a_slice_is_not_counted_twice() -> None:
    breaker = told(SHARE, "x", 100.0)
    for now in (101.5, 103.0):
        tell(breaker, "x", now)
    assert breaker.state(103.0) == "closed"  # three of three: one less than is needed
    tell(breaker, "x", 104.5)
    assert breaker.state(104.5) == "open"


@pytest.mark.parametrize("results", [".", "x", "..x"])
def test_little_is_kept_of_much(results: str) -> None:
    breaker = Breaker(BreakerPolicy(failures=10**6, least=10**6, window=20.0))
    for tick in range(4000):
        tell(breaker, results, tick * 0.25)
    assert len(breaker._past) <= 20


def test_a_clock_that_is_read_late_does_no_harm() -> None:
    """Threads read the clock before they take the lock."""
    breaker = told(SHARE, "..", 100.0)
    tell(breaker, "x", 99.5)
    tell(breaker, "x", 100.0)
    assert breaker.state(99.0) == "open"
    assert breaker.admit(99.0) is NO


# ------------------------------------------------------------------------------------------------------- open and half open


@pytest.mark.parametrize(
    ("now", "state", "leave", "wait"),
    [
        (100.0, "open", NO, 10.0),
        (104.0, "open", NO, 6.0),
        (109.5, "open", NO, 0.5),
        (110.0, "half_open", PROBE, 0.0),
        (110.5, "half_open", PROBE, 0.0),
        (1e6, "half_open", PROBE, 0.0),
    ],
)
def test_the_pause(now: float, state: str, leave: Leave, wait: float) -> None:
    breaker = opened(now=100.0)
    assert (breaker.state(now), breaker.wait(now), breaker.admit(now)) == (state, wait, leave)


def test_asking_while_it_is_open_does_not_prolong_it() -> None:
    breaker = opened()
    for now in (1.0, 5.0, 9.0):
        assert breaker.admit(now) is NO
    assert breaker.admit(10.0) is PROBE


def test_one_probe_at_a_time() -> None:
    breaker = opened()
    assert breaker.admit(10.0) is PROBE
    for now in (10.0, 50.0, 1e6):
        assert breaker.admit(now) is NO
        assert breaker.state(now) == "half_open"
        assert breaker.wait(now) == ROW.pause
    assert breaker.state(5.0) == "half_open"  # a clock that is read late


def test_a_probe_that_succeeds_closes_it() -> None:
    breaker = opened()
    breaker.succeeded(breaker.admit(10.0), 11.0)
    assert (breaker.state(11.0), breaker.wait(11.0)) == ("closed", 0.0)
    assert [breaker.admit(11.0) for _ in range(3)] == [GO, GO, GO]
    assert breaker.state(0.0) == "closed"


def test_after_success_the_row_begins_anew() -> None:
    breaker = opened()
    breaker.succeeded(breaker.admit(10.0), 11.0)
    tell(breaker, "xx", 11.0)
    assert breaker.state(11.0) == "closed"
    tell(breaker, "x", 11.0)
    assert breaker.state(11.0) == "open"


def test_after_success_the_window_is_empty() -> None:
    policy = msgspec.structs.replace(SHARE, failures=3, pause=1.0)
    breaker = told(policy, "..x", 0.0)
    tell(breaker, "xx", 2.0)  # in a slice of their own, so that both kinds are to be forgotten
    breaker.succeeded(breaker.admit(3.0), 3.0)
    tell(breaker, "x.x", 3.0)
    assert breaker.state(3.0) == "closed"  # two of three
    tell(breaker, "x", 3.0)
    assert breaker.state(3.0) == "open"


@pytest.mark.parametrize("results", ["..xx", "....xxxx"])
def test_after_success_old_successes_do_not_dilute(results: str) -> None:
    breaker = told(msgspec.structs.replace(SHARE, pause=0.25), results, 0.0)
    breaker.succeeded(breaker.admit(0.25), 0.25)
    tell(breaker, "xxx", 0.5)
    assert breaker.state(0.5) == "closed"
    tell(breaker, "x", 0.5)
    assert breaker.state(0.5) == "open"


def test_after_success_the_first_result_begins_a_slice() -> None:
    """It is not counted into that which began before it opened, and so goes later than that would."""
    breaker = told(msgspec.structs.replace(SHARE, pause=0.25), "..xx", 100.0)
    breaker.succeeded(breaker.admit(100.25), 100.25)
    tell(breaker, "..x", 100.5)
    tell(breaker, "x", 120.25)
    assert breaker.state(120.25) == "open"


def test_a_probe_that_fails_opens_it_again_for_twice_as_long_up_to_the_longest() -> None:
    breaker, now = opened(), 0.0
    for pause, following in ((10.0, 20.0), (20.0, 35.0), (35.0, 35.0), (35.0, 35.0)):
        assert breaker.wait(now) == pause
        assert breaker.admit(now + pause - 0.001) is NO
        now += pause
        assert breaker.admit(now) is PROBE
        breaker.failed(PROBE, now)
        assert (breaker.state(now), breaker.wait(now), breaker.admit(now)) == ("open", following, NO)


def test_the_pause_begins_when_the_probe_has_failed() -> None:
    breaker = opened()
    assert breaker.admit(10.0) is PROBE
    breaker.failed(PROBE, 17.0)
    assert (breaker.wait(17.0), breaker.state(36.999), breaker.state(37.0)) == (20.0, "open", "half_open")


def test_success_resets_the_pause() -> None:
    breaker = opened()
    breaker.failed(breaker.admit(10.0), 10.0)
    breaker.succeeded(breaker.admit(30.0), 30.0)
    tell(breaker, "xxx", 31.0)
    assert breaker.wait(31.0) == 10.0
    breaker.failed(breaker.admit(41.0), 41.0)
    assert breaker.wait(41.0) == 20.0


def test_a_pause_that_is_the_longest_stays() -> None:
    breaker = opened(BreakerPolicy(failures=1, pause=4.0, longest=4.0))
    breaker.failed(breaker.admit(4.0), 4.0)
    assert breaker.wait(4.0) == 4.0


def test_a_probe_that_is_given_back_is_free_at_once_and_changes_nothing_else() -> None:
    breaker = opened()
    for _ in range(3):
        assert breaker.admit(10.0) is PROBE
        breaker.released(PROBE, 10.0)
        assert (breaker.state(10.0), breaker.wait(10.0)) == ("half_open", 0.0)
    assert breaker.admit(10.0) is PROBE
    breaker.failed(PROBE, 10.0)
    assert breaker.wait(10.0) == 20.0


# ------------------------------------------------------------------------------------------------------ what is not listened to


@pytest.mark.parametrize("leave", [GO, NO])
def test_who_had_gone_before_says_nothing_while_it_is_not_closed(leave: Leave) -> None:
    breaker = opened()
    for now, probing in ((5.0, False), (10.0, False), (10.0, True)):
        if probing:
            assert breaker.admit(now) is PROBE
        before = breaker.state(now), breaker.wait(now), breaker.wait(0.0)
        for _ in range(ROW.failures + 1):
            breaker.succeeded(leave, now)
            breaker.failed(leave, now)
            breaker.released(leave, now)
        assert (breaker.state(now), breaker.wait(now), breaker.wait(0.0)) == before
    assert breaker.admit(10.0) is NO  # the probe is still out
    breaker.succeeded(PROBE, 10.0)
    tell(breaker, "xx", 10.0)
    assert breaker.state(10.0) == "closed"  # and none of it was counted


def test_successes_that_come_late_are_not_counted_either() -> None:
    breaker = told(msgspec.structs.replace(SHARE, pause=1.0), "..xx")
    tell(breaker, "." * 10, 0.5)
    breaker.succeeded(breaker.admit(1.0), 1.0)
    tell(breaker, "xxxx", 1.0)
    assert breaker.state(1.0) == "open"


@pytest.mark.parametrize("leave", [GO, NO])
def test_a_neutral_end_is_no_result(leave: Leave) -> None:
    breaker = told(ROW, "xx")
    breaker.released(leave, 0.0)
    assert breaker.state(0.0) == "closed"
    tell(breaker, "x", 0.0)
    assert breaker.state(0.0) == "open"  # the row was not broken
    thin = told(SHARE, "..x")
    thin.released(leave, 0.0)
    tell(thin, "x", 0.0)
    assert thin.state(0.0) == "open"  # nor did it dilute


def test_who_was_refused_has_no_result() -> None:
    breaker = told(ROW, "xx")
    breaker.failed(NO, 0.0)
    assert breaker.state(0.0) == "closed"
    breaker.succeeded(NO, 0.0)
    tell(breaker, "x", 0.0)
    assert breaker.state(0.0) == "open"


Told = Callable[[Breaker], None]
AGAIN: list[Told] = [
    lambda breaker: breaker.succeeded(PROBE, 10.0),
    lambda breaker: breaker.failed(PROBE, 10.0),
    lambda breaker: breaker.released(PROBE, 10.0),
]


@pytest.mark.parametrize("again", AGAIN)
@pytest.mark.parametrize("first", AGAIN)
def test_a_probe_that_was_told_may_be_told_again(first: Told, again: Told) -> None:
    breaker = opened()
    assert breaker.admit(10.0) is PROBE
    first(breaker)
    before = breaker.state(10.0), breaker.wait(10.0)
    again(breaker)
    assert (breaker.state(10.0), breaker.wait(10.0)) == before


@pytest.mark.parametrize("again", AGAIN)
def test_a_probe_that_never_was_changes_nothing(again: Told) -> None:
    breaker = told(ROW, "xx")
    again(breaker)
    assert breaker.state(10.0) == "closed"
    tell(breaker, "x", 10.0)
    assert breaker.state(10.0) == "open"


# --------------------------------------------------------------------------------------------------------- beside a slow model


class Slow:
    """The same, written for a reader: every result is kept, with the moment when its slice began."""

    def __init__(self, policy: BreakerPolicy) -> None:
        self.policy = policy
        self.forget()

    def forget(self) -> None:
        self.state = "closed"
        self.results: list[tuple[float, float, bool]] = []
        self.row = 0
        self.begun: float | None = None
        self.pause = self.policy.pause
        self.until = 0.0
        self.out = False

    def pass_until(self, now: float) -> None:
        if self.state == "open" and now >= self.until:
            self.state = "half_open"

    def ended(self, leave: Leave, now: float, good: bool) -> None:
        if leave is PROBE and good:
            self.forget()
        elif leave is PROBE:
            self.open(now, min(self.policy.longest, 2 * self.pause))
        elif self.state == "closed":
            self.count(now, good)

    def count(self, now: float, good: bool) -> None:
        if self.begun is None or now >= self.begun + self.policy.window / 20:
            self.begun = now
        self.results.append((now, self.begun, good))
        self.row = 0 if good else self.row + 1
        counted = [good for _, begun, good in self.results if now - begun < self.policy.window]
        all_there = [good for at, _, good in self.results if now - at < self.policy.window]
        surely = [good for at, _, good in self.results if now - at < self.policy.window * 19 / 20]
        assert len(surely) <= len(counted) <= len(all_there)  # a twentieth of the window is all that slices cost
        bad = counted.count(False)
        if not good and (
            self.row >= self.policy.failures or (len(counted) >= self.policy.least and bad / len(counted) >= self.policy.rate)
        ):
            self.open(now, self.policy.pause)

    def open(self, now: float, pause: float) -> None:
        self.state, self.out, self.pause, self.until = "open", False, pause, now + pause


LEGAL = {("closed", "open"), ("open", "half_open"), ("half_open", "closed"), ("half_open", "open")}


class BesideASlowModel(RuleBasedStateMachine):
    @initialize(
        failures=st.sampled_from([2, 4, 50]),
        rate=st.sampled_from([0.25, 0.5, 1.0]),
        least=st.integers(1, 8),
        window=st.sampled_from([5.0, 20.0, 80.0]),
        longest=st.sampled_from([4.0, 10.0, 64.0]),
    )
    def begin(self, failures: int, rate: float, least: int, window: float, longest: float) -> None:
        policy = BreakerPolicy(failures=failures, rate=rate, least=least, window=window, pause=4.0, longest=longest)
        self.breaker, self.slow = Breaker(policy), Slow(policy)
        self.now = 1000.0
        self.under_way: list[Leave] = []
        self.before = "closed"
        self.open_since = self.now

    @rule(quarters=st.sampled_from([1, 1, 2, 4, 15, 16, 40, 79, 80, 256]))
    def time_passes(self, quarters: int) -> None:
        self.now += quarters * 0.25
        self.slow.pass_until(self.now)

    @rule(count=st.integers(1, 5))
    def some_go(self, count: int) -> None:
        for _ in range(count):
            expected = {"closed": GO, "open": NO, "half_open": NO if self.slow.out else PROBE}[self.slow.state]
            leave = self.breaker.admit(self.now)
            assert leave is expected
            self.slow.out |= leave is PROBE
            if leave is not NO:
                self.under_way.append(leave)

    @precondition(lambda self: self.under_way)
    @rule(which=st.integers(0, 9), good=st.sampled_from([True, False, False]))
    def one_ends(self, which: int, good: bool) -> None:
        self.ends(which % len(self.under_way), good)

    @precondition(lambda self: self.under_way)
    @rule(which=st.integers(0, 9))
    def one_is_given_up(self, which: int) -> None:
        leave = self.under_way.pop(which % len(self.under_way))
        self.breaker.released(leave, self.now)
        self.slow.out &= leave is not PROBE

    @precondition(lambda self: PROBE in self.under_way)
    @rule(good=st.booleans())
    def the_probe_ends(self, good: bool) -> None:
        self.ends(self.under_way.index(PROBE), good)

    def ends(self, which: int, good: bool) -> None:
        leave = self.under_way.pop(which)
        (self.breaker.succeeded if good else self.breaker.failed)(leave, self.now)
        self.slow.ended(leave, self.now, good)

    @invariant()
    def both_agree(self) -> None:
        state = self.breaker.state(self.now)
        assert state == self.slow.state
        waits = {"closed": 0.0, "open": self.slow.until - self.now, "half_open": 4.0 if self.slow.out else 0.0}
        assert self.breaker.wait(self.now) == waits[state]

    @invariant()
    def what_must_hold(self) -> None:
        state = self.breaker.state(self.now)
        assert self.under_way.count(PROBE) <= (state == "half_open")
        if state == self.before:
            return
        assert (self.before, state) in LEGAL
        if state == "open":
            self.open_since = self.now
        if self.before == "open":
            assert self.now - self.open_since >= self.slow.pause >= 4.0
        self.before = state


TestBesideASlowModel = BesideASlowModel.TestCase
TestBesideASlowModel.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
