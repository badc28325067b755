from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from trunkline.io.request import compose, parse_origin, split_url, target_of, unsendable
from trunkline.values.errors import UsageError
from trunkline.values.headers import Headers


@pytest.mark.parametrize(
    ("url", "origin", "path"),
    [
        ("https://api.example.com/v1/x?y=1", "https://api.example.com", "/v1/x?y=1"),
        ("http://127.0.0.1:9", "http://127.0.0.1:9", "/"),
        ("http://h?x=/", "http://h", "/?x=/"),
        ("http://[::1]:8080/a", "http://[::1]:8080", "/a"),
    ],
)
def test_splits_a_url(url: str, origin: str, path: str) -> None:
    assert split_url(url) == (origin, path)


def test_origins() -> None:
    assert parse_origin("https://API.example.com") == ("https", "api.example.com", 443, "api.example.com")
    assert parse_origin("http://[::1]:8080") == ("http", "::1", 8080, "[::1]:8080")
    assert parse_origin("https://bücher.example").host == "xn--bcher-kva.example"
    assert parse_origin("http://h:80").authority == "h"
    assert [parse_origin("http://" + host).host for host in ("127.0.0.1", "2api", "h.")] == ["127.0.0.1", "2api", "h."]


@pytest.mark.parametrize(
    "text",
    [
        "ftp://h",
        "h",
        "http://",
        "http://u:secret@h",
        "http://h:99999",
        "http://h:x",
        "http://" + "a" * 64,
        "http://a..b",
        "http://127.1",
        "http://2130706433",
        "http://256.1.1.1",
        "http://0x7f.1",
    ],
)
def test_what_cannot_be_called_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_origin(text)
    assert caught.value.field == "url"
    assert "secret" not in str(caught.value)


@given(st.text(max_size=40))
def test_a_target_is_always_printable_ascii(text: str) -> None:
    if not any("\ud800" <= letter <= "\udfff" for letter in text):
        assert all("!" <= letter <= "~" for letter in target_of("/" + text))


def test_a_target_that_is_fine_stays_as_it_is() -> None:
    assert target_of("/v1/models/a%2Fb?alt=sse&x=%20") == "/v1/models/a%2Fb?alt=sse&x=%20"
    assert target_of("/v1/ü x#part") == "/v1/%C3%BC%20x"


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "a\rb", "a\0b", "snow ☃"])
def test_header_values_that_cannot_be_sent_are_refused_without_being_shown(value: str) -> None:
    error = unsendable("POST", Headers([("x-fine", "ok"), ("x-odd", value)]))
    assert isinstance(error, UsageError)
    assert "x-odd" in str(error)
    assert value not in str(error)


@pytest.mark.parametrize("name", ["", "x y", "x:", "x\r\n", "ü", "Content-Length", "transfer-encoding", "Connection", "expect"])
def test_header_names_that_cannot_be_sent_are_refused(name: str) -> None:
    assert isinstance(unsendable("POST", Headers([(name, "1")])), UsageError)


@pytest.mark.parametrize("method", ["", "GET x", "G\r\n", "GÉT"])
def test_methods_that_cannot_be_sent_are_refused(method: str) -> None:
    error = unsendable(method, Headers())
    assert isinstance(error, UsageError)
    assert error.field == "method"


def test_the_head_of_a_request() -> None:
    head = compose("POST", "/v1", "h:1", Headers([("User-Agent", "me"), ("X", "\xe9")]), 3)
    assert head == (
        b"POST /v1 HTTP/1.1\r\nHost: h:1\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\nContent-Length: 3\r\nUser-Agent: me\r\nX: \xe9\r\n\r\n"
    )
    assert b"Content-Length" not in compose("GET", "/", "h", Headers(), None)
    assert compose("GET", "/", "h", Headers([("Host", "other")]), None).count(b"Host") == 1
