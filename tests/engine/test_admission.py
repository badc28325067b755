"""What stands between a call and its target: who waits, for how long, who goes elsewhere, and who is told that he may not."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.engine.calls import Book, call, stream_call, wire
from tests.engine.conftest import MakeIO
from tests.engine.stations import all_given_back, limited, logged, most_within, slots_of, tripped, window_of
from tests.replies import chat, chat_body, chat_stream, failed
from tests.virtual import World
from trunkline.engine import engine
from trunkline.engine.call import Call
from trunkline.engine.destination import Own
from trunkline.engine.station import KEY_REST, Station
from trunkline.engine.stream import LiveStream
from trunkline.io.aio import AsyncIO
from trunkline.io.blocking import BlockingIO
from trunkline.io.run import run_blocking
from trunkline.policy.rate_limit import RateLimit
from trunkline.policy.slots import Concurrency
from trunkline.sim.scripted import Scripted
from trunkline.values.errors import (
    AllTargetsFailedError,
    AuthenticationError,
    CircuitOpenError,
    ConcurrencyLimitError,
    ProviderError,
    RateLimitError,
    ServerError,
    StreamInterruptedError,
)
from trunkline.values.message import Message
from trunkline.values.request import Request
from trunkline.values.response import Response


def slow(seconds: float = 5.0) -> Scripted:
    return Scripted(200, {"content-type": "application/json"}, [chat_body()], wait=seconds)


def answer(io: World, asked: Call) -> Response:
    return io.run(engine.generate(io, asked))


def refused(io: World, asked: Call, kind: type[ProviderError]) -> Any:
    """The error of a call of which nothing was sent."""
    with pytest.raises(kind) as caught:
        answer(io, asked)
    assert type(caught.value) is kind
    assert io.exchanges == []
    assert [(attempt.asked, attempt.error) for attempt in caught.value.attempts] == [(False, kind.__name__)]
    return caught.value


def hosts(io: World) -> list[str]:
    return [request.url.split("/")[2].partition(".")[0] for request in io.requests]


def together(io: World, *coros: Coroutine[Any, Any, Any]) -> list[Any]:
    """The results or errors of tasks that run side by side."""

    async def main() -> list[Any]:
        return await asyncio.gather(*coros, return_exceptions=True)

    return io.run(main())


def asynchronous(script: Any) -> World:
    return World(script, blocking=False)


# --- nothing in the way -----------------------------------------------------------------------------------------------


def test_where_nothing_is_in_the_way_nothing_is_waited_for(world: MakeIO) -> None:
    io = world([chat()])
    (attempt,) = answer(io, call()).attempts
    assert (attempt.asked, attempt.waited, io.now()) == (True, 0.0, 1_000.0)


# --- an open circuit --------------------------------------------------------------------------------------------------


def test_an_open_circuit_is_told_with_the_time_that_is_left(world: MakeIO) -> None:
    io = world()
    error = refused(io, call(wire(station=tripped(994.0))), CircuitOpenError)
    assert error.retry_after == 4.0
    assert "failed too often" in str(error)
    assert io.now() == 1_000.0


def test_a_circuit_that_opens_while_somebody_waits_refuses_him_too() -> None:
    station = tripped(980.0)  # half open: one may try
    station.free_at = 1_003.0
    io = World(blocking=True)

    def others(_: int) -> None:
        assert station.breaker is not None
        station.breaker.failed(station.breaker.admit(io.now()), io.now())

    io.meanwhile = others
    error = refused(io, call(wire(station=station)), CircuitOpenError)
    assert (error.retry_after, io.now()) == (20.0, 1_003.0)
    assert error.attempts[0].waited == 3.0


def test_while_one_probes_the_others_are_refused() -> None:
    station = tripped(980.0)
    io = asynchronous([slow()])
    first, second = together(io, *(engine.generate(io, call(wire(station=station))) for _ in range(2)))
    assert isinstance(first, Response)
    assert isinstance(second, CircuitOpenError)
    assert second.retry_after == 10.0
    assert len(io.exchanges) == 1
    assert all_given_back(station, io.now())


# --- a target that wants to be left alone -----------------------------------------------------------------------------


def resting(seconds: float) -> Station:
    station = Station()
    station.free_at = 1_000.0 + seconds
    return station


@pytest.mark.parametrize("seconds", [4.0, 60.0])
def test_the_last_target_is_waited_for(world: MakeIO, seconds: float) -> None:
    io = world([chat()])
    response = answer(io, call(wire(station=resting(seconds))))
    assert io.now() == 1_000.0 + seconds
    assert [(attempt.waited, attempt.asked) for attempt in response.attempts] == [(seconds, True)]


@pytest.mark.parametrize(("seconds", "total"), [(60.5, 600.0), (20.0, 20.0), (30.0, 20.0)])
def test_but_not_for_longer_than_there_is_time(world: MakeIO, seconds: float, total: float) -> None:
    io = world()
    error = refused(io, call(wire(station=resting(seconds)), limit={"total": total}), RateLimitError)
    assert (error.retry_after, io.now()) == (seconds, 1_000.0)
    assert "longer than there is time" in str(error)


def test_within_the_deadline_it_is(world: MakeIO) -> None:
    io = world([chat()])
    answer(io, call(wire(station=resting(19.5)), limit={"total": 20.0}))
    assert io.now() == 1_019.5


def test_who_wants_nothing_tried_again_wants_nothing_waited_for(world: MakeIO) -> None:
    io = world([chat()])
    answer(io, call(wire(station=resting(4.0)), retries=0))
    assert io.now() == 1_000.0


@pytest.mark.parametrize("what", ["said", "guessed"])
def test_another_is_asked_at_once(world: MakeIO, what: str) -> None:
    station = Station()
    station.free_at, station.rests_until = (1_004.0, 0.0) if what == "said" else (0.0, 1_004.0)
    io = world([chat()])
    response = answer(io, call(wire(station=station), wire("p2")))
    assert (hosts(io), io.now()) == (["p2"], 1_000.0)
    first, second = response.attempts
    assert (first.asked, first.error, first.retry_after) == (False, "RateLimitError", 4.0)
    assert (second.asked, second.error) == (True, None)
    assert station.calls == 0


def test_of_both_the_longer_is_told(world: MakeIO) -> None:
    station = Station()
    station.free_at, station.rests_until = 1_002.0, 1_005.0
    io = world([chat()])
    assert answer(io, call(wire(station=station), wire("p2"))).attempts[0].retry_after == 5.0


def test_a_backup_of_the_same_quota_is_no_other(world: MakeIO) -> None:
    io = world([chat()])
    answer(io, call(wire(station=resting(4.0)), wire()))
    assert io.now() == 1_004.0


def test_a_guess_holds_nobody_up_who_has_nobody_else(world: MakeIO) -> None:
    station = Station()
    station.rests_until = 1_004.0
    station.account.rests_until = 1_300.0
    io = world([chat()])
    answer(io, call(wire(station=station)))
    assert io.now() == 1_000.0


def test_a_quota_that_is_gone_sends_to_another(world: MakeIO) -> None:
    station = Station()
    station.account.rests_until = 1_300.0
    io = world([chat()])
    response = answer(io, call(wire(station=station), wire("p2")))
    assert hosts(io) == ["p2"]
    assert (response.attempts[0].error, response.attempts[0].retry_after) == ("QuotaError", 300.0)


def test_a_limit_of_which_nothing_is_left_is_known_before_it_is_hit(world: MakeIO) -> None:
    station = Station()
    spent = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6s", "x-ratelimit-limit-requests": "3"}
    io = world([chat(headers=spent), chat(), chat()])
    answer(io, call(wire(station=station)))
    answer(io, call(wire(station=station), wire("p2")))
    assert (hosts(io), io.now()) == (["p1", "p2"], 1_000.0)
    answer(io, call(wire(station=station)))
    assert (hosts(io), io.now()) == (["p1", "p2", "p1"], 1_002.0)


# --- so many at once --------------------------------------------------------------------------------------------------


def test_first_come_first_served() -> None:
    station = limited(Concurrency(2))
    io = asynchronous(lambda _: slow())
    order: list[int] = []

    async def one(n: int) -> Response:
        response = await engine.generate(io, call(wire(station=station)))
        order.append(n)
        return response

    responses = together(io, *map(one, range(6)))
    assert order == list(range(6))
    assert [response.attempts[0].waited for response in responses] == [0.0, 0.0, 5.0, 5.0, 10.0, 10.0]
    assert io.now() == 1_015.0
    assert all_given_back(station, io.now())
    assert station.latencies.percentiles()[1] == (5.0, 5.0), "who waited here has not waited for the target"


def test_a_queue_that_is_full_refuses_at_once() -> None:
    station = limited(Concurrency(1, queue=1))
    io = asynchronous(lambda _: slow())
    results = together(io, *(engine.generate(io, call(wire(station=station))) for _ in range(3)))
    assert [type(result) for result in results] == [Response, Response, ConcurrencyLimitError]
    assert (
        str(results[2])
        == "p1/m: not asked: as many calls to gate-0 are under way as your limit allows (concurrency=1), and 1 wait"
    )
    assert [attempt.asked for attempt in results[2].attempts] == [False]
    assert len(io.exchanges) == 2
    assert all_given_back(station, io.now())


@pytest.mark.parametrize("queue", [0, 5])
def test_another_is_asked_rather_than_waited_for_a_place(queue: int) -> None:
    station = limited(Concurrency(1, queue=queue))
    io = asynchronous(lambda _: slow())
    together(io, *(engine.generate(io, call(wire(station=station), wire("p2"))) for _ in range(3)))
    assert (hosts(io), io.now()) == (["p1", "p2", "p2"], 1_005.0)
    assert all_given_back(station, io.now())


@pytest.mark.parametrize(("wait", "total", "waited"), [(3.0, 600.0, 3.0), (None, 4.0, 4.0), (3.0, 2.0, 2.0)])
def test_nobody_waits_longer_for_a_place_than_he_may(wait: float | None, total: float, waited: float) -> None:
    station = limited(Concurrency(1, wait=wait))
    io = asynchronous(lambda _: slow(10.0))
    book = Book()
    _, second = together(
        io,
        engine.generate(io, call(wire(station=station))),
        engine.generate(io, call(wire(station=station), limit={"total": total}, observers=(book,))),
    )
    assert type(second) is ConcurrencyLimitError
    assert [(attempt.waited, attempt.seconds) for attempt in book.attempts] == [(waited, waited)]
    assert all_given_back(station, io.now())


def test_a_place_is_waited_for_in_a_thread_too() -> None:
    station = limited(Concurrency(1, wait=2.0))
    io = World(blocking=True)
    assert slots_of(station).enter("somebody") == "in"
    refused(io, call(wire(station=station)), ConcurrencyLimitError)
    assert io.now() == 1_002.0
    assert (slots_of(station).busy, slots_of(station).waiting) == (1, 0)


def test_a_failure_gives_the_place_back_before_the_next_try(world: MakeIO) -> None:
    station = limited(Concurrency(1, wait=1.0))
    io = world([failed(500), failed(500), chat()])
    answer(io, call(wire(station=station)))
    assert len(io.exchanges) == 3
    assert all_given_back(station, io.now())


def test_a_stream_keeps_its_place_until_its_end(world: MakeIO) -> None:
    station = limited(Concurrency(1, queue=0))
    io = world(lambda _: chat_stream(["a"]))
    for end in ("end", "close", "collected"):
        live = LiveStream(io, stream_call(wire(station=station)))
        io.run(live.open())
        assert slots_of(station).busy == 1
        with pytest.raises(ConcurrencyLimitError):
            answer(io, call(wire(station=station)))
        if end == "end":
            while io.run(live.batch()):
                pass
        elif end == "close":
            io.run(live.close())
        else:
            live.abort(end)
        assert all_given_back(station, io.now())


def test_who_waits_under_a_narrow_limit_holds_no_place_under_a_wide_one() -> None:
    wide = limited(Concurrency(3))
    narrow = limited(Concurrency(3), Concurrency(1))
    narrow.gates = (wide.gates[0], narrow.gates[1])
    narrow.gates[1].lock, narrow.gates[1]._left = wide.gates[0].lock, wide.gates[0]._left
    io = asynchronous(lambda _: slow())
    results = together(
        io,
        *(engine.generate(io, call(wire(station=narrow))) for _ in range(4)),
        engine.generate(io, call(wire("p2", station=wide))),
    )
    assert [result.attempts[0].waited for result in results] == [0.0, 5.0, 10.0, 15.0, 0.0]
    assert all_given_back(narrow, io.now())
    assert all_given_back(wide, io.now())


def test_all_waits_of_one_try_add_up(world: MakeIO) -> None:
    station = limited(RateLimit(1, period=20.0))
    io = world([failed(503, headers={"retry-after": "2"}), chat()])
    assert [attempt.waited for attempt in answer(io, call(wire(station=station))).attempts] == [0.0, 20.0]
    station = limited(RateLimit(1, period=20.0), Concurrency(1))
    io = asynchronous(lambda _: slow())
    first, second = together(io, *(engine.generate(io, call(wire(station=station))) for _ in range(2)))
    assert [response.attempts[0].waited for response in (first, second)] == [0.0, 20.0]


# --- so many in a period ----------------------------------------------------------------------------------------------


def test_two_hundred_tasks_are_paced_exactly() -> None:
    station = limited(RateLimit(30, period=10.0))
    io = asynchronous(lambda _: chat())
    sent: list[float] = []

    async def one() -> None:
        response = await engine.generate(io, call(wire(station=station)))
        sent.append(1_000.0 + response.attempts[0].waited)

    assert together(io, *(one() for _ in range(200))) == [None] * 200
    assert sent == sorted(1_000.0 + 10.0 * (n // 30) for n in range(200))
    assert most_within(sent, 10.0) == 30
    assert all_given_back(station, io.now())


def test_fifty_threads_book_exactly() -> None:
    station = limited(RateLimit(20, period=10.0), RateLimit(7, period=3.0))
    wide, narrow = logged(station)
    io = World(lambda _: chat(), blocking=True)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(4):
                answer(io, call(wire(station=station)))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert len(io.exchanges) == 200
    assert wide.moments == narrow.moments, "the same moment under both"
    assert len(wide.moments) == 200
    assert most_within(wide.moments, 10.0) <= 20
    assert most_within(narrow.moments, 3.0) <= 7
    assert all_given_back(station, io.now())


def spent(limit: RateLimit, *more: RateLimit) -> Station:
    """A station of which another call has just taken the first limit's one request."""
    station = limited(limit, *more)
    window_of(station).reserve(1_000.0)
    return station


