"""About how many tokens a text is."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from trunkline import Message, Request, Text, Tool, ToolCall, ToolResult, estimate_tokens
from trunkline.policy.tokens import prompt_tokens


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


def test_a_request_is_its_texts_its_calls_the_answers_of_tools_and_the_tools() -> None:
    asked = Message.user("eight ch")
    called = Message("assistant", (ToolCall("1", "look", '{"a":1}'),))
    answered = Message("tool", (ToolResult("1", (Text("four"),)),))
    tool = Tool("look", "1234", {"a": 1})
    assert prompt_tokens(Request(model="m", messages=(asked,))) == 2
    assert prompt_tokens(Request(model="m", messages=(asked, called))) == 4
    assert prompt_tokens(Request(model="m", messages=(asked, called, answered))) == 5
    assert prompt_tokens(Request(model="m", messages=(asked,), tools=(tool,))) == 2 + 2 + 2
