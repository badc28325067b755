"""What a successful reply's headers say of the times to come."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from trunkline.policy.remaining import pause
from trunkline.values.headers import Headers

WALL = 1_795_000_000.0


def said(**fields: str) -> float | None:
    return pause(Headers(tuple((name.replace("_", "-"), value) for name, value in fields.items())), WALL)


def test_most_replies_say_nothing() -> None:
    assert said() is None
    assert said(content_type="text/plain") is None
    assert said(x_ratelimit_reset_requests="5s") is None


@pytest.mark.parametrize("left", ["1", "00", "-1", "0.0", "", "none"])
def test_only_nothing_is_nothing(left: str) -> None:
    assert said(x_ratelimit_remaining_requests=left, x_ratelimit_reset_requests="5s") is None


def test_requests_come_back_one_by_one() -> None:
    assert said(x_ratelimit_remaining_requests="0", x_ratelimit_reset_requests="60s", x_ratelimit_limit_requests="120") == 0.5
    assert said(x_ratelimit_remaining_requests=" 0 ", x_ratelimit_reset_requests="60s", x_ratelimit_limit_requests=" 3 ") == 20.0


@pytest.mark.parametrize("limit", [None, "", "0", "many", "-5", "2.5", "²"])
def test_without_a_limit_that_can_be_read_all_of_it_is_waited_for(limit: str | None) -> None:
    more = {} if limit is None else {"x_ratelimit_limit_requests": limit}
    assert said(x_ratelimit_remaining_requests="0", x_ratelimit_reset_requests="7s", **more) == 7.0


def test_a_limit_of_more_digits_than_a_number_has_is_no_trouble() -> None:
    limit = "9" * 10_000
    assert said(x_ratelimit_remaining_requests="0", x_ratelimit_reset_requests="7s", x_ratelimit_limit_requests=limit) == 0.0


def test_a_tenth_of_the_tokens_is_enough() -> None:
    assert said(x_ratelimit_remaining_tokens="0", x_ratelimit_reset_tokens="60s") == 6.0
    assert said(x_ratelimit_remaining_tokens="0", x_ratelimit_reset_tokens="60s", x_ratelimit_limit_tokens="600") == 6.0


@pytest.mark.parametrize("reset", ["", "soon", "nan", "-4"])
def test_nobody_says_until_when(reset: str) -> None:
    assert said(x_ratelimit_remaining_tokens="0", x_ratelimit_reset_tokens=reset) is None
    assert said(x_ratelimit_remaining_tokens="0") is None


def test_the_longest_counts() -> None:
    both = {"x_ratelimit_remaining_requests": "0", "x_ratelimit_remaining_tokens": "0", "x_ratelimit_limit_requests": "10"}
    assert said(**both, x_ratelimit_reset_requests="30s", x_ratelimit_reset_tokens="20s") == 3.0
    assert said(**both, x_ratelimit_reset_requests="10s", x_ratelimit_reset_tokens="20s") == 2.0
    assert said(**both, x_ratelimit_reset_requests="30s", x_ratelimit_reset_tokens="?") == 3.0


@pytest.mark.parametrize("reset", [datetime.fromtimestamp(WALL + 10, UTC).isoformat(), "10", "10s", "10000ms", "1795000010"])
def test_every_way_to_say_until_when(reset: str) -> None:
    assert said(x_ratelimit_remaining_requests="0", x_ratelimit_reset_requests=reset) == 10.0


@pytest.mark.parametrize(("name", "wait"), [("requests", 12.0), ("tokens", 1.2), ("input-tokens", 1.2), ("output-tokens", 1.2)])
def test_the_other_way_to_name_them(name: str, wait: float) -> None:
    fields = ((f"Anthropic-RateLimit-{name}-Remaining", "0"), (f"anthropic-ratelimit-{name}-reset", "12"))
    assert pause(Headers(fields), WALL) == wait
    limited = (*fields, (f"anthropic-ratelimit-{name}-limit", "4"))
    assert pause(Headers(limited), WALL) == (3.0 if name == "requests" else wait)


def test_a_limit_of_a_project_and_one_without_a_name_are_heard_too() -> None:
    assert said(x_ratelimit_remaining_project_tokens="0", x_ratelimit_reset_project_tokens="60s") == 6.0
    assert said(x_ratelimit_remaining="0", x_ratelimit_reset="60", x_ratelimit_limit="20") == 3.0
