"""What a target's own counts teach."""

from __future__ import annotations

import pytest

from trunkline.policy.token_learning import Experience
from trunkline.values.token_estimate import TokenEstimate


def about(tokens: int, share: float = 0.2) -> TokenEstimate:
    return TokenEstimate(tokens, int(tokens * (1 - share)) - 2, int(tokens * (1 + share)) + 2, "f")


def taught(*prompts: tuple[int, int]) -> Experience:
    seen = Experience()
    for tokens, counted in prompts:
        seen.learn(about(tokens), counted)
    return seen


def test_who_has_seen_nothing_changes_nothing() -> None:
    assert Experience().applied(about(100)) == about(100)


def test_what_is_added_to_short_prompts_is_added_to_long_ones() -> None:
    """A system prompt that nobody sees: 1,390 tokens."""
    seen = taught((10, 1400), (12, 1402), (8, 1398))
    assert abs(seen.applied(about(11)).tokens - 1401) <= 1
    assert abs(seen.applied(about(1000)).tokens - 2390) <= 30


def test_a_factor_shows_on_long_prompts() -> None:
    seen = taught((10_000, 13_000), (5_000, 6_500), (100, 130))
    assert abs(seen.applied(about(8_000)).tokens - 10_400) <= 100
    assert abs(seen.applied(about(100)).tokens - 130) <= 6


def test_the_bounds_become_narrower_where_it_has_seen_the_like() -> None:
    seen = taught(*[(1_000, 1_100)] * 5)
    told = seen.applied(about(1_000))
    assert abs(told.tokens - 1_100) <= 1
    assert told.low <= 1_100 <= told.high
    assert told.high - told.low < 250 < about(1_000).high - about(1_000).low
    far = seen.applied(about(100_000))
    assert far.high - far.low > 20_000


def test_the_bounds_never_become_wider() -> None:
    told = taught((10, 10)).applied(about(100_000, 0.01))
    assert told.tokens - told.low <= 1_003 and told.high - told.tokens <= 1_003


def test_what_was_seen_long_ago_is_forgotten() -> None:
    seen = taught(*[(100, 150)] * 20, *[(100, 100)] * 200)
    assert abs(seen.applied(about(100)).tokens - 100) <= 1


def test_an_estimate_in_doubt_teaches_less() -> None:
    wide = Experience()
    wide.learn(TokenEstimate(1_000, 100, 9_000, "f"), 3_000)
    sure = Experience()
    sure.learn(about(1_000), 3_000)
    assert wide.applied(about(1_000)).tokens < sure.applied(about(1_000)).tokens - 50


def test_the_figures() -> None:
    """To the token: what is added may lie 200 off, the factor 0.15, an estimate by one and three in a hundred."""
    seen = taught((100, 200))
    assert seen.applied(about(100)) == TokenEstimate(200, 185, 215, "f")
    assert seen.applied(about(1_000)) == TokenEstimate(1_105, 902, 1_307, "f")
    assert taught((100, 200), (100, 100)).applied(about(100)).tokens == 149


@pytest.mark.parametrize("counted", [100, 120])
def test_no_prompt_has_less_than_one_token(counted: int) -> None:
    told = taught((500, counted), (500, counted)).applied(about(3))
    assert told.tokens >= 1 and 1 <= told.low <= told.tokens <= told.high


@pytest.mark.parametrize(
    ("counted", "learnt"), [(20, True), (19, False), (50_488, True), (50_489, False), (-1, False), (10**12, False)]
)
def test_a_count_that_cannot_be_teaches_nothing(counted: int, learnt: bool) -> None:
    told = about(100)
    assert (told.low, told.high) == (78, 122)
    seen = taught((100, counted))
    assert (seen.seen, seen.applied(told) != told) == (learnt, learnt)