@pytest.mark.parametrize(("total", "goes"), [(60.5, True), (60.0, False), (59.0, False), (None, True)])
def test_a_moment_is_waited_for_only_within_the_deadline(world: MakeIO, total: float | None, goes: bool) -> None:
    station = spent(RateLimit(1))
    io = world([chat()])
    asked = call(wire(station=station), limit={"total": total})
    if goes:
        assert answer(io, asked).attempts[0].waited == 60.0
        assert io.now() == 1_060.0
        return
    error = refused(io, asked, RateLimitError)
    assert (error.retry_after, io.now()) == (60.0, 1_000.0)
    assert "your limit for gate-0 is reached" in str(error)
    assert window_of(station).used(1_060.0) == (0, 0), "nothing is booked"


def test_another_quota_is_asked_at_once(world: MakeIO) -> None:
    station = spent(RateLimit(1))
    io = world([chat()])
    response = answer(io, call(wire(station=station), wire("p2")))
    assert (hosts(io), io.now()) == (["p2"], 1_000.0)
    assert [(attempt.error, attempt.retry_after) for attempt in response.attempts] == [("RateLimitError", 60.0), (None, None)]
    assert window_of(station).used(1_060.0) == (0, 0)


def test_a_backup_of_the_same_quota_is_not(world: MakeIO) -> None:
    io = world([chat()])
    answer(io, call(wire(station=spent(RateLimit(1))), wire()))
    assert io.now() == 1_060.0


