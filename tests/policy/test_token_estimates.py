"""What is counted in a text, and what a family makes of it."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from trunkline.policy.token_estimates import (
    MEASURES,
    estimate,
    measure,
    schema_text,
    text_of,
    thinks,
    tools_text,
    unmeasured,
    weighed,
)
from trunkline.values.media import Data
from trunkline.values.message import Audio, File, HostedToolCall, Image, Message, Reasoning, Refusal, Text, ToolCall, ToolResult
from trunkline.values.request import CustomTool, HostedTool, OutputFormat, ReasoningOptions, Request, Tool
from trunkline.values.token_estimate import TokenFamily

ONES = TokenFamily(name="ones", rates=(1.0,) + (0.0,) * 20, off=(0.0, 0.0))
"""A word is a token, and nothing else is."""


def found(text: str) -> dict[str, int]:
    return {name: many for name, many in zip(MEASURES, measure(text), strict=True) if many}


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("", {}),
        ("the", {"words": 1}),
        ("sixsix", {"words": 1, "uncommon words": 1}),
        ("sevenly", {"words": 1, "uncommon words": 1, "letters above 6": 1}),
        ("tenletters", {"words": 1, "uncommon words": 1, "letters above 6": 4}),
        ("elevenlette", {"words": 1, "uncommon words": 1, "letters above 6": 5, "letters above 10": 1}),
        ("getValue", {"words": 1, "uncommon words": 1, "letters above 6": 2, "humps": 1}),
        ("JSON", {"words": 1, "uncommon words": 1, "pairs of capitals": 2}),
        ("1234", {"figures": 4, "threes of figures": 2}),
        ("to 12", {"words": 1, "figures": 2, "threes of figures": 1, "figures after a space": 1}),
        ("the...", {"words": 1, "runs of marks": 1, "further marks": 2}),
        ("it's I'm we'll", {"words": 6, "uncommon words": 4, "runs of marks": 3, "contractions": 3}),
        ("'s' 'the 'tis", {"words": 3, "uncommon words": 2, "runs of marks": 4}),
        ("the\n\n  the", {"words": 2, "lines": 1, "runs of spaces": 1}),
        ("the  the", {"words": 2, "runs of spaces": 1}),
        ("the\tthe", {"words": 2}),
        ("é", {"Latin letters": 1}),
        ("Жα", {"Greek and Cyrillic": 2}),
        ("日本かカ", {"Chinese and Japanese": 4}),
        ("한", {"Korean": 1}),
        ("אع", {"other scripts": 2}),
        ("—😀", {"other signs": 2}),
        ("\ud800", {"other signs": 1}),
        ("caf\u00e9s", {"words": 2, "uncommon words": 2, "Latin letters": 1}),
        ("xx " * 10, {"words": 10, "uncommon words": 10}),
        ("xx " * 11, {"words": 11, "uncommon words": 11, "foreign words": 1}),
        ("xx " * 20 + "the the", {"words": 22, "uncommon words": 20, "foreign words": 2}),
    ],
)
def test_what_is_counted(text: str, counted: dict[str, int]) -> None:
    assert found(text) == counted


@settings(max_examples=30)
@given(st.text(max_size=60))
def test_any_text_is_measured(text: str) -> None:
    counts = measure(text)
    assert len(counts) == len(MEASURES) == 21
    assert min(counts) >= 0


def test_counts_are_weighed() -> None:
    assert weighed((2, 3, 5), (0.5, 2.0, 0.0)) == 7.0


def test_everything_that_is_said_is_counted_once() -> None:
    result = ToolResult("c", (Text("five"), Image(Data(b"", "image/png"))))
    messages = (
        Message.system("one"), Message.user("two", "three"), Message.tool(result),
        Message.assistant(Reasoning("unseen"), ToolCall("c", "f", '{"a": 1}'), HostedToolCall("h", "search", "{}"), Refusal("no")),
    )  # fmt: skip
    text = text_of(Request(model="m", messages=messages))
    assert text == 'one\0two\0three\0five\0f\0{"a": 1}\0search\0{}\0no'


def test_the_text_of_tools_and_schemas() -> None:
    tools = (Tool("f", "does", {"type": "object"}), Tool("g"), CustomTool("h", grammar="x+"), HostedTool("web"))
    request = Request(model="m", messages=(), tools=tools, output=OutputFormat({"type": "string"}))
    assert tools_text(request) == 'f\0does\0{"type":"object"}\0g\0\0\0h\0\0x+'
    assert schema_text(request) == '{"type":"string"}'
    assert (
        schema_text(Request(model="m", messages=())) == schema_text(Request(model="m", messages=(), output=OutputFormat())) == ""
    )


@pytest.mark.parametrize(
    ("asked", "thinking"),
    [
        (None, False),
        (ReasoningOptions(effort="none"), False),
        (ReasoningOptions(enabled=False), False),
        (ReasoningOptions(effort="low"), True),
        (ReasoningOptions(budget=5), True),
    ],
)
def test_who_thinks(asked: ReasoningOptions | None, thinking: bool) -> None:
    assert thinks(Request(model="m", messages=(), reasoning=asked)) is thinking


def told(family: TokenFamily, *messages: Message, **said: object) -> tuple[int, int, int]:
    estimated = estimate(Request(model="m", messages=messages, **said), family)  # type: ignore[arg-type]
    assert estimated.family == family.name
    return estimated.tokens, estimated.low, estimated.high


HUNDRED = Message.user("the " * 100)


def test_words_have_bounds_of_fifteen_in_a_hundred_and_two() -> None:
    assert told(ONES, HUNDRED) == (100, 83, 117)


def test_a_family_that_was_off_by_more_has_wider_bounds() -> None:
    family = msgspec.structs.replace(ONES, off=(0.1, 0.5))
    assert told(family, HUNDRED) == (100, 48, 152)


def test_rates_may_be_negative_and_doubt_is_not() -> None:
    family = msgspec.structs.replace(ONES, rates=(1.0, -0.1) + (0.0,) * 19)
    assert told(family, Message.user("xx " * 10)) == (9, 5, 13)  # 1.5 and 0.3 of doubt, and 2


def test_what_may_be_no_word_has_a_higher_bound() -> None:
    assert told(ONES, Message.user("x" * 10)) == (1, 1, 4)
    assert told(ONES, Message.user("x" * 30)) == (1, 1, 14)


def test_what_stands_around_the_words() -> None:
    family = TokenFamily(
        name="frame", rates=(1.0,) + (0.0,) * 20, request=10.0, message=3.0, system=2.0, thinking=40.0, json=20.0, off=(0.0, 0.0)
    )
    one, system = Message.user("the"), Message.system("the")
    assert told(family, one)[0] == 11
    assert told(family, one, one)[0] == 15
    assert told(family, system, one)[0] == 17
    assert told(family, one, reasoning=ReasoningOptions(effort="low"))[0] == 51
    assert told(family, one, output=OutputFormat())[0] == 31
    assert told(msgspec.structs.replace(family, schema=(5.0, 1.0)), one, output=OutputFormat({"a": 1}))[0] == 17


@pytest.mark.parametrize(("off", "bounds"), [(0.1, (88, 114)), (0.25, (73, 129)), (0.9, (73, 129))])
def test_what_stands_around_is_off_by_a_quarter_at_most(off: float, bounds: tuple[int, int]) -> None:
    family = TokenFamily(name="hidden", rates=(1.0,) + (0.0,) * 20, request=100.0, off=(0.0, off))
    assert told(family, Message.user("the")) == (101, *bounds)


def test_tools_are_estimated_loosely() -> None:
    family = msgspec.structs.replace(ONES, tools=(10.0, 5.0, 2.0))
    tools = (Tool("to"), Tool("of", "the the"))
    assert told(family, HUNDRED, tools=tools) == (128, 94, 183)  # 10 + 2 * 5 + 2 * 4


def test_less_than_nothing_is_nothing() -> None:
    family = msgspec.structs.replace(ONES, tools=(-50.0, 0.0, 0.0))
    assert told(family, HUNDRED, tools=(Tool("to"),))[0] == 100
    assert told(msgspec.structs.replace(ONES, request=-500.0), HUNDRED)[:2] == (1, 1)


def test_a_schema_is_estimated_loosely() -> None:
    family = msgspec.structs.replace(ONES, schema=(10.0, 3.0))
    assert told(family, HUNDRED, output=OutputFormat({"the": "of"})) == (116, 89, 159)


def test_media_have_wide_bounds() -> None:
    picture, sound, paper = Image(Data(b"x", "image/png")), Audio(Data(b"x", "audio/wav")), File(Data(b"x", "application/pdf"))
    assert told(ONES, HUNDRED, Message.user(picture)) == (900, 143, 5117)
    assert told(ONES, HUNDRED, Message.user(sound)) == (500, 93, 200117)
    assert told(ONES, HUNDRED, Message.user(paper)) == (3100, 133, 1000117)
    assert told(ONES, HUNDRED, Message.tool(ToolResult("c", (picture,)))) == (908, 143, 5149)


def test_calls_and_earlier_thought() -> None:
    assert told(ONES, HUNDRED, Message.assistant(ToolCall("c", "to", ""))) == (109, 83, 151)
    assert told(ONES, HUNDRED, Message.assistant(Reasoning("x" * 20))) == (100, 83, 127)


@pytest.mark.parametrize(
    ("text", "words", "most"),
    [
        ("two words", 2, 0.0),
        ("two words", 1, 0.0),
        ("a  \t\n\r b", 2, 0.5),
        ("\n" * 8_000, 0, 1_000.0),
        ("\x01\x1f\x7f~", 0, 3.0),
        ("a\0b\0c", 3, 0.0),
        ("\0" * 10, 0, 10.0),
    ],
)
def test_what_no_measure_counts_has_an_upper_bound(text: str, words: int, most: float) -> None:
    assert unmeasured(text, words) == most


def test_blanks_without_words_may_be_many() -> None:
    assert told(ONES, Message.user("\n" * 8_000)) == (1, 1, 1_002)
    assert told(ONES, Message.user("a" + " " * 9)) == (1, 1, 5)
