"""What the edge says to requests, over real sockets."""

from __future__ import annotations

import asyncio
import gzip
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from tests.serve.plain import PlainHalf
from tests.serve.raw import Answering, Raw, Reply, always, request, served
from trunkline.dialects.dialect import Operation
from trunkline.serve.answers import Answer, Asked, Whole
from trunkline.serve.asgi import App
from trunkline.values.errors import RateLimitError, ServerError, UnsupportedOperationError
from trunkline.values.headers import Headers
from trunkline.values.message import Message
from trunkline.values.response import Response
from trunkline.wire.http import HttpReply

LIMIT = 20_000
KEY = "sk-canary-77aa1204bd"


async def echo(asked: Asked) -> Answer:
    half, context = asked.half, asked.context
    if asked.operation is Operation.MODEL:
        return Whole(HttpReply(200, body=(asked.model or "").encode()))
    if asked.operation is not Operation.GENERATE:
        return Whole(half.encode_token_count(7, context))
    assert asked.decoded is not None
    text = asked.decoded.request.messages[0].text
    return Whole(half.encode_response(Response(message=Message.assistant(text)), context))


ECHO = Answering(echo)


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    halves = (PlainHalf("one"), PlainHalf("two", "/v2", marks=("x-two",)))
    with served(ECHO, halves=halves, max_body=LIMIT, wall=lambda: 1234.9) as running:
        yield running


@pytest.fixture
def raw(server: Any) -> Iterator[Raw]:
    with Raw(server) as connection:
        yield connection


def refused(reply: Reply, status: int, by: str = "one") -> None:
    """The refusal is in the words of a dialect, and names its request."""
    assert reply.status == status
    assert reply.json["by"] == by
    assert reply.json["request_id"].startswith("req_")


def test_a_request_is_answered(raw: Raw) -> None:
    reply = raw.ask(body=b'{"text": "hello", "model": "m-1"}', authorization=f"Bearer {KEY}")
    assert (reply.status, reply.json["text"]) == (200, "hello")
    asked = ECHO.asked[-1]
    assert asked.http.url == "http://127.0.0.1/v1/say"
    assert asked.http.body == b'{"text": "hello", "model": "m-1"}'
    assert asked.context.model == "m-1"
    assert asked.decoded is not None and asked.decoded.context is asked.context
    assert asked.key is not None and asked.key.reveal() == KEY
    assert KEY not in repr(asked) + repr(asked.http) + repr(asked.http.headers) + repr(asked.key)


def test_ids_and_time_are_filled_in(raw: Raw) -> None:
    (request_id, reply_id, created), (other_id, other_reply, _) = (raw.ask().json["ids"] for _ in range(2))
    assert request_id == ECHO.asked[-2].request_id
    assert request_id.startswith("req_")
    assert len({request_id, reply_id, other_id, other_reply}) == 4
    assert created == 1234


def test_query_and_path_are_handed_on(raw: Raw) -> None:
    raw.ask(path="/v1/say?beta=true&x=%20", host="localhost:99")
    assert ECHO.asked[-1].http.url == "http://localhost:99/v1/say?beta=true&x=%20"
    assert raw.ask("GET", "/v1/models/org%2Fmodel%20a").body == b"org/model a"
    assert raw.ask("GET", "/v1/models/org/model").body == b"org/model"


def test_headers_are_handed_on_but_for_those_about_the_body(raw: Raw) -> None:
    packed = gzip.compress(b'{"text": "packed"}')
    assert raw.ask(body=packed, content_encoding="gzip", x_other="1").json["text"] == "packed"
    headers = ECHO.asked[-1].http.headers
    assert headers["x-other"] == "1"
    assert not {"host", "content-length", "content-encoding"} & set(headers)


def test_the_rest_of_the_operations(raw: Raw) -> None:
    assert raw.ask(path="/v2/count").json == {"tokens": 7}
    assert ECHO.asked[-1].half.id == "two"
    raw.ask("GET", "/v1/models", x_two="1")
    assert (ECHO.asked[-1].half.id, ECHO.asked[-1].decoded) == ("two", None)


@pytest.mark.parametrize("path,type", [("/", "text/plain; charset=utf-8"), ("/health", "application/json")])
def test_what_is_not_of_a_dialect(raw: Raw, path: str, type: str) -> None:
    got = raw.ask("GET", path)
    assert (got.status, got.headers["content-type"]) == (200, type)
    assert got.body == (b'{"status":"ok"}' if path == "/health" else b"Trunkline: speaks one, two.\n")
    head = raw.ask("HEAD", path)
    assert (head.status, head.headers["content-length"]) == (200, str(len(got.body)))
    assert raw.ask().status == 200  # and the connection lives


