"""Two targets at once: when the second is asked, who answers, and what becomes of the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.engine.calls import Book, call, read, stream_call, texts, wire
from tests.interrupts import interrupted
from tests.replies import chat_body, chat_stream, delta, failed, finish, start, streamed
from tests.virtual import World
from trunkline.engine import engine, hedging
from trunkline.engine.destination import Own, Wire
from trunkline.engine.station import Gate, Station
from trunkline.engine.stream import LiveStream
from trunkline.policy.hedge import Hedge
from trunkline.policy.retry_budget import RetryBudget
from trunkline.policy.slots import Concurrency
from trunkline.sim.scripted import REFUSED, Scripted
from trunkline.values.errors import AllTargetsFailedError, NotFoundError, ProviderError
from trunkline.values.model import Model, Price

MakeIO = Callable[..., World]
SOON = Hedge(after=2.0, share=1.0)
PRICED = Model(id="m", provider="p1", prices=(Price(input="1000000", output="1000000"),))  # a dollar a token


def whole(text: str, seconds: float = 0.0) -> Scripted:
    return Scripted(200, {"content-type": "application/json"}, [chat_body(text)], wait=seconds)


def late(reply: Scripted, seconds: float) -> Scripted:
    return msgspec.structs.replace(reply, wait=seconds)


def by_host(**replies: Scripted | list[Scripted]) -> Callable[[Any], Scripted]:
    """Each host's reply, or its replies in turn."""
    turns = {name: iter(reply) if isinstance(reply, list) else None for name, reply in replies.items()}

    def decide(request: Any) -> Scripted:
        name = request.url.split("/")[2].split(".")[0]
        turn = turns[name]
        return next(turn) if turn is not None else replies[name]  # type: ignore[return-value]

    return decide


def two(**more: Any) -> tuple[Wire, Wire]:
    return wire("p1", station=Station(), **more), wire("p2", station=Station(), **more)


def went(io: World) -> list[str]:
    return [request.url.split("/")[2].split(".")[0] for request in io.requests]


def story(attempts: Any) -> list[tuple[str, float, str | None, bool]]:
    return sorted((a.provider, round(a.at, 6), a.error, a.overtaken) for a in attempts)


def idle(*wires: Wire) -> None:
    """Nothing that was taken is still held."""
    for each in wires:
        assert each.station.in_flight == 0
        for gate in each.station.gates:
            assert gate.slots is not None
            assert (gate.slots.busy, gate.slots.waiting) == (0, 0)


@pytest.mark.parametrize("seconds", [0.0, 1.99])
def test_nobody_else_is_asked_before_the_delay_is_over(world: MakeIO, seconds: float) -> None:
    io, wires = world(by_host(p1=whole("one", seconds))), two()
    response = io.run(engine.generate(io, call(*wires, hedge=SOON)))
    assert (response.text, went(io), response.latency) == ("one", ["p1"], pytest.approx(seconds))
    assert story(response.attempts) == [("p1", 0.0, None, False)]
    idle(*wires)


def test_nobody_else_is_asked_where_that_is_not_wanted(world: MakeIO) -> None:
    io, wires = world(by_host(p1=whole("one", 100.0))), two()
    assert io.run(engine.generate(io, call(*wires))).text == "one"
    assert went(io) == ["p1"]
    assert wires[0].station.hedges is None


def test_after_the_delay_the_second_is_asked_and_whoever_answers_first_does(world: MakeIO) -> None:
    io, wires, book = world(by_host(p1=whole("one", 9.0), p2=whole("two", 1.0))), two(), Book()
    response = io.run(engine.generate(io, call(*wires, hedge=SOON, observers=(book,))))
    assert (response.text, response.provider, response.latency) == ("two", "p2", 3.0)
    assert story(response.attempts) == [("p1", 0.0, None, True), ("p2", 2.0, None, False)]
    assert [a.seconds for a in sorted(response.attempts, key=lambda a: a.at)] == [3.0, 1.0]
    assert all(exchange.closed for exchange in io.exchanges)
    assert [(end.how, end.provider) for end in book.ends] == [("end", "p2")]
    assert sorted(book.attempts, key=lambda a: a.at) == sorted(response.attempts, key=lambda a: a.at)
    idle(*wires)


