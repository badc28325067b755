"""Retries are a share of the calls, and no more."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from trunkline.policy.retry_budget import RetryBudget


def taken(budget: RetryBudget) -> int:
    """How many retries there are now, by taking them all."""
    for count in range(1000):
        if not budget.take():
            return count
    pytest.fail("there is no end of retries")


def spent(share: float, most: int = 100) -> RetryBudget:
    budget = RetryBudget(share, 0, most)
    assert not budget.take()
    return budget


def called(budget: RetryBudget, calls: int) -> RetryBudget:
    for _ in range(calls):
        budget.called()
    return budget


def test_the_usual_budget() -> None:
    assert taken(RetryBudget()) == 10
    budget = RetryBudget()
    taken(budget)
    assert taken(called(budget, 4)) == 0
    assert taken(called(budget, 1)) == 1
    assert taken(called(budget, 10_000)) == 100


def test_the_first_retries_need_no_calls() -> None:
    assert taken(RetryBudget(least=3)) == 3
    assert taken(RetryBudget(least=0)) == 0
    assert taken(RetryBudget(least=1)) == 1


def test_nothing_is_left_and_stays_so() -> None:
    budget = RetryBudget(least=1)
    assert [budget.take() for _ in range(3)] == [True, False, False]


@pytest.mark.parametrize(
    ("share", "calls", "retries"),
    [
        (0.2, 4, 0),
        (0.2, 5, 1),
        (0.2, 9, 1),
        (0.2, 10, 2),
        (0.1, 10, 1),  # ten times 0.1, added up in fractions, are less than one
        (0.3, 10, 3),
        (0.3, 9, 2),
        (1.0, 7, 7),
        (2.5, 2, 5),
        (0.0, 1000, 0),
        (0.00001, 99_999, 0),
        (0.00001, 100_000, 1),
        (0.000011, 90_910, 1),
        (0.000011, 90_909, 0),
        (0.0000004, 1000, 0),
        (1 / 3, 3, 0),  # kept to the millionth
        (1 / 3, 4, 1),
    ],
)
def test_a_share_of_the_calls(share: float, calls: int, retries: int) -> None:
    assert taken(called(spent(share), calls)) == retries


@pytest.mark.parametrize(("calls", "retries"), [(1, 3), (2, 4), (3, 4), (4, 4), (100, 4)])
def test_no_more_is_saved_up_than_the_most(calls: int, retries: int) -> None:
    assert taken(called(RetryBudget(0.5, 3, 4), calls)) == retries


def test_what_was_saved_up_is_whole_retries_and_the_rest_of_one() -> None:
    budget = called(RetryBudget(0.4, 0, 1), 3)  # 1.2, but for the most
    assert taken(budget) == 1
    assert taken(called(budget, 2)) == 0
    assert taken(called(budget, 1)) == 1


def test_a_fraction_is_kept_when_a_retry_is_taken() -> None:
    budget = called(spent(0.4), 4)  # 1.6
    assert taken(budget) == 1
    assert taken(called(budget, 1)) == 1


def test_the_most_holds_at_the_beginning_too() -> None:
    assert taken(RetryBudget(0.2, 50, 7)) == 7
    assert taken(RetryBudget(0.2, 7, 7)) == 7


@settings(max_examples=60)
@given(
    percent=st.integers(0, 150),
    least=st.integers(0, 12),
    most=st.integers(0, 15),
    steps=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 6)), max_size=40),
)
def test_beside_a_slow_model(percent: int, least: int, most: int, steps: list[tuple[int, int]]) -> None:
    """In whole hundredths, nothing is rounded; and what was promised holds at each moment."""
    budget = RetryBudget(percent / 100, least, most)
    credit, calls, retries = 100 * min(least, most), 0, 0
    for more_calls, more_retries in steps:
        for _ in range(more_calls):
            budget.called()
            calls += 1
            credit = min(100 * most, credit + percent)
        for _ in range(more_retries):
            may = credit >= 100
            assert budget.take() is may
            credit -= 100 * may
            retries += may
        assert retries * 100 <= least * 100 + percent * calls
    assert taken(budget) == credit // 100 <= most
