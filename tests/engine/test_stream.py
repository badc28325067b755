"""Streams: what is free before the first words, and what is told after them."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable

import pytest

from tests.engine.calls import Book, read, stream_call, texts, wire
from tests.replies import chat, chat_body, chat_stream, delta, error_frame, failed, finish, sse, start, streamed
from tests.virtual import World
from trunkline.engine.destination import Own
from trunkline.engine.stream import LiveStream
from trunkline.sim.scripted import NO_CONNECTION, REFUSED, Piece, Scripted
from trunkline.values.errors import (
    ConnectionResetByHostError,
    DeadlineError,
    MalformedResponseError,
    NotFoundError,
    OverloadedError,
    ProviderError,
    ServerError,
    StreamInterruptedError,
    TransportError,
    TruncatedBodyError,
    UsageError,
)
from trunkline.values.events import Event, Finish, Start, TextDelta, Warned

MakeIO = Callable[..., World]


def opened(io: World, asked: object) -> LiveStream:
    live = LiveStream(io, asked)  # type: ignore[arg-type]
    io.run(live.open())
    return live


def test_a_stream(world: MakeIO) -> None:
    io, book = world([chat_stream(["Hel", "lo"])]), Book()
    live = LiveStream(io, stream_call(observers=(book,)))
    assert not io.exchanges, "nothing is sent before it is opened"
    events = io.run(read(live))
    assert texts(events) == "Hello"
    assert isinstance(events[0], Start)
    response = live.response
    assert (response.text, response.finish_reason, response.partial) == ("Hello", "stop", False)
    assert (response.usage.input_tokens, response.usage.output_tokens) == (3, 2)
    assert (response.provider, response.request_id) == ("p1", "req_stream")
    assert [(a.status, a.error, a.request_id) for a in response.attempts] == [(200, None, "req_stream")]
    assert [end.how for end in book.ends] == ["end"]
    assert book.ends[0].response is response
    assert io.exchanges[0].closed
    assert io.run(live.batch()) == []
    assert [end.how for end in book.ends] == ["end"]


def test_nobody_waits_for_the_end_of_the_body_once_all_is_said(world: MakeIO) -> None:
    io = world([streamed([start(), delta("x"), finish()], "stall")])
    live = opened(io, stream_call())
    io.run(read(live))
    assert io.now() == 1_000.0
    assert live.response.partial is False


def test_timings(world: MakeIO) -> None:
    pieces: list[Piece] = [(2.0, start()), (3.0, delta("x")), (4.0, finish())]
    io = world([Scripted(500), Scripted(200, {}, pieces, wait=1.0)])
    live = opened(io, stream_call())
    io.run(read(live))
    waited = io.sleeps[0]
    assert live.response.timings.first_event == pytest.approx(waited + 6.0)
    assert live.response.timings.head == pytest.approx(waited + 1.0)
    assert live.response.timings.end == pytest.approx(waited + 10.0)
    assert live.response.latency == live.response.timings.end
    assert live.response.attempts[1].seconds == pytest.approx(10.0)


def test_the_clock_starts_when_the_stream_does(world: MakeIO) -> None:
    io = world([chat_stream()])
    live = LiveStream(io, stream_call(limit={"total": 10.0}))
    io.clock.advance(100.0)
    assert texts(io.run(read(live))) == "abc"
    assert live.response.latency == 0.0


# --- before the first words -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply",
    [
        failed(529),
        REFUSED,
        NO_CONNECTION,
        Scripted(reset_head=True),
        streamed([], "end"),
        streamed([], "reset"),
        streamed([b"\n\n"], "truncated"),
        streamed([start()], "reset"),
        streamed([start()], "stall"),
        streamed([start()], "end"),
        streamed([b": hello\n\n"], "end"),
        streamed([error_frame("busy", "overloaded_error")]),
        streamed([start() + error_frame("busy", "server_error")]),
        streamed([start(), b": ping\n\n", error_frame("busy", "server_error")]),
        streamed([b'{"error": {"message": "busy", "type": "server_error"}}']),
    ],
)
def test_until_the_first_words_a_failure_costs_nothing(world: MakeIO, reply: Scripted) -> None:
    io, book = world([reply, chat_stream(["whole"])]), Book()
    live = LiveStream(io, stream_call(observers=(book,)))
    events = io.run(read(live))
    assert texts(events) == "whole"
    assert sum(isinstance(event, Start) and event.id is not None for event in events) == 1
    assert len(io.sleeps) == 1
    assert [attempt.error is None for attempt in live.response.attempts] == [False, True]
    assert [end.how for end in book.ends] == ["end"]
    assert all(exchange.closed for exchange in io.exchanges)


def named(value: dict[str, object]) -> bytes:
    return f"event: {value['type']}\n".encode() + sse(value)


@pytest.mark.parametrize(
    "prelude",
    [
        [],
        [{"type": "ping"}],
        [{"type": "ping"}, {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}],
    ],
)
def test_an_overload_after_the_first_frames_is_tried_again(world: MakeIO, prelude: list[dict[str, object]]) -> None:
    """What Anthropic sends when it has no capacity: a message's start, a ping, and the error (anthropic-messages, errors in streams)."""
    message = {
        "id": "m1",
        "type": "message",
        "role": "assistant",
        "model": "c",
        "content": [],
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    frames = [named(frame) for frame in ({"type": "message_start", "message": message}, *prelude, error)]
    io = world([streamed(frames), streamed([b"".join(frames)]), failed(404)])
    with pytest.raises(NotFoundError) as caught:
        io.run(LiveStream(io, stream_call(wire(dialect="anthropic-messages"))).open())
    assert [attempt.error for attempt in caught.value.attempts] == ["OverloadedError", "OverloadedError", "NotFoundError"]


def test_another_target_takes_over_before_the_first_words(world: MakeIO) -> None:
    io = world([streamed([start(), error_frame("busy", "overloaded_error")]), chat_stream(["p2"])])
    live = opened(io, stream_call(wire("p1"), wire("p2")))
    assert texts(io.run(read(live))) == "p2"
    assert live.response.provider == "p2"
    assert io.sleeps == []


def test_when_no_retry_helps_the_error_itself_is_raised(world: MakeIO) -> None:
    io, book = world([streamed([error_frame("busy", "server_error")])] * 3), Book()
    live = LiveStream(io, stream_call(observers=(book,)))
    with pytest.raises(ServerError, match="busy") as caught:
        io.run(live.open())
    assert len(caught.value.attempts) == 3
    assert caught.value.request_id == "req_stream"
    assert [end.how for end in book.ends] == ["error"]
    assert live.ended
    assert io.run(live.batch()) == []


# --- after them -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pieces", "end", "cause"),
    [
        ([], "reset", ConnectionResetByHostError),
        ([], "truncated", TruncatedBodyError),
        ([], "stall", DeadlineError),
        ([], "end", StreamInterruptedError),
        ([error_frame("busy", "overloaded_error")], "end", OverloadedError),
        ([b"data: {garbage\n\n"], "end", MalformedResponseError),
    ],
)
def test_after_the_first_words_never_silently(world: MakeIO, pieces: list[bytes], end: str, cause: type[BaseException]) -> None:
    io, book = world([streamed([start(), delta("Hel"), delta("lo"), *pieces], end)]), Book()
    live, events = opened(io, stream_call(wire("p1"), wire("p2"), observers=(book,))), list[Event]()
    with pytest.raises(StreamInterruptedError) as caught:
        io.run(read(live, events))
    error = caught.value
    assert texts(events) == "Hello"
    assert error.partial is not None
    assert (error.partial.text, error.partial.partial) == ("Hello", True)
    assert type(error.__cause__) is cause
    assert isinstance(error.__cause__, ProviderError)
    assert (error.provider, error.model) == ("p1", "m")
    assert (error.__cause__.provider, error.__cause__.model) == ("p1", "m")
    assert [type(error.__cause__).__name__] == [attempt.error for attempt in error.attempts]
    assert [(one.how, one.error) for one in book.ends] == [("error", error)]
    assert len(io.exchanges) == 1
    assert io.exchanges[0].closed
    assert live.response.text == "Hello"
    again = pickle.loads(pickle.dumps(error))
    assert (again.partial, str(again)) == (error.partial, str(error))
    assert io.run(live.batch()) == []


