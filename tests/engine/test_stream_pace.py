"""A stream that is slow: to begin, or to go on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.engine.calls import Book, read, stream_call, texts, wire
from tests.replies import chat_stream, delta, finish, sse, start, streamed
from tests.virtual import World
from trunkline.engine.destination import Own, Wire
from trunkline.engine.station import Station
from trunkline.engine.stream import GRACE, LiveStream
from trunkline.sim.scripted import NO_HEAD, Piece, Scripted
from trunkline.values.errors import AllTargetsFailedError, DeadlineError, StreamInterruptedError
from trunkline.values.events import Event, Moved
from trunkline.values.request import Request

MakeIO = Callable[..., World]
PING = b": ping\n\n"


def of(provider: str) -> Wire:
    return wire(provider, station=Station())


def two() -> tuple[Wire, Wire]:
    return of("p1"), of("p2")


# --- until the first token --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("silent", [NO_HEAD, streamed([start()], "stall"), streamed([start(), *[(1.0, PING)] * 50])])
def test_who_says_nothing_for_so_long_is_left(world: MakeIO, silent: Scripted) -> None:
    io, book = world([silent, chat_stream(["two"])]), Book()
    live = LiveStream(io, stream_call(*two(), limit={"first_token": 3.5}, observers=(book,)))
    assert texts(io.run(read(live))) == "two"
    assert io.now() == 1_003.5
    assert [(a.provider, a.error, a.seconds) for a in live.response.attempts] == [("p1", "DeadlineError", 3.5), ("p2", None, 0.0)]
    assert live.response.timings.first_event == 3.5
    assert all(exchange.closed for exchange in io.exchanges)


def test_not_unless_it_is_wanted(world: MakeIO) -> None:
    io = world([streamed([start(), *[(10.0, PING)] * 50, delta("x"), finish()])])
    assert texts(io.run(read(LiveStream(io, stream_call(*two()))))) == "x"
    assert io.now() == 1_500.0


def test_the_error_names_its_deadline(world: MakeIO) -> None:
    io = world(lambda _: streamed([start()], "stall"))
    with pytest.raises(DeadlineError) as caught:
        io.run(LiveStream(io, stream_call(of("p1"), limit={"first_token": 3.5}, retries=0)).open())
    error = caught.value
    assert (error.phase, error.seconds, error.provider, error.request_id) == ("first_token", 3.5, "p1", "req_stream")
    with pytest.raises(AllTargetsFailedError) as all_of_them:
        io.run(LiveStream(io, stream_call(*two(), limit={"first_token": 3.5}, retries=0)).open())
    assert {error.phase for error in all_of_them.value.errors if isinstance(error, DeadlineError)} == {"first_token"}


def test_the_whole_calls_deadline_keeps_its_name(world: MakeIO) -> None:
    for total in (3.0, 3.5):
        io = world([streamed([start()], "stall")])
        with pytest.raises(DeadlineError) as caught:
            io.run(LiveStream(io, stream_call(of("p1"), limit={"first_token": 3.5, "total": total})).open())
        assert (caught.value.phase, io.now()) == ("total", 1_000.0 + total)
    io = world([streamed([start()], "stall")])
    with pytest.raises(DeadlineError) as caught:
        io.run(LiveStream(io, stream_call(of("p1"), limit={"first_token": 3.5, "idle": 3.0}, retries=0)).open())
    assert caught.value.phase == "idle"


def test_afterwards_it_is_gone(world: MakeIO) -> None:
    pieces: list[Piece] = [start(), (3.0, delta("a")), (30.0, delta("b")), finish()]
    io = world([streamed(pieces)])
    live = LiveStream(io, stream_call(of("p1"), limit={"first_token": 3.5}))
    assert texts(io.run(read(live))) == "ab"
    assert io.now() == 1_033.0
    assert io.exchanges[0].deadlines.until == 1_600.0


def test_each_try_has_all_of_it(world: MakeIO) -> None:
    pieces: list[Piece] = [start(), (3.0, delta("a")), finish()]
    io = world([streamed([start(), (3.0, PING)], "reset"), streamed(pieces)])
    live = LiveStream(io, stream_call(*two(), limit={"first_token": 3.5}, retries=0))
    assert texts(io.run(read(live))) == "a"
    assert io.now() == 1_006.0


# --- so many tokens a second ------------------------------------------------------------------------------------------


def drip(every: float, times: int, text: str = "abcd") -> Scripted:
    """A token every so many seconds."""
    return streamed([start(), delta(text), *[(every, delta(text))] * times, finish()])


def slow(io: World, slowest: float, *plan: Any, **more: Any) -> tuple[LiveStream, list[Event]]:
    limit = {"slowest": slowest, **more.pop("limit", {})}
    live, events = LiveStream(io, stream_call(*(plan or (of("p1"),)), limit=limit, **more)), list[Event]()
    try:
        while batch := io.run(live.batch()):
            events += batch
    except StreamInterruptedError as error:
        events.append(error)  # type: ignore[arg-type]
    return live, events


def test_who_is_quick_enough_is_not_bothered(world: MakeIO) -> None:
    for every, slowest in ((1.0, 0.99), (0.5, 1.9), (4.9, 0.2)):
        io = world([drip(every, 20)])
        live, events = slow(io, slowest)
        assert texts(events) == "abcd" * 21
        assert not live.response.partial


def test_who_is_not_is_ended_at_the_moment_when_that_is_certain(world: MakeIO) -> None:
    assert GRACE == 5.0
    for every, slowest, came, until in (
        (3.0, 1.0, 2, 5.0),  # two tokens in five seconds
        (2.0, 1.0, 3, 5.0),
        (1.0, 2.0, 5, 5.0),  # the one that comes at the very moment is too late
        (1.5, 0.8, 4, 5.0),
        (10.0, 0.1, 1, 10.0),
        (9.0, 0.125, 1, 8.0),
    ):
        io = world([drip(every, 50)])
        live, events = slow(io, slowest)
        error = events.pop()
        assert isinstance(error, StreamInterruptedError)
        assert isinstance(error.__cause__, DeadlineError)
        assert texts(events) == "abcd" * came, (every, slowest)
        assert io.now() - 1_000.0 == pytest.approx(until)
        assert (error.__cause__.phase, error.__cause__.seconds) == ("speed", pytest.approx(until))
        assert live.response.text == "abcd" * came
        assert [a.error for a in error.attempts] == ["DeadlineError"]
        assert all(exchange.closed for exchange in io.exchanges)


def test_reasoning_and_calls_are_tokens_too(world: MakeIO) -> None:
    thought = sse({"id": "1", "choices": [{"index": 0, "delta": {"reasoning_content": "abcd" * 3}}]})
    piece = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "abcd" * 3}}
    written = sse({"id": "1", "choices": [{"index": 0, "delta": {"tool_calls": [piece]}}]})
    for frame in (thought, written):
        io = world([streamed([start(), frame, (8.9, finish("stop"))])])
        live, _ = slow(io, 1 / 3)
        assert not live.response.partial
        io = world([streamed([start(), frame, (9.1, finish("stop"))])])
        _, events = slow(io, 1 / 3)
        assert isinstance(events[-1], StreamInterruptedError)


def test_keep_alive_comments_are_no_tokens(world: MakeIO) -> None:
    io = world([streamed([start(), delta("abcd"), *[(1.0, PING)] * 100, finish()])])
    _, events = slow(io, 0.1)
    assert isinstance(events[-1], StreamInterruptedError)
    assert io.now() == 1_010.0


def test_how_long_the_reader_takes_is_his_own_affair(world: MakeIO) -> None:
    io = world([drip(1.0, 5)])
    live, events = LiveStream(io, stream_call(of("p1"), limit={"slowest": 0.9, "total": None})), list[Event]()
    while batch := io.run(live.batch()):
        events += batch
        io.clock.advance(60.0)
    assert texts(events) == "abcd" * 6


def test_the_time_to_the_first_words_does_not_count(world: MakeIO) -> None:
    io = world([streamed([start(), (50.0, delta("abcd")), (4.9, delta("abcd")), finish()])])
    _, events = slow(io, 0.4)
    assert texts(events) == "abcdabcd"


def test_the_whole_calls_time_and_a_silence_keep_their_names(world: MakeIO) -> None:
    for limit, phase, until in (({"total": 4.0}, "total", 4.0), ({"total": 5.0}, "total", 5.0), ({"idle": 2.0}, "idle", 2.0)):
        io = world([streamed([start(), delta("abcd")], "stall")])
        _, events = slow(io, 1.0, limit=limit)
        error = events.pop()
        assert isinstance(error, StreamInterruptedError)
        assert isinstance(error.__cause__, DeadlineError)
        assert (error.__cause__.phase, io.now()) == (phase, 1_000.0 + until)


def test_another_carries_on_and_has_as_much_time(world: MakeIO) -> None:
    again = streamed([start(), (3.0, delta("wxyz")), (4.0, delta("!")), finish()], "end")
    io, wires = world([drip(3.0, 50), again]), two()
    live, events = slow(io, 1.0, *wires, carries_on=True)
    assert texts(events) == "abcdabcdwxyz!"
    assert [event.reason for event in events if isinstance(event, Moved)] == ["DeadlineError"]
    assert io.now() == 1_012.0
    assert [(a.error, a.interrupted) for a in live.response.attempts] == [("DeadlineError", True), (None, False)]
    assert wires[0].station.breaker is not None
    assert wires[0].station.breaker.state(io.now()) == "closed"
    assert live.response.timings.first_event == 0.0


def test_the_next_may_be_too_slow_as_well(world: MakeIO) -> None:
    io = world([drip(3.0, 50), drip(2.0, 50, "wxyz"), chat_stream(["!"])])
    _, events = slow(io, 1.0, of("p1"), of("p2"), of("p3"), carries_on=True)
    assert texts(events) == "abcd" * 2 + "wxyz" * 3 + "!"
    assert io.now() == 1_010.0


def test_an_object_of_your_own_is_held_to_it(world: MakeIO) -> None:
    io = world([])

    class Slow:
        def stream(self, request: Request) -> Any:
            for _ in range(10):
                yield "abcd"
                io.clock.advance(3.0)

    _, events = slow(io, 1.0, Own(Slow()), limit={"first_token": 1.0})
    error = events.pop()
    assert isinstance(error, StreamInterruptedError)
    assert isinstance(error.__cause__, DeadlineError)
    assert error.__cause__.phase == "speed"
    assert texts(events) == "abcd" * 3
