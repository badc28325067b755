"""Markup inside text: what is taken out of it, what is not, and that it makes no difference where the text is cut."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from trunkline.dialects.markup import Splitter, Style, is_plain, tool_name

START, CHANNEL, MESSAGE, END = "<|start|>assistant", "<|channel|>", "<|message|>", "<|end|>"
ANALYSIS = f"{CHANNEL}analysis{MESSAGE}hm{END}"
TO_F = f"{START} to=functions.f{CHANNEL}commentary{MESSAGE}"
FINAL = f"{START}{CHANNEL}final{MESSAGE}Hi<|return|>"


def split(*pieces: str, style: Style = "auto") -> list[tuple[str, str]]:
    """What the pieces amount to: those of one kind joined, calls apart."""
    splitter = Splitter(style)
    told = [told for piece in pieces for told in splitter.feed(piece)] + splitter.finish()
    found: list[tuple[str, str]] = []
    for kind, text in told:
        before = found.pop()[1] if found and found[-1][0] == kind != "call" else ""
        found.append((kind, before + text))
    return found


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("<think>\nhm\n\nyes\n</think>\n\n  Hi", [("reasoning", "hm\n\nyes"), ("text", "  Hi")]),
        (" \n<think>hm</think>Hi", [("reasoning", "hm"), ("text", "Hi")]),
        ("<think>\n\n</think>\n\nHi", [("text", "Hi")]),
        ("<think>a</think>\n<think>b</think>Hi", [("reasoning", "ab"), ("text", "Hi")]),
        ("<think>hm</think>\n\n", [("reasoning", "hm")]),
        ("<think>\nhm\n</thin", [("reasoning", "hm\n</thin")]),
        ("<think>hm</think>the tag <think> opens", [("reasoning", "hm"), ("text", "the tag <think> opens")]),
        ("<think>a </thinking> b</think>c", [("reasoning", "a </thinking> b"), ("text", "c")]),
        ("[THINK]hm[/THINK]Hi", [("reasoning", "hm"), ("text", "Hi")]),
        ("Hi <think>hm</think>", [("text", "Hi <think>hm</think>")]),
        ("\n\n <thinking>hm", [("text", "\n\n <thinking>hm")]),
        ("<thi", [("text", "<thi")]),
        ("hm\n</think>\nHi", [("text", "hm\n</think>\nHi")]),
        (" " * 201 + "<think>", [("text", " " * 201 + "<think>")]),
        ("", []),
    ],
)
def test_thoughts_between_tags(text, told):
    assert split(text) == split(*text) == split(text, style="think") == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("hm\n</think>\n\nHi", [("reasoning", "hm"), ("text", "Hi")]),
        ("\n\nhm</think>Hi", [("reasoning", "hm"), ("text", "Hi")]),
        (" <think>\nhm</think>Hi", [("reasoning", "hm"), ("text", "Hi")]),
        ("</think>Hi", [("text", "Hi")]),
        ("cut sho", [("reasoning", "cut sho")]),
        ("<thi", [("reasoning", "<thi")]),
    ],
)
def test_a_reply_that_begins_inside_its_thought(text, told):
    assert split(text, style="think_open") == split(*text, style="think_open") == told


def call(name: str, arguments: str) -> list[tuple[str, str]]:
    return [("call", name), ("arguments", arguments)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (ANALYSIS + FINAL, [("reasoning", "hm"), ("text", "Hi")]),
        (f"{START}{ANALYSIS}{FINAL}", [("reasoning", "hm"), ("text", "Hi")]),
        (f"{ANALYSIS}\n{FINAL}<|endoftext|>\n", [("reasoning", "hm"), ("text", "Hi")]),
        (f'{CHANNEL}commentary to=functions.f <|constrain|>json{MESSAGE}{{"a":1}}<|call|>', call("f", '{"a":1}')),
        # the recipient in the role part, with and without its beginning
        (f"{START} to=functions.f{CHANNEL}commentary json{MESSAGE}{{}}<|call|>", call("f", "{}")),
        (f" to=functions.f{CHANNEL}commentary <|constrain|>json{MESSAGE}{{}}<|call|>", call("f", "{}")),
        (f"to=functions.f <|constrain|>json{MESSAGE}{{}}<|call|>", call("f", "{}")),
        # no channel
        (f"{START}{MESSAGE}Hi{END}", [("text", "Hi")]),
        (f"{MESSAGE}Hi", [("text", "Hi")]),
        (f"{START} to=functions.f{MESSAGE}{{}}<|call|>", call("f", "{}")),
        # the first token is the server's
        (f"analysis{MESSAGE}hm{END}{FINAL}", [("reasoning", "hm"), ("text", "Hi")]),
        (f"assistant{CHANNEL}final{MESSAGE}Hi", [("text", "Hi")]),
        # tokens left on the name, arguments that are no JSON, a tool of the model's own
        (f"{CHANNEL}commentary to=functions.f{CHANNEL}commentary{MESSAGE}a=1<|call|>", call("f", "a=1")),
        (f"{CHANNEL}analysis to=python code{MESSAGE}print(1)<|call|>", call("python", "print(1)")),
        # words before a call are said to the user; two calls
        (
            f"{CHANNEL}commentary{MESSAGE}I look.{END}{TO_F}1<|call|>{TO_F}2<|call|>",
            [("text", "I look."), *call("f", "1"), *call("f", "2")],
        ),
        (f"{ANALYSIS}{START}{ANALYSIS}{FINAL}{FINAL}", [("reasoning", "hm\n\nhm"), ("text", "Hi\n\nHi")]),
        # ends that lack; what is cut short
        (f"{CHANNEL}analysis{MESSAGE}hm{START}{CHANNEL}final{MESSAGE}Hi", [("reasoning", "hm"), ("text", "Hi")]),
        (f"{ANALYSIS}{START}{CHANNEL}fin", [("reasoning", "hm")]),
        (f"{CHANNEL}final{MESSAGE}a <|en", [("text", "a <|en")]),
        # what looks like it and is not
        (f"{CHANNEL} is a token", [("text", f"{CHANNEL} is a token")]),
        (f"{CHANNEL}final{MESSAGE}see {CHANNEL} and <|x|>", [("text", f"see {CHANNEL} and <|x|>")]),
        (f"{ANALYSIS}stray words{FINAL}", [("reasoning", "hm"), ("text", "stray words\n\nHi")]),
        (f"{ANALYSIS}{CHANNEL}{'x' * 300}", [("reasoning", "hm"), ("text", CHANNEL + "x" * 300)]),
        ("final answer", [("text", "final answer")]),
        ("analysis", [("text", "analysis")]),
        ("to=functions are", [("text", "to=functions are")]),
        (f"Hi {CHANNEL}final{MESSAGE}there", [("text", f"Hi {CHANNEL}final{MESSAGE}there")]),
    ],
)
def test_harmony(text, told):
    assert split(text, style="harmony") == split(*text, style="harmony") == told
    if text.startswith("<"):
        assert split(text) == split(*text) == told


@pytest.mark.parametrize("word", ["a", "assistant", "analysis", "to", "final"])
def test_unasked_no_word_is_held_back_for_what_might_follow_it(word):
    assert Splitter("auto").feed(word) == [("text", word)]


def test_a_style_knows_its_own_markup_only():
    assert split(ANALYSIS, style="think") == [("text", ANALYSIS)]
    assert split("<think>hm</think>", style="harmony") == [("text", "<think>hm</think>")]


tokens = st.sampled_from([
    "<think>", "</think>", "[THINK]", "[/THINK]", "<", "</", "<|start|>", CHANNEL, MESSAGE, "<|constrain|>", END, "<|call|>", "<|return|>",
    "assistant", "analysis", "final", "commentary", " to=functions.f", "\n", " ", "a", "é\U0001f600", "x" * 160, " " * 120,
])  # fmt: skip
styles: st.SearchStrategy[Style] = st.sampled_from(["think", "think_open", "harmony", "auto"])


@given(st.lists(tokens, max_size=9).map("".join), styles, st.data())
def test_where_it_is_cut_makes_no_difference(text, style, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=3)))
    pieces = [text[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert split(*pieces, style=style) == split(*text, style=style) == split(text, style=style)


@given(st.text(alphabet="<think>/|[]THINKseed: \nabfinalsto=", max_size=30), styles.filter(lambda style: style != "think_open"))
def test_text_without_markup_comes_out_as_it_went_in(text, style):
    if Splitter(style).feed(text) and is_plain(text, style):
        assert split(*text, style=style) == [("text", text)]


@given(st.text(max_size=30), st.text(max_size=30))
def test_nothing_of_a_thought_and_its_answer_is_lost(thought, answer):
    if "</think>" in thought or answer.lstrip().startswith(("<", "[")):
        return
    found = dict(split(f"<think>{thought}</think>{answer}"))
    assert found.get("reasoning", "") == thought.strip("\r\n")
    assert found.get("text", "") == answer.lstrip("\r\n")


@pytest.mark.parametrize(
    "text", [" ", "<think>\n", "<think>a", f"{CHANNEL}final{MESSAGE}{CHANNEL}a", f"{ANALYSIS}\n"], ids=["", "n", "a", "c", "e"]
)
def test_work_grows_with_the_text_and_no_faster(text):
    """Counted in characters that are kept for later, which is what a slow one would look at again and again."""
    splitter = Splitter("auto")
    splitter.feed(text)
    for _ in range(2_000):
        splitter.feed(text[-1])
    reader = splitter._reader
    held = [splitter._held, *([getattr(reader, name, "") or "" for name in ("_held", "_tail", "_header")] if reader else [])]
    assert sum(map(len, held)) <= 320


def test_plain_text_is_told_apart_at_once():
    splitter = Splitter("auto")
    assert splitter.feed("H") == [("text", "H")]
    assert splitter.plain
    assert is_plain("Hi", "auto")
    assert not is_plain("<thi", "auto")
    assert not is_plain("<think>hm</think>Hi", "auto")


def test_names_of_tools():
    assert tool_name("weather<|channel|>commentary") == "weather"
    assert tool_name("weather") == "weather"
    assert tool_name("<|x|>") == "<|x|>"


def test_very_many_thoughts_at_once():
    """So many that what took time by its square would not end."""
    assert split("<think>a</think>\n" * 100_000 + "Hi") == [("reasoning", "a" * 100_000), ("text", "Hi")]
