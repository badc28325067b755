"""Over targets and tries: who is asked, how often, and with which error it ends."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from tests.engine.calls import Book, call, stream_call, wire
from tests.engine.conftest import MakeIO
from tests.engine.stations import all_given_back, limited, slots_of, tripped
from tests.replies import chat, chat_body, failed
from tests.virtual import World
from trunkline.engine import engine
from trunkline.engine.call import Call
from trunkline.engine.destination import Own, Signed, Turns, Wire
from trunkline.engine.pursuit import as_provider_error
from trunkline.engine.station import Gate, Station
from trunkline.engine.stream import LiveStream
from trunkline.policy.breaker import BreakerPolicy, Leave
from trunkline.policy.hedge import Hedge
from trunkline.policy.rate_limit import RateLimit
from trunkline.policy.retry_budget import RetryBudget
from trunkline.policy.slots import Concurrency
from trunkline.ports import IO, Deadlines
from trunkline.sim.scripted import Scripted
from trunkline.values.errors import (
    AllTargetsFailedError,
    AuthenticationError,
    CircuitOpenError,
    DeadlineError,
    InvalidRequestError,
    OverloadedError,
    ProviderError,
    ServerError,
    StreamInterruptedError,
    UsageError,
)
from trunkline.values.request import Request
from trunkline.values.response import Response
from trunkline.values.secret import Secret
from trunkline.wire.http import HttpRequest


def test_a_call_that_was_ended_while_it_waited_for_its_next_try_takes_nothing_more(world: MakeIO) -> None:
    io, book = world([Scripted(500)]), Book()
    gate = Gate("p1", RateLimit(1, period=60.0))
    live = LiveStream(io, stream_call(wire(station=Station(gates=(gate,))), observers=(book,), limit={"total": 30.0}))

    def meddle(turn: int) -> None:
        if not io.blocking and turn == 1:
            asyncio.get_running_loop().call_later(1e-6, live.abort, "close")
        if io.sleeps:
            live.abort("close")

    io.meanwhile = meddle
    with pytest.raises(StreamInterruptedError):  # and not that the limit is reached
        io.run(live.open())
    assert len(io.sleeps) == len(io.exchanges) == 1
    assert [end.how for end in book.ends] == ["close"]
    assert live._settlement.open == []
    assert gate.window is not None
    assert gate.window.used(io.now()) == (1, 0)


# --- a circuit that opens ---------------------------------------------------------------------------------------------


def answer(io: World, asked: Call) -> Response:
    return io.run(engine.generate(io, asked))


def fails(io: World, asked: Call, kind: type[ProviderError]) -> ProviderError:
    with pytest.raises(kind) as caught:
        answer(io, asked)
    assert type(caught.value) is kind
    return caught.value


def hosts(io: World) -> list[str]:
    return [request.url.split("/")[2].partition(".")[0] for request in io.requests]


def keys(io: World) -> str:
    """Which keys were shown, a letter each."""
    return "".join(request.headers["authorization"].removeprefix("Bearer sk-")[0] for request in io.requests)


def test_after_five_failures_nobody_is_asked_any_more(world: MakeIO) -> None:
    to = wire()
    io = world([failed(500)] * 5 + [chat()])
    for _ in range(5):
        fails(io, call(to, retries=0), ServerError)
    error = fails(io, call(to), CircuitOpenError)
    assert (error.retry_after, len(io.exchanges), io.sleeps) == (10.0, 5, [])
    assert [(attempt.asked, attempt.error) for attempt in error.attempts] == [(False, "CircuitOpenError")]
    io.clock.advance(10.0)
    assert answer(io, call(to)).text == "hi"


def test_or_another_is_asked_at_once(world: MakeIO) -> None:
    to, other = wire(station=tripped(1_000.0)), wire("p2")
    io = world([chat()])
    assert answer(io, call(to, other)).provider == "p2"
    assert (hosts(io), io.now()) == (["p2"], 1_000.0)


def test_what_users_do_wrong_opens_nothing(world: MakeIO) -> None:
    to = wire()
    io = world([failed(400)] * 30 + [chat()])
    for _ in range(30):
        fails(io, call(to), InvalidRequestError)
    assert answer(io, call(to)).text == "hi"


def test_no_try_is_waited_for_that_the_circuit_would_refuse(world: MakeIO) -> None:
    to = wire(station=Station(BreakerPolicy(failures=2, pause=10.0)))
    io = world([failed(500)] * 2)
    error = fails(io, call(to, retries=9), ServerError)
    assert [attempt.error for attempt in error.attempts] == ["ServerError"] * 2
    assert len(io.sleeps) == 1
    assert io.now() < 1_001.0


def test_nor_is_one_tried_at_once_that_has_just_opened_it(world: MakeIO) -> None:
    io = world([failed(500), chat()])
    answer(io, call(wire(station=Station(BreakerPolicy(failures=1))), wire("p2")))
    assert hosts(io) == ["p1", "p2"]


def test_a_pause_that_is_over_in_time_is_waited_for(world: MakeIO) -> None:
    to = wire(station=Station(BreakerPolicy(failures=1, pause=3.0, longest=3.0)))
    io = world([failed(503, headers={"retry-after": "3"}), chat()])
    assert answer(io, call(to)).text == "hi"
    assert io.sleeps == [3.0]
    to = wire(station=Station(BreakerPolicy(failures=1, pause=3.0, longest=3.0)))
    io = world([failed(503, headers={"retry-after": "2.9"}), chat()])
    fails(io, call(to), OverloadedError)
    assert io.sleeps == []


@pytest.mark.parametrize("other", [False, True])
def test_where_others_open_it_meanwhile_its_own_failure_is_told(other: bool) -> None:
    io = World([failed(500), chat()], blocking=True)
    station = Station(BreakerPolicy(failures=3))
    plan = [wire(station=station), wire("p2")] if other else [wire(station=station)]

    def meanwhile(_: int) -> None:
        if len(io.exchanges) == 1:
            for _ in range(2):
                assert station.breaker is not None
                station.breaker.failed(Leave.GO, io.now())

    asked = call(*plan)
    if other:  # while the first fails, so that it is not even tried again at once
        io.meanwhile = meanwhile
        assert [attempt.error for attempt in answer(io, asked).attempts] == ["ServerError", None]
        assert hosts(io) == ["p1", "p2"]
        return
    sleep = io.sleep

    async def sleeps(seconds: float) -> None:
        meanwhile(0)
        await sleep(seconds)

    io.sleep = sleeps  # type: ignore[method-assign]
    error = fails(io, asked, ServerError)
    assert [(attempt.error, attempt.asked) for attempt in error.attempts] == [("ServerError", True)]
    assert len(io.sleeps) == 1
    assert all_given_back(station, io.now())


def test_an_objects_own_word_for_an_open_circuit_is_an_error_like_others(world: MakeIO) -> None:
    class Gateway:
        def generate(self, request: Request) -> str:
            raise CircuitOpenError("over there")

    own = Own(Gateway())
    io = world([chat()])
    response = answer(io, call(own, wire("p2")))
    assert [(attempt.error, attempt.asked) for attempt in response.attempts] == [("CircuitOpenError", True), (None, True)]
    assert own.station.failures == 0


# --- how much may be retried ------------------------------------------------------------------------------------------


def test_a_target_that_always_fails_is_not_asked_much_more_often_than_one_that_is_well(world: MakeIO) -> None:
    to = wire(station=Station(None))
    io = world(lambda _: failed(500))
    for _ in range(1_000):
        with pytest.raises(ServerError):
            answer(io, call(to))
    assert len(io.exchanges) == 1_000 + 200 + 10


def test_nor_where_another_takes_over(world: MakeIO) -> None:
    to, other = wire(station=Station(None)), wire("p2")
    io = world(lambda request: chat() if "p2" in request.url else failed(500))
    for _ in range(100):
        assert answer(io, call(to, other)).provider == "p2"
    assert hosts(io).count("p1") == 100 + 20 + 10


def test_a_token_that_is_renewed_is_no_new_call(world: MakeIO) -> None:
    class Tokens:
        source = "a test"

        async def sign(self, io: IO, request: HttpRequest, limits: Deadlines) -> Signed:
            return Signed(request, Secret("token-0123456789"))

        def forget(self, proof: Secret) -> None: ...

    to = wire(station=Station(None))
    to.signer = Tokens()
    while to.station.budget.take():
        pass
    io = world([failed(401), chat()] * 5 + [failed(401)] * 2)
    for _ in range(5):
        assert [attempt.error for attempt in answer(io, call(to)).attempts] == ["AuthenticationError", None]
    assert [to.station.budget.take() for _ in range(2)] == [True, False]
    assert len(fails(io, call(to), AuthenticationError).attempts) == 2, "once, and no more"


# --- one owner of retries ---------------------------------------------------------------------------------------------

GATEWAY = {"trunkline-gateway": "1"}


@pytest.mark.parametrize(
    ("headers", "tries"),
    [({}, 3), ({"x-should-retry": "false"}, 1), (GATEWAY, 1), (GATEWAY | {"x-should-retry": "true"}, 3)],
)
def test_who_retries_himself_is_not_retried(world: MakeIO, headers: dict[str, str], tries: int) -> None:
    io = world(lambda _: failed(500, headers=headers))
    fails(io, call(), ServerError)
    assert len(io.exchanges) == tries
    io = world(lambda request: chat() if "p2" in request.url else failed(500, headers=headers))
    answer(io, call(wire(), wire("p2")))
    assert hosts(io) == ["p1"] * min(tries, 2) + ["p2"]


def test_only_a_gateway_is_told_how_long_the_caller_waits(world: MakeIO) -> None:
    gateway, other = wire("p1"), wire("p2")
    replies = [chat(headers=GATEWAY), chat(), failed(500, headers=GATEWAY), chat(), chat()]
    io = world(replies)
    asked = {"limit": {"total": 30.0}}
    answer(io, call(gateway, **asked))
    answer(io, call(gateway, **asked))
    answer(io, call(gateway, other, **asked))
    answer(io, call(gateway, limit={"total": None}))
    told = [request.headers.get("trunkline-timeout-ms") for request in io.requests]
    assert told == [None, "30000", "30000", None, None]
    assert hosts(io) == ["p1", "p1", "p1", "p2", "p1"]


# --- several keys -----------------------------------------------------------------------------------------------------


def pool(*names: str) -> list[Wire]:
    """Endpoints that differ in nothing but their key, which begins with a name of one letter."""
    ring = [wire(key=f"sk-{name}-0123456789abcdefgh", station=Station()) for name in names]
    turns = Turns()
    for one, name in zip(ring, names, strict=True):
        one.ring, one.turns = ring, turns
        one.target = msgspec.structs.replace(one.target, key=name)
    return ring


def test_keys_take_turns(world: MakeIO) -> None:
    ring = pool("a", "b", "c")
    io = world(lambda _: chat())
    assert [answer(io, call(ring[0])).attempts[0].key for _ in range(4)] == ["a", "b", "c", "a"]
    assert keys(io) == "abca"


@pytest.mark.parametrize(
    ("reply", "rest"),
    [
        (failed(429, headers={"retry-after": "10"}), 10.0),
        (failed(429), 5.0),
        (failed(402), 300.0),
        (failed(429, code="insufficient_quota"), 300.0),
        (failed(401), None),
    ],
)
def test_a_key_in_trouble_is_passed_over_until_it_is_over(world: MakeIO, reply: Scripted, rest: float | None) -> None:
    ring = pool("a", "b")
    io = world([reply] + [chat()] * 20)
    response = answer(io, call(ring[0]))
    assert [attempt.error is None for attempt in response.attempts] == [False, True]
    assert (keys(io), io.now()) == ("ab", 1_000.0)
    for _ in range(3):
        answer(io, call(ring[0]))
    assert keys(io) == "abbbb"
    if rest is None:
        io.clock.advance(10_000.0)
        answer(io, call(ring[0]))
        assert keys(io) == "abbbbb"
        ring[0].station.account.refused = False  # looked at by somebody
    else:
        io.clock.advance(rest - 0.5)
        answer(io, call(ring[0]))
        answer(io, call(ring[0]))
        assert keys(io) == "abbbbbb"
        io.clock.advance(0.5)
    answer(io, call(ring[0]))
    answer(io, call(ring[0]))
    assert sorted(keys(io)[-2:]) == ["a", "b"]


def test_where_all_keys_are_refused_one_is_asked_still_and_says_so(world: MakeIO) -> None:
    ring = pool("a", "b")
    io = world([failed(401)] * 2 + [failed(401), chat()])
    error = fails(io, call(ring[0]), AuthenticationError)
    assert [attempt.key for attempt in error.attempts] == ["a", "b"]
    fails(io, call(ring[0]), AuthenticationError)
    assert len(io.exchanges) == 3
    assert answer(io, call(ring[0])).text == "hi"


def test_a_failure_that_is_not_the_keys_is_not_taken_to_another_key(world: MakeIO) -> None:
    ring = pool("a", "b")
    io = world([failed(500), failed(500), chat()])
    answer(io, call(ring[0]))
    assert keys(io) == "aaa"


def test_a_key_whose_circuit_is_open_is_passed_over(world: MakeIO) -> None:
    ring = pool("a", "b")
    ring[0].station = tripped(995.0)
    io = world(lambda _: chat())
    for _ in range(3):
        answer(io, call(ring[0]))
    assert keys(io) == "bbb"
    io.clock.advance(5.0)
    for _ in range(2):
        answer(io, call(ring[0]))
    assert sorted(keys(io)[-2:]) == ["a", "b"]


def test_another_provider_is_asked_after_the_last_key(world: MakeIO) -> None:
    ring = pool("a", "b")
    io = world([failed(401), failed(401), chat()])
    response = answer(io, call(ring[0], wire("p2")))
    assert (hosts(io), response.provider) == (["p1", "p1", "p2"], "p2")


# --- what may be raised -----------------------------------------------------------------------------------------------


def test_what_cannot_be_asked_later_is_told_as_an_error_of_its_own() -> None:
    error = UsageError("too many stops", field="stop")
    made = as_provider_error(error, wire(), True)
    assert type(made) is ProviderError
    assert made.message.startswith("not asked: ")
    assert made.__cause__ is error
    with pytest.raises(UsageError):
        as_provider_error(error, wire(), False)
    with pytest.raises(ZeroDivisionError):
        as_provider_error(ZeroDivisionError(), wire(), True)


def test_what_an_object_of_the_users_own_raises() -> None:
    own = Own(object(), "mine")  # type: ignore[arg-type]
    made = as_provider_error(ZeroDivisionError(), own, False)
    assert type(made) is ProviderError
    assert isinstance(made.__cause__, ZeroDivisionError)
    with pytest.raises(UsageError):
        as_provider_error(UsageError("x"), own, False)
    known = ServerError()
    assert as_provider_error(known, own, False) is known


def test_the_call_ends_with_its_deadline_between_two_targets(world: MakeIO) -> None:
    class Late:
        def generate(self, request: Request) -> str:
            io.clock.advance(5.0)
            raise ZeroDivisionError

    io = world([chat()])
    assert answer(io, call(Own(Late(), "mine"), wire("p2"), limit={"total": 5.5})).provider == "p2"
    io = world([])
    error = fails(io, call(Own(Late(), "mine"), wire("p2"), limit={"total": 5.0}), AllTargetsFailedError)
    assert isinstance(error, AllTargetsFailedError)
    assert [(type(each), each.provider) for each in error.errors] == [(ProviderError, "mine"), (DeadlineError, "p2")]
    assert [attempt.error for attempt in error.attempts] == ["ZeroDivisionError"]
    assert error.message == "2 targets failed"


def test_a_mistake_of_ours_is_raised_as_it_is_and_leaves_nothing_taken(world: MakeIO) -> None:
    station = limited(RateLimit(5), Concurrency(1))
    io = world([])  # a request too many is an AssertionError
    with pytest.raises(AssertionError):
        answer(io, call(wire(station=station), wire("p2")))
    assert all_given_back(station, io.now())
    assert station.failures == 0


def test_who_is_asked_beside_another_waits_for_nothing(world: MakeIO) -> None:
    busy = limited(Concurrency(1))
    slots_of(busy).enter("somebody")
    io = world(lambda _: Scripted(200, {"content-type": "application/json"}, [chat_body()], wait=4.0))
    response = answer(io, call(wire(), wire("p2", station=busy), hedge=Hedge(after=1.0)))
    assert (response.provider, hosts(io), io.now()) == ("p1", ["p1"], 1_004.0)
    assert {(attempt.provider, attempt.error, attempt.waited) for attempt in response.attempts} == {
        ("p2", "ConcurrencyLimitError", 0.0),
        ("p1", None, 0.0),
    }
    assert slots_of(busy).leave("somebody") is None


def test_who_was_not_asked_before_the_time_was_up_is_named_in_the_hint(world: MakeIO) -> None:
    io = world([Scripted(wait=99.0)])
    with pytest.raises(DeadlineError, match=r"Other targets were not asked: Timeout\(first_byte"):
        io.run(engine.generate(io, call(wire("p1"), wire("p2"), limit={"total": 5.0})))
    io = world([Scripted(wait=99.0)])
    with pytest.raises(DeadlineError, match="A longer timeout gives it more time"):
        io.run(engine.generate(io, call(wire("p1"), limit={"total": 5.0})))


def test_the_shortest_wait_of_all_is_told(world: MakeIO) -> None:
    replies = [failed(429, headers={"retry-after": "90"}), failed(529), failed(429, headers={"retry-after": "70"})]
    io = world(replies)
    with pytest.raises(AllTargetsFailedError) as caught:
        io.run(engine.generate(io, call(wire("p1"), wire("p2"), wire("p3"))))
    assert caught.value.retry_after == 70.0


def test_why_nothing_more_was_tried_is_told(world: MakeIO) -> None:
    station = Station(None)
    station.budget = RetryBudget(least=1)
    io = world(lambda _: failed(500))
    with pytest.raises(ServerError, match="retry budget") as caught:
        io.run(engine.generate(io, call(wire(station=station))))
    assert len(caught.value.attempts) == 2