def test_limits_of_requests_alone_count_no_tokens(world: MakeIO) -> None:
    station = limited(RateLimit(5))
    io = world([chat()])
    answer(io, call(wire(station=station), prompt="word " * 1_000))
    assert window_of(station).used(1_000.0) == (1, 5), "what it used, as told afterwards"


def test_tokens_are_estimated_first_and_corrected_by_what_was_used() -> None:
    station = limited(RateLimit(tokens=1_000))
    io = asynchronous(lambda _: slow())
    used: list[tuple[int, int]] = []

    async def look() -> None:
        await asyncio.sleep(1.0)
        used.append(window_of(station).used(io.now()))

    asked = call(wire(station=station), message=Message.user("four" * 4), request={"max_tokens": 100})
    together(io, engine.generate(io, asked), look())
    assert used[0][0] == 1
    assert 101 <= used[0][1] <= 110
    assert window_of(station).used(io.now()) == (1, 5)


def test_an_empty_prompt_takes_a_token_at_least() -> None:
    station = limited(RateLimit(tokens=10))
    (window,) = logged(station)
    io = asynchronous([failed(400)])
    together(io, engine.generate(io, call(wire(station=station), prompt="")))
    assert [booked.tokens for booked in window.given] == [1]


def test_every_message_counts_and_each_of_its_texts() -> None:
    station = limited(RateLimit(tokens=10_000))
    (window,) = logged(station)
    io = asynchronous(lambda _: failed(400))
    for words in (1, 2):
        together(io, engine.generate(io, call(wire(station=station), prompt="word " * 100 * words)))
    few, many = (booked.tokens for booked in window.given)
    assert few > 50
    assert many == pytest.approx(2 * few, abs=1)