@pytest.mark.parametrize("cut", ["one read", "with the error", "with the start"])
def test_an_error_in_the_same_read_as_text_loses_none_of_it(world: MakeIO, cut: str) -> None:
    begin, words, bad = start(), delta("Hel") + delta("lo"), error_frame("busy", "server_error")
    pieces = {"one read": [begin + words + bad], "with the error": [begin, words + bad], "with the start": [begin + words, bad]}
    io = world([streamed(pieces[cut])])
    live, events = opened(io, stream_call()), list[Event]()
    with pytest.raises(StreamInterruptedError) as caught:
        io.run(read(live, events))
    assert [event.text for event in events if isinstance(event, TextDelta)] == ["Hel", "lo"]
    assert caught.value.partial is not None
    assert caught.value.partial.text == "Hello"
    assert isinstance(caught.value.__cause__, ServerError)
    assert len(io.exchanges) == 1


def test_idle_means_no_byte_at_all(world: MakeIO) -> None:
    pings: list[Piece] = [(100.0, b": ping\n\n")] * 4
    io = world([streamed([start(), delta("a"), *pings, delta("b"), finish()])])
    live = opened(io, stream_call())
    assert texts(io.run(read(live))) == "ab"
    assert io.now() == 1_400.0


def test_the_total_deadline_ends_a_stream_that_goes_on(world: MakeIO) -> None:
    io = world([streamed([start(), *[(10.0, delta("x"))] * 100])])
    live, events = opened(io, stream_call(limit={"total": 35.0})), list[Event]()
    with pytest.raises(StreamInterruptedError) as caught:
        io.run(read(live, events))
    assert isinstance(caught.value.__cause__, DeadlineError)
    assert caught.value.__cause__.phase == "total"
    assert (texts(events), io.now()) == ("xxx", 1_035.0)


