"""Which lines belong to one turn."""

from __future__ import annotations

import pytest

from trunkline.cli.chat.commands import is_command, words
from trunkline.cli.chat.reading import gather


def turns(*lines: str, pasted: int = 0) -> list[str]:
    """What is gathered from these lines; so many after the first arrived with it."""
    left = list(lines)
    waiting = [True] * pasted

    def next_line(goes_on: bool) -> str | None:
        return left.pop(0) if left else None

    found = []
    while (text := gather(next_line, lambda: bool(waiting and waiting.pop()))) is not None:
        found.append(text)
    return found


@pytest.mark.parametrize(
    "lines,expected",
    [
        (["a", "b"], ["a", "b"]),
        (["a\\", "b\\", "c", "d"], ["a\nb\nc", "d"]),
        (["a\\"], ["a"]),
        (["a\\", ""], ["a\n"]),
        (['"""', "a", "", "b\\", '"""', "c"], ["a\n\nb\\", "c"]),
        (['"""a', 'b"""'], ["a\nb"]),
        (['"""one line"""', "b"], ["one line", "b"]),
        (['"""', "a"], ["a"]),
        (['"""', "/save x", '"""'], ["/save x"]),
        (["pasted\nwith a line end"], ["pasted\nwith a line end"]),
        ([], []),
    ],
)
def test_turns(lines: list[str], expected: list[str]) -> None:
    assert turns(*lines) == expected


def test_pasted_lines_stay_together_and_are_sent_by_one_more_line() -> None:
    assert turns("a", "b", "the rest", "next", pasted=2) == ["a\nb\nthe rest", "next"]


def test_what_is_typed_ahead_of_a_command_is_not_part_of_it() -> None:
    assert turns("/clear", "hi", pasted=1) == ["/clear", "hi"]


@pytest.mark.parametrize("text", ["/help", "/model x/y", "/save! f", "/nothing", "/system  two words"])
def test_commands(text: str) -> None:
    assert is_command(text)


@pytest.mark.parametrize("text", ["/usr/bin/env is what?", "//help", "/", "/save x\nmore", "a /help", "/Model", "/2 + 2"])
def test_questions(text: str) -> None:
    assert not is_command(text)


def test_tab_completes_commands_and_models() -> None:
    assert words("/sa") == ["/save ", "/save! "]
    assert words("/cl") == ["/clear"]
    assert words("/model groq/openai/gpt-oss-1") == ["/model groq/openai/gpt-oss-120b"]
    assert words("/model  groq/openai/gpt-oss-1") == ["/model  groq/openai/gpt-oss-120b"]
    assert words("/model  ")[0].startswith("/model  ")
    assert words("hello") == ()
