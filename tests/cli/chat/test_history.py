"""The history file: private, without keys, bounded, and never a reason to end a chat."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from trunkline.cli.chat.history import KEPT, History, history_file

POSIX = pytest.mark.skipif(os.name == "nt", reason="POSIX paths and permissions")


def test_what_was_added_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "state" / "trunkline" / "history"
    texts = [
        "hi",
        "two\nlines",
        "a \\n that is written so",
        "back\\slash\\",
        "grüß dich ☀",
        "a\x0bpage\x0cand\x1c\x85a\u2028line",
    ]
    for text in texts:
        History(file).add(text)
    History(file).add("  \n")
    assert History(file).read() == texts


@POSIX
def test_only_the_user_can_read_it(tmp_path: Path) -> None:
    file = tmp_path / "trunkline" / "history"
    before = os.umask(0)
    try:
        History(file).add("hi")
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_keys_are_not_written(tmp_path: Path) -> None:
    file = tmp_path / "history"
    History(file).add("why is sk-canary-0123456789abcdefWXYZ refused?")
    assert "canary" not in file.read_text()
    assert "why is" in file.read_text()


def test_it_is_shortened(tmp_path: Path) -> None:
    file = tmp_path / "history"
    file.write_text("".join(f"{n}\n" for n in range(3 * KEPT)))
    texts = History(file).read()
    assert (len(texts), texts[-1]) == (KEPT, f"{3 * KEPT - 1}")
    assert len(file.read_text().splitlines()) == KEPT
    assert [path.name for path in tmp_path.iterdir()] == ["history"]


def test_a_file_that_cannot_be_used_is_told_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "trunkline").write_text("no folder")
    history = History(tmp_path / "trunkline" / "history")
    history.add("hi")
    assert history.problem is not None
    assert "cannot be used" in history.problem
    history.add("again")
    assert history.read() == []


def test_without_a_place_nothing_is_written(tmp_path: Path) -> None:
    history = History(None)
    history.add("hi")
    assert (history.read(), history.problem) == ([], None)


@POSIX
@pytest.mark.parametrize(
    "environ,expected",
    [
        ({"HOME": "/home/me"}, "/home/me/.local/state/trunkline/history"),
        ({"HOME": "/home/me", "XDG_STATE_HOME": "/state"}, "/state/trunkline/history"),
        ({"HOME": "/home/me", "XDG_STATE_HOME": "here"}, "/home/me/.local/state/trunkline/history"),
        ({}, None),
        ({"HOME": "here"}, None),
    ],
)
def test_where_it_is(environ: dict[str, str], expected: str | None) -> None:
    assert history_file(environ) == (expected and Path(expected))


@POSIX
def test_a_pipe_that_nobody_reads_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "history")
    history = History(tmp_path / "history")
    history.add("hi")
    assert history.problem is not None