def test_the_first_may_still_answer_first(world: MakeIO) -> None:
    io, wires, book = world(by_host(p1=whole("one", 4.0), p2=whole("two", 2.5))), two(), Book()
    response = io.run(engine.generate(io, call(*wires, hedge=SOON, observers=(book,))))
    assert (response.text, response.provider, response.latency) == ("one", "p1", 4.0)
    assert story(response.attempts) == [("p1", 0.0, None, False), ("p2", 2.0, None, True)]
    assert [end.provider for end in book.ends] == ["p1"]
    assert all(exchange.closed for exchange in io.exchanges)
    idle(*wires)


def test_being_overtaken_is_no_mark(world: MakeIO) -> None:
    io, wires = world(by_host(p1=whole("one", 9.0), p2=whole("two", 1.0))), two()
    for _ in range(7):
        io.run(engine.generate(io, call(*wires, hedge=SOON)))
    first, second = (each.station for each in wires)
    assert first.breaker is not None
    assert (first.breaker.state(io.now()), first.failures, first.calls, second.calls) == ("closed", 0, 7, 7)
    assert (first.latencies.average_first, second.latencies.average_first) == (None, 1.0)


# --- failures ---------------------------------------------------------------------------------------------------------


def test_a_failure_before_the_delay_is_a_failure_as_ever(world: MakeIO) -> None:
    io, wires = world(by_host(p1=late(failed(404), 1.9), p2=whole("two", 5.0))), two()
    response = io.run(engine.generate(io, call(*wires, hedge=SOON)))
    assert (response.text, went(io), response.latency) == ("two", ["p1", "p2"], pytest.approx(6.9))
    assert story(response.attempts) == [("p1", 0.0, "NotFoundError", False), ("p2", 1.9, None, False)]
    idle(*wires)


def test_a_failure_while_the_second_is_under_way_leaves_it_to_that(world: MakeIO) -> None:
    io, wires = world(by_host(p1=late(failed(404), 3.0), p2=whole("two", 5.0))), two()
    response = io.run(engine.generate(io, call(*wires, hedge=SOON)))
    assert (response.text, response.provider, went(io), response.latency) == ("two", "p2", ["p1", "p2"], 7.0)
    assert story(response.attempts) == [("p1", 0.0, "NotFoundError", False), ("p2", 2.0, None, False)]
    assert next(a for a in response.attempts if a.error).seconds == 3.0
    idle(*wires)


def test_a_failure_at_the_very_moment(world: MakeIO) -> None:
    io, wires = world(by_host(p1=late(failed(404), 2.0), p2=whole("two", 5.0))), two()
    response = io.run(engine.generate(io, call(*wires, hedge=SOON)))
    assert (response.text, went(io), response.latency) == ("two", ["p1", "p2"], 7.0)
    assert story(response.attempts) == [("p1", 0.0, "NotFoundError", False), ("p2", 2.0, None, False)]
    idle(*wires)


def test_where_the_second_fails_the_first_still_answers(world: MakeIO) -> None:
    for reply, error in ((late(failed(500), 1.0), "ServerError"), (REFUSED, "ConnectionRefusedByHostError")):
        io, wires = world(by_host(p1=whole("one", 9.0), p2=reply)), two()
        response = io.run(engine.generate(io, call(*wires, hedge=SOON)))
        assert (response.text, response.provider, response.latency) == ("one", "p1", 9.0)
        assert story(response.attempts) == [("p1", 0.0, None, False), ("p2", 2.0, error, False)]
        assert wires[1].station.failures == 1
        idle(*wires)


@pytest.mark.parametrize(("first", "second", "end"), [(6.0, 1.0, 6.0), (3.0, 4.0, 6.0)])
def test_where_both_fail_the_error_tells_both(world: MakeIO, first: float, second: float, end: float) -> None:
    io, wires, book = world(by_host(p1=late(failed(404, "first"), first), p2=late(failed(404, "second"), second))), two(), Book()
    with pytest.raises(AllTargetsFailedError) as caught:
        io.run(engine.generate(io, call(*wires, hedge=SOON, observers=(book,))))
    assert [error.provider for error in caught.value.errors] == ["p2", "p1"]
    assert [error.provider_message for error in caught.value.errors] == ["second", "first"]
    assert story(caught.value.attempts) == [("p1", 0.0, "NotFoundError", False), ("p2", 2.0, "NotFoundError", False)]
    assert io.now() == 1_000.0 + end
    assert went(io) == ["p1", "p2"], "nobody is asked twice"
    assert [one.how for one in book.ends] == ["error"]
    idle(*wires)


