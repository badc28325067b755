"""How fast a target answers: the moving average, and the ranks of the last replies."""

from __future__ import annotations

from fractions import Fraction
from random import Random

import pytest
from hypothesis import given, settings, strategies as st

from trunkline.policy.latencies import Latencies


def seen(*firsts: float | None, whole: float = 9.0) -> Latencies:
    latencies = Latencies()
    for first in firsts:
        latencies.add(first, whole)
    return latencies


def test_nothing_was_seen() -> None:
    latencies = Latencies()
    assert latencies.average_first is None
    assert latencies.percentile(0.5) is None
    assert latencies.percentiles() == ((None, None), (None, None))


def test_the_average_moves_by_a_fifth() -> None:
    latencies = seen(10.0)
    assert latencies.average_first == 10.0
    latencies.add(20.0, 1.0)
    assert latencies.average_first == 12.0
    latencies.add(2.0, 1.0)
    assert latencies.average_first == 10.0
    latencies.add(0.0, 1.0)
    assert latencies.average_first == 8.0


def test_a_first_token_at_once_is_seen() -> None:
    latencies = seen(0.0)
    assert (latencies.average_first, latencies.percentile(0.5)) == (0.0, 0.0)
    latencies.add(5.0, 5.0)
    assert latencies.average_first == 1.0


def test_what_cannot_be_told_is_left_out() -> None:
    latencies = seen(None, 4.0, None)
    assert latencies.average_first == 4.0
    assert latencies.percentiles() == ((4.0, 4.0), (9.0, 9.0))
    alone = seen(None)
    assert (alone.average_first, alone.percentile(0.95)) == (None, None)
    assert alone.percentiles() == ((None, None), (9.0, 9.0))


@pytest.mark.parametrize(
    ("count", "share", "rank"),
    [
        (1, 0.0, 1),
        (1, 0.5, 1),
        (1, 1.0, 1),
        (2, 0.5, 1),
        (2, 0.51, 2),
        (3, 0.5, 2),
        (4, 0.0, 1),
        (4, 0.25, 1),
        (4, 0.26, 2),
        (4, 0.75, 3),
        (4, 0.76, 4),
        (4, 1.0, 4),
        (20, 0.95, 19),
        (21, 0.95, 20),
        (100, 0.07, 7),  # 0.07 * 100 is more than 7 in binary fractions
        (100, 0.95, 95),
        (100, 0.29, 29),
        (100, 0.29000001, 30),
        (100, 0.290000003, 29),  # less than a millionth of a rank is taken for rounding
    ],
)
def test_the_nearest_rank(count: int, share: float, rank: int) -> None:
    latencies = Latencies()
    for first in Random(count).sample(range(1, count + 1), count):
        latencies.add(float(first), 0.0)
    assert latencies.percentile(share) == rank


def test_no_share_of_hundredths_is_off_by_one() -> None:
    for count in range(1, 129):
        latencies = seen(*map(float, range(1, count + 1)))
        for hundredths in range(0, 101, 3):
            exact = max(1, -(-Fraction(hundredths, 100) * count // 1))
            assert latencies.percentile(hundredths / 100) == exact


def test_the_last_128_count() -> None:
    latencies = seen(*[100.0] * 3, *[1.0] * 127)
    assert latencies.percentile(1.0) == 100.0
    latencies.add(1.0, 9.0)
    assert latencies.percentile(1.0) == 1.0
    firsts = seen(5.0, *[1.0] * 127)
    assert firsts.percentile(1.0) == 5.0
    for _ in range(200):
        firsts.add(None, 1.0)
    assert firsts.percentile(1.0) == 5.0  # of the last 128 that told


def test_the_last_128_wholes_count_too() -> None:
    latencies = Latencies()
    for _ in range(7):
        latencies.add(None, 100.0)
    for _ in range(121):
        latencies.add(None, 1.0)
    assert latencies.percentiles()[1] == (1.0, 100.0)  # 7 of 128 are the last twentieth, and a bit
    latencies.add(None, 1.0)
    assert latencies.percentiles()[1] == (1.0, 1.0)


def test_both_percentiles_of_both() -> None:
    latencies = Latencies()
    for n in range(100, 0, -1):
        latencies.add(n / 100, float(n))
    assert latencies.percentiles() == ((0.5, 0.95), (50.0, 95.0))


def test_looking_changes_nothing() -> None:
    latencies = seen(3.0, 1.0, 2.0)
    for _ in range(2):
        assert latencies.percentile(0.5) == 2.0
        assert latencies.percentiles() == ((2.0, 3.0), (9.0, 9.0))
    more = seen(*[9.0] * 2, *[1.0] * 126)
    more.percentile(0.5)
    more.add(1.0, 1.0)
    more.add(1.0, 1.0)
    assert more.percentile(1.0) == 1.0  # the oldest went, not the highest or lowest


@settings(max_examples=40)
@given(st.lists(st.floats(0, 600), min_size=1, max_size=150), st.floats(0, 1))
def test_beside_a_slow_model(firsts: list[float], share: float) -> None:
    latencies = seen(*firsts)
    last = firsts[-128:]
    found = latencies.percentile(share)
    assert found in last
    within = sum(first <= found for first in last)
    assert within >= share * len(last) - 1e-5
    assert sum(first < found for first in last) < max(1, share * len(last) + 1e-5)
    assert min(last) <= found <= max(last)
    average = latencies.average_first
    assert average is not None
    assert min(firsts) - 1e-9 <= average <= max(firsts) + 1e-9