def test_a_prompt_that_no_period_has_room_for_is_refused(world: MakeIO) -> None:
    station = limited(RateLimit(tokens=100))
    io = world([chat()])
    asked = call(wire(station=station), request={"max_tokens": 200})
    error = refused(io, asked, RateLimitError)
    assert error.retry_after is None
    assert "and your limit for gate-0 is 100" in str(error)
    io = world([chat()])
    answer(io, call(wire(station=station), wire("p2"), request={"max_tokens": 200}))
    assert hosts(io) == ["p2"]


def test_several_limits_book_the_same_moment() -> None:
    station = limited(RateLimit(100), RateLimit(2, period=5.0), RateLimit(3, period=20.0))
    windows = logged(station)
    io = asynchronous(lambda _: chat())
    together(io, *(engine.generate(io, call(wire(station=station))) for _ in range(10)))
    expected = [1_000.0, 1_000.0, 1_005.0, 1_020.0, 1_020.0, 1_025.0, 1_040.0, 1_040.0, 1_045.0, 1_060.0]
    assert [window.moments for window in windows] == [expected] * 3


def test_what_one_limit_refuses_is_booked_under_none(world: MakeIO) -> None:
    station = limited(RateLimit(5), RateLimit(1))
    window_of(station, 1).reserve(1_000.0)
    error = refused(world(), call(wire(station=station), limit={"total": 30.0}), RateLimitError)
    assert (error.retry_after, "gate-1" in str(error)) == (60.0, True)
    assert window_of(station).used(1_000.0) == (0, 0)