def test_where_both_fail_the_third_is_asked(world: MakeIO) -> None:
    io = world(by_host(p1=late(failed(404), 6.0), p2=failed(404), p3=whole("three", 1.0)))
    wires = (*two(), wire("p3", station=Station()))
    response = io.run(engine.generate(io, call(*wires, hedge=SOON)))
    assert (response.text, went(io), response.latency) == ("three", ["p1", "p2", "p3"], 7.0)
    assert story(response.attempts)[2] == ("p3", 6.0, None, False)
    idle(*wires)


def test_where_both_fail_and_the_first_is_worth_another_try(world: MakeIO) -> None:
    io, wires = world(by_host(p1=[late(failed(500), 6.0), whole("again", 1.0)], p2=failed(404))), two()
    response = io.run(engine.generate(io, call(*wires, hedge=SOON)))
    assert (response.text, went(io)) == ("again", ["p1", "p2", "p1"])
    assert len(io.sleeps) == 1, "it is the last that is left"
    idle(*wires)


def test_a_retry_is_not_hedged(world: MakeIO) -> None:
    io, wires = world(by_host(p1=[failed(500), whole("one", 50.0)], p2=whole("two"))), two()
    assert io.run(engine.generate(io, call(*wires, hedge=SOON))).text == "one"
    assert went(io) == ["p1", "p1"]


def test_nor_is_another_target_that_took_over(world: MakeIO) -> None:
    io = world(by_host(p1=failed(404), p2=whole("two", 50.0), p3=whole("three")))
    wires = (*two(), wire("p3", station=Station()))
    assert io.run(engine.generate(io, call(*wires, hedge=SOON))).text == "two"
    assert went(io) == ["p1", "p2"]


def test_without_another_target_the_same_is_asked_twice(world: MakeIO) -> None:
    io, only = world([whole("slow", 9.0), whole("quick", 1.0)]), wire(station=Station())
    response = io.run(engine.generate(io, call(only, hedge=SOON)))
    assert (response.text, response.latency) == ("quick", 3.0)
    assert story(response.attempts) == [("p1", 0.0, None, True), ("p1", 2.0, None, False)]
    idle(only)
    io, only = world([late(failed(404), 9.0), late(failed(404), 1.0)]), wire(station=Station())
    with pytest.raises(AllTargetsFailedError):
        io.run(engine.generate(io, call(only, hedge=SOON)))
    assert len(io.requests) == 2
    idle(only)


def test_one_second_at_most(world: MakeIO) -> None:
    io = world(by_host(p1=whole("one", 50.0), p2=whole("two", 40.0), p3=whole("three")))
    response = io.run(engine.generate(io, call(*two(), wire("p3", station=Station()), hedge=SOON)))
    assert (response.text, went(io)) == ("two", ["p1", "p2"])


def test_where_no_second_is_asked_the_first_ones_error_stands_alone(world: MakeIO) -> None:
    for seconds, taken in ((1.0, 0), (3.0, 1)):
        io, only, book = world(lambda _, s=seconds: late(failed(404), s)), wire(station=Station()), Book()
        for _ in range(taken):  # the one at the start is used up
            only.station.hedges = RetryBudget(0.001, least=0)
        with pytest.raises(NotFoundError) as caught:
            io.run(engine.generate(io, call(only, hedge=Hedge(after=2.0, share=0.001), observers=(book,))))
        assert story(caught.value.attempts) == [("p1", 0.0, "NotFoundError", False)]
        assert [end.error for end in book.ends] == [caught.value]
        idle(only)


def test_a_second_that_cannot_be_asked_is_passed_over(world: MakeIO) -> None:
    class Nothing:
        pass

    io, first = world(by_host(p1=whole("one", 9.0))), wire(station=Station())
    nothing: Any = Nothing()
    response = io.run(engine.generate(io, call(first, Own(nothing, "nothing"), hedge=SOON)))
    assert (response.text, response.latency) == ("one", 9.0)
    assert story(response.attempts) == [("nothing", 2.0, "UsageError", False), ("p1", 0.0, None, False)]


