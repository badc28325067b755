"""Newline-delimited JSON: whatever the pieces, the same lines."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from trunkline import MalformedResponseError
from trunkline.wire.json_lines import JsonLinesDecoder


def lines(pieces: list[bytes], max_line: int = 1000) -> list[bytes]:
    decoder = JsonLinesDecoder(max_line)
    return [frame.data for piece in pieces for frame in decoder.feed(piece)] + [frame.data for frame in decoder.finish()]


@given(st.lists(st.binary(max_size=12).filter(lambda line: b"\n" not in line), max_size=8), st.data())
def test_any_cut_gives_the_same_lines(wanted: list[bytes], data: st.DataObject) -> None:
    whole = b"\n".join(wanted)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert lines(pieces) == [line.strip(b" \t\r") for line in wanted if line.strip(b" \t\r")]


def test_crlf_blank_lines_and_a_last_line_without_its_end() -> None:
    assert lines([b'{"a":1}\r\n\r\n  \n{"b"', b":2}"]) == [b'{"a":1}', b'{"b":2}']


@pytest.mark.parametrize("pieces", [[b"x" * 11 + b"\n"], [b"x" * 6, b"x" * 5], [b"ok\n" + b"x" * 11]])
def test_a_line_that_is_too_long_is_an_error(pieces: list[bytes]) -> None:
    with pytest.raises(MalformedResponseError, match="longer than 10 bytes"):
        lines(pieces, 10)


def test_lines_of_the_greatest_length_pass() -> None:
    assert lines([b"x" * 10 + b"\n", b"y" * 10], 10) == [b"x" * 10, b"y" * 10]
