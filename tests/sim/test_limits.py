"""A window slides; what it holds never exceeds the limit, and what is told is right to the moment."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, strategies as st

from trunkline import UsageError
from trunkline.dialects.dialect import RateLimit
from trunkline.sim import Limits
from trunkline.sim.limits import Meter, Refused


def take(meter: Meter, now: float, tokens: int = 0) -> Refused | None:
    return meter.take(now, input_tokens=tokens, output_tokens=0)


def test_requests_within_a_period() -> None:
    meter = Meter(Limits(requests=2, period=10))
    assert take(meter, 0) is None
    assert take(meter, 4) is None
    assert take(meter, 5) == Refused("requests", 5)
    assert take(meter, 9.999) is not None
    assert take(meter, 10) is None
    assert take(meter, 11) == Refused("requests", 3)


def test_tokens_wait_for_as_many_as_they_need() -> None:
    meter = Meter(Limits(tokens=100, period=60))
    for now in (0, 10, 20):
        assert take(meter, now, 30) is None
    assert take(meter, 30, 10) is None
    assert take(meter, 30, 40) == Refused("tokens", 40)  # two of those that were must leave
    assert take(meter, 30, 101) == Refused("tokens", None)


def test_the_longest_wait_counts_and_nothing_is_taken() -> None:
    meter = Meter(Limits(requests=1, input_tokens=50, output_tokens=10, period=60))
    assert meter.take(0, input_tokens=50, output_tokens=5) is None
    assert meter.take(10, input_tokens=1, output_tokens=1) == Refused("requests", 50)
    told = meter.told(10, 1_000)
    assert told.requests == RateLimit(1, 0, 50)
    assert told.input_tokens == RateLimit(50, 0, 50)
    assert told.output_tokens == RateLimit(10, 5, 50)
    assert told.tokens is None


@given(st.lists(st.tuples(st.floats(0, 20), st.integers(0, 30)), max_size=60))
def test_no_window_ever_holds_more(uses: Sequence[tuple[float, int]]) -> None:
    meter = Meter(Limits(requests=3, tokens=40, period=10))
    now, taken = 0.0, []
    for wait, tokens in uses:
        now += wait
        refused = take(meter, now, tokens)
        if refused is None:
            taken.append((now, tokens))
        elif refused.retry_after is not None:
            now += refused.retry_after + 1e-6
            assert take(meter, now, tokens) is None, "what was told to wait for is true"
            taken.append((now, tokens))
    for end, _ in taken:
        window = [tokens for at, tokens in taken if end - 10 + 1e-9 < at <= end]  # but for the rounding of sums
        assert len(window) <= 3
        assert sum(window) <= 40


def test_limits_that_limit_nothing_are_refused() -> None:
    with pytest.raises(UsageError, match="limits nothing"):
        Limits()
    with pytest.raises(UsageError, match="period"):
        Limits(requests=1, period=0)
