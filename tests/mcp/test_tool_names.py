"""Names of tools: what a model sees, and whose it is."""

from __future__ import annotations

import logging
import re

import pytest
from hypothesis import given, strategies as st

from trunkline.mcp.tool_names import LONGEST, tool_names


def test_with_the_servers_name_in_letters_that_all_take() -> None:
    assert tool_names("files", ["read_file", "a.b/c", "größe"]) == {
        "files__read_file": "read_file",
        "files__a_b_c": "a.b/c",
        "files__gr__e": "größe",
    }
    assert tool_names("", ["x"]) == {"x": "x"}


def test_what_would_be_the_same_is_told_apart(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "trunkline"):
        made = tool_names("f", ["a.b", "a/b", "a_b"])
    assert made["f__a_b"] == "a_b"  # which is called so
    assert sorted(made.values()) == ["a.b", "a/b", "a_b"]
    assert len(caplog.records) == 2


def test_what_is_too_long_ends_in_a_digest() -> None:
    made = tool_names("f", ["x" * 61, "x" * 62, "x" * 1000, "x" * 999 + "y"])
    assert made["f__" + "x" * 61] == "x" * 61
    assert all(len(name) <= LONGEST for name in made)
    assert sum(name.startswith("f__" + "x" * 52 + "_") for name in made) == 3


def test_a_digest_that_was_foreseen_takes_no_name_away() -> None:
    long = "x" * 80
    foreseen = next(iter(tool_names("f", [long]))).removeprefix("f__")
    assert sorted(tool_names("f", [long, foreseen]).values()) == sorted([long, foreseen])


@given(st.lists(st.text(max_size=80), max_size=20))
def test_each_has_one_of_its_own_that_stays(names: list[str]) -> None:
    made = tool_names("server", names)
    assert sorted(made.values()) == sorted(set(names))
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name) for name in made)
    assert tool_names("server", names) == made
