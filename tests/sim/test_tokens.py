"""Tokens are pieces of text that join to the text again; a request's are its words, media, tools and forms."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from trunkline import Data, Image, Message, Request, Text, Tool, ToolCall, ToolResult
from trunkline.sim.tokens import PER_MEDIUM, PER_MESSAGE, count, count_request, pieces


@given(st.text())
def test_pieces_join_to_the_text(text: str) -> None:
    found = pieces(text)
    assert "".join(found) == text
    assert all(found)


@pytest.mark.parametrize(
    "text, found",
    [
        ("", []),
        ("sky", ["sky"]),
        ("Why is it?", ["Why", " is", " it", "?"]),
        ("wonderful", ["wond", "erfu", "l"]),
        ("a\n\nb  ", ["a", "\n\nb", "  "]),
        ("Grüße, 天気!", ["Grüß", "e", ",", " 天気", "!"]),
    ],
)
def test_pieces_end_at_words(text: str, found: list[str]) -> None:
    assert pieces(text) == found
    assert count(text) == len(found)


def test_a_request_counts_all_that_is_read() -> None:
    plain = Request(model="m", messages=(Message.user("Why is it?"),))
    assert count_request(plain) == PER_MESSAGE + 4
    picture = Image(Data(b"x" * 100_000, "image/png"))
    shown = Request(model="m", messages=(Message.user("Why is it?", picture),))
    assert count_request(shown) == count_request(plain) + PER_MEDIUM[Image]
    call = ToolCall("c1", "look", '{"at":1}')
    result = ToolResult("c1", (Text("four words are here"),))
    told = Request(model="m", messages=(Message("assistant", (call,)), Message.tool(result)))
    assert count_request(told) == 2 * PER_MESSAGE + count("look") + count('{"at":1}') + count("four words are here")
    tool = Tool("look", "Looks there.", {"type": "object"})
    assert count_request(Request(model="m", messages=plain.messages, tools=(tool,))) > count_request(plain)
