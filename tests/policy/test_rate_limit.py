"""So many requests and tokens within any stretch of a period: when the next request may go."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import count, pairwise
from math import inf, nextafter
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.interrupts import interrupted
from trunkline.policy import rate_limit
from trunkline.policy.rate_limit import RateLimit, RateWindow, Reservation, as_rate_limit
from trunkline.values.errors import UsageError

AWKWARD = st.sampled_from([0.1, 0.2, 0.3, 0.7, 1 / 3, 1.1, 1e-3, 59.99999999999999, 60.0])
MOMENTS = st.lists(st.floats(0.0, 2.0) | AWKWARD | st.just(0.0), min_size=1, max_size=40)


def booked(window: RateWindow, now: float, tokens: int = 0, latest: float = inf) -> Reservation:
    got = window.reserve(now, tokens, latest)
    assert isinstance(got, Reservation)
    assert got.tokens == tokens
    return got


def moments(window: RateWindow, now: float, *tokens: int) -> list[float]:
    return [booked(window, now, each).at for each in tokens]


# What a limit is


def test_what_a_limit_says() -> None:
    assert RateLimit(5) == RateLimit(requests=5, tokens=None, period=60.0)
    assert RateLimit(tokens=1) == RateLimit(requests=None, tokens=1, period=60.0)
    assert RateLimit(1, tokens=1, period=1e9).period == 1e9
    assert RateWindow(limit := RateLimit(1, tokens=2, period=3)).limit is limit


def test_it_stays_what_it_was_checked_to_be() -> None:
    with pytest.raises(AttributeError, match="immutable"):
        RateLimit(1).requests = 0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("fields", "field", "got"),
    [
        ({}, "", None),
        ({"requests": None, "tokens": None}, "", None),
        ({"requests": 0}, ".requests", "int"),
        ({"requests": -1, "tokens": 5}, ".requests", "int"),
        ({"requests": 1.0}, ".requests", "float"),
        ({"requests": True}, ".requests", "bool"),
        ({"requests": "5"}, ".requests", "str"),
        ({"tokens": 0}, ".tokens", "int"),
        ({"requests": 1, "tokens": 2.5}, ".tokens", "float"),
        ({"requests": 1, "period": 0}, ".period", "int"),
        ({"requests": 1, "period": 0.0}, ".period", "float"),
        ({"requests": 1, "period": -1.0}, ".period", "float"),
        ({"requests": 1, "period": inf}, ".period", "float"),
        ({"requests": 1, "period": float("nan")}, ".period", "float"),
        ({"requests": 1, "period": nextafter(1e9, inf)}, ".period", "float"),
        ({"requests": 1, "period": True}, ".period", "bool"),
        ({"requests": 1, "period": "60"}, ".period", "str"),
        ({"requests": 1, "period": None}, ".period", "None"),
    ],
)
def test_what_a_limit_does_not_say(fields: dict[str, Any], field: str, got: str | None) -> None:
    with pytest.raises(UsageError) as refusal:
        RateLimit(**fields)
    assert (refusal.value.field, refusal.value.got) == (f"rate_limit{field}", got)
    with pytest.raises(UsageError) as refusal:
        as_rate_limit(fields, "providers.x.limit")
    assert (refusal.value.field, refusal.value.got) == (f"providers.x.limit{field}", got)


def test_a_refusal_says_what_may_stand_there() -> None:
    with pytest.raises(UsageError) as refusal:
        RateLimit()
    assert str(refusal.value) == "rate_limit: limits nothing; allowed: requests, tokens, or both"
    with pytest.raises(UsageError) as refusal:
        RateLimit(1, period=0)
    with pytest.raises(TypeError):
        RateLimit(5, 1)  # type: ignore[misc]  # five a second? one token a minute?
    assert str(refusal.value) == "rate_limit.period: not a time; got int; allowed: seconds above 0, up to 1e+09"


def test_a_limit_in_each_form() -> None:
    limit = RateLimit(10, tokens=20, period=30.0)
    assert as_rate_limit(limit) is limit
    assert as_rate_limit(7) == RateLimit(7)
    assert as_rate_limit(1) == RateLimit(1)
    assert as_rate_limit(MappingProxyType({"requests": 10, "tokens": 20, "period": 30.0})) == limit
    assert as_rate_limit({"tokens": 20}) == RateLimit(tokens=20, period=60.0)


@pytest.mark.parametrize("value", [0, -1, True, 5.0, "5", None, [5], RateLimit])
def test_what_is_no_limit(value: object) -> None:
    with pytest.raises(UsageError) as refusal:
        as_rate_limit(value)
    assert refusal.value.field == "rate_limit"
    with pytest.raises(UsageError) as refusal:
        as_rate_limit(value, "a.b")
    assert refusal.value.field == "a.b"


def test_what_is_no_limit_is_told_the_forms_that_are() -> None:
    with pytest.raises(UsageError, match="allowed: a RateLimit, a number of requests per minute, or a mapping of requests, tok"):
        as_rate_limit("5")


def test_a_mapping_says_nothing_unknown() -> None:
    with pytest.raises(UsageError, match="did you mean 'requests'") as refusal:
        as_rate_limit({"request": 5})
    assert refusal.value.field == "rate_limit.request"
    with pytest.raises(UsageError) as refusal:
        as_rate_limit({"requests": 5, "burst": 5}, "x")
    assert refusal.value.field == "x.burst"


# Requests


def test_so_many_go_at_once_and_the_next_when_the_first_counts_no_more() -> None:
    window = RateWindow(RateLimit(3, period=10.0))
    assert moments(window, 5.0, 0, 0) == [5.0, 5.0]
    assert moments(window, 6.0, 0, 0, 0, 0, 0) == [6.0, 15.0, 15.0, 16.0, 25.0]
    assert moments(window, 100.0, 0, 0, 0, 0) == [100.0, 100.0, 100.0, 110.0]


def test_each_reservation_is_one_of_its_own() -> None:
    first, foreign = (booked(RateWindow(RateLimit(1)), 0.0) for _ in range(2))
    assert first != foreign
    assert len({first, foreign}) == 2


def test_one_at_a_time() -> None:
    window = RateWindow(RateLimit(1, period=10.0))
    assert moments(window, 0.0, 0, 0, 0) == [0.0, 10.0, 20.0]


def test_a_booking_counts_until_before_a_period_is_over() -> None:
    window = RateWindow(RateLimit(1, period=10.0))
    booked(window, 0.0)
    assert window.reserve(nextafter(10.0, 0.0), latest=nextafter(10.0, 0.0)) == 10.0 - nextafter(10.0, 0.0)
    assert booked(window, 10.0, latest=10.0).at == 10.0


def test_who_cannot_go_sooner_says_so_and_moves_no_clock() -> None:
    window = RateWindow(RateLimit(2, tokens=100, period=10.0))
    booked(window, 0.0, 60)
    assert window.reserve(1.0, 10, 4.0, 5.0) == 4.0
    late = window.reserve(1.0, 30, earliest=5.0)
    assert isinstance(late, Reservation)
    assert late.at == 5.0
    assert window.used(1.0) == (1, 60)
    window.cancel(late)
    assert booked(window, 2.0, 40).at == 2.0, "what was never used holds nobody up"
    assert window.reserve(3.0, 10, earliest=5.0).at == 10.0  # type: ignore[union-attr]
    assert window.reserve(3.0, 10, earliest=nextafter(12.0, 13.0)).at == nextafter(12.0, 13.0)  # type: ignore[union-attr]


def test_nothing_is_booked_that_is_too_late() -> None:
    window = RateWindow(RateLimit(1, period=10.0))
    booked(window, 0.0)
    assert window.reserve(4.0, latest=9.5) == 6.0
    assert window.reserve(5.0, latest=nextafter(10.0, 0.0)) == 5.0
    assert booked(window, 5.0, latest=10.0).at == 10.0
    assert window.reserve(5.0, latest=19.0) == 15.0
    assert window.used(10.0) == (1, 0)
    assert window.used(20.0) == (0, 0)
    assert window.reserve(30.0, latest=29.0) == 0.0
    assert window.used(30.0) == (0, 0)


@given(st.integers(1, 5), AWKWARD, st.sampled_from([0.0, 0.1, 1234.567, 1e6 / 3]), MOMENTS)
@settings(max_examples=60)
def test_no_more_than_so_many_in_any_period_to_the_last_bit(
    requests: int, period: float, start: float, steps: list[float]
) -> None:
    window, now, log = RateWindow(RateLimit(requests, period=period)), start, list[float]()
    for step in steps:
        now += step
        log.append(booked(window, now).at)
        assert log[-1] >= now
    assert all(later >= earlier for earlier, later in pairwise(log))
    for earlier, later in zip(log, log[requests:], strict=False):
        assert later >= earlier + period


def test_a_clock_that_goes_back_stands_still() -> None:
    window = RateWindow(RateLimit(1, period=10.0))
    booked(window, 0.0)
    window.cancel(booked(window, 10.0))
    assert booked(window, 9.0).at == 10.0
    assert window.reserve(8.0, latest=11.0) == 12.0
    window = RateWindow(RateLimit(1, tokens=10, period=10.0))
    window.cancel(booked(window, 10.0))
    assert booked(window, 9.0).at == 10.0


# Tokens


def test_tokens_wait_until_enough_count_no_more() -> None:
    window = RateWindow(RateLimit(tokens=10, period=10.0))
    assert moments(window, 0.0, 4) == [0.0]
    assert moments(window, 1.0, 6, 0) == [1.0, 1.0]
    assert moments(window, 2.0, 1) == [10.0]
    assert moments(window, 2.0, 3, 1, 10) == [10.0, 11.0, 21.0]
    assert moments(window, 40.0, 10, 0, 1) == [40.0, 40.0, 50.0]


def test_tokens_count_until_before_a_period_is_over() -> None:
    window = RateWindow(RateLimit(tokens=10, period=10.0))
    booked(window, 0.0, 10)
    assert window.reserve(nextafter(10.0, 0.0), 1, 9.999) == 10.0 - nextafter(10.0, 0.0)
    assert booked(window, 10.0, 10, 10.0).at == 10.0


def test_more_tokens_than_a_period_allows_never_fit() -> None:
    window = RateWindow(RateLimit(5, tokens=10))
    assert window.reserve(0.0, 11) == inf
    assert window.reserve(0.0, 1_000, 5.0) == inf
    assert window.used(0.0) == (0, 0)
    assert booked(window, 0.0, 10).at == 0.0


def test_tokens_without_a_limit_of_them_are_counted_only() -> None:
    window = RateWindow(RateLimit(2, period=10.0))
    assert moments(window, 0.0, 1_000_000, 5) == [0.0, 0.0]
    assert window.used(0.0) == (2, 1_000_005)


def test_no_request_overtakes_one_that_waits_for_tokens() -> None:
    window = RateWindow(RateLimit(tokens=10, period=10.0))
    assert moments(window, 0.0, 6, 5, 0) == [0.0, 10.0, 10.0]


def test_both_limits_hold() -> None:
    window = RateWindow(RateLimit(2, tokens=10, period=10.0))
    assert moments(window, 0.0, 1, 1) == [0.0, 0.0]
    assert moments(window, 1.0, 9) == [10.0]  # for the sake of requests
    assert moments(window, 1.0, 2) == [20.0]  # for the sake of tokens
    assert moments(window, 1.0, 8, 1, 1) == [20.0, 30.0, 30.0]


def test_what_is_too_late_for_its_tokens_books_nothing() -> None:
    window = RateWindow(RateLimit(tokens=10, period=10.0))
    moments(window, 0.0, 5, 5)
    assert window.reserve(1.0, 10, 9.0) == 9.0
    assert window.reserve(1.0, 1, 9.0) == 9.0
    assert moments(window, 1.0, 10) == [10.0]
    assert window.reserve(1.0, 1, 19.0) == 19.0
    assert moments(window, 20.0, 10) == [20.0]


# Taken back


def test_the_last_place_is_free_again() -> None:
    window = RateWindow(RateLimit(1, tokens=10, period=10.0))
    booked(window, 0.0, 10)
    second, third = booked(window, 0.0, 10), booked(window, 0.0, 10)
    window.cancel(third)
    window.cancel(second)
    assert (second.cancelled, third.cancelled) == (True, True)
    assert moments(window, 0.0, 10, 10) == [10.0, 20.0]


def test_what_went_at_once_and_never_went_leaves_no_trace() -> None:
    window = RateWindow(RateLimit(1, tokens=10, period=10.0))
    window.cancel(booked(window, 0.0, 10))
    assert window.used(0.0) == (0, 0)
    assert moments(window, 0.0, 10, 10) == [0.0, 10.0]


def test_nobody_moves_up_and_nobody_overtakes() -> None:
    window = RateWindow(RateLimit(2, period=10.0))
    moments(window, 0.0, 0, 0)
    third, _, fifth, sixth = (booked(window, 0.0) for _ in range(4))
    assert sixth.at == 20.0
    window.cancel(third)  # a hole at 10 before one that stays: not for those who come later
    assert window.used(10.0) == (1, 0)
    window.cancel(fifth)  # a hole at 20, where the last one is: for the next
    assert moments(window, 0.0, 0, 0) == [20.0, 30.0]


def test_a_hole_makes_room_for_tokens() -> None:
    window = RateWindow(RateLimit(tokens=10, period=10.0))
    first, _ = booked(window, 0.0, 4), booked(window, 0.0, 4)
    window.cancel(first)
    assert moments(window, 1.0, 6, 1) == [1.0, 10.0]


def test_what_counted_no_more_counts_again_when_a_later_one_is_taken_back() -> None:
    window = RateWindow(RateLimit(tokens=10, period=10.0))
    moments(window, 0.0, 5)
    moments(window, 2.0, 5)
    late = booked(window, 3.0, 10)
    assert late.at == 12.0
    window.cancel(late)
    assert moments(window, 3.0, 5, 5) == [10.0, 12.0]


def test_one_that_counts_no_more_where_the_last_one_goes_is_taken_back() -> None:
    window = RateWindow(RateLimit(tokens=10, period=10.0))
    first, second = booked(window, 0.0, 5), booked(window, 2.0, 5)
    late = booked(window, 3.0, 10)
    window.cancel(first)
    assert moments(window, 3.0, 1) == [22.0]
    assert (late.at, second.at) == (12.0, 2.0)
    window = RateWindow(RateLimit(tokens=10, period=10.0))
    first, second = booked(window, 0.0, 5), booked(window, 2.0, 5)
    late = booked(window, 3.0, 7)
    window.cancel(first)
    window.cancel(late)
    assert moments(window, 3.0, 5, 1) == [3.0, 12.0]


def test_taking_back_twice_is_taking_back_once() -> None:
    window = RateWindow(RateLimit(2, tokens=10, period=10.0))
    first, second = booked(window, 0.0, 5), booked(window, 0.0, 5)
    window.cancel(first)
    window.cancel(first)
    assert not second.cancelled
    assert window.used(0.0) == (1, 5)
    assert moments(window, 0.0, 5, 5) == [0.0, 10.0]


def test_what_is_past_is_past() -> None:
    window = RateWindow(RateLimit(2, tokens=10, period=10.0))
    old = booked(window, 0.0, 5)
    booked(window, 10.0, 5)
    window.cancel(old)
    window.correct(old, 100)
    assert window.used(10.0) == (1, 5)
    assert moments(window, 10.0, 5, 5) == [10.0, 20.0]


def test_what_another_window_gave_is_left_alone() -> None:
    window, other = RateWindow(RateLimit(1)), RateWindow(RateLimit(5))
    mine, foreign = booked(window, 0.0), [booked(other, 0.0) for _ in range(2)]
    window.cancel(foreign[0])
    window.cancel(foreign[1])
    assert window.used(0.0) == (1, 0)
    window.cancel(mine)
    assert window.used(0.0) == (0, 0)


# Corrected


def test_what_was_really_taken_counts_for_those_who_come_later() -> None:
    window = RateWindow(RateLimit(tokens=10, period=10.0))
    first, second = booked(window, 0.0, 5), booked(window, 1.0, 5)
    window.correct(first, 1)
    assert first.tokens == 1
    assert window.used(1.0) == (2, 6)
    assert moments(window, 1.0, 4) == [1.0]
    window.correct(first, 30)
    window.correct(second, 0)
    assert window.used(1.0) == (3, 34)
    assert moments(window, 1.0, 0) == [10.0]
    assert moments(window, 1.0, 6, 1) == [10.0, 11.0]


def test_nothing_moves_when_one_takes_more() -> None:
    window = RateWindow(RateLimit(tokens=10, period=10.0))
    first, second = booked(window, 0.0, 5), booked(window, 0.0, 10)
    window.correct(first, 10)
    window.correct(second, 11)
    assert (first.at, second.at) == (0.0, 10.0)
    assert moments(window, 0.0, 0) == [20.0]


def test_what_is_taken_back_is_not_corrected() -> None:
    window = RateWindow(RateLimit(tokens=10, period=10.0))
    first, second = booked(window, 0.0, 5), booked(window, 0.0, 5)
    window.cancel(second)
    window.correct(second, 50)
    assert second.tokens == 5
    assert moments(window, 0.0, 5) == [0.0]
    window.correct(first, 4)
    window.cancel(first)
    assert moments(window, 0.0, 5, 1) == [0.0, 10.0]


def test_one_that_counts_no_more_where_the_last_one_goes_is_corrected() -> None:
    window = RateWindow(RateLimit(tokens=10, period=10.0))
    first, _, late = booked(window, 0.0, 5), booked(window, 2.0, 5), booked(window, 3.0, 5)
    assert late.at == 10.0
    window.correct(first, 1)
    assert window.reserve(3.0, 1, 11.0) == 9.0
    window.cancel(late)
    assert moments(window, 3.0, 4, 1) == [3.0, 10.0]


def test_only_what_counts_is_corrected_in_the_sum() -> None:
    window = RateWindow(RateLimit(tokens=10, period=10.0))
    first, second = booked(window, 0.0, 5), booked(window, 0.0, 5)
    third = booked(window, 0.0, 5)
    assert third.at == 10.0
    window.correct(first, 0)
    window.correct(second, 9)
    assert moments(window, 0.0, 5) == [10.0]
    window.correct(third, 6)
    assert moments(window, 0.0, 0) == [20.0]


# Told, and forgotten


def test_what_is_used_at_a_moment() -> None:
    window = RateWindow(RateLimit(2, period=10.0))
    assert window.used(0.0) == (0, 0)
    for tokens in (1, 2, 4):
        booked(window, 0.0, tokens)
    assert window.used(-0.5) == (0, 0)
    assert window.used(0.0) == (2, 3)
    assert window.used(nextafter(10.0, 0.0)) == (2, 3)
    assert window.used(10.0) == (1, 4)
    assert window.used(20.0) == (0, 0)
    booked(window, 15.0, 8)
    assert window.used(15.0) == (2, 12)


def test_the_past_takes_no_room() -> None:
    window = RateWindow(RateLimit(tokens=10, period=1.0))
    sizes = []
    for n in range(2_000):
        assert booked(window, float(n), 10).at == n
        sizes.append(len(window._log))
    assert (sizes[511], sizes[512], max(sizes)) == (512, 1, 512)
    assert moments(window, 1_999.0, 0, 10) == [1_999.0, 2_000.0]


def test_the_past_is_swept_out_when_it_is_half_of_all() -> None:
    window = RateWindow(RateLimit(1_000, tokens=10_000, period=1_000.0))
    sizes, last = [], None
    for n in range(4_000):
        last = booked(window, float(n), 10)
        sizes.append(len(window._log))
    assert max(sizes) == 1_999
    assert min(sizes[1_999:]) == 1_000
    assert window.used(3_999.0) == (1_000, 10_000)
    assert last is not None
    window.cancel(last)
    window.correct(last, 0)
    assert moments(window, 3_999.0, 10, 10) == [3_999.0, 4_000.0]


# Against a model


def first_fit(log: list[Reservation], limit: RateLimit, floor: float, tokens: int) -> float:
    """The first moment from ``floor`` on at which both limits hold, by looking at every moment at which a booking leaves."""
    for at in sorted([floor, *(leaves for each in log if (leaves := each.at + limit.period) > floor)]):
        counting = [each.tokens for each in log if each.at <= at < each.at + limit.period]
        if (limit.requests is None or len(counting) < limit.requests) and (
            limit.tokens is None or sum(counting) + tokens <= limit.tokens
        ):
            return at
    raise AssertionError("it never fits")


class WindowMachine(RuleBasedStateMachine):
    """A window beside a log of which nothing is ever forgotten."""

    @initialize(
        limits=st.sampled_from([(1, None), (3, None), (None, 10), (2, 10), (5, 25)]), period=AWKWARD, now=st.just(0.0) | AWKWARD
    )
    def begin(self, limits: tuple[int | None, int | None], period: float, now: float) -> None:
        self.limit = RateLimit(limits[0], tokens=limits[1], period=period)
        self.window = RateWindow(self.limit)
        self.now, self.seen, self.log = now, now, list[Reservation]()

    @rule(share=st.sampled_from([0.1, 0.5, 1.0, 1.5]) | st.floats(0.0, 1.0))
    def passes(self, share: float) -> None:
        self.now += share * self.limit.period

    @rule(tokens=st.sampled_from([0, 1, 4, 10, 11, 25]), patience=st.sampled_from([0.0, 0.5, 1.0, 3.0, inf]))
    def reserve(self, tokens: int, patience: float) -> None:
        latest = self.now + patience * self.limit.period
        got = self.window.reserve(self.now, tokens, latest)
        if self.limit.tokens is not None and tokens > self.limit.tokens:
            assert got == inf
            return
        self.seen = max(self.seen, self.now)
        at = first_fit(self.log, self.limit, max([self.seen, *(each.at for each in self.log)]), tokens)
        if at > latest:
            assert got == at - self.now
        else:
            assert isinstance(got, Reservation)
            assert (got.at, got.tokens) == (at, tokens)
            self.log.append(got)

    @precondition(lambda self: self.log)
    @rule(place=st.integers(0, 5), again=st.booleans())
    def cancel(self, place: int, again: bool) -> None:
        taken_back = self.log[-1 - place % len(self.log)]
        self.window.cancel(taken_back)
        if again:
            self.window.cancel(taken_back)
        if taken_back.at + self.limit.period > self.seen:
            self.log.remove(taken_back)
            self.window.correct(taken_back, 7)

    @precondition(lambda self: self.log)
    @rule(place=st.integers(0, 5), tokens=st.sampled_from([0, 1, 5, 12, 30]))
    def correct(self, place: int, tokens: int) -> None:
        self.window.correct(self.log[-1 - place % len(self.log)], tokens)

    @invariant()
    def told(self) -> None:
        counting = [each.tokens for each in self.log if each.at <= self.now < each.at + self.limit.period]
        assert self.window.used(self.now) == (len(counting), sum(counting))


TestWindow = WindowMachine.TestCase
TestWindow.settings = settings(max_examples=40, stateful_step_count=40)


# Interrupted


@pytest.mark.parametrize("what", ["reserve", "cancel", "correct"])
def test_ctrl_c_leaves_the_books_in_order(what: str) -> None:
    for after in count():
        window = RateWindow(RateLimit(5, tokens=10, period=10.0))
        moments(window, 0.0, 2, 2)
        moments(window, 1.0, 3)
        last = booked(window, 2.0, 6)
        assert last.at == 10.0
        acts: dict[str, Callable[[], object]] = {
            "reserve": partial(window.reserve, 12.0, 7),
            "cancel": partial(window.cancel, last),
            "correct": partial(window.correct, last, 9),
        }
        broken = interrupted(rate_limit, after, acts[what])
        if what == "cancel":
            window.cancel(last)  # saying it again finishes it
            assert moments(window, 2.0, 3, 4) == [2.0, 10.0]
        assert moments(window, 100.0, 4, 6, 0, 1) == [100.0, 100.0, 100.0, 110.0]
        if not broken:
            break
    assert after >= 1
