"""What a ``.env`` file says, and how a bad line is told without telling what stands there."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from trunkline.client.dotenv import read_dotenv
from trunkline.values.errors import UsageError


@pytest.mark.parametrize(
    "text,expected",
    [
        ("A=1", {"A": "1"}),
        ("\ufeffA=1\r\nB=2\rC=3\n", {"A": "1", "B": "2", "C": "3"}),
        ("export A = one two \n", {"A": "one two"}),
        ("# all\n\n   # comment\nA=b # c\nB=b#c\nC=#c\nD= # c", {"A": "b", "B": "b#c", "C": "", "D": ""}),
        ('A=\'x # \\n $B\'  # why\nB="x\\ty\\"\\\\ \\$B"', {"A": "x # \\n $B", "B": 'x\ty"\\ $B'}),
        ("A='one\ntwo'\nB=\"three\nfour\"\n", {"A": "one\ntwo", "B": "three\nfour"}),
        ("A=$B\nB=${C}", {"A": "$B", "B": "${C}"}),
        ("A=\nB=''\nexport C\n", {"A": "", "B": ""}),
        ("A=1\nA=2", {"A": "2"}),
        ("A=b=c==", {"A": "b=c=="}),
        ('A="\\d"', {"A": "\\d"}),
        ("", {}),
        (" \n\n", {}),
    ],
)
def test_what_is_understood(text: str, expected: dict[str, str]) -> None:
    assert read_dotenv(text, "x/.env") == expected


@pytest.mark.parametrize(
    "text,line",
    [
        ("A=1\nhunter2 hunter2\n", 2),
        ("hunter2", 1),
        ("A=1\n\n# c\nA='hunter2\n", 4),
        ("A='ok'\nB=\"x\" hunter2\n", 2),
        ("A='1\n2\n3'\n=hunter2\n", 4),
        ("1A=hunter2", 1),
        ("A-B=hunter2", 1),
    ],
)
def test_a_bad_line_is_named_and_not_shown(text: str, line: int) -> None:
    with pytest.raises(UsageError) as caught:
        read_dotenv(text, "x/.env")
    assert f"x/.env:{line}: " in str(caught.value)
    assert "hunter2" not in str(caught.value)


@given(
    st.dictionaries(
        st.from_regex(r"[A-Z_][A-Z0-9_]{0,9}", fullmatch=True), st.text(alphabet=st.characters(exclude_characters="'\r\0"))
    )
)
def test_what_is_single_quoted_comes_back_as_it_was(values: dict[str, str]) -> None:
    assert read_dotenv("".join(f"{name}='{value}'\n" for name, value in values.items()), ".env") == values


@given(st.text(alphabet=st.sampled_from("A='\"\\#\n\r \t$export")))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read_dotenv(text, ".env")
    except UsageError as error:
        assert ".env:" in str(error)