# --- how often --------------------------------------------------------------------------------------------------------


def test_at_most_a_share_and_one_at_the_start(world: MakeIO) -> None:
    io, wires = world(by_host(p1=whole("one", 9.0), p2=whole("two", 1.0))), two()
    hedged = [io.run(engine.generate(io, call(*wires, hedge=Hedge(after=2.0, share=0.25)))).text == "two" for _ in range(13)]
    assert hedged == [True, False, False] + [True, False, False, False] * 2 + [True, False]


def test_the_delay_is_a_percentile_of_what_was_seen(world: MakeIO) -> None:
    slow = [whole("one", float(n)) for n in (1, 2, 3, 4, 99)]
    io, wires = world(by_host(p1=slow, p2=whole("two"))), two()
    hedge = Hedge(percentile=0.5, share=1.0)
    assert io.run(engine.generate(io, call(*wires, hedge=hedge))).text == "one", "nothing was seen"
    for _ in range(3):
        io.run(engine.generate(io, call(*wires)))
    assert wires[0].station.latencies.percentile(0.5) == 2.0
    response = io.run(engine.generate(io, call(*wires, hedge=hedge)))
    assert (response.text, response.latency) == ("two", 2.0)
    assert went(io) == ["p1"] * 5 + ["p2"]


# --- what it costs ----------------------------------------------------------------------------------------------------


def priced() -> tuple[Wire, Wire]:
    return wire("p1", record=PRICED, station=Station()), wire("p2", record=PRICED, station=Station())


def test_the_loser_has_read_the_prompt(world: MakeIO) -> None:
    io, prompt = world(by_host(p1=whole("one", 9.0), p2=whole("two", 1.0))), "x" * 40
    response = io.run(engine.generate(io, call(*priced(), prompt=prompt, hedge=SOON)))
    first, second = sorted(response.attempts, key=lambda a: a.at)
    assert (first.cost, second.cost) == (Decimal(10), None)
    assert response.usage.total_tokens == 5
    assert response.cost == Decimal(15)


def test_what_is_not_known_is_not_guessed(world: MakeIO) -> None:
    for wires in ((priced()[0], two()[1]), (two()[0], priced()[1])):
        io = world(by_host(p1=whole("one", 9.0), p2=whole("two", 1.0)))
        assert io.run(engine.generate(io, call(*wires, hedge=SOON))).cost is None


def test_who_was_not_let_through_costs_nothing(world: MakeIO) -> None:
    io, wires = world(by_host(p1=whole("one", 3.0))), priced()
    wires[1].station.free_at = io.now() + 50.0
    response = io.run(engine.generate(io, call(*wires, hedge=SOON)))
    assert (response.text, response.cost) == ("one", Decimal(5))
    assert [(a.provider, a.asked, a.error) for a in response.attempts] == [("p2", False, "RateLimitError"), ("p1", True, None)]
    assert went(io) == ["p1"]


# --- streams ----------------------------------------------------------------------------------------------------------


def silent(text: str, seconds: float, end: str = "end") -> Scripted:
    """A stream whose head comes at once, its first words after so many seconds."""
    return streamed([start(), (seconds, delta(text)), (1.0, finish())], end)


@pytest.mark.parametrize(("first", "text"), [(9.0, "two"), (2.5, "one"), (1.0, "one")])
def test_a_stream_is_whoevers_words_begin_first(world: MakeIO, first: float, text: str) -> None:
    io, wires, book = world(by_host(p1=silent("one", first), p2=silent("two", 1.0))), two(), Book()
    live = LiveStream(io, stream_call(*wires, hedge=SOON, observers=(book,)))
    assert texts(io.run(read(live))) == text
    response = live.response
    assert response.timings.first_event == (3.0 if text == "two" else first)
    assert response.latency == response.timings.first_event + 1.0
    assert len(response.attempts) == (1 if first == 1.0 else 2)
    assert [a.provider for a in response.attempts if a.overtaken] == {"two": ["p1"], "one": ["p2"]}[text][: len(io.exchanges) - 1]
    assert all(exchange.closed for exchange in io.exchanges)
    assert [end.how for end in book.ends] == ["end"]
    idle(*wires)