def test_replies_say_when_and_not_by_whom(raw: Raw) -> None:
    headers = raw.ask("GET", "/health").headers
    assert headers["date"].endswith("GMT")
    assert "server" not in headers


def test_there_is_nothing_at_that_path(raw: Raw) -> None:
    refused(raw.ask(path="/v1/other", body=b"x" * 5_000), 404)
    refused(raw.ask("GET", "/v2/say/it"), 404, by="two")
    assert raw.ask().status == 200


def test_a_method_that_a_path_does_not_take(raw: Raw) -> None:
    reply = raw.ask("GET", "/v2/say")
    refused(reply, 405, by="two")
    assert reply.headers["allow"] == "POST"
    assert raw.ask("DELETE", "/v1/models").headers["allow"] == "GET, HEAD"
    assert raw.ask("OPTIONS", "/v1/say").status == 405
    assert raw.ask().status == 200


def test_what_is_no_request_of_the_protocol(raw: Raw) -> None:
    refused(raw.ask(body=b"{"), 400)
    refused(raw.ask(path="/v2/say", body=b"\xff\xfe"), 400, by="two")
    assert raw.ask().status == 200


def test_a_body_of_a_size_that_is_told(raw: Raw) -> None:
    body = b'{"text": "%s"}' % (b"x" * (LIMIT - 12))
    assert raw.ask(body=body).status == 200
    raw.send(request(body=b"", content_length=str(LIMIT + 1)))
    reply = raw.reply()  # nothing of the body was sent
    refused(reply, 413)
    assert reply.headers["connection"] == "close"


def test_an_expectation_is_met_or_disappointed(raw: Raw) -> None:
    raw.send(request(body=b"", content_length="14", expect="100-continue"))
    assert raw.head() == (100, {})
    raw.send(b'{"text": "hi"}')
    assert raw.reply().json["text"] == "hi"
    raw.send(request(body=b"", content_length=str(LIMIT + 1), expect="100-continue"))
    refused(raw.reply(), 413)


def test_a_large_body_does_not_swallow_its_refusal(raw: Raw) -> None:
    raw.send(request(body=b"x" * 3_000_000))
    refused(raw.reply(), 413)
    assert raw.at_end() == b""


