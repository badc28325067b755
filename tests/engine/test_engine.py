"""Retries, deadlines, fallbacks: what the engine does when the world fails, in a time that costs nothing."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from tests.engine.calls import Book, call, stream_call, wire
from tests.replies import chat, chat_body, chat_stream, failed, messages_body
from tests.virtual import World
from trunkline.dialects.dialect import WireRequest
from trunkline.engine import engine
from trunkline.engine.station import Station
from trunkline.engine.stream import LiveStream
from trunkline.sim.clock import VirtualClock
from trunkline.sim.scripted import NO_CONNECTION, NO_HEAD, REFUSED, Scripted
from trunkline.values.errors import (
    AllTargetsFailedError,
    AuthenticationError,
    ContextLengthError,
    DeadlineError,
    InvalidRequestError,
    MalformedResponseError,
    NotFoundError,
    OverloadedError,
    ProviderError,
    QuotaError,
    RateLimitError,
    ServerError,
    TransportError,
    TruncatedBodyError,
    UsageError,
)
from trunkline.values.json_form import from_json, to_json
from trunkline.values.model import Model
from trunkline.values.output import Output
from trunkline.values.response import Response

MakeIO = Callable[..., World]


def fails(io: World, asked: object, kind: type[BaseException]) -> BaseException:
    with pytest.raises(kind) as caught:
        io.run(engine.generate(io, asked))  # type: ignore[arg-type]
    assert type(caught.value) is kind
    assert all(exchange.closed for exchange in io.exchanges)
    return caught.value


def test_a_reply(world: MakeIO) -> None:
    io, book = world([chat("hello", headers={"x-request-id": "req_7"})]), Book()
    response = io.run(engine.generate(io, call(observers=(book,))))
    assert isinstance(response, Response)
    assert (response.text, response.provider, response.request_id, response.partial) == ("hello", "p1", "req_7", False)
    assert response.raw == io.exchanges[0].reply.body[0]
    assert response.headers["content-type"] == "application/json"
    (attempt,) = response.attempts
    assert (attempt.provider, attempt.model, attempt.status, attempt.error, attempt.request_id) == ("p1", "m", 200, None, "req_7")
    assert [end.how for end in book.ends] == ["end"]
    assert book.ends[0].response is response
    assert book.attempts == [attempt]
    assert io.exchanges[0].closed


# --- retries ----------------------------------------------------------------------------------------------------------


def test_backing_off_doubles_with_full_jitter_up_to_a_cap(world: MakeIO) -> None:
    io = world([failed(500)] * 7)
    error = fails(io, call(wire(station=Station(None)), retries=6), ServerError)
    assert [high for _, high in io.uniforms] == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0]
    assert {low for low, _ in io.uniforms} == {0.0}
    chance = random.Random(1)
    assert io.sleeps == [chance.uniform(0.0, high) for high in (0.5, 1.0, 2.0, 4.0, 8.0, 8.0)]
    assert isinstance(error, ProviderError)
    assert [attempt.waited for attempt in error.attempts] == [0.0, *io.sleeps]
    assert {attempt.error for attempt in error.attempts} == {"ServerError"}
    assert "7 attempts" in str(error)


def test_a_circuit_that_its_own_failures_opened_ends_the_retries(world: MakeIO) -> None:
    io = world([failed(500)] * 5)
    error = fails(io, call(retries=6), ServerError)
    assert len(io.requests) == 5
    assert [attempt.error for attempt in error.attempts] == ["ServerError"] * 5


def test_timings(world: MakeIO) -> None:
    io = world([failed(500), Scripted(200, {}, [(2.0, chat_body())], wait=1.0)])
    timings = io.run(engine.generate(io, call())).timings
    assert timings.head == pytest.approx(io.sleeps[0] + 1.0)
    assert timings.first_event is None
    assert timings.end == pytest.approx(io.sleeps[0] + 3.0)


def test_what_failed_is_told_with_the_reply(world: MakeIO) -> None:
    io = world([failed(529), REFUSED, chat()])
    response = io.run(engine.generate(io, call()))
    assert [(a.status, a.error, a.request_id) for a in response.attempts] == [
        (529, "OverloadedError", "req_529"),
        (None, "ConnectionRefusedByHostError", None),
        (200, None, "req_ok"),
    ]
    assert response.latency == pytest.approx(sum(io.sleeps))


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (failed(401), AuthenticationError),
        (failed(400), InvalidRequestError),
        (failed(400, "too long", code="context_length_exceeded"), ContextLengthError),
        (failed(404), NotFoundError),
        (failed(429, "no money", code="insufficient_quota"), QuotaError),
        (failed(413, "larger than the limit of a minute", code="rate_limit_exceeded"), RateLimitError),
        (Scripted(body=[b"not json"]), MalformedResponseError),
    ],
)
def test_what_waiting_does_not_help_is_not_retried(world: MakeIO, reply: Scripted, kind: type[ProviderError]) -> None:
    io = world([reply])
    error = fails(io, call(), kind)
    assert isinstance(error, ProviderError)
    assert (len(error.attempts), error.provider, error.model, io.sleeps) == (1, "p1", "m", [])


@pytest.mark.parametrize(
    "reply",
    [
        failed(408), failed(409), failed(429), failed(500), failed(502), failed(503), failed(504), failed(529), REFUSED, NO_CONNECTION,
        Scripted(reset_head=True), Scripted(body=[b'{"id"'], end="truncated"), Scripted(body=[b'{"id"'], end="reset"),
        Scripted(body=[b'{"id"'], end="stall"),
    ],
)  # fmt: skip
def test_what_passes_is_retried(world: MakeIO, reply: Scripted) -> None:
    io = world([reply, chat("better")])
    assert io.run(engine.generate(io, call())).text == "better"
    assert len(io.sleeps) == 1
    assert all(exchange.closed for exchange in io.exchanges)


def test_no_retries(world: MakeIO) -> None:
    io = world([failed(500)])
    error = fails(io, call(retries=0), ServerError)
    assert isinstance(error, ProviderError)
    assert len(error.attempts) == 1


@pytest.mark.parametrize(("word", "status", "tries"), [("true", 400, 3), ("TRUE", 401, 3), ("false", 500, 1), ("maybe", 500, 3)])
def test_the_providers_own_word_on_retrying_wins(world: MakeIO, word: str, status: int, tries: int) -> None:
    io = world([failed(status, headers={"x-should-retry": word})] * 3)
    with pytest.raises(ProviderError):
        io.run(engine.generate(io, call()))
    assert len(io.exchanges) == tries


# --- how long to wait -------------------------------------------------------------------------------------------------

WALL = datetime(2026, 11, 20, 9, 0, 0, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"Retry-After": " 1.5 "}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Fri, 20 Nov 2026 09:00:30 GMT"}, 30.0),
        ({"retry-after": "Friday, 20-Nov-26 09:00:30 GMT"}, 30.0),
        ({"retry-after": "Fri Nov 20 09:00:30 2026"}, 30.0),
        ({"retry-after": "60"}, 60.0),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1m2.5s"}, None),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "20ms"}, 0.02),
        ({"anthropic-ratelimit-requests-remaining": "0", "anthropic-ratelimit-requests-reset": "2026-11-20T09:00:05Z"}, 5.0),
    ],
)
def test_the_provider_says_how_long(world: MakeIO, headers: dict[str, str], wait: float | None) -> None:
    io = world([failed(429, headers=headers), chat()], clock=VirtualClock(wall=WALL))
    if wait is None:  # longer than we wait for anybody
        error = fails(io, call(), RateLimitError)
        assert isinstance(error, RateLimitError)
        assert error.retry_after == pytest.approx(62.5)
        return
    response = io.run(engine.generate(io, call()))
    assert io.sleeps == [pytest.approx(wait)]
    assert response.attempts[0].retry_after == pytest.approx(wait)
    assert response.attempts[1].waited == pytest.approx(wait)
    assert not io.uniforms, "a wait that was asked for is not jittered"


@pytest.mark.parametrize("words", ["0", "Fri, 20 Nov 2026 08:00:00 GMT"])
def test_no_wait_at_all_is_asked_for(world: MakeIO, words: str) -> None:
    io = world([failed(503, headers={"retry-after": words}), chat()], clock=VirtualClock(wall=WALL))
    assert io.run(engine.generate(io, call())).attempts[0].retry_after == 0.0
    assert io.sleeps == []


@pytest.mark.parametrize("words", ["", "soon", "-3", "nan", "inf", "1e12", "Fri, 31 Feb 2026 09:00:00 GMT"])
def test_nonsense_is_no_wait(world: MakeIO, words: str) -> None:
    io = world([failed(429, headers={"retry-after": words}), chat()], clock=VirtualClock(wall=WALL))
    assert io.run(engine.generate(io, call())).attempts[0].retry_after is None
    assert len(io.uniforms) == 1


def test_the_body_may_say_how_long(world: MakeIO) -> None:
    io = world([failed(429, "Please try again in 2.5s.", code="rate_limit_exceeded"), chat()])
    io.run(engine.generate(io, call()))
    assert io.sleeps == [2.5]


@pytest.mark.parametrize("words", ["61", "3600"])
def test_a_longer_wait_than_a_minute_is_the_callers_to_decide(world: MakeIO, words: str) -> None:
    io = world([failed(429, headers={"retry-after": words})])
    error = fails(io, call(), RateLimitError)
    assert isinstance(error, RateLimitError)
    assert error.retry_after == float(words)
    assert io.now() == 1_000.0


def test_a_wait_beyond_the_deadline_is_not_begun(world: MakeIO) -> None:
    io = world([failed(429, headers={"retry-after": "20"})])
    fails(io, call(limit={"total": 20.0}), RateLimitError)
    assert io.now() == 1_000.0


# --- deadlines --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "phase", "after"),
    [
        (NO_CONNECTION, "connect", 5.0),
        (NO_HEAD, "first_byte", 7.0),
        (Scripted(body=[b"{"], end="stall"), "idle", 11.0),
        (Scripted(body=[(10.0, b"{")] * 5, end="stall"), "total", 30.0),
    ],
)
def test_each_deadline_says_which_it_is(world: MakeIO, reply: Scripted, phase: str, after: float) -> None:
    io = world([reply])
    error = fails(io, call(retries=0, limit={"first_byte": 7.0, "idle": 11.0, "total": 30.0}), DeadlineError)
    assert isinstance(error, DeadlineError)
    assert isinstance(error, TimeoutError)
    assert (error.phase, error.seconds) == (phase, after)
    assert io.now() - 1_000.0 == after
    assert (error.provider, error.model) == ("p1", "m")


def test_the_total_holds_over_all_retries(world: MakeIO) -> None:
    slow = Scripted(500, body=[(4.0, b"{}")])
    io = world(lambda _: slow)
    with pytest.raises(ProviderError) as caught:
        io.run(engine.generate(io, call(retries=50, limit={"total": 30.0})))
    assert io.now() <= 1_030.0
    assert 2 < len(caught.value.attempts) < 50


def test_no_retry_after_the_total_deadline(world: MakeIO) -> None:
    io = world([NO_HEAD])
    error = fails(io, call(limit={"total": 3.0}), DeadlineError)
    assert isinstance(error, DeadlineError)
    assert error.phase == "total"
    assert len(error.attempts) == 1


def test_without_deadlines_none_is_set(world: MakeIO) -> None:
    io = world([chat()])
    limit = dict.fromkeys(("connect", "connect_with_fallback", "first_byte", "idle", "total"))
    io.run(engine.generate(io, call(limit=limit)))
    limits = io.exchanges[0].deadlines
    assert {limits.connect, limits.first_byte, limits.idle, limits.until} == {float("inf")}


def test_the_defaults(world: MakeIO) -> None:
    io = world([REFUSED, REFUSED, REFUSED, chat()])
    io.run(engine.generate(io, call(wire("p1"), wire("p2"))))
    assert [limits.connect for limits in (exchange.deadlines for exchange in io.exchanges)] == [1.5, 1.5, 5.0, 5.0]
    assert {limits.idle for limits in (exchange.deadlines for exchange in io.exchanges)} == {120.0}
    assert {limits.until for limits in (exchange.deadlines for exchange in io.exchanges)} == {1_600.0}
    assert {limits.first_byte for limits in (exchange.deadlines for exchange in io.exchanges)} == {float("inf")}


# --- fallbacks --------------------------------------------------------------------------------------------------------


def hosts(io: World) -> list[str]:
    return [request.url.split("/")[2].partition(".")[0] for request in io.requests]


@pytest.mark.parametrize(
    ("reply", "tries"),
    [
        (failed(500), 2),
        (REFUSED, 2),
        (Scripted(reset_head=True), 2),
        (Scripted(body=[b"{"], end="truncated"), 2),
        (NO_CONNECTION, 1),
        (failed(429), 1),
        (failed(529), 1),
        (failed(500, headers={"retry-after": "1"}), 1),
        (failed(401), 1),
        (failed(403), 1),
        (failed(404), 1),
        (failed(402), 1),
        (Scripted(body=[b"garbage"]), 1),
    ],
)
def test_while_another_remains_nobody_waits(world: MakeIO, reply: Scripted, tries: int) -> None:
    io = world([reply] * tries + [chat("from p2")])
    response = io.run(engine.generate(io, call(wire("p1"), wire("p2"))))
    assert (response.text, response.provider) == ("from p2", "p2")
    assert hosts(io) == ["p1"] * tries + ["p2"]
    assert (io.sleeps, io.uniforms) == ([], [])
    assert [attempt.provider for attempt in response.attempts] == hosts(io)
    assert all(exchange.closed for exchange in io.exchanges)


def test_no_immediate_retry_where_there_are_no_retries(world: MakeIO) -> None:
    io = world([failed(500), chat()])
    io.run(engine.generate(io, call(wire("p1"), wire("p2"), retries=0)))
    assert hosts(io) == ["p1", "p2"]


def test_only_the_last_target_is_waited_for(world: MakeIO) -> None:
    io = world([failed(500), failed(500), failed(429), failed(500), chat()])
    response = io.run(engine.generate(io, call(wire("p1"), wire("p2"), wire("p3"))))
    assert hosts(io) == ["p1", "p1", "p2", "p3", "p3"]
    assert len(io.sleeps) == 1
    assert [attempt.waited for attempt in response.attempts] == [0.0, 0.0, 0.0, 0.0, io.sleeps[0]]


@pytest.mark.parametrize("reply", [failed(400), failed(422), failed(400, "no", code="content_filter")])
def test_what_would_be_refused_everywhere_is_not_asked_elsewhere(world: MakeIO, reply: Scripted) -> None:
    io = world([reply])
    with pytest.raises(ProviderError) as caught:
        io.run(engine.generate(io, call(wire("p1"), wire("p2"))))
    assert not isinstance(caught.value, AllTargetsFailedError)
    assert hosts(io) == ["p1"]


def test_when_all_fail_each_error_is_told(world: MakeIO) -> None:
    io, book = world([failed(401), NO_CONNECTION, failed(503), failed(503), failed(503)]), Book()
    plan = (wire("p1", key="sk-first-aaaaaaaaaaaaaaaa"), wire("p2"), wire("p3"))
    error = fails(io, call(*plan, observers=(book,)), AllTargetsFailedError)
    assert isinstance(error, AllTargetsFailedError)
    assert isinstance(error, ProviderError)
    assert [type(one) for one in error.errors] == [AuthenticationError, DeadlineError, OverloadedError]
    assert [one.provider for one in error.errors] == ["p1", "p2", "p3"]
    assert [attempt.provider for attempt in error.attempts] == ["p1", "p2", "p3", "p3", "p3"]
    assert all(f"{name}/m" in str(error) for name in ("p1", "p2", "p3"))
    assert [(end.how, end.error) for end in book.ends] == [("error", error)]
    assert [attempt.provider for attempt in book.attempts] == hosts(io)


def test_the_deadline_ends_the_whole_plan(world: MakeIO) -> None:
    io = world([failed(401), NO_HEAD])
    error = fails(io, call(wire("p1"), wire("p2"), wire("p3"), limit={"total": 9.0}), AllTargetsFailedError)
    assert isinstance(error, AllTargetsFailedError)
    assert [type(one) for one in error.errors] == [AuthenticationError, DeadlineError]
    assert hosts(io) == ["p1", "p2"]
    assert io.now() == 1_009.0


# --- hints, losses, output --------------------------------------------------------------------------------------------

RECORD = Model(id="m", provider="p1", retires="2026-03-01", successor="m2")


def test_a_retired_model_is_asked_and_its_404_explained(world: MakeIO) -> None:
    io = world([failed(404, "no such model")], clock=VirtualClock(wall=WALL))
    error = fails(io, call(wire(record=RECORD)), NotFoundError)
    assert isinstance(error, NotFoundError)
    assert (error.retired, error.successor) == ("2026-03-01", "m2")
    assert "retired on 2026-03-01" in str(error)
    assert "p1/m2" in str(error)


def test_before_its_last_day_a_404_is_a_404(world: MakeIO) -> None:
    io = world([failed(404)], clock=VirtualClock(wall=datetime(2026, 2, 28, tzinfo=UTC).timestamp()))
    error = fails(io, call(wire(record=RECORD)), NotFoundError)
    assert isinstance(error, NotFoundError)
    assert (error.retired, error.hint) == (None, NotFoundError.hint_default)


def test_what_is_lost_is_a_warning_and_strict_an_error_before_anything_is_sent(world: MakeIO) -> None:
    io = world([Scripted(body=[messages_body()])])
    target = wire(dialect="anthropic-messages")
    response = io.run(engine.generate(io, call(target, request={"frequency_penalty": 0.5})))
    assert [(warning.kind, warning.field) for warning in response.warnings] == [("dropped", "frequency_penalty")]
    io = world()
    error = fails(io, call(target, request={"frequency_penalty": 0.5}, strict=True), UsageError)
    assert isinstance(error, UsageError)
    assert error.field == "frequency_penalty"


def test_strict_looks_at_every_target_before_anything_is_sent(world: MakeIO) -> None:
    io = world()
    error = fails(
        io, call(wire("p1"), wire("p2", "anthropic-messages"), request={"frequency_penalty": 0.5}, strict=True), UsageError
    )
    assert isinstance(error, UsageError)
    assert not io.exchanges


def test_structured_output_is_parsed(world: MakeIO) -> None:
    io = world([chat('{"a": 1}')])
    assert io.run(engine.generate(io, call(parse=lambda text: ("parsed", text)))).output == ("parsed", '{"a": 1}')


def test_output_that_does_not_parse_says_who_wrote_it(world: MakeIO) -> None:
    def parse(text: str) -> None:
        raise MalformedResponseError(path="$.a")

    io, book = world([chat("{}")]), Book()
    error = fails(io, call(parse=parse, observers=(book,)), MalformedResponseError)
    assert isinstance(error, MalformedResponseError)
    assert error.response is not None
    assert (error.response.text, error.hint) == ("{}", "The reply stands in its `response`")
    assert from_json(to_json(error)).response.text == "{}"
    assert (error.provider, error.request_id, len(error.attempts)) == ("p1", "req_ok", 1)
    assert [end.how for end in book.ends] == ["error"]


def test_calls_and_refusals_are_not_parsed(world: MakeIO) -> None:
    tool = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    refusal = chat("", message={"refusal": "I will not"})
    for reply in (chat("x", message={"tool_calls": [tool]}), chat("{", finish_reason="content_filter"), refusal):
        io = world([reply])
        assert io.run(engine.generate(io, call(parse=lambda text: 1 / 0))).output is None


def test_output_that_was_cut_off_is_told_apart(world: MakeIO) -> None:
    io = world([chat('{"a"', finish_reason="length"), chat('{"a": 1}', finish_reason="length")])
    error = fails(io, call(parse=Output(None)), MalformedResponseError)
    assert isinstance(error, MalformedResponseError)
    assert "cut off by the limit of tokens" in error.message
    assert error.response is not None
    assert (error.response.text, error.provider, len(error.attempts)) == ('{"a"', "p1", 1)
    assert error.hint == "Allow it more (max_tokens=…). The reply stands in its `response`"
    assert io.run(engine.generate(io, call(parse=Output(None)))).output == {"a": 1}, "it was whole before"


# --- raw requests -----------------------------------------------------------------------------------------------------


def test_a_raw_request_has_our_key_retries_and_errors(world: MakeIO) -> None:
    io, book = world([failed(500), Scripted(201, {"x-request-id": "r9"}, [b"by", b"tes"])]), Book()
    request = WireRequest(method="PUT", path="/files", query=(("a", "b c"),), headers=(("x-mine", "1"),), body=b"{}")
    reply = io.run(engine.raw(io, call(observers=(book,)), request))
    assert (reply.status, reply.body) == (201, b"bytes")
    sent = io.requests[1]
    assert (sent.method, sent.url, sent.body) == ("PUT", "https://p1.test/v1/files?a=b%20c", b"{}")
    assert sent.headers["x-mine"] == "1"
    assert sent.headers["authorization"].startswith("Bearer ")
    assert [(a.status, a.request_id) for a in book.attempts] == [(500, "req_500"), (201, "r9")]
    assert [end.how for end in book.ends] == ["end"]


def test_a_raw_request_that_fails(world: MakeIO) -> None:
    io, book = world([failed(404, "nothing")]), Book()
    with pytest.raises(NotFoundError, match="nothing"):
        io.run(engine.raw(io, call(observers=(book,)), WireRequest(method="GET", path="/x")))
    assert [end.how for end in book.ends] == ["error"]


def test_errors_of_a_transport_keep_their_class(world: MakeIO) -> None:
    io = world([Scripted(body=[b"{"], end="truncated")])
    error = fails(io, call(retries=0), TruncatedBodyError)
    assert isinstance(error, TransportError)
    assert isinstance(error, ConnectionError)
    assert error.provider == "p1"


def test_streams_follow_the_same_plan(world: MakeIO) -> None:
    io = world([failed(529), NO_CONNECTION, failed(500), chat_stream(["x"])])
    live = LiveStream(io, stream_call(wire("p1"), wire("p2"), wire("p3")))
    io.run(live.open())
    assert hosts(io) == ["p1", "p2", "p3", "p3"]
    assert len(io.sleeps) == 1
    io.run(live.close())
