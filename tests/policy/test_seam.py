"""Where one text carries on another: nothing is lost, and nothing is said twice."""

from __future__ import annotations

import pytest

from trunkline.policy.seam import Seam

STORY = (
    "Once upon a time, in a land of rivers, there lived a miller. He had three sons and a cat.\n\n"
    "The eldest got the mill; the second got the donkey. \tThe youngest got nothing but the cat, of course.  The end"
)
LAST = "there lived a miller who"  # 24 characters
assert len(LAST) == 24


def carried(before: str, after: str, size: int = 1, stripped: str = "", *, repeats: bool = True) -> str:
    """What is new of ``after``, fed in pieces of so many characters."""
    seam = Seam(before, stripped, repeats=repeats)
    pieces = [after[n : n + size] for n in range(0, len(after), size)]
    return "".join(map(seam.feed, pieces)) + seam.rest()


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_whoever_says_exactly_the_rest_is_taken_at_his_word(size: int) -> None:
    for cut in range(len(STORY) + 1):
        before, after = STORY[:cut], STORY[cut:]
        assert carried(before, after, size) == after
        assert carried(before, after, size, repeats=False) == after
        shown = before.rstrip()
        assert before + carried(before, STORY[len(shown) :], size, before[len(shown) :], repeats=False) == STORY


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize("said", [" his cat, and", "", " "])
def test_the_last_words_said_again_are_dropped(size: int, said: str) -> None:
    before = "Once upon a time " + LAST
    assert carried(before, LAST + said, size) == said
    assert carried(before, "a time " + LAST + said, size) == said
    assert carried(before, before + said, size) == said
    assert carried(LAST, LAST + said, size) == said
    assert carried(before, LAST + said, size, repeats=False) == LAST + said


def test_a_short_repetition_may_be_meant() -> None:
    before = "Once upon a time " + LAST
    short = LAST[6:]
    assert carried(before, short + " sang") == short + " sang"
    assert carried("x " + LAST[1:], LAST[1:]) == LAST[1:]
    assert carried("tick", "tick") == "tick"


def test_nobody_repeats_from_the_middle_of_a_word() -> None:
    tail = "ere lived a miller whose"
    assert len(tail) == 24
    assert carried("once th" + tail, tail + " x") == tail + " x"
    assert carried("once " + tail, tail + " x") == " x"
    assert carried("once-" + tail, tail + " x") == " x"
    assert carried("once é" + tail, tail + " x") == " x", "not every script has words with gaps"
    assert carried("once " + "-" + tail, "-" + tail + " x") == " x"
    assert carried("once7" + tail, tail + " x") == tail + " x"
    assert carried("once-a" + tail, tail + " x") == tail + " x"
    assert carried("once ab" + tail[:1] + " " + tail[2:], tail[:1] + " " + tail[2:] + " x") == tail[:1] + " " + tail[2:] + " x"


def test_only_what_stands_at_the_end_is_a_repetition() -> None:
    before = LAST + " sang all day, and so did his cat"
    assert carried(before, LAST + " again") == LAST + " again"
    assert carried(before, before[:-1] + "p came") == before[:-1] + "p came"


def test_the_longest_repetition_counts() -> None:
    before = "He said: " + LAST + " and " + LAST
    assert carried(before, before[9:] + " sang") == " sang"


def test_how_much_is_recognised() -> None:
    words = " ".join(f"w{n}" for n in range(300))
    for length, recognised in ((400, True), (401, False)):
        before = words[: -length - 1] + " " + words[-length:].replace(" ", "_")
        again = before[-length:]
        assert carried(before, again + "!", 1000) == ("!" if recognised else again + "!")
    assert carried(words, words + "!", 7) == "!", "who begins all over again says nothing new, however long it is"
    assert len(words) > 1000


PERIODS = [
    "ha ",
    "word ",
    "- one\n- two\n",
    "0123456789",
    "lorem ipsum dolor sit ",
    "The quick brown fox jumps over the lazy dog; ",
    "\n",
]


@pytest.mark.parametrize("period", PERIODS)
def test_a_text_that_repeats_itself_goes_on_repeating_itself(period: str) -> None:
    text = period * (240 // len(period))
    once = len(period) + 3  # until here nobody can tell that it does
    for cut in range(len(text)):
        if not len(period) <= cut <= once or len(period) < 21:
            assert carried(text[:cut], text[cut:]) == text[cut:], cut


@pytest.mark.parametrize(
    ("first", "meant"), [("stone; ", True), ("tone; ", True), ("one; ", True), ("ne; ", True), ("an; ", False)]
)
def test_four_characters_tell_that_a_text_repeats_itself(first: str, meant: bool) -> None:
    again = "the miller left his home alone; "
    before = first + again
    assert (before[-4:] == before[len(first) - 4 : len(first)]) is meant
    assert carried(before, again + "x") == (again + "x" if meant else "x")


def test_fewer_characters_than_four_tell_nothing() -> None:
    again = "the miller left his home alone; "
    assert carried("e; " + again, again + "x") == "x"
    assert carried(again, again + "x") == "x"


# --- white space that was not shown -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 1000])
@pytest.mark.parametrize(
    ("stripped", "after", "new"),
    [
        (" ", " world", "world"),
        (" ", "world", "world"),
        (" ", "  world", " world"),
        ("\n\n", "\n\nworld", "world"),
        ("\n\n", "\nworld", "world"),
        ("\n\n", "\n", ""),
        ("\n\n", "", ""),
        ("\n\n", "\n\n", ""),
        ("\n\n", "\n\n\n", "\n"),
        (" \n", "\nworld", "\nworld"),
        ("", " world", " world"),
        (" ", "wo rld", "wo rld"),
    ],
)
def test_white_space_is_said_once(size: int, stripped: str, after: str, new: str) -> None:
    assert carried("Hello" + stripped, after, size, stripped, repeats=False) == new


def test_white_space_and_then_the_last_words() -> None:
    before = "Once " + LAST
    assert carried(before, "\n" + LAST + " sang", 1, "\n") == " sang"


def test_what_is_held_back_and_how_long() -> None:
    seam = Seam("Once " + LAST, repeats=True)
    assert seam.feed(LAST[:10]) == ""
    assert seam.feed("") == ""
    assert seam.feed("X") == LAST[:10] + "X"
    assert seam.feed(LAST) == LAST, "only the beginning may be a repetition"
    assert seam.rest() == ""

    seam = Seam("Once " + LAST, repeats=True)
    assert seam.feed(LAST[:10]) == ""
    assert seam.rest() == LAST[:10]
    assert seam.rest() == ""
    assert seam.feed(LAST) == LAST

    seam = Seam("Hello ", " ")
    assert [seam.feed(" "), seam.feed(" "), seam.feed("x")] == ["", " ", "x"]
