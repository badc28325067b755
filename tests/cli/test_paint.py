"""What is drawn on a terminal: nothing is left behind, nothing is lost, and nothing steers the terminal."""

from __future__ import annotations

import functools
import io
import itertools
import re

import pytest
from hypothesis import given, settings, strategies as st

from tests.cli.screen import seen

pytest.importorskip("rich")

from rich.console import Console

from trunkline.cli import paint
from trunkline.cli.markdown import ANSWER

MARKDOWN = """\
# A title

Some *text* with `code`,
on two lines.

1. one
2. two

   more of two

3. three

```python
def f(x):

    return x
```
After it.

| a | b |
|---|---|
| 1 | 2 |

> quoted

Title by underlining
--------------------

~~~
open to the end
"""


def drawn(*pieces: str, thoughts: tuple[str, ...] = (), columns: int = 80, rows: int = 24) -> tuple[list[str], str]:
    """The lines that are seen, and what was written for them."""
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=columns, height=rows, color_system="standard", legacy_windows=False)
    painter = paint.Painter(console, thoughts=True)
    painter.wait()
    for thought in thoughts:
        painter.thought(thought)
    for piece in pieces:
        painter.text(piece)
    painter.end()
    return seen(file.getvalue().replace("\n", "\r\n"), columns, rows), file.getvalue()


def test_what_is_longer_than_the_screen_is_there_once() -> None:
    code = [f"x{n} = {n}" for n in range(100)]
    lines, _ = drawn("```python\n", *(f"{line}\n" for line in code), "```\n\nDone.\n", rows=10)
    assert [line.strip() for line in lines] == [*code, "", "Done.", ""]


@functools.cache
def whole_drawn() -> list[str]:
    return drawn(MARKDOWN)[0]


@settings(max_examples=15)
@given(cuts=st.lists(st.integers(0, len(MARKDOWN)), max_size=20), rows=st.sampled_from([6, 24]))
def test_the_pieces_do_not_show(cuts: list[int], rows: int) -> None:
    places = [0, *sorted(cuts), len(MARKDOWN)]
    pieces = [MARKDOWN[a:b] for a, b in itertools.pairwise(places)]
    assert drawn(*pieces, rows=rows)[0] == whole_drawn()


def test_blocks_stand_apart_by_one_line() -> None:
    lines, _ = drawn(MARKDOWN)
    text = "\n".join(lines)
    assert "\n\n\n" not in text
    words = " ".join(text.split())
    assert words == (
        "A title Some text with code, on two lines. 1 one 2 two more of two 3 three def f(x): return x After it."
        " a b ──── 1 2 ▌ quoted Title by underlining open to the end"
    )


def test_a_block_is_finished_when_the_next_one_begins() -> None:
    assert ANSWER.finished("one\n") == 0
    assert ANSWER.finished("one\n\n") == 0
    assert ANSWER.finished("one\n\ntwo\nthr") == len("one\n\n")
    assert ANSWER.finished("- a\n\n  b\n") == 0
    assert ANSWER.finished("```\na\n\nb\n") == 0
    assert ANSWER.finished("```\na\n```\nb\n") == len("```\na\n```\n")


@pytest.mark.parametrize(
    "text",
    [
        "a\x1b]0;title\x07b",
        "a\x1b[31mb\x9b2Jc",
        "&#27;[31m&#x1b;]52;c;aGk=&#7;",
        "<http://x/%1b%5B31m%07>",
        "[text](http://x/%1b]0;t%07)",
        "`\x1b[2J`\n\n```\x1b[2J\n\x1b[2J\n```",
        "[a link](http://example.com/)",
    ],
)
def test_nothing_steers_the_terminal(text: str) -> None:
    ours = re.compile(r"\x1b\[[\d;]*m|\x1b\[2K|\x1b\[1A|\x1b\[\?25[hl]|\r")
    for written in (drawn(text)[1], drawn("hi", thoughts=(text,))[1]):
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", ours.sub("", written))
        assert "\x1b[2J" not in written


def test_nothing_is_left_out() -> None:
    lines, _ = drawn("<div>x</div> ![a picture](http://b/c.png) [text](http://d/e)\n\n<p>\nhtml\n</p>\n")
    text = "\n".join(lines)
    for piece in ("<div>x</div>", "a picture", "http://b/c.png", "text", "http://d/e", "<p>", "html", "</p>"):
        assert piece in text


def test_reasoning_is_dim_and_stands_before_the_answer() -> None:
    lines, written = drawn("The ", "answer.", thoughts=("Let me ", "see.\n\nWell."))
    assert lines == ["Let me see.", "", "Well.", "", "The answer.", ""]
    assert "\x1b[2;3mLet me see." in written


def test_a_table_that_would_tear_words_puts_its_last_columns_under_each_row(monkeypatch: pytest.MonkeyPatch) -> None:
    head, rows = ["model", "price", "abilities", "then"], [["a" * 20, "7", "vision,structured_output", "-"], ["b", "-", "-", "c"]]
    for columns, told in [(60, "aaaaaaaaaaaaaaaaaaaa      7  vision, structured_output  -"), (44, "aaaaaaaaaaaaaaaaaaaa      7")]:
        file = io.StringIO()
        console = Console(file=file, width=columns, force_terminal=True)
        monkeypatch.setattr(paint, "console", lambda console=console: console)
        paint.table(head, rows, numbers=[1])
        lines = seen(file.getvalue().replace("\n", "\r\n"), columns)
        assert lines[2] == told
    assert lines[0] == "model                 price"
    assert lines[3:] == ["  abilities: vision, structured_output", "b                         -", "  then: c", ""]


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
@pytest.mark.parametrize("name", ["x" * 30, "x" * 70])
def test_a_table_cuts_nothing_off(name: str, columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    head, rows = ["name", "n", "what", "then"], [[name, "7", "y" * 70, "z z z z z"], ["c", "1", "d,e", "-"]]
    file = io.StringIO()
    console = Console(file=file, width=columns, force_terminal=True)
    monkeypatch.setattr(paint, "console", lambda: console)
    paint.table(head, rows, numbers=[1])
    lines = seen(file.getvalue().replace("\n", "\r\n"), columns)
    text = "".join(lines)
    assert [text.count(sign) for sign in "xyz7"] == [len(name), 70, 5, 1]
    assert "d, e" in text
    assert max(map(len, lines)) <= columns
