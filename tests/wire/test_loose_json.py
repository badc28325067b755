"""JSON as senders really write it."""

from __future__ import annotations

import json
import math

import msgspec
import pytest
from hypothesis import given, strategies as st

from tests.strategies import json_values
from trunkline.wire.loose_json import clean_text, loads


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"a":1}', {"a": 1}),
        (b"\xef\xbb\xbf{}", {}),
        (b"\xef\xbb\xbf \r\n[1] \n", [1]),
        (b'"\\ud800"', "\ufffd"),
        (b'"\\uDC00x"', "\ufffdx"),
        (b'"\\ud83d\\ude00"', "😀"),
        (b'"\\ud83d\\ude00\\ud83d"', "😀\ufffd"),
        (b'"\\\\ud800"', "\\ud800"),
        (b'"\\ud800\\n\\\\"', "\ufffd\n\\"),
        (b'"caf\xe9"', "caf\ufffd"),
        (b'"a\x01\nb"', "a\x01\nb"),
        (b'{"a":1,"a":2}', {"a": 2}),
        (b"[1e400]", [math.inf]),
    ],
)
def test_what_is_borne(data, value):
    assert loads(data) == value


def test_nan():
    assert math.isnan(loads(b"[NaN]")[0])


@pytest.mark.parametrize("data", [b"", b" ", b"<html>", b"{", b"[1,]", b"[" * 100_000, b'{"a":' * 100_000, b"\xff\xfe{\0}\0"])
def test_what_is_none(data):
    with pytest.raises(ValueError, match=r"not JSON|nested too deeply"):
        loads(data)


@given(json_values)
def test_strict_json_is_read_as_it_is(value):
    data = json.dumps(value, allow_nan=False).encode()
    assert loads(data) == loads(b"\xef\xbb\xbf" + data) == json.loads(data)


@given(st.text(st.characters(exclude_categories=()), max_size=10))
def test_text_is_always_encodable(text):
    msgspec.json.encode(clean_text(text))
    try:
        text.encode()
    except UnicodeEncodeError:
        assert "\ufffd" in clean_text(text) or clean_text(text).encode("utf-16", "surrogatepass") == text.encode(
            "utf-16", "surrogatepass"
        )
    else:
        assert clean_text(text) == text


@given(st.lists(st.sampled_from(["\\ud83d", "\\ude00", "\\\\", "\\n", "u", "a", "\\u0041"]), max_size=8))
def test_escapes_read_as_the_standard_library_reads_them_and_then_clean(pieces):
    text = '"' + "".join(pieces) + '"'
    assert loads(text.encode()) == clean_text(json.loads(text))
