"""One try: what it takes, and that all of it is given back once, whoever ends it and wherever Ctrl-C comes."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from tests.engine.calls import KEY, Book, call, read, stream_call, wire
from tests.engine.conftest import MakeIO
from tests.engine.stations import all_given_back, limited, slots_of, tripped, wherever_interrupted, window_of
from tests.replies import chat, chat_stream, failed
from tests.virtual import World
from trunkline.engine import engine
from trunkline.engine.call import Call
from trunkline.engine.settlement import Settlement
from trunkline.engine.station import LONGEST_REST, Station
from trunkline.engine.stream import LiveStream
from trunkline.engine.trial import Trial
from trunkline.policy.breaker import BreakerPolicy
from trunkline.policy.rate_limit import RateLimit, Reservation
from trunkline.policy.slots import Concurrency
from trunkline.values.errors import (
    AuthenticationError,
    CircuitOpenError,
    ConcurrencyLimitError,
    DeadlineError,
    InvalidRequestError,
    ProviderError,
    RateLimitError,
    ServerError,
    StreamInterruptedError,
    UsageError,
)
from trunkline.values.headers import Headers
from trunkline.wire.http import Head

NEVER = -float("inf")


def begun(io: World, station: Station | None = None, now: float = 1_000.0, *, again: bool = False, **more: object) -> Trial:
    asked: Call = call(wire(station=station or Station()), **more)
    return Trial(Settlement(io, asked), asked.plan[0], now, again=again)  # type: ignore[arg-type]


# --- going ------------------------------------------------------------------------------------------------------------


def test_one_that_goes_is_under_way(world: MakeIO) -> None:
    station = Station()
    trial = begun(world(), station)
    assert not trial.asked
    assert trial.until == 1_600.0
    assert trial.enter(1_000.0)
    assert trial.asked
    assert (station.in_flight, station.calls, station.failures) == (1, 1, 0)
    trial.ended(1_001.0)
    assert (station.in_flight, station.calls, station.failures) == (0, 1, 0)


@pytest.mark.parametrize("what", ["free_at", "rests_until", "account"])
def test_it_does_not_go_before_the_moment(world: MakeIO, what: str) -> None:
    station = Station()
    setattr(*((station.account, "rests_until") if what == "account" else (station, what)), 1_005.0)
    trial = begun(world(), station)
    assert not trial.enter(1_004.9)
    assert (trial.asked, station.calls) == (False, 0)
    assert trial.enter(1_005.0)


def test_it_does_not_go_at_once_where_there_is_a_limit(world: MakeIO) -> None:
    trial = begun(world(), limited(Concurrency(5)))
    assert not trial.enter(1_000.0)
    assert trial.go(1_000.0)


def test_it_does_not_go_through_an_open_circuit(world: MakeIO) -> None:
    station = tripped(1_000.0)
    trial = begun(world(), station)
    assert not trial.enter(1_009.9)
    assert not trial.go(1_009.9)
    assert (trial.asked, station.in_flight, station.calls) == (False, 0, 0)
    assert trial.go(1_010.0)
    other = begun(world(), station)
    assert not other.go(1_010.0), "one probe at a time"
    trial.released()
    assert other.go(1_010.0)


def test_without_a_breaker_it_goes(world: MakeIO) -> None:
    station = Station(None)
    for n in range(20):
        trial = begun(world(), station)
        assert trial.enter(1_000.0 + n)
        trial.ended(1_000.5 + n, error=ServerError())
    assert (station.in_flight, station.calls, station.failures) == (0, 20, 20)


def test_only_first_tries_add_to_what_may_be_retried(world: MakeIO) -> None:
    station = Station(None)
    while station.budget.take():
        pass
    for n in range(10):
        begun(world(), station, again=n % 2 == 0).go(1_000.0)
    assert [station.budget.take() for _ in range(2)] == [True, False]


# --- how it went ------------------------------------------------------------------------------------------------------


def test_its_end_is_written_down_once(world: MakeIO) -> None:
    book, station = Book(), Station()
    trial = begun(world(), station, observers=(book,))
    trial.waited = 0.5
    trial.enter(1_000.0)
    trial.ended(1_002.0, status=200, request_id="r1", cost=Decimal(3))
    for _ in range(2):
        trial.ended(1_003.0, error=ServerError())
        trial.released()
    (attempt,) = book.attempts
    assert (attempt.provider, attempt.model, attempt.seconds, attempt.waited) == ("p1", "m", 2.0, 0.5)
    assert (attempt.status, attempt.error, attempt.request_id, attempt.retry_after) == (200, None, "r1", None)
    assert (attempt.at, attempt.asked, attempt.overtaken, attempt.interrupted, attempt.cost) == (
        0.0,
        True,
        False,
        False,
        Decimal(3),
    )
    assert (station.in_flight, station.failures) == (0, 0)


def test_an_error_is_written_down_with_what_it_says(world: MakeIO) -> None:
    book = Book()
    trial = begun(world(), now=1_004.0, observers=(book,))
    error = RateLimitError(status=429, request_id="r2", retry_after=3.0)
    trial.ended(1_005.0, status=200, request_id="r1", error=error, interrupted=True)
    (attempt,) = book.attempts
    assert (attempt.status, attempt.error, attempt.request_id, attempt.retry_after) == (429, "RateLimitError", "r2", 3.0)
    assert (attempt.at, attempt.asked, attempt.interrupted) == (4.0, False, True)


def test_an_error_that_stands_for_the_users_own_has_its_name(world: MakeIO) -> None:
    for error, cause, name in (
        (ProviderError("x"), ZeroDivisionError(), "ZeroDivisionError"),
        (ProviderError("x"), None, "ProviderError"),
        (ServerError("x"), ZeroDivisionError(), "ServerError"),
    ):
        book = Book()
        error.__cause__ = cause
        begun(world(), observers=(book,)).ended(1_001.0, error=error)
        assert book.attempts[0].error == name


def test_a_key_in_a_request_id_is_masked(world: MakeIO) -> None:
    book = Book()
    begun(world(), observers=(book,)).ended(1_001.0, request_id=f"req-{KEY}")
    request_id = book.attempts[0].request_id
    assert request_id is not None
    assert request_id.startswith("req-")
    assert KEY not in request_id
    keyless = wire()
    keyless.secret = None
    settlement = Settlement(world(), call(keyless, observers=(book,)))
    Trial(settlement, keyless, 1_000.0).ended(1_001.0, request_id="r")
    assert book.attempts[1].request_id == "r"


@pytest.mark.parametrize(
    ("error", "head", "opens"),
    [
        (ServerError(), False, True),
        (ServerError(), True, True),
        (DeadlineError(phase="total"), False, True),
        (DeadlineError(phase="total"), True, False),
        (InvalidRequestError(), True, False),
        (RateLimitError(), True, False),
        (AuthenticationError(), True, False),
    ],
)
def test_what_counts_against_a_target(world: MakeIO, error: ProviderError, head: bool, opens: bool) -> None:
    station = Station(BreakerPolicy(failures=1))
    trial = begun(world(), station)
    trial.enter(1_000.0)
    if head:
        trial.replied(Head(200, Headers(())), 1_000.5, 0.0)
    trial.ended(1_001.0, error=error)
    assert station.breaker is not None
    assert station.breaker.state(1_001.0) == ("open" if opens else "closed")
    assert station.failures == 1


def unsaid(error: ProviderError, cause: BaseException | None = None) -> ProviderError:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "end",
    [
        lambda trial: trial.released(),
        lambda trial: trial.ended(1_011.0, overtaken=True),
        lambda trial: trial.ended(1_011.0, error=ServerError(), overtaken=True),
        lambda trial: trial.ended(1_011.0, error=CircuitOpenError()),
        lambda trial: trial.ended(1_011.0, error=ConcurrencyLimitError()),
        lambda trial: trial.ended(1_011.0, error=unsaid(ProviderError("cannot be said"), UsageError("x"))),
    ],
)
def test_what_says_nothing_of_the_target_is_no_mark_and_gives_the_probe_back(world: MakeIO, end: Callable[[Trial], None]) -> None:
    station = tripped(1_000.0)
    trial = begun(world(), station)
    assert trial.go(1_010.0)
    end(trial)
    assert station.breaker is not None
    assert station.breaker.state(1_011.0) == "half_open"
    assert all_given_back(station, 1_011.0)
    assert (station.failures, station.measured_at, station.free_at) == (0, NEVER, NEVER)
    assert begun(world(), station).go(1_011.0)


def test_a_probe_decides(world: MakeIO) -> None:
    for error, state in ((None, "closed"), (ServerError(), "open"), (InvalidRequestError(), "closed")):
        station = tripped(1_000.0)
        trial = begun(world(), station)
        trial.go(1_010.0)
        trial.ended(1_011.0, error=error)
        assert station.breaker is not None
        assert station.breaker.state(1_011.0) == state


def test_what_was_waited_for_before_is_not_the_targets_time(world: MakeIO) -> None:
    station = Station()
    trial = begun(world(), station)
    trial.go(1_005.0)
    trial.first = 1_005.25
    trial.ended(1_007.0)
    assert station.latencies.percentiles() == ((0.25, 0.25), (2.0, 2.0))
    assert station.measured_at == 1_007.0
    station = Station()
    trial = begun(world(), station)
    trial.go(1_005.0)
    trial.ended(1_007.0)
    assert station.latencies.percentiles() == ((2.0, 2.0), (2.0, 2.0))


def test_a_failure_tells_of_the_times_to_come_and_nothing_of_speed(world: MakeIO) -> None:
    station = Station()
    trial = begun(world(), station)
    trial.go(1_000.0)
    trial.ended(1_001.0, error=RateLimitError(retry_after=4.0))
    assert station.free_at == 1_005.0
    assert station.latencies.average_first is None
    refused_here = begun(world(), station)
    refused_here.ended(1_002.0, error=RateLimitError(retry_after=50.0))
    assert (station.free_at, station.failures) == (1_005.0, 1), "who was not asked has said nothing"


def test_what_a_head_tells(world: MakeIO) -> None:
    rows = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "4s"}
    station = Station()
    begun(world(), station).replied(Head(200, Headers(tuple(rows.items()))), 1_000.0, 0.0)
    assert (station.free_at, station.gateway) == (1_004.0, False)
    begun(world(), station).replied(Head(200, Headers((("x-ratelimit-remaining-requests", "1"),))), 1_001.0, 0.0)
    assert station.free_at == 1_004.0
    sooner = tuple((rows | {"x-ratelimit-reset-requests": "1s"}).items())
    begun(world(), station).replied(Head(200, Headers(sooner)), 1_001.0, 0.0)
    assert station.free_at == 1_004.0
    late = tuple((rows | {"x-ratelimit-reset-requests": "1h"}).items())
    begun(world(), station).replied(Head(299, Headers(late)), 1_001.0, 0.0)
    assert station.free_at == 1_001.0 + LONGEST_REST
    for status in (199, 300, 429):
        station = Station()
        trial = begun(world(), station)
        trial.replied(Head(status, Headers(tuple(rows.items()))), 1_000.5, 0.0)
        assert (station.free_at, trial.head) == (NEVER, 1_000.5)
    begun(world(), station).replied(Head(500, Headers((("Trunkline-Gateway", "1"),))), 1_000.0, 0.0)
    assert station.gateway


# --- giving back ------------------------------------------------------------------------------------------------------


def booked(trial: Trial, station: Station, tokens: int = 10) -> Reservation:
    reservation = window_of(station).reserve(1_000.0, tokens)
    assert isinstance(reservation, Reservation)
    trial.reserved.append((station.gates[0], reservation))
    return reservation


def test_a_booking_is_taken_back_where_it_never_went(world: MakeIO) -> None:
    station = limited(RateLimit(5, tokens=100))
    trial = begun(world(), station)
    booked(trial, station)
    trial.tokens = 4
    trial.released()
    assert window_of(station).used(1_000.0) == (0, 0)


def test_a_booking_is_corrected_by_what_was_used(world: MakeIO) -> None:
    station = limited(RateLimit(5, tokens=100))
    for tokens, used in ((4, 4), (None, 14), (25, 39)):
        trial = begun(world(), station)
        booked(trial, station)
        trial.go(1_000.0)
        trial.tokens = tokens
        trial.ended(1_001.0)
        assert window_of(station).used(1_000.0)[1] == used
    assert window_of(station).used(1_000.0)[0] == 3


def test_one_that_begins_after_the_end_of_its_call_takes_nothing(world: MakeIO) -> None:
    station = Station()
    settlement = Settlement(world(), call(wire(station=station)))
    settlement.settle("close", 1_000.0)
    trial = Trial(settlement, settlement.call.plan[0], 1_000.0)  # type: ignore[arg-type]
    with pytest.raises(StreamInterruptedError, match="closed"):
        trial.enter(1_000.0)
    assert (settlement.open, station.in_flight) == ([], 0)
    assert all_given_back(station, 1_000.0)


def test_one_that_was_ended_from_elsewhere_before_it_could_go_takes_nothing(world: MakeIO) -> None:
    station = tripped(1_000.0)
    trial = begun(world(), station)
    trial.released()
    with pytest.raises(StreamInterruptedError):
        trial.go(1_010.0)
    assert all_given_back(station, 1_010.0)
    trial.ended(1_011.0, error=ServerError())
    assert all_given_back(station, 1_011.0)


def test_it_is_open_until_all_is_given_back(world: MakeIO) -> None:
    station, book = Station(), Book()
    settlement = Settlement(world(), call(wire(station=station), observers=(book,)))
    trial = Trial(settlement, settlement.call.plan[0], 1_000.0)  # type: ignore[arg-type]
    trial.go(1_000.0)
    assert settlement.open == [trial]
    with station.lock:
        trial.released()
        assert station.in_flight == 1
    assert settlement.open == []
    station.heed()
    assert (station.in_flight, book.attempts) == (0, [])
    settlement.settle("close", 1_000.0)
    assert station.in_flight == 0


Whole = Callable[[World, Call], object]


def whole(io: World, asked: Call) -> object:
    return io.run(engine.generate(io, asked))


def streamed(io: World, asked: Call) -> object:
    return io.run(read(LiveStream(io, asked)))


@pytest.mark.parametrize("reply", ["answer", "failure"])
@pytest.mark.parametrize("way", ["whole", "stream"])
def test_ctrl_c_at_any_place_leaves_nothing_taken(world: MakeIO, way: str, reply: str) -> None:
    made: list[tuple[Station, World, Book]] = []

    def make() -> Callable[[], object]:
        station = limited(RateLimit(100, tokens=100_000), Concurrency(1), breaker=BreakerPolicy(failures=1, pause=10.0))
        assert station.breaker is not None
        station.breaker.failed(station.breaker.admit(980.0), 980.0)
        book = Book()
        if way == "whole":
            io = world([chat() if reply == "answer" else failed(500)])
            made.append((station, io, book))
            return lambda: ends(io, whole, call(wire(station=station), retries=0, observers=(book,)))
        io = world([chat_stream() if reply == "answer" else failed(500)])
        made.append((station, io, book))
        return lambda: ends(io, streamed, stream_call(wire(station=station), retries=0, observers=(book,)))

    def look(after: int) -> None:
        station, io, book = made[-1]
        assert station.in_flight == 0, f"after {after} places"
        assert slots_of(station, 1).busy == 0, f"after {after} places"
        assert all_given_back(station, 2_000.0), f"after {after} places"
        assert all(exchange.closed for exchange in io.exchanges)
        assert [end.how for end in book.ends] in (["cancel"], ["end"], ["error"])

    assert wherever_interrupted(make, look) > 20


def ends(io: World, way: Whole, asked: Call) -> None:
    try:
        way(io, asked)
    except ServerError:
        pass
