"""Answers that come piece by piece: as fast as they are read, and no longer than somebody reads."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from typing import Any

import pytest

from tests.serve.raw import Answering, HangUp, Raw, Ready, Source, always, request, served
from trunkline.serve.answers import Answer, Asked, Bytes, Streamed, Taken
from trunkline.values.errors import OverloadedError, RateLimitError
from trunkline.values.events import Start, TextDelta
from trunkline.values.response import Warning

END = b"data: [end]\n\n"
BATCH = tuple(TextDelta("x" * 100) for _ in range(50))
pytestmark = pytest.mark.usefixtures("makeup")


def left_nothing(source: Any) -> None:
    """The source is closed, once."""
    assert source.over.wait(20)
    assert source.closed == 1


def test_events_are_encoded_and_ended() -> None:
    source = Source("a", [TextDelta("b"), TextDelta("c")], "d")
    with served(source) as server, Raw(server) as raw:
        reply = raw.ask()
        assert raw.ask("GET", "/health").status == 200
    assert (reply.status, reply.headers["content-type"]) == (200, "text/event-stream")
    assert reply.headers["request-id"].startswith("req_")
    assert reply.body == b"data: a\n\ndata: b\n\ndata: c\n\ndata: d\n\n" + END
    assert not reply.cut
    left_nothing(source)


def test_a_batch_goes_out_in_one_piece_and_a_large_one_in_some() -> None:
    with served(Source([TextDelta("x")] * 200, [TextDelta("y")] * 600)) as server, Raw(server) as raw:
        raw.send(request())
        raw.head()
        pieces = []
        while piece := raw.chunk():
            pieces.append(piece.count(b"\n\n"))
    assert pieces == [200, 256, 256, 88, 1]


def test_headers_of_the_answer_take_the_place_of_the_protocols() -> None:
    async def how(asked: Asked) -> Answer:
        return Streamed(Source("a"), asked.context, headers=(("Content-Type", "text/x"), ("x-limit", "5")))

    with served(Answering(how)) as server, Raw(server) as raw:
        headers = raw.ask().headers
    assert (headers["content-type"], headers["x-limit"]) == ("text/x", "5")


def test_what_the_protocol_cannot_express_is_told() -> None:
    told: list[tuple[Warning, ...]] = []

    async def how(asked: Asked) -> Answer:
        return Streamed(Source([Start(id="1")], "a"), asked.context, warned=told.append)

    with served(Answering(how)) as server, Raw(server) as raw:
        raw.ask()
    assert [[warning.field for warning in warnings] for warnings in told] == [["start"]]


def test_an_error_is_the_last_word() -> None:
    source = Source("a", OverloadedError("too much"), "never")
    with served(source) as server, Raw(server) as raw:
        reply = raw.ask()
        assert raw.ask("GET", "/health").status == 200  # the connection lives
    assert reply.body == b"data: a\n\ndata: [error OverloadedError too much]\n\n"
    assert not reply.cut
    left_nothing(source)


def test_a_source_that_breaks_is_told_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    source = Source("a", KeyError("a secret"))
    with caplog.at_level(logging.DEBUG), served(source) as server, Raw(server) as raw:
        reply = raw.ask()
    assert reply.body == b"data: a\n\ndata: [error ServerError internal error]\n\n"
    assert "the stream failed with KeyError at raw.py" in caplog.text
    assert "secret" not in caplog.text
    left_nothing(source)


def test_a_close_that_breaks_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Source):
        async def close(self) -> None:
            await super().close()
            raise KeyError("a secret")

    source = Broken("a")
    with caplog.at_level(logging.DEBUG), served(source) as server, Raw(server) as raw:
        assert raw.ask().body.endswith(END)
        assert raw.ask("GET", "/health").status == 200
    assert "closing its source failed with KeyError" in caplog.text
    assert "secret" not in caplog.text


def test_bytes_go_out_as_they_are() -> None:
    source = Source(b"data: \xff\n", b"\n", end=b"")
    with served(Bytes(201, (("content-type", "x/y"),), source)) as server, Raw(server) as raw:
        reply = raw.ask()
        assert raw.ask("GET", "/health").status == 200
    assert (reply.status, reply.headers["content-type"], reply.body) == (201, "x/y", b"data: \xff\n\n")
    left_nothing(source)


def test_bytes_of_a_length_that_is_told() -> None:
    source = Source(b"abc", b"de", end=b"")
    with served(Bytes(200, (("content-length", "5"),), source)) as server, Raw(server) as raw:
        assert raw.ask().body == b"abcde"
        assert raw.ask("GET", "/health").status == 200


def test_fewer_bytes_than_were_told_end_the_connection() -> None:
    source = Source(b"abc", end=b"")
    with served(Bytes(200, (("content-length", "5"),), source)) as server, Raw(server) as raw:
        reply = raw.ask()
        assert (reply.body, reply.cut) == (b"abc", True)
    left_nothing(source)


@pytest.mark.parametrize("answer", ["events", "bytes"])
def test_a_hang_up_ends_the_connection_without_the_end_of_the_body(answer: str, caplog: pytest.LogCaptureFixture) -> None:
    text: Any = "a" * 10_000 if answer == "events" else b"a" * 10_000
    source = Source(text, HangUp(reset=False))
    server = served(source if answer == "events" else Bytes(200, (), source))
    with caplog.at_level(logging.DEBUG), server, Raw(server) as raw:
        reply = raw.ask()
    assert reply.cut
    assert reply.body.count(b"a") >= 10_000  # all that was said has come
    left_nothing(source)
    assert not [record for record in caplog.records if record.name.startswith(("trunkline", "uvicorn"))]


def test_a_hang_up_by_reset(caplog: pytest.LogCaptureFixture) -> None:
    source = Source("a", HangUp(reset=True))
    with caplog.at_level(logging.DEBUG), served(source) as server, Raw(server) as raw:
        raw.send(request())
        with pytest.raises(ConnectionResetError):
            raw.reply()
    left_nothing(source)
    assert not [record for record in caplog.records if record.name.startswith(("trunkline", "uvicorn"))]


def test_a_hang_up_before_the_head() -> None:
    with served(HangUp(reset=True)) as server, Raw(server) as raw:
        raw.send(request())
        with pytest.raises(ConnectionResetError):
            raw.head()
        with Raw(server) as other:
            assert other.ask("GET", "/health").status == 200


@pytest.mark.parametrize("end", ["close", "reset", "nothing"])
def test_who_answers_may_take_the_connection(end: str, caplog: pytest.LogCaptureFixture) -> None:
    async def how(asked: Asked) -> Answer:
        if end != "reset":
            asked.connection.write(b"HTTP/1.1 299 So\r\n")
            asked.connection.write(b"what: ever\r\n\r\n")
        if end != "nothing":
            getattr(asked.connection, end)()
        return Taken()

    with caplog.at_level(logging.DEBUG), served(Answering(how)) as server, Raw(server) as raw:
        raw.send(request())
        if end == "reset":
            with pytest.raises(ConnectionResetError):
                raw.socket.recv(10)
        else:
            assert raw.at_end() == b"HTTP/1.1 299 So\r\nwhat: ever\r\n\r\n"
    assert not [record for record in caplog.records if record.name.startswith(("trunkline", "uvicorn"))]


def test_raw_bytes_and_then_an_error_are_no_second_reply() -> None:
    async def how(asked: Asked) -> Answer:
        asked.connection.write(b"rubbish")
        raise RateLimitError("too late", status=429)

    with served(Answering(how)) as server, Raw(server) as raw:
        raw.send(request())
        assert raw.at_end() == b"rubbish"


def test_pings_while_nothing_comes_and_nothing_is_lost() -> None:
    source = Source("a", 0.3, "b", end=())

    async def how(asked: Asked) -> Answer:
        return Streamed(source, asked.context, ping_every=0.05)

    with served(Answering(how)) as server, Raw(server) as raw:
        body = raw.ask().body
        assert raw.ask("GET", "/health").status == 200
    assert body.replace(b": ping\n\n", b"") == b"data: a\n\ndata: b\n\n" + END
    assert body.startswith(b"data: a\n\n: ping\n\n")
    assert b"ping" not in body.partition(b"data: b")[2]
    assert source.cancelled == 0


def test_no_pings_while_something_comes() -> None:
    source = Source(*[0.02, "a"] * 10)

    async def how(asked: Asked) -> Answer:
        return Streamed(source, asked.context, ping_every=5)

    with served(Answering(how)) as server, Raw(server) as raw:
        assert raw.ask().body == b"data: a\n\n" * 10 + END


@pytest.mark.parametrize("kind", ["events", "bytes"])
def test_a_reader_who_does_not_read_holds_the_source_back(kind: str) -> None:
    source = Ready(BATCH if kind == "events" else b"x" * 5_000)
    with served(source if kind == "events" else Bytes(200, (), source)) as server:
        with Raw(server, receive_buffer=4_096) as raw:
            raw.send(request())
            raw.head()
            before = -1
            while source.asked != before:  # until it stands still
                before = source.asked
                threading.Event().wait(0.2)
            assert source.asked * 5_000 < 16_000_000  # what sockets buffer, and no more
            with Raw(server) as other:
                assert other.ask("GET", "/health").status == 200
            raw.socket.recv(1 << 20)
            raw.socket.recv(1 << 20)
            raw.vanish()
        left_nothing(source)


@pytest.mark.parametrize("kind", ["events", "bytes"])
def test_a_source_that_always_has_more_starves_nobody(kind: str) -> None:
    source = Ready([TextDelta("x")] if kind == "events" else b"x")
    with served(source if kind == "events" else Bytes(200, (), source)) as server, Raw(server) as raw:
        raw.send(request())
        raw.head()
        reading = threading.Thread(target=_read_on, args=(raw.socket,), daemon=True)
        reading.start()
        with Raw(server) as other:
            for _ in range(5):
                assert other.ask("GET", "/health").status == 200
        raw.socket.shutdown(socket.SHUT_RDWR)
        reading.join()
        left_nothing(source)


def _read_on(connection: socket.socket) -> None:
    try:
        while connection.recv(1 << 20):
            pass
    except OSError:
        pass


def test_a_source_that_takes_no_notice_is_ended_all_the_same() -> None:
    class Stubborn(Ready):
        async def next(self) -> Any:
            try:
                await asyncio.sleep(0.001)
            except asyncio.CancelledError:
                pass
            return await super().next()

    source = Stubborn(BATCH)
    with served(source) as server:
        with Raw(server) as raw:
            raw.send(request())
            raw.head()
            raw.vanish()
        left_nothing(source)


class Waiting:
    """An answerer that never answers."""

    def __init__(self) -> None:
        self.came, self.left = threading.Event(), threading.Event()

    async def answer(self, asked: Asked) -> Answer:
        self.came.set()
        try:
            return await asyncio.get_running_loop().create_future()
        finally:
            self.left.set()


@pytest.mark.parametrize("body", [b'{"text": "a"}', b'{"text": "%s"}' % (b"a" * 300_000)], ids=["short", "long"])
@pytest.mark.parametrize("how", ["reset", "fin"])
def test_who_leaves_before_there_is_an_answer_is_noticed(how: str, body: bytes) -> None:
    waiting = Waiting()
    with served(Answering(waiting.answer)) as server:
        raw = Raw(server)
        raw.send(request(body=body))
        assert waiting.came.wait(20)
        raw.vanish() if how == "reset" else raw.socket.close()
        assert waiting.left.wait(20)


def test_who_leaves_with_further_requests_in_the_line_is_noticed() -> None:
    waiting = Waiting()
    with served(Answering(waiting.answer)) as server:
        raw = Raw(server)
        raw.send(request() * 3)
        assert waiting.came.wait(20)
        raw.send(request() * 3)
        raw.socket.close()
        assert waiting.left.wait(20)


def test_who_leaves_while_nothing_comes_is_noticed() -> None:
    source = Source("a", "forever")
    with served(source) as server:
        raw = Raw(server)
        raw.send(request())
        raw.head()
        raw.until(b"data: a")
        raw.socket.close()
        left_nothing(source)
    assert source.cancelled == 1


def test_who_leaves_in_the_midst_of_his_request_is_forgotten() -> None:
    answerer = always(Source("a"))
    with served(answerer) as server:
        raw = Raw(server)
        raw.send(request()[:-5])
        raw.socket.close()
        with Raw(server) as other:
            assert other.ask().status == 200
    assert len(answerer.asked) == 1


def test_an_answer_that_comes_after_all_is_closed() -> None:
    """The answerer heeds no cancellation and answers nobody: what it gives is closed nevertheless."""
    source, came = Source("a"), threading.Event()

    async def how(asked: Asked) -> Answer:
        came.set()
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            return Streamed(source, asked.context)
        raise AssertionError

    with served(Answering(how)) as server:
        raw = Raw(server)
        raw.send(request())
        assert came.wait(20)
        raw.vanish()
        left_nothing(source)
