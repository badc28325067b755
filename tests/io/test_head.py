from __future__ import annotations

from http.client import HTTPResponse
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given, strategies as st

from trunkline.io.head import CHUNKED, MAX_HEAD, UNTIL_CLOSE, end_of_head, parse_head
from trunkline.values.errors import GarbledReplyError

NAMES = st.sampled_from([b"x-request-id", b"Content-Type", b"X-A", b"set-cookie", b"server"])
VALUES = st.binary(max_size=30).map(lambda data: bytes(b for b in data if 32 <= b < 127 or b > 160))
FIELDS = st.lists(st.tuples(NAMES, VALUES), max_size=8)


class OneSocket:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, *_: Any) -> BytesIO:
        return BytesIO(self._data)


def by_http_client(data: bytes) -> HTTPResponse:
    """The judge: the standard library's reading of the same bytes."""
    reply = HTTPResponse(OneSocket(data))  # type: ignore[arg-type]
    reply.begin()
    return reply


@given(fields=FIELDS, status=st.integers(200, 599), end=st.sampled_from([b"\r\n", b"\n"]))
def test_reads_fields_as_the_standard_library_does(fields: list[tuple[bytes, bytes]], status: int, end: bytes) -> None:
    data = b"HTTP/1.1 %d Fine%s" % (status, end) + b"".join(b"%s: %s%s" % (n, v, end) for n, v in fields) + end
    assert end_of_head(data) == len(data)
    reply = parse_head(data, "POST")
    judged = by_http_client(data)
    assert reply.head.status == judged.status
    ours = [(name.lower(), value) for name, value in reply.head.headers.pairs]
    assert ours == [(name.lower(), value.strip(" \t")) for name, value in judged.getheaders()]


@pytest.mark.parametrize(
    ("fields", "length", "keep"),
    [
        (b"Content-Length: 5\r\n", 5, True),
        (b"Content-Length: 5\r\nConnection: close\r\n", 5, False),
        (b"content-length: 5, 5\r\n", 5, True),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", CHUNKED, True),
        (b"Transfer-Encoding: gzip, Chunked\r\n", CHUNKED, True),
        (b"", UNTIL_CLOSE, False),
    ],
)
def test_knows_the_shape_of_the_body(fields: bytes, length: int, keep: bool) -> None:
    reply = parse_head(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n", "POST")
    assert (reply.length, reply.keep_alive) == (length, keep)


@pytest.mark.parametrize(("status", "method"), [(204, "POST"), (304, "GET"), (200, "HEAD")])
def test_some_replies_have_no_body(status: int, method: str) -> None:
    assert parse_head(b"HTTP/1.1 %d x\r\ncontent-length: 5\r\n\r\n" % status, method).length == 0


def test_http_1_0_closes_unless_it_says_otherwise() -> None:
    assert not parse_head(b"HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\n", "GET").keep_alive
    assert parse_head(b"HTTP/1.0 200 OK\r\ncontent-length: 1\r\nconnection: keep-alive\r\n\r\n", "GET").keep_alive


def test_folded_lines_are_joined() -> None:
    reply = parse_head(b"HTTP/1.1 200 OK\r\nx-a: one\r\n\ttwo\r\n\r\n", "GET")
    assert reply.head.headers["X-A"] == "one two"


def test_a_status_line_without_a_reason_is_read() -> None:
    assert parse_head(b"HTTP/1.1 429\r\n\r\n", "GET").head.status == 429


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nna me: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 101 + b"\r\n",
    ],
)
def test_what_is_no_head_is_refused(data: bytes) -> None:
    with pytest.raises(GarbledReplyError) as caught:
        parse_head(data, "GET")
    assert caught.value.sent


@pytest.mark.parametrize("data", [b"SSH-2.0-OpenSSH\r\n", b"\x00", b"HTML", b"HTTP/1.1 200 OK\r\nx: " + b"y" * MAX_HEAD])
def test_what_cannot_become_a_head_is_refused_at_once(data: bytes) -> None:
    with pytest.raises(GarbledReplyError):
        end_of_head(data)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_head_or_refused(data: bytes) -> None:
    try:
        reply = parse_head(b"HTTP/1.1 200 OK\r\n" + data + b"\r\n\r\n", "GET")
    except GarbledReplyError:
        return
    assert reply.head.status == 200


def test_waits_for_the_rest_of_a_head() -> None:
    whole = b"HTTP/1.1 200 OK\r\nx: y\r\n\r\n"
    assert [end_of_head(whole[:cut]) for cut in range(1, len(whole))] == [-1] * (len(whole) - 1)
    assert end_of_head(whole + b"body") == len(whole)


@pytest.mark.parametrize("field", [b"x: a\rb: c", b"x: a\0b", b"x: a\r", b"\rx: a"])
def test_a_head_with_a_bare_cr_or_a_nul_is_none(field: bytes) -> None:
    with pytest.raises(GarbledReplyError, match="NUL, or a CR"):
        parse_head(b"HTTP/1.1 200 OK\r\n" + field + b"\r\ncontent-length: 0\r\n\r\n", "GET")