# --- odd bodies -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [1, 5, 1000])
@pytest.mark.parametrize("blank", [b"", b"\n \r\n", b"\xef\xbb\xbf"])
def test_a_whole_answer_to_a_stream_is_told_as_one(world: MakeIO, cut: int, blank: bytes) -> None:
    body = blank + chat_body("hello")
    io = world([streamed([body[n : n + cut] for n in range(0, len(body), cut)])])
    live = opened(io, stream_call())
    events = io.run(read(live))
    assert texts(events) == "hello"
    response = live.response
    assert (response.text, response.partial, response.finish_reason, response.usage.output_tokens) == ("hello", False, "stop", 2)
    assert response.request_id == "req_stream"


def test_a_whole_answer_that_is_cut_off_is_tried_again(world: MakeIO) -> None:
    io = world([streamed([b'{"id": '], "truncated"), chat("hello")])
    live = opened(io, stream_call())
    assert texts(io.run(read(live))) == "hello"


def test_a_stream_of_nothing_but_its_end(world: MakeIO) -> None:
    io, book = world([streamed([sse("[DONE]")])] * 3), Book()
    live = LiveStream(io, stream_call(observers=(book,)))
    try:
        events = io.run(read(live))
    except ProviderError as error:
        assert len(error.attempts) == 3
        assert [end.how for end in book.ends] == ["error"]
    else:
        assert texts(events) == ""
        assert [end.how for end in book.ends] == ["end"]