def test_the_loser_of_a_stream_is_closed_before_the_first_words_are_out(world: MakeIO) -> None:
    io, wires = world(by_host(p1=silent("one", 9.0), p2=silent("two", 1.0))), two()
    live = LiveStream(io, stream_call(*wires, hedge=SOON))
    io.run(live.open())
    assert [exchange.closed for exchange in io.exchanges] == [True, False]
    assert (wires[0].station.in_flight, wires[1].station.in_flight) == (0, 1)
    io.run(live.close())
    assert [exchange.closed for exchange in io.exchanges] == [True, True]
    idle(*wires)


def test_a_winner_that_breaks_off_is_carried_on_by_somebody_else(world: MakeIO) -> None:
    io = world(by_host(p1=silent("one", 9.0), p2=streamed([start(), delta("Hel")], "reset"), p3=chat_stream(["lo"])))
    wires = (*two(), wire("p3", station=Station()))
    live = LiveStream(io, stream_call(*wires, hedge=SOON, carries_on=True))
    assert texts(io.run(read(live))) == "Hello"
    assert went(io) == ["p1", "p2", "p3"], "not by itself, while there are others"
    assert [(a.provider, a.overtaken, a.interrupted) for a in live.response.attempts] == [
        ("p1", True, False), ("p2", False, True), ("p3", False, False),
    ]  # fmt: skip
    idle(*wires)


def test_two_streams_that_both_fail(world: MakeIO) -> None:
    io, wires = world(by_host(p1=late(failed(404), 6.0), p2=late(failed(403), 1.0))), two()
    with pytest.raises(AllTargetsFailedError) as caught:
        io.run(LiveStream(io, stream_call(*wires, hedge=SOON)).open())
    assert [type(error).__name__ for error in caught.value.errors] == ["PermissionDeniedError", "NotFoundError"]
    idle(*wires)


# --- ended from outside -----------------------------------------------------------------------------------------------


def limited() -> tuple[tuple[Wire, Wire], Gate]:
    gate = Gate("all", concurrency=Concurrency(2))
    return (wire("p1", station=Station(gates=(gate,))), wire("p2", station=Station(gates=(gate,)))), gate