def test_a_body_in_chunks(raw: Raw) -> None:
    raw.send(request(body=b"", transfer_encoding="chunked"))
    for piece in (b'{"text"', b': "a"}'):
        raw.send(b"%x\r\n%s\r\n" % (len(piece), piece))
    raw.send(b"0\r\n\r\n")
    assert raw.reply().json["text"] == "a"
    raw.send(request(body=b"", transfer_encoding="chunked"))
    for _ in range(3):
        raw.send(b"%x\r\n%s\r\n" % (LIMIT // 2, b"x" * (LIMIT // 2)))
    refused(raw.reply(), 413)
    raw.send(b"0\r\n\r\n")
    assert raw.at_end() == b""


def test_compression(raw: Raw) -> None:
    refused(raw.ask(body=gzip.compress(b" " * (LIMIT + 1)), content_encoding="gzip"), 413)


def test_compression_that_is_not_known(raw: Raw) -> None:
    reply = raw.ask(content_encoding="br")
    refused(reply, 415)
    assert reply.headers["accept-encoding"] == "gzip, deflate"


def test_a_body_that_was_compressed_on_its_way(raw: Raw) -> None:
    raw.send(request(body=b"", transfer_encoding="gzip, chunked") + b"2\r\n{}\r\n0\r\n\r\n")
    status, _ = raw.head()
    assert status == 501  # h11 says so by itself


def test_a_foreign_host(raw: Raw) -> None:
    refused(raw.ask(host="evil.example"), 421)
    assert raw.at_end() == b""


def test_a_foreign_page(raw: Raw) -> None:
    reply = raw.ask(path="/v2/say", origin="https://evil.example")
    refused(reply, 403, by="two")
    assert not [name for name in reply.headers if name.startswith("access-control")]


def test_a_page_of_ours(raw: Raw) -> None:
    assert raw.ask(origin="http://localhost:5173").status == 200


def test_health_is_told_to_nobody_by_a_foreign_name(raw: Raw) -> None:
    assert raw.ask("GET", "/health", host="evil.example").status == 421


def test_a_request_without_a_host(raw: Raw) -> None:
    refused(raw.ask(host=""), 400)


def test_http_1_0(raw: Raw) -> None:
    raw.send(b"GET /health HTTP/1.0\r\n\r\n")
    assert raw.reply().body == b'{"status":"ok"}'
    assert raw.at_end() == b""


def test_what_is_not_http(raw: Raw) -> None:
    raw.send(b"hello\r\n\r\n")
    assert raw.head()[0] == 400


def test_a_head_without_end(raw: Raw) -> None:
    raw.send(b"GET / HTTP/1.1\r\n")
    try:
        for n in range(500):
            raw.send(b"x-%d: %s\r\n" % (n, b"y" * 1_000))
    except OSError:
        pass  # refused in the midst of it
    assert raw.socket.recv(100)[:12] in {b"HTTP/1.1 431", b"HTTP/1.1 400"}


def test_an_upgrade_is_not_taken(raw: Raw) -> None:
    """Java's client asks for HTTP/2 that way, and takes a plain answer."""
    reply = raw.ask(connection="Upgrade, HTTP2-Settings", upgrade="h2c", http2_settings="AAMAAABkAAQCAAAAAAIAAAAA")
    assert (reply.status, reply.json["text"]) == (200, "hi")
    assert raw.ask(body=b'{"text": "Upgrade: h2c"}', upgrade="websocket", connection="upgrade").json["text"] == "Upgrade: h2c"
    assert raw.ask().status == 200


def test_requests_in_one_go_are_answered_in_order(raw: Raw) -> None:
    raw.send(b"".join(request(body=b'{"text": "%d"}' % n) for n in range(20)))
    assert [raw.reply().json["text"] for _ in range(20)] == [str(n) for n in range(20)]


def test_a_request_while_another_is_answered_waits(raw: Raw) -> None:
    let_go = asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def slow(asked: Asked) -> Answer:
        loops.append(asyncio.get_running_loop())
        if len(loops) == 1:
            await let_go.wait()
        return await echo(asked)

    with served(slow) as server, Raw(server) as connection:
        connection.send(request(body=b'{"text": "first"}'))
        while not loops:
            pass
        for n in range(100):
            connection.send(request(body=b'{"text": "%d"}' % n))
        assert len(loops) == 1
        loops[0].call_soon_threadsafe(let_go.set)
        assert connection.reply().json["text"] == "first"
        assert [connection.reply().json["text"] for _ in range(100)] == [str(n) for n in range(100)]


def test_an_error_of_the_answerer_is_told_in_the_protocol() -> None:
    with served(RateLimitError("slowly", status=429)) as server, Raw(server) as raw:
        reply = raw.ask()
        refused(reply, 429, by="plain")
        assert reply.json["message"] == "slowly"
        assert raw.ask().status == 429


@pytest.mark.parametrize(
    "answer",
    [
        KeyError("a prompt with a secret"),
        UnsupportedOperationError("a prompt with a secret"),
        Whole(HttpReply(200, Headers([("x", "a\r\nb: a prompt with a secret")]))),
        Whole(HttpReply(200, Headers([("x\u20ac", "a prompt with a secret")]))),
        Whole(HttpReply(999, body=b"a prompt with a secret")),
        "no answer at all",
    ],
    ids=["error", "ours", "value", "name", "status", "nonsense"],
)
def test_what_nobody_planned_is_a_500_without_words(answer: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), served(answer) as server, Raw(server) as raw:
        reply = raw.ask()
        refused(reply, 500, by="plain")
        assert reply.json["message"] == "internal error"
        assert raw.ask().status == 500
    (first, _) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert first.name == "trunkline.serve"
    assert f"request {reply.json['request_id']}: answering failed with " in first.getMessage()
    assert "secret" not in caplog.text
    assert "Traceback" not in caplog.text


def test_a_dialect_that_fails_is_a_500_too() -> None:
    class Broken(PlainHalf):
        def decode_request(self, http: Any) -> Any:
            raise KeyError("broken")

    with served(ServerError(), halves=(Broken(),)) as server, Raw(server) as raw:
        refused(raw.ask(), 500, by="plain")
        assert raw.ask().status == 500


@pytest.mark.parametrize("status", [200, 204, 304, 418, 529, 599])
def test_statuses_of_all_sorts(status: int) -> None:
    reply = HttpReply(status, Headers([("Content-Length", "99"), ("Connection", "close"), ("X-A", "1"), ("X-A", "2")]), b"body")
    with served(Whole(reply)) as server, Raw(server) as raw:
        for _ in range(2):  # lengths and connections are the edge's affair
            got = raw.ask()
            assert got.status == status
            assert got.body == (b"" if status in {204, 304} else b"body")


def test_many_at_once(server: Any) -> None:
    connections = [Raw(server) for _ in range(50)]
    for n, connection in enumerate(connections):
        connection.send(request(body=b'{"text": "%d"}' % n))
    assert [connection.reply().json["text"] for connection in connections] == [str(n) for n in range(50)]
    for connection in connections:
        connection.socket.close()


def test_only_http_is_served() -> None:
    app = App(always(ServerError()), (PlainHalf(),))

    async def nothing(*_: Any) -> Any:
        raise AssertionError

    with pytest.raises(UnsupportedOperationError, match="websocket"):
        asyncio.run(app({"type": "websocket"}, nothing, nothing))
