"""A JSON array that comes piecemeal: whatever the pieces, its elements."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from trunkline import MalformedResponseError
from trunkline.wire.json_array import JsonArrayDecoder

texts = st.text(st.sampled_from('ab"\\[]{},: \n\u00e9'), max_size=6)
values: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 99) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def elements(pieces: list[bytes], max_line: int = 1000) -> list[bytes]:
    decoder = JsonArrayDecoder(max_line)
    return [frame.data for piece in pieces for frame in decoder.feed(piece)] + [frame.data for frame in decoder.finish()]


@given(st.lists(values, max_size=5), st.sampled_from([None, 1]), st.data())
def test_any_cut_gives_the_same_elements(wanted: list[Any], indent: int | None, data: st.DataObject) -> None:
    whole = json.dumps(wanted, ensure_ascii=False, indent=indent).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert [json.loads(element) for element in elements(pieces)] == wanted


def test_an_element_is_told_as_soon_as_it_is_whole() -> None:
    decoder = JsonArrayDecoder()
    assert [frame.data for frame in decoder.feed(b'[{"a":"]"}')] == [b'{"a":"]"}']  # the comma may take a while
    assert [frame.data for frame in decoder.feed(b"\n,")] == []
    assert [frame.data for frame in decoder.feed(b'\r\n{"b":1}')] == [b'{"b":1}']
    assert [frame.data for frame in decoder.feed(b", 12")] == []
    assert [frame.data for frame in decoder.feed(b"3, [4")] == [b"123"]
    assert [frame.data for frame in decoder.feed(b"]")] == [b"[4]"]
    assert [frame.data for frame in decoder.feed(b"]")] == []


def test_what_is_cut_off_remains_for_the_reader_to_judge() -> None:
    assert elements([b'[{"a":1},{"b":']) == [b'{"a":1}', b'{"b":']


def test_an_element_that_is_too_long_is_an_error() -> None:
    with pytest.raises(MalformedResponseError, match="longer than 10 bytes"):
        elements([b'["', b"x" * 11], 10)