@pytest.mark.parametrize("moment", [1.0, 2.0, 3.0])
@pytest.mark.parametrize("how", ["cancel", "close", "abort"])
@pytest.mark.parametrize("stream", [False, True])
def test_nothing_is_left_of_a_race_that_is_ended(moment: float, how: str, stream: bool) -> None:
    io, (wires, gate), book = World(by_host(p1=silent("one", 9.0), p2=silent("two", 9.0)), blocking=False), limited(), Book()
    if not stream and how != "cancel":
        return
    asked = call(*wires, hedge=SOON, observers=(book,), stream=stream)
    live = LiveStream(io, asked)

    async def run() -> None:
        task = asyncio.ensure_future(live.open() if stream else engine.generate(io, asked))
        await asyncio.sleep(moment)
        if how == "cancel":
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return
        if how == "close":
            await live.close()
        else:
            live.abort("close")
        with pytest.raises(ProviderError):
            await task

    io.run(run())
    assert all(exchange.closed for exchange in io.exchanges)
    assert len(io.exchanges) == (1 if moment < 2.0 else len(io.exchanges))
    assert [end.how for end in book.ends] == [how if how == "cancel" else "close"]
    assert book.attempts == []
    idle(*wires)
    assert all(each.station.failures == 0 for each in wires)
    assert gate.slots is not None


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("host", ["p1", "p2"])
def test_ctrl_c_in_a_race(world: MakeIO, kind: type[BaseException], host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from trunkline.sim.scripted_exchange import ScriptedExchange

    io, (wires, _), book = world(by_host(p1=whole("one", 9.0), p2=whole("two", 9.0))), limited(), Book()
    head = ScriptedExchange.head

    async def interrupted(self: ScriptedExchange) -> Any:
        if f"/{host}." in self.request.url:  # type: ignore[union-attr]
            raise kind
        return await head(self)

    monkeypatch.setattr(ScriptedExchange, "head", interrupted)
    heard: list[BaseException] = []

    async def run() -> None:
        try:
            await engine.generate(io, call(*wires, hedge=SOON, observers=(book,)))
        except BaseException as error:
            heard.append(error)
            if io.blocking:
                raise

    with pytest.raises(kind):
        io.run(run())
    assert [end.how for end in book.ends] == ["cancel"]
    assert book.attempts == []
    assert all(exchange.closed for exchange in io.exchanges)
    idle(*wires)


def test_a_cancellation_while_the_loser_is_closed_closes_the_winner_too(monkeypatch: pytest.MonkeyPatch) -> None:
    from trunkline.engine.source import WireSource

    io, wires, book = World(by_host(p1=silent("one", 9.0), p2=silent("two", 1.0)), blocking=False), two(), Book()
    live = LiveStream(io, stream_call(*wires, hedge=SOON, observers=(book,)))
    close, closed = WireSource.close, list[WireSource]()

    async def run() -> None:
        task = asyncio.ensure_future(live.open())

        async def cancelling(self: WireSource) -> None:
            if io.now() == 1_003.0 and not closed:
                closed.append(self)
                asyncio.get_running_loop().call_soon(task.cancel)
                await asyncio.sleep(1.0)
            await close(self)

        monkeypatch.setattr(WireSource, "close", cancelling)
        with pytest.raises(asyncio.CancelledError):
            await task

    io.run(run())
    assert closed
    assert all(exchange.closed for exchange in io.exchanges)
    assert [end.how for end in book.ends] == ["cancel"]
    idle(*wires)


def test_a_mistake_of_ours_is_no_lost_race(world: MakeIO, monkeypatch: pytest.MonkeyPatch) -> None:
    for host in ("p1", "p2"):
        io, wires = world(by_host(p1=whole("one", 9.0), p2=whole("two", 9.0))), two()
        broken = wires[0] if host == "p1" else wires[1]

        async def exchange(*_: object, **__: object) -> Any:
            raise ZeroDivisionError

        monkeypatch.setattr(
            Wire, "exchange", lambda self, *a, _b=broken, _e=Wire.exchange: exchange() if self is _b else _e(self, *a)
        )
        with pytest.raises(ZeroDivisionError):
            io.run(engine.generate(io, call(*wires, hedge=SOON)))
        monkeypatch.undo()
        idle(*wires)


@pytest.mark.parametrize("host", ["p1", "p2"])
def test_ctrl_c_at_every_place(host: str) -> None:
    replies = {"p1": silent("one", 9.0), "p2": silent("two", 9.0), host: silent(host, 3.0)}
    after, broken_in = 0, True
    while broken_in:
        io, (wires, _), book = World(by_host(**replies)), limited(), Book()
        live = LiveStream(io, stream_call(*wires, hedge=SOON, observers=(book,)))
        broken_in = interrupted(hedging, after, lambda live=live, io=io: io.run(read(live)))  # type: ignore[misc]
        assert [end.how for end in book.ends] == (["cancel"] if broken_in else ["end"]), after
        assert all(exchange.closed for exchange in io.exchanges), after
        idle(*wires)
        after += 1
    assert after > 5


def test_a_second_that_waits_for_a_place_costs_nobody_his() -> None:
    gate = Gate("one", concurrency=Concurrency(1))
    only = wire(station=Station(gates=(gate,)))
    io = World([whole("one", 9.0)], blocking=False)
    response = io.run(engine.generate(io, call(only, hedge=SOON)))
    assert (response.text, response.latency, len(io.requests)) == ("one", 9.0, 1)
    assert story(response.attempts) == [("p1", 0.0, None, False), ("p1", 2.0, None, True)]
    assert [a.asked for a in sorted(response.attempts, key=lambda a: a.at)] == [True, False]
    idle(only)
    io = World([late(failed(404), 5.0), whole("two", 1.0)], blocking=False)
    response = io.run(engine.generate(io, call(only, hedge=SOON)))
    assert (response.text, response.latency) == ("two", 6.0), "it has the place as soon as the first has failed"
    idle(only)


def test_nobody_else_is_asked_when_the_time_is_up() -> None:
    io, wires = World(by_host(p1=whole("one", 60.0), p2=whole("two")), blocking=False), two()
    with pytest.raises(ProviderError):
        io.run(engine.generate(io, call(*wires, hedge=SOON, limit={"total": 2.0})))
    assert (went(io), io.now()) == (["p1"], 1_002.0)
    idle(*wires)
