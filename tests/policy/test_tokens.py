"""About how many tokens a text is."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from trunkline import estimate_tokens


@pytest.mark.parametrize("text,least,most", [
    ("", 0, 0), ("a", 1, 1), ("The quick brown fox jumps over the lazy dog.", 8, 13), ("def f(x):\n    return x + 1\n", 6, 12),
    ("素早い茶色の狐が怠け者の犬を飛び越える", 10, 25), ("\ud800", 1, 1),
])  # fmt: skip
def test_about_right(text: str, least: int, most: int) -> None:
    assert least <= estimate_tokens(text) <= most


@settings(max_examples=30)
@given(st.text(max_size=50), st.text(max_size=50))
def test_more_text_is_never_fewer_tokens(one: str, other: str) -> None:
    assert max(estimate_tokens(one), estimate_tokens(other)) <= estimate_tokens(one + other)
    assert estimate_tokens(one + other) <= estimate_tokens(one) + estimate_tokens(other)


@pytest.mark.parametrize(("text", "tokens"), [("abcd", 1), ("abcde", 2), ("é" * 2, 1), ("é" * 3, 2), ("x" * 400, 100)])
def test_it_is_a_quarter_of_the_bytes_rounded_up(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == tokens
