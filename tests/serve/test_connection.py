"""What a connection bears: who is slow, who never ends, and words that nobody else shall read."""

from __future__ import annotations

import asyncio
import logging
import socket

import pytest

from tests.serve.raw import Raw, always, request, served
from trunkline.serve import connection

BODY = b'{"text": "hi"}'
TRICKLE = [bytes([byte]) for byte in request(body=BODY)]


@pytest.fixture
def hasty(makeup: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With no patience to speak of."""
    monkeypatch.setattr(connection, "PATIENCE", 0.3)


def end_of(raw: Raw) -> bytes:
    """The first line that comes, and "" where the connection ends without any."""
    return raw.at_end().partition(b"\r\n")[0]


def test_who_asks_nothing_is_not_waited_for(hasty: None) -> None:
    with served(None) as server, Raw(server) as raw:
        assert end_of(raw) == b""


@pytest.mark.parametrize("head", [b"P", request(body=BODY)[:-20]])
def test_a_head_or_a_body_that_does_not_go_on(hasty: None, head: bytes) -> None:
    with served(None) as server, Raw(server) as raw:
        raw.send(head)
        assert end_of(raw) == b"HTTP/1.1 408 Request Timeout"


def test_a_second_request_that_does_not_go_on(hasty: None) -> None:
    with served(lambda asked: ValueError()) as server, Raw(server) as raw:
        raw.ask("GET", "/health")
        raw.send(b"GET /hea")
        assert end_of(raw) == b"HTTP/1.1 408 Request Timeout"


def test_a_head_that_trickles(hasty: None) -> None:
    """Each byte for itself is in time, the head is not."""
    with served(None) as server, Raw(server) as raw:
        raw.socket.settimeout(0.05)
        came = b""
        for byte in TRICKLE:
            try:
                raw.send(byte)
                came = raw.socket.recv(100)
                break
            except TimeoutError:
                continue
        assert came.startswith(b"HTTP/1.1 408")


def test_an_idle_connection_and_a_slow_answer_have_their_time(hasty: None) -> None:
    async def slow(asked: object) -> ValueError:
        await asyncio.sleep(0.5)
        return ValueError()

    with served(slow) as server, Raw(server) as raw:
        assert raw.ask("GET", "/health").status == 200
        assert raw.ask().status == 500
        assert raw.ask("GET", "/health").status == 200


def test_trailers_are_no_headers(makeup: str) -> None:
    """Who strips headers in front of us would let these through."""
    seen = always(ValueError())
    with served(seen) as server, Raw(server) as raw:
        raw.send(request(body=b"", transfer_encoding="chunked"))
        raw.send(b"%x\r\n%s\r\n0\r\nauthorization: Bearer smuggled\r\nhost: evil.example\r\n\r\n" % (len(BODY), BODY))
        raw.reply()
        raw.send(
            request(body=b"", transfer_encoding="chunked") + b"%x\r\n%s\r\n0\r\nx-api-key: smuggled\r\n\r\n" % (len(BODY), BODY)
        )
        raw.reply()
    assert [asked.key for asked in seen.asked] == [None, None]
    assert all("x-api-key" not in asked.http.headers for asked in seen.asked)


@pytest.mark.parametrize("filler", [b"0\r\nx-a: ", b"0;a="])
def test_what_follows_a_body_has_an_end(makeup: str, filler: bytes) -> None:
    with served(ValueError()) as server, Raw(server) as raw:
        raw.send(request(body=b"", transfer_encoding="chunked") + b"%x\r\n%s\r\n" % (len(BODY), BODY) + filler)
        try:
            for _ in range(100):
                raw.send(b"y" * 10_000)
            came = raw.socket.recv(100)
        except OSError:
            came = b"HTTP/1.1 431"  # cut off in the midst of it
        assert came[:12] in {b"HTTP/1.1 431", b"HTTP/1.1 400"}


def test_a_body_in_thousands_of_pieces(makeup: str) -> None:
    text = b"a" * 4_000
    with served(ValueError()) as server, Raw(server) as raw:
        pieces = b"".join(
            b"1;extension=0123456789012345678901234567890123456789\r\n%c\r\n" % byte for byte in b'{"text": "%s"}' % text
        )
        raw.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        raw.send(request(body=b"", transfer_encoding="chunked") + pieces + b"0\r\n\r\n")
        assert raw.reply().status == 500  # the answerer's: it was read whole


@pytest.mark.parametrize("error", [asyncio.CancelledError("secret words"), SystemExit("secret words")])
def test_no_words_of_what_ends_a_task_are_logged(makeup: str, error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    async def ends(asked: object) -> None:
        raise error

    caplog.set_level(1)
    with served(ends) as server, Raw(server) as raw:
        assert raw.ask().status == 500
    told = "\n".join(map(logging.Formatter("%(message)s").format, caplog.records))
    assert f"{type(error).__name__} at test_connection.py" in told
    assert "secret" not in told
