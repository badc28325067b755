"""One try: how much of a reply is read, what its error is told, what it waits for."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from tests.engine.calls import KEY, call, wire
from tests.replies import chat, failed
from tests.virtual import World
from trunkline import Client
from trunkline.client.settings import Settings
from trunkline.engine import attempt, room
from trunkline.engine.attempt import LARGEST_ERROR
from trunkline.engine.call import Call
from trunkline.ports import INFINITY, Deadlines
from trunkline.sim.scripted import Scripted
from trunkline.values.errors import MalformedResponseError, NotFoundError, ProviderError, ServerError, UsageError
from trunkline.values.headers import Headers
from trunkline.values.message import Image, Message
from trunkline.values.model import Model
from trunkline.values.response import Warning
from trunkline.values.secret import Secret
from trunkline.wire.http import Head, HttpReply, HttpRequest

MakeIO = Callable[..., World]
PIECE = b" " * 65_536


def client(reply: Scripted, **options: Any) -> tuple[Client, World]:
    io = World([reply])
    return Client("openai-chat/m", base_url="http://h.test", settings=Settings({}), io=io, retries=0, **options), io


def endless(first: bytes) -> list[Any]:
    return [first, *([PIECE] * 2_000)]


def ask(llm: Client, verb: str) -> None:
    if verb == "generate":
        llm.generate("hi")
    else:
        with llm.stream("hi"):
            pass


@pytest.mark.parametrize("verb", ["generate", "stream"])
def test_a_reply_that_never_ends_is_left_at_max_line(verb: str) -> None:
    llm, io = client(Scripted(200, {}, endless(b'{"id":')), max_line=1 << 20)
    with pytest.raises(MalformedResponseError, match=r"longer than 104\d{4} bytes \(option max_line\)"):
        ask(llm, verb)
    (exchange,) = io.exchanges
    assert exchange.at <= 18
    assert exchange.closed


@pytest.mark.parametrize("verb", ["generate", "stream"])
def test_of_an_errors_reply_only_the_beginning_is_read(verb: str) -> None:
    llm, io = client(Scripted(500, {}, endless(b"we are sorry")))
    with pytest.raises(ServerError, match="we are sorry") as caught:
        ask(llm, verb)
    (exchange,) = io.exchanges
    assert exchange.at <= LARGEST_ERROR // len(PIECE) + 2
    assert exchange.closed
    assert caught.value.status == 500


def test_a_raw_reply_is_as_long_as_it_is() -> None:
    llm, _ = client(Scripted(200, {}, endless(b"x")), max_line=1 << 20)
    assert len(llm.request("GET", "/files/f/content").body) == 2_000 * len(PIECE) + 1


# --- each step by itself ----------------------------------------------------------------------------------------------


def exchange_of(io: World) -> Any:
    return io.send(HttpRequest("POST", "https://p1.test/v1"), Deadlines())


@pytest.mark.parametrize("pieces", [[b"abcde"], [b"abc", b"de"], [b"a", b"bcd", b"e"]])
def test_a_body_is_read_whole_up_to_the_last_byte_that_it_may_have(world: MakeIO, pieces: list[bytes]) -> None:
    io = world([Scripted(200, {}, pieces)] * 2)
    assert io.run(attempt.read_all(exchange_of(io), 5)) == b"abcde"
    with pytest.raises(MalformedResponseError, match=r"^the reply is longer than 4 bytes \(option max_line\)$"):
        io.run(attempt.read_all(exchange_of(io), 4))


def test_an_empty_body_is_none_at_all(world: MakeIO) -> None:
    io = world([Scripted(200), Scripted(500)])
    assert io.run(attempt.read_all(exchange_of(io), 0)) == b""
    assert io.run(attempt.read_error(exchange_of(io))) == b""


def test_an_errors_body_is_cut_at_a_mebibyte(world: MakeIO) -> None:
    whole = bytes(range(256)) * 4096
    io = world([Scripted(500, {}, [whole[:1000], whole[1000:] + b"x", b"y"]), Scripted(500, {}, [whole[:-1], b"xyz", b"y"])])
    assert io.run(attempt.read_error(exchange_of(io))) == whole
    assert len(whole) == 1_048_576
    assert io.run(attempt.read_error(exchange_of(io))) == whole[:-1] + b"x"
    assert [exchange.at for exchange in io.exchanges] == [2, 2]


def test_what_waits_before_it_counts_for_a_try() -> None:
    limits = {"connect": 1.0, "connect_with_fallback": 2.0, "first_byte": 3.0, "idle": 4.0, "total": 5.0}
    asked = call(limit=limits)
    assert attempt.deadlines(asked, 99.0, another=False) == Deadlines(1.0, 3.0, 4.0, 99.0, 5.0)
    assert attempt.deadlines(asked, 99.0, another=True) == Deadlines(2.0, 3.0, 4.0, 99.0, 5.0)
    none = call(limit=dict.fromkeys(limits))
    assert attempt.deadlines(none, INFINITY, another=True) == Deadlines()


def test_a_try_that_comes_too_late_says_how_long_the_call_was_and_whose_turn_it_was() -> None:
    error = attempt.late(call(limit={"total": 5.0}), wire())
    assert (error.phase, error.seconds, error.provider, error.model) == ("total", 5.0, "p1", "m")
    assert attempt.late(call(), wire(model="")).model is None


class Told:
    """A note of what a try showed."""

    proof: Secret | None = None

    def __init__(self) -> None:
        self.heads: list[tuple[int, float, float]] = []

    def replied(self, head: Head, now: float, wall: float) -> None:
        self.heads.append((head.status, now, wall))


def fetched(io: World, most: float = INFINITY, note: Told | None = None) -> HttpReply:
    endpoint = wire()
    request = attempt.encode(call(), endpoint).wire
    return io.run(attempt.fetch(io, endpoint, request, Deadlines(), most, note))


@pytest.mark.parametrize(("status", "cut"), [(199, True), (200, False), (299, False), (300, True)])
def test_only_an_errors_body_is_cut(world: MakeIO, status: int, cut: bool) -> None:
    io = world([Scripted(status, {"x-a": "b"}, [b"x" * (LARGEST_ERROR + 1)])])
    reply = fetched(io)
    assert (reply.status, reply.headers.get("x-a")) == (status, "b")
    assert len(reply.body) == LARGEST_ERROR + (not cut)
    assert io.exchanges[0].closed


def test_the_head_is_told_when_it_comes(world: MakeIO) -> None:
    io, note = world([Scripted(204, wait=2.5), Scripted(404)]), Told()
    began, wall = io.now(), io.wall()
    fetched(io, note=note)
    assert note.heads == [(204, began + 2.5, wall + 2.5)]


def test_a_body_that_is_too_long_leaves_nothing_open(world: MakeIO) -> None:
    io = world([Scripted(200, {}, [b"four"])])
    with pytest.raises(MalformedResponseError):
        fetched(io, most=3)
    assert io.exchanges[0].closes == 1


# --- what an error is told beyond its body ----------------------------------------------------------------------------


def completed(error: ProviderError, headers: dict[str, str], record: Model | None = None) -> ProviderError:
    return attempt.complete(World(), wire(record=record), error, Head(500, Headers(headers.items())))


def test_an_error_has_the_id_of_its_body_or_else_of_its_head() -> None:
    assert completed(ServerError("x"), {"x-request-id": "head"}).request_id == "head"
    assert completed(ServerError("x", request_id="body"), {"x-request-id": "head"}).request_id == "body"
    assert completed(ServerError("x"), {}).request_id is None


@pytest.mark.parametrize(
    ("headers", "judged", "order"),
    [
        ({}, None, None),
        ({}, True, True),
        ({"x-should-retry": "true"}, False, True),
        ({"x-should-retry": "false"}, True, False),
        ({"trunkline-gateway": "1"}, True, False),
        ({"trunkline-gateway": "1", "x-should-retry": "true"}, None, True),
    ],
)
def test_who_says_whether_it_is_tried_again(headers: dict[str, str], judged: bool | None, order: bool | None) -> None:
    error = ServerError("x")
    error.should_retry = judged
    assert completed(error, headers).should_retry is order


def test_a_wait_is_reckoned_from_the_time_of_day() -> None:
    assert completed(ServerError("x", retry_after=7.0), {}).retry_after == 7.0
    assert completed(ServerError("x", retry_after=7.0), {"retry-after": "3"}).retry_after == 3.0
    soon = datetime.fromtimestamp(World().wall() // 1 + 30, UTC)
    wait = completed(ServerError("x"), {"retry-after": soon.strftime("%a, %d %b %Y %H:%M:%S GMT")}).retry_after
    assert wait is not None
    assert 29.0 < wait <= 30.0


def test_of_a_model_that_is_no_more_it_is_said_since_when_and_what_took_its_place() -> None:
    io = World()
    today = datetime.fromtimestamp(io.wall(), UTC).date()
    gone = Model(id="m", provider="p1", retires=today.isoformat(), successor="n")
    error = completed(NotFoundError("x"), {}, gone)
    assert (error.retired, error.successor) == (gone.retires, "n")  # type: ignore[attr-defined]
    assert error.hint == f"p1/m was retired on {gone.retires}; use p1/n"
    for other, record in [
        (NotFoundError("x"), msgspec.structs.replace(gone, retires=(today + timedelta(1)).isoformat())),
        (NotFoundError("x"), None),
    ]:
        assert completed(other, {}, record).retired is None  # type: ignore[attr-defined]
        assert "retired" not in str(other.hint)
    assert "retired" not in str(completed(ServerError("x"), {}, gone).hint)


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone of a process cannot be set here")
def test_the_day_on_which_a_model_was_retired_is_that_of_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    tomorrow = (datetime.fromtimestamp(World().wall(), UTC) + timedelta(1)).date().isoformat()
    try:
        monkeypatch.setenv("TZ", "XXX-14")  # where it is tomorrow
        time.tzset()
        assert datetime.fromtimestamp(World().wall()).date().isoformat() == tomorrow  # noqa: DTZ006
        assert completed(NotFoundError("x"), {}, Model(id="m", provider="p1", retires=tomorrow)).retired is None  # type: ignore[attr-defined]
    finally:
        monkeypatch.undo()
        time.tzset()


def test_an_error_comes_without_the_frames_that_held_its_body() -> None:
    try:
        try:
            raise KeyError("body")
        except KeyError:
            raise ServerError("x")  # noqa: B904
    except ServerError as caught:
        error = caught
    assert completed(error, {}) is error
    assert error.__traceback__ is None
    assert error.__context__ is None


def test_an_errors_reply_is_masked_before_it_is_read() -> None:
    endpoint = wire()
    reply = HttpReply(500, Headers((("x-request-id", f"id {KEY}"),)), b'{"error": {"message": "your key %s"}}' % KEY.encode())
    error = attempt.failure(World(), endpoint, reply, attempt.encode(call(), endpoint).context)
    assert (type(error), error.status) == (ServerError, 500)
    assert error.provider_message == "your key ***"
    assert error.request_id == "id ***"


# --- one try ----------------------------------------------------------------------------------------------------------


def tried(io: World, asked: Call, note: Told) -> Any:
    return io.run(attempt.unary(io, asked, note, wire(), Deadlines()))


def test_a_try_that_is_answered(world: MakeIO) -> None:
    io, note = world([chat("hi there")]), Told()
    encoded, reply, response = tried(io, call(prompt="say hi"), note)
    assert b"say hi" in encoded.wire.body
    assert io.exchanges[0].request.body == encoded.wire.body
    assert (reply.status, response.text) == (200, "hi there")
    assert [status for status, *_ in note.heads] == [200]


@pytest.mark.parametrize("status", [199, 300, 500])
def test_a_try_that_is_refused(world: MakeIO, status: int) -> None:
    with pytest.raises(ProviderError) as caught:
        tried(world([failed(status, f"no {KEY}")]), call(), Told())
    assert (caught.value.status, caught.value.request_id) == (status, f"req_{status}")
    assert caught.value.provider_message == "no ***"


def test_a_reply_that_quotes_the_key_is_masked(world: MakeIO) -> None:
    _, reply, response = tried(world([chat(f"it is {KEY}")]), call(), Told())
    assert response.text == "it is ***"
    assert KEY.encode() not in reply.body


def test_a_reply_longer_than_max_line_is_refused(world: MakeIO) -> None:
    with pytest.raises(MalformedResponseError, match="longer than 9 bytes"):
        tried(world([chat()]), call(limit={"max_line": 9}), Told())


def test_a_reply_that_breaks_its_protocol_has_what_its_head_says(world: MakeIO) -> None:
    reply = Scripted(200, {"x-request-id": "req_odd", "retry-after": "4"}, [b"<html>"])
    with pytest.raises(MalformedResponseError) as caught:
        tried(world([reply]), call(), Told())
    error = caught.value
    assert (error.request_id, error.retry_after) == ("req_odd", 4.0)
    assert error.__suppress_context__


# --- what is said ------------------------------------------------------------------------------------------------------


def test_what_was_lost_before_is_told_first_and_strict_forbids_it() -> None:
    lost = Warning(field="a", reason="was lost", kind="dropped")
    assert attempt.encode(call(), wire()).warnings == ()
    assert attempt.encode(call(warnings=(lost,)), wire()).warnings == (lost,)
    unknown = {"top_k": 5}  # which this dialect does not know
    both = attempt.encode(call(warnings=(lost,), request=unknown), wire()).warnings
    assert [warning.field for warning in both] == ["a", "top_k"]
    for asked in (call(warnings=(lost,), strict=True), call(request=unknown, strict=True)):
        with pytest.raises(UsageError, match=r"strict=True"):
            attempt.encode(asked, wire())
    assert attempt.encode(call(strict=True), wire()).warnings == ()


def test_a_message_that_was_built_of_wrong_types_is_named_by_its_place() -> None:
    wrong = Message("user", (Image(source=5),))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"messages\[0\]"):
        attempt.encode(call(message=wrong), wire())


def test_what_a_dialect_refuses_is_told_as_it_is() -> None:
    class Refuses:
        def encode_request(self, request: object, target: object) -> object:
            raise self.error

    endpoint, refuses = wire(), Refuses()
    endpoint.dialect = refuses  # type: ignore[assignment]
    for error in (UsageError("no"), LookupError("a mistake of ours")):
        refuses.error = error  # type: ignore[attr-defined]
        with pytest.raises(type(error)) as caught:
            attempt.encode(call(), endpoint)
        assert caught.value is error


@pytest.mark.parametrize(("spare", "looked"), [(0, False), (1, True)])
def test_only_a_body_of_more_than_two_bytes_a_token_is_looked_into(
    monkeypatch: pytest.MonkeyPatch, spare: int, looked: bool
) -> None:
    """The room is half the body's bytes; or less by a token."""
    asked: list[int] = []
    monkeypatch.setattr(room, "refuse_too_long", lambda call, wire, most: asked.append(most))
    body = attempt.encode(call(wire(), prompt="x" * 1_001), wire()).wire.body
    most = -(-len(body) // 2) - spare
    encoded = attempt.encode_to_fit(call(wire(), prompt="x" * 1_001), wire(room=most))
    assert encoded.wire.body == body
    assert asked == ([most] if looked else [])


def test_a_model_of_which_nobody_knows_the_room_takes_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "refuse_too_long", None)
    for record in (None, Model(id="m", provider="p1", context=1)):
        assert attempt.encode_to_fit(call(wire(), prompt="x" * 9_999), wire(record=record)).wire.body