def test_warnings_come_first(world: MakeIO) -> None:
    io = world([streamed([sse({"type": "message_start", "message": {"id": "m1", "type": "message", "role": "assistant", "model": "c", "content": [], "usage": {"input_tokens": 1, "output_tokens": 1}}}, {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}, {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x"}}, {"type": "content_block_stop", "index": 0}, {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}}, {"type": "message_stop"})])])  # fmt: skip
    live = opened(io, stream_call(wire(dialect="anthropic-messages"), request={"frequency_penalty": 0.5}))
    events = io.run(read(live))
    assert [type(event) for event in events[:2]] == [Warned, Start]
    assert isinstance(events[0], Warned)
    assert events[0].warning.field == "frequency_penalty"
    assert [warning.field for warning in live.response.warnings] == ["frequency_penalty"]


def test_a_line_beyond_the_limit_ends_the_stream(world: MakeIO) -> None:
    io = world([streamed([start() + delta("ok"), delta("x" * 5_000), finish()])])
    live, events = opened(io, stream_call(limit={"max_line": 2_000})), list[Event]()
    with pytest.raises(StreamInterruptedError):
        io.run(read(live, events))
    assert texts(events) == "ok"


def test_every_cut_gives_the_same_events(world: MakeIO) -> None:
    whole = start() + delta("Hé") + b": ping\n\n" + delta("llo") + finish()
    expected = None
    for cut in (1, 2, 3, 7, 50, len(whole)):
        io = world([streamed([whole[n : n + cut] for n in range(0, len(whole), cut)])])
        events = io.run(read(LiveStream(io, stream_call())))
        shape = [(type(event), event.text, isinstance(event, Finish)) for event in events]
        expected = expected or shape
        assert shape == expected


# --- five ways to end -------------------------------------------------------------------------------------------------


def test_closed_by_the_caller(world: MakeIO) -> None:
    io, book = world([chat_stream()]), Book()
    live = opened(io, stream_call(observers=(book,)))
    io.run(live.batch())
    io.run(live.close())
    io.run(live.close())
    live.abort("collected")
    assert [end.how for end in book.ends] == ["close"]
    assert book.ends[0].response is not None
    assert (book.ends[0].response.text, book.ends[0].response.partial, book.ends[0].error) == ("a", True, None)
    assert book.attempts == []
    assert io.exchanges[0].closed
    assert io.run(live.batch()) == []


def test_closed_before_it_was_opened(world: MakeIO) -> None:
    io = world()
    live = LiveStream(io, stream_call())
    io.run(live.close())
    io.run(live.open())
    assert io.run(live.batch()) == []
    assert not io.exchanges


@pytest.mark.parametrize("kind", [KeyboardInterrupt, asyncio.CancelledError, SystemExit])
@pytest.mark.parametrize("where", ["head", "read"])
def test_ended_from_outside_is_nobodys_fault(
    world: MakeIO, kind: type[BaseException], where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    io, book, heard = world([chat_stream()]), Book(), list[BaseException]()
    live = LiveStream(io, stream_call(wire("p1"), wire("p2"), observers=(book,)))
    if where == "read":
        io.run(live.open())
        io.run(live.batch())

    async def interrupt(*_: object) -> bytes:
        raise kind

    monkeypatch.setattr("trunkline.sim.scripted_exchange.ScriptedExchange." + where, interrupt)

    async def run() -> BaseException | None:
        try:
            await live.batch()
        except BaseException as error:
            heard.append(error)
        return None

    io.run(run())
    assert [type(error) for error in heard] == [kind]
    assert [end.how for end in book.ends] == ["cancel"]
    assert book.attempts == []
    assert len(io.exchanges) == 1
    assert io.exchanges[0].closed


def test_a_task_is_cancelled() -> None:
    io, book = World([streamed([start(), delta("a")], "stall")], blocking=False), Book()
    live = LiveStream(io, stream_call(observers=(book,)))

    async def never(*_: object) -> bytes:
        await asyncio.get_running_loop().create_future()
        return b""

    async def run() -> None:
        await live.open()
        io.exchanges[0].read = never  # type: ignore[method-assign]
        task = asyncio.create_task(read(live))
        for _ in range(10):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    io.run(run())
    assert [end.how for end in book.ends] == ["cancel"]
    assert io.exchanges[0].closed


# --- closed from elsewhere while somebody waits -----------------------------------------------------------------------


def closing(live: LiveStream) -> Callable[..., object]:
    """What happens in an exchange's ``head`` or ``read`` when another thread closes the stream meanwhile."""

    async def waits(*_: object) -> None:
        live.abort("close")
        raise TransportError("the exchange was closed", phase="head")

    return waits


def test_a_close_while_waiting_for_the_head_is_no_reason_to_try_again(world: MakeIO, monkeypatch: pytest.MonkeyPatch) -> None:
    io, book = world(lambda _: chat_stream()), Book()
    live = LiveStream(io, stream_call(wire("p1"), wire("p2"), observers=(book,)))
    monkeypatch.setattr("trunkline.sim.scripted_exchange.ScriptedExchange.head", closing(live))
    with pytest.raises(ProviderError):
        io.run(live.open())
    assert len(io.exchanges) == 1
    assert io.exchanges[0].closed
    assert (io.sleeps, book.attempts) == ([], [])
    assert [end.how for end in book.ends] == ["close"]


def test_a_close_while_waiting_for_more_is_no_failure_of_the_provider(world: MakeIO, monkeypatch: pytest.MonkeyPatch) -> None:
    io, book = world([chat_stream()]), Book()
    live = opened(io, stream_call(observers=(book,)))
    io.run(live.batch())
    monkeypatch.setattr("trunkline.sim.scripted_exchange.ScriptedExchange.read", closing(live))
    with pytest.raises(StreamInterruptedError, match=r"^the stream was closed while it was being read\.") as caught:
        io.run(live.batch())
    assert caught.value.partial is not None
    assert caught.value.partial.text == "a"
    assert book.attempts == []
    assert [end.how for end in book.ends] == ["close"]


def test_a_close_while_waiting_to_try_again(world: MakeIO, monkeypatch: pytest.MonkeyPatch) -> None:
    io, book = world([failed(500), chat_stream()]), Book()
    live = LiveStream(io, stream_call(observers=(book,)))

    async def sleep(_: float) -> None:
        live.abort("close")

    monkeypatch.setattr(io, "sleep", sleep)
    with pytest.raises(StreamInterruptedError, match="closed"):
        io.run(live.open())
    assert len(io.exchanges) == 1 or io.exchanges[1].closed
    assert [attempt.error for attempt in book.attempts] == ["ServerError"]
    assert [end.how for end in book.ends] == ["close"]


def test_an_object_that_cannot_answer_this_client_is_not_asked() -> None:
    class Asynchronous:
        async def stream(self, request: object) -> None:
            raise AssertionError

    io = World(blocking=True)
    with pytest.raises(UsageError, match="its methods are asynchronous"):
        io.run(LiveStream(io, stream_call(Own(Asynchronous()))).open())  # type: ignore[arg-type]


def test_a_client_that_is_closed_ends_its_streams(world: MakeIO) -> None:
    io, book = world([chat_stream()]), Book()
    live = opened(io, stream_call(wire("p1"), wire("p2"), observers=(book,), carries_on=True))
    io.run(live.batch())
    io.run(io.close())
    with pytest.raises(StreamInterruptedError, match="closed") as caught:
        io.run(live.batch())
    assert caught.value.partial is not None
    (end,) = book.ends
    assert (end.how, end.response and end.response.text, caught.value.partial.text) == ("close", "a", "a")
    assert book.attempts == []
    assert len(io.exchanges) == 1