def test_who_gives_up_a_later_moment_leaves_the_wide_limit_as_it_was() -> None:
    station = limited(RateLimit(100), RateLimit(1))
    window_of(station, 1).reserve(1_000.0)
    io = asynchronous(lambda _: chat())

    async def main() -> None:
        waiting = asyncio.create_task(engine.generate(io, call(wire(station=station))))
        await asyncio.sleep(1.0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    io.run(main())
    booked = window_of(station).reserve(io.now())
    assert not isinstance(booked, float)
    assert booked.at == 1_001.0
    assert all_given_back(station, io.now())


def test_what_never_went_takes_nothing_of_a_limit() -> None:
    station = tripped(980.0)
    station.gates = limited(RateLimit(1)).gates
    window_of(station).reserve(940.5)
    io = World(blocking=True)

    def others(_: int) -> None:
        assert station.breaker is not None
        station.breaker.failed(station.breaker.admit(io.now()), io.now())

    io.meanwhile = others
    refused(io, call(wire(station=station)), CircuitOpenError)
    assert io.now() == 1_000.5
    assert window_of(station).used(io.now()) == (0, 0)


# --- ended by the caller while he waits -------------------------------------------------------------------------------


def in_queue() -> Station:
    station = limited(Concurrency(1))
    slots_of(station).enter("somebody")
    return station


WAITS: dict[str, Callable[[], Station]] = {
    "queue": in_queue,
    "pace": lambda: spent(RateLimit(1)),
    "rest": lambda: resting(50.0),
}


@pytest.mark.parametrize("where", WAITS)
def test_a_cancelled_one_gives_all_back(where: str) -> None:
    station = WAITS[where]()
    io, book = asynchronous([]), Book()

    async def main() -> None:
        task = asyncio.create_task(engine.generate(io, call(wire(station=station), observers=(book,))))
        await asyncio.sleep(1.0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    io.run(main())
    look_after(station, io, where)
    assert ([end.how for end in book.ends], book.attempts) == (["cancel"], [])


def look_after(station: Station, io: World, where: str) -> None:
    assert io.exchanges == []
    if where == "queue":
        assert slots_of(station).leave("somebody") is None
    if where == "pace":
        assert window_of(station).used(1_060.0) == (0, 0)
    assert station.calls == 0
    assert all_given_back(station, io.now())


@pytest.mark.parametrize("where", WAITS)
def test_ctrl_c_gives_all_back(where: str) -> None:
    station = WAITS[where]()
    io, book = World(blocking=True), Book()

    def ctrl_c(_: int) -> None:
        raise KeyboardInterrupt

    io.meanwhile = ctrl_c
    with pytest.raises(KeyboardInterrupt):
        answer(io, call(wire(station=station), observers=(book,)))
    look_after(station, io, where)
    assert ([end.how for end in book.ends], book.attempts) == (["cancel"], [])


@pytest.mark.parametrize("where", WAITS)
def test_a_stream_that_is_closed_from_elsewhere_is_woken(where: str) -> None:
    station = WAITS[where]()
    io, book = asynchronous([]), Book()
    live = LiveStream(io, stream_call(wire(station=station), observers=(book,)))

    async def closes() -> None:
        await asyncio.sleep(1.0)
        await live.close()

    opened, _ = together(io, live.open(), closes())
    assert isinstance(opened, StreamInterruptedError)
    assert io.now() == 1_001.0, "it sleeps no longer"
    look_after(station, io, where)
    assert ([end.how for end in book.ends], book.attempts) == (["close"], [])


@pytest.mark.parametrize("where", ["pace", "rest"])
def test_and_in_a_thread_nothing_is_asked_after_it(where: str) -> None:
    station = WAITS[where]()
    io = World(blocking=True)
    live = LiveStream(io, stream_call(wire(station=station)))
    io.meanwhile = lambda _: live.abort("close")
    with pytest.raises(StreamInterruptedError, match="closed"):
        io.run(live.open())
    look_after(station, io, where)


@pytest.mark.parametrize("phase", ["connect", "head"])
def test_a_cancelled_probe_is_free_again(phase: str) -> None:
    station = tripped(980.0)
    io = asynchronous([Scripted(connect=50.0) if phase == "connect" else slow(50.0), chat()])

    async def main() -> Response:
        task = asyncio.create_task(engine.generate(io, call(wire(station=station))))
        await asyncio.sleep(1.0)
        with pytest.raises(CircuitOpenError):
            await engine.generate(io, call(wire(station=station)))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await engine.generate(io, call(wire(station=station)))

    assert io.run(main()).text == "hi"
    assert station.failures == 0
    assert all_given_back(station, io.now())


def test_a_stream_that_probes_gives_the_probe_back_when_it_is_closed(world: MakeIO) -> None:
    station = tripped(980.0)
    io = world(lambda _: chat_stream())
    live = LiveStream(io, stream_call(wire(station=station)))
    io.run(live.open())
    with pytest.raises(CircuitOpenError):
        answer(io, call(wire(station=station)))
    io.run(live.close())
    assert station.breaker is not None
    assert station.breaker.state(io.now()) == "half_open"
    assert all_given_back(station, io.now())


# --- last ones --------------------------------------------------------------------------------------------------------


def test_what_was_refused_here_is_told_among_the_others(world: MakeIO) -> None:
    io = world(lambda _: failed(500))
    with pytest.raises(AllTargetsFailedError) as caught:
        answer(io, call(wire(station=tripped(999.0)), wire("p2"), retries=0))
    assert [type(error) for error in caught.value.errors] == [CircuitOpenError, ServerError]
    assert hosts(io) == ["p2"]


# --- what a target says of itself while one waits ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "due"),
    [
        ((Concurrency(1),), 1_001.0),
        ((RateLimit(1, period=4.0),), 1_004.0),
        ((RateLimit(2, period=4.0), RateLimit(1, period=2.0)), 1_002.0),
    ],
)
@pytest.mark.parametrize("retries", [0, 1])
def test_a_target_that_names_a_moment_while_one_waits_under_a_limit_is_left_alone_until_then(
    limits: tuple[RateLimit | Concurrency, ...], due: float, retries: int
) -> None:
    station = limited(*limits)
    io = asynchronous(lambda _: chat() if len(io.exchanges) else chat_stream())

    async def main() -> float:
        held = LiveStream(io, stream_call(wire(station=station)))
        await held.open()
        waiting = asyncio.create_task(engine.generate(io, call(wire(station=station), retries=retries)))
        await io.wait_until(1_000.9)
        station.free_at = 1_010.0
        await io.wait_until(1_001.0)
        await held.close()
        await waiting
        return io.now()

    assert io.run(main()) == (1_010.0 if retries else due), "who wants nothing tried again wants nothing waited for"
    if retries and station.gates[0].window is not None:
        assert window_of(station).used(io.now())[0] == 1, "the moment that was booked first was given up"
    assert all_given_back(station, io.now())


def test_a_target_that_names_a_later_moment_while_one_waits_for_the_first_is_left_alone_until_then() -> None:
    station = Station()
    station.free_at = 1_003.0
    io = asynchronous([chat()])

    async def main() -> float:
        waiting = asyncio.create_task(engine.generate(io, call(wire(station=station))))
        await io.wait_until(1_002.0)
        station.free_at = 1_010.0
        await waiting
        return io.now()

    assert io.run(main()) == 1_010.0


def test_who_gives_his_moment_up_is_free_to_take_one_that_is_close_to_it() -> None:
    station = spent(RateLimit(1, period=20.0))
    io = World([chat()], blocking=True)
    io.meanwhile = lambda _: setattr(station, "free_at", 1_025.0)
    assert answer(io, call(wire(station=station))).attempts[0].waited == 25.0
    assert window_of(station).used(1_025.0)[0] == 1
    assert window_of(station).used(1_024.0) == (0, 0)


# --- real threads, real loops -----------------------------------------------------------------------------------------


class Counter:
    """A target of one's own that knows how many are with it."""

    def __init__(self) -> None:
        self.inside = self.most = self.asked = 0
        self._lock = threading.Lock()

    def generate(self, request: Request) -> str:
        with self._lock:
            self.inside += 1
            self.asked += 1
            self.most = max(self.most, self.inside)
        time.sleep(0)  # lets another thread go on
        with self._lock:
            self.inside -= 1
        return "yes"


def test_many_threads_and_loops_share_a_few_places_and_nobody_is_forgotten() -> None:
    counter, station = Counter(), limited(Concurrency(4), Concurrency(3))
    target = Own(counter, "mine", station)
    blocking = BlockingIO()
    failures: list[BaseException] = []

    def in_threads() -> None:
        for _ in range(10):
            run_blocking(engine.generate(blocking, call(target)))

    async def several(io: AsyncIO) -> None:
        await asyncio.gather(*(engine.generate(io, call(target)) for _ in range(60)))
        await io.close()

    def in_a_loop() -> None:
        asyncio.run(several(AsyncIO()))

    def work(part: Callable[[], None]) -> None:
        try:
            part()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(part,), daemon=True) for part in [in_threads] * 12 + [in_a_loop] * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert failures == []
    assert (counter.asked, counter.inside) == (12 * 10 + 2 * 60, 0)
    assert counter.most <= 3
    assert all_given_back(station, blocking.now())
    run_blocking(blocking.close())


def test_a_single_key_that_was_refused_is_shown_again_only_where_nobody_else_may_take_over(world: MakeIO) -> None:
    first, second = wire("p1"), wire("p2")
    io = world([failed(401), chat(), chat(), failed(401), chat()])
    told = [io.run(engine.generate(io, call(first, second))) for _ in range(2)]
    assert [[(each.error, each.asked) for each in reply.attempts] for reply in told] == [
        [("AuthenticationError", True), (None, True)],
        [("AuthenticationError", False), (None, True)],
    ]
    with pytest.raises(AuthenticationError):
        io.run(engine.generate(io, call(first, wire("p1", model="n"))))
    io.clock.advance(KEY_REST)
    assert io.run(engine.generate(io, call(first, second))).attempts[0].asked
