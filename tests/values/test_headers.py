"""Header fields: names without case, order and repetition kept, credentials not shown."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given, strategies as st

from tests import strategies
from trunkline.values.headers import NO_HEADERS, SENSITIVE, Headers

PAIRS = (("Content-Type", "text/plain"), ("X-A", "1"), ("x-a", "2"))


def test_names_compare_without_case_and_repeated_fields_are_joined() -> None:
    headers = Headers(PAIRS)
    assert headers["CONTENT-TYPE"] == "text/plain"
    assert headers["X-a"] == "1, 2"
    assert headers.get("x-b") is None
    assert "x-A" in headers
    assert list(headers) == ["content-type", "x-a"]
    assert len(headers) == 2
    assert headers.pairs == PAIRS
    with pytest.raises(KeyError):
        headers["x-b"]


def test_bytes_of_the_wire_are_read_when_they_are_asked_for() -> None:
    raw = Headers(raw=((b"X-A", b"caf\xe9"), (b"x-a", b"2")))
    assert raw["x-a"] == "café, 2"
    assert raw == Headers([("X-A", "café"), ("x-a", "2")])
    assert hash(raw) == hash(Headers([("X-A", "café"), ("x-a", "2")]))


def test_equal_when_the_fields_are() -> None:
    assert Headers(PAIRS) == Headers(iter(PAIRS))
    assert Headers(PAIRS) != Headers(PAIRS[:2])
    assert Headers(PAIRS) != dict(PAIRS)
    assert Headers() == NO_HEADERS
    assert not NO_HEADERS


@pytest.mark.parametrize("name", sorted(SENSITIVE))
def test_credentials_are_not_shown(name: str) -> None:
    headers = Headers([(name.title(), "canary-7f3a"), ("X-Request-Id", "req_1")])
    assert "canary-7f3a" not in repr(headers)
    assert "req_1" in repr(headers)
    assert headers[name] == "canary-7f3a"


@given(strategies.headers)
def test_pickled_whole(headers: Headers) -> None:
    assert pickle.loads(pickle.dumps(headers)).pairs == headers.pairs


@given(st.lists(st.tuples(strategies.field_text, strategies.field_text)))
def test_from_text_and_from_the_wire_are_the_same(pairs: list[tuple[str, str]]) -> None:
    raw = tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs)
    assert Headers(raw=raw) == Headers(pairs)
    assert dict(Headers(raw=raw)) == dict(Headers(pairs))


@given(st.lists(st.tuples(st.sampled_from(["A", "a", "b", "B", "c"]), strategies.field_text)), st.permutations(["a", "b", "c"]))
def test_first_is_the_first_that_there_is(pairs: list[tuple[str, str]], names: list[str]) -> None:
    raw = tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs)
    whole = Headers(pairs)
    expected = next((whole[name] for name in names if name in whole), None)
    assert Headers(raw=raw).first(names) == whole.first(names) == expected
