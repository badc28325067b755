"""An answer of your own where nobody gives one: what it may be, when it is asked for, and how it is marked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.engine.calls import Book, call, read, stream_call, texts, wire
from tests.replies import chat, delta, failed, start, streamed
from tests.virtual import World
from trunkline.engine import engine
from trunkline.engine.call import Call, Hooks
from trunkline.engine.destination import Wire
from trunkline.engine.station import Station
from trunkline.engine.stream import LiveStream
from trunkline.policy.turns import TurnMemory
from trunkline.sim.scripted import Scripted
from trunkline.values.errors import (
    AllTargetsFailedError,
    ClosedByCallerError,
    DeadlineError,
    MalformedResponseError,
    NotFoundError,
    ProviderError,
    StreamInterruptedError,
    UsageError,
)
from trunkline.values.events import Event, Finish, Moved, PartDone, Start, TextDelta, UsageUpdate
from trunkline.values.fold import fold
from trunkline.values.message import Message, Text, ToolCall
from trunkline.values.request import Request
from trunkline.values.response import Response, Timings, Usage

MakeIO = Callable[..., World]
SORRY = Response(message=Message.assistant("sorry"), finish_reason="stop")


def of(provider: str, **more: Any) -> Wire:
    return wire(provider, station=Station(), **more)


def answered(io: World, asked: Call) -> Response:
    """What the call gives, whole or streamed."""
    if not asked.request.stream:
        return io.run(engine.generate(io, asked))
    live = LiveStream(io, asked)
    events = io.run(read(live))
    response = live.response
    told = fold(events)
    assert (told.message, told.finish_reason, told.usage, told.id) == (
        response.message,
        response.finish_reason,
        response.usage,
        response.id,
    )
    return response


@pytest.fixture(params=[False, True], ids=["whole", "stream"])
def stream(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def plain(request: Request, error: ProviderError) -> str:
    return "sorry"


async def awaited(request: Request, error: ProviderError) -> Response:
    return SORRY


@pytest.mark.parametrize("answer", ["sorry", SORRY, plain, awaited])
def test_its_forms(world: MakeIO, stream: bool, answer: Any) -> None:
    io, book = world(lambda _: failed(404)), Book()
    response = answered(io, call(of("p1"), of("p2"), last_resort=answer, stream=stream, observers=(book,)))
    assert (response.text, response.finish_reason, response.fallback, response.partial) == ("sorry", "stop", True, False)
    assert [(a.provider, a.error) for a in response.attempts] == [("p1", "NotFoundError"), ("p2", "NotFoundError")]
    assert (response.provider, response.model, response.cost) == (None, None, Decimal(0))
    assert [(end.how, end.response, end.error) for end in book.ends] == [("end", response, None)]
    assert all(exchange.closed for exchange in io.exchanges)


def test_whole_and_streamed_it_is_the_same(world: MakeIO) -> None:
    made = Response(
        message=Message("assistant", (Text("sorry"), ToolCall("c", "f", "{}"))), finish_reason="tool_calls", usage=Usage(3, 2),
        cost=Decimal("0.5"), id="mine", model="own", extra={"why": "nobody"}, headers=SORRY.headers, output={"a": 1},
    )  # fmt: skip
    both = []
    for streamed_ in (False, True):
        io = world(lambda _: Scripted(404, {}, [(1.5, b"{}")]))
        both.append(answered(io, call(of("p1"), last_resort=made, stream=streamed_)))
    assert both[0] == both[1]
    assert (both[0].latency, both[0].timings) == (1.5, Timings(end=1.5))
    assert both[0] == msgspec.structs.replace(
        made, fallback=True, attempts=both[0].attempts, latency=1.5, timings=Timings(end=1.5)
    )


def test_what_a_stream_tells_of_it(world: MakeIO) -> None:
    heard: list[Event] = []
    for plan, error, to in (((of("p1"),), "NotFoundError", "p1/m"), ((of("p1"), of("p2")), "AllTargetsFailedError", "p2/m")):
        io = world(lambda _: failed(404))
        live = LiveStream(io, stream_call(*plan, last_resort="sorry", hooks=Hooks(on_event=heard.append)))
        events = io.run(read(live))
        assert events == [
            Moved(to, "fallback_answer", error), Start(), TextDelta("sorry"), PartDone(Text("sorry"), 0), Finish("stop"), UsageUpdate(Usage()),
        ]  # fmt: skip
        assert heard == events
        heard.clear()
        assert live.ended
        assert io.run(live.batch()) == []


def test_a_function_is_told_what_was_asked_and_why_nobody_answers(world: MakeIO, stream: bool) -> None:
    told: list[Any] = []

    def answer(request: Request, error: ProviderError) -> str:
        told.append((request.messages[0].text, error))
        return "sorry"

    io = world(lambda _: failed(404))
    answered(io, call(of("p1"), of("p2"), last_resort=answer, stream=stream, prompt="why?"))
    ((prompt, error),) = told
    assert prompt == "why?"
    assert isinstance(error, AllTargetsFailedError)
    assert len(error.attempts) == 2


def test_it_may_have_none(world: MakeIO, stream: bool) -> None:
    io, book, heard = world([failed(404)]), Book(), list[BaseException]()
    hooks = Hooks(on_error=heard.append)
    with pytest.raises(NotFoundError) as caught:
        answered(io, call(of("p1"), last_resort=lambda *_: None, stream=stream, observers=(book,), hooks=hooks))
    assert [(end.how, end.error) for end in book.ends] == [("error", caught.value)]
    assert heard == [caught.value]


def test_it_may_fail_itself(world: MakeIO, stream: bool) -> None:
    def answer(request: Request, error: ProviderError) -> str:
        raise ZeroDivisionError("mine")

    io, book, heard = world([failed(404)]), Book(), list[BaseException]()
    with pytest.raises(ZeroDivisionError, match="mine") as caught:
        answered(io, call(of("p1"), last_resort=answer, stream=stream, observers=(book,), hooks=Hooks(on_error=heard.append)))
    assert isinstance(caught.value.__context__, NotFoundError)
    assert [(end.how, end.error) for end in book.ends] == [("error", caught.value)]
    assert heard == [caught.value]


@pytest.mark.parametrize("nonsense", [7, b"sorry", [SORRY]])
def test_anything_else_is_no_answer(world: MakeIO, stream: bool, nonsense: Any) -> None:
    io, book = world([failed(404)]), Book()
    with pytest.raises(UsageError) as caught:
        answered(io, call(of("p1"), last_resort=lambda *_: nonsense, stream=stream, observers=(book,)))
    assert caught.value.field == "fallback_answer"
    assert isinstance(caught.value.__cause__, NotFoundError)
    assert [end.how for end in book.ends] == ["error"]


def test_where_somebody_answers_nobody_asks_for_it(world: MakeIO, stream: bool) -> None:
    def answer(request: Request, error: ProviderError) -> str:
        raise AssertionError

    io = world([failed(404), Scripted.of("hi", stream=stream)])
    response = answered(io, call(of("p1"), of("p2"), last_resort=answer, stream=stream))
    assert (response.text, response.fallback) == ("hi", False)


def test_without_one_nothing_changes(world: MakeIO, stream: bool) -> None:
    io = world([failed(404)])
    with pytest.raises(NotFoundError):
        answered(io, call(of("p1"), stream=stream))


def test_also_when_the_time_is_up(world: MakeIO, stream: bool) -> None:
    io = world([Scripted(wait=100.0)])
    response = answered(io, call(of("p1"), last_resort="sorry", stream=stream, limit={"total": 10.0}))
    assert (response.text, response.latency) == ("sorry", 10.0)
    io = world([Scripted(wait=100.0)])
    with pytest.raises(DeadlineError):
        answered(io, call(of("p1"), stream=stream, limit={"total": 10.0}))


# --- never ------------------------------------------------------------------------------------------------------------


def test_never_for_a_mistake_of_yours(world: MakeIO, stream: bool) -> None:
    io, book = world([]), Book()
    with pytest.raises(UsageError):
        answered(
            io,
            call(of("p1"), last_resort="sorry", stream=stream, observers=(book,), strict=True, request={"seed": 1, "top_k": 3}),
        )
    assert [end.how for end in book.ends] == ["error"]
    with pytest.raises(UsageError):
        answered(io, call(of("p1"), last_resort="sorry", stream=stream, hooks=Hooks(before=lambda _: 7)))  # type: ignore[arg-type,return-value]
    assert not io.requests


@pytest.mark.parametrize("kind", [KeyboardInterrupt, asyncio.CancelledError, SystemExit, ClosedByCallerError])
def test_never_when_you_have_ended_it(
    world: MakeIO, stream: bool, kind: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    io, book, heard = world([chat()]), Book(), list[BaseException]()

    async def head(_: object) -> Any:
        raise ClosedByCallerError("closed", phase="head") if kind is ClosedByCallerError else kind

    monkeypatch.setattr("trunkline.sim.scripted_exchange.ScriptedExchange.head", head)

    async def run() -> None:
        asked = call(of("p1"), last_resort="sorry", stream=stream, observers=(book,))
        try:
            await (LiveStream(io, asked).open() if stream else engine.generate(io, asked))
        except BaseException as error:
            heard.append(error)

    io.run(run())
    assert [type(error) for error in heard] == [kind]
    assert [end.how for end in book.ends] == ["close" if kind is ClosedByCallerError else "cancel"]


def test_never_for_a_stream_that_was_closed(world: MakeIO) -> None:
    io, book = world([Scripted(wait=5.0)]), Book()
    live = LiveStream(io, stream_call(of("p1"), last_resort="sorry", observers=(book,)))
    io.meanwhile = lambda _: live.abort("close")
    with pytest.raises(ProviderError):
        io.run(live.open())
    assert [end.how for end in book.ends] == ["close"]
    assert live.response.text == ""


def test_never_after_the_first_words(world: MakeIO) -> None:
    io = world([streamed([start(), delta("Hel")], "reset")])
    live = LiveStream(io, stream_call(of("p1"), last_resort="sorry"))
    with pytest.raises(StreamInterruptedError):
        io.run(read(live))
    assert live.response.text == "Hel"


# --- what else there is -----------------------------------------------------------------------------------------------


def test_the_hooks(world: MakeIO, stream: bool) -> None:
    errors, seen = list[BaseException](), list[Response]()

    async def failing(error: BaseException) -> None:
        errors.append(error)

    def after(response: Response) -> Response:
        seen.append(response)
        return msgspec.structs.replace(response, id="after")

    io = world([failed(404)])
    response = answered_only(io, call(of("p1"), last_resort="sorry", stream=stream, hooks=Hooks(on_error=failing, after=after)))
    assert response.id == "after"
    assert [type(error) for error in errors] == [NotFoundError], "once"
    assert [(one.text, one.fallback) for one in seen] == [("sorry", True)]


def answered_only(io: World, asked: Call) -> Response:
    if not asked.request.stream:
        return io.run(engine.generate(io, asked))
    live = LiveStream(io, asked)
    assert texts(io.run(read(live))) == "sorry"
    return live.response


def test_it_is_parsed_as_an_answer_is(world: MakeIO, stream: bool) -> None:
    io = world(lambda _: failed(404))
    asked = call(of("p1"), last_resort="[1, 2]", stream=stream, parse=msgspec.json.decode)
    assert answered(io, asked).output == [1, 2]
    mine = msgspec.structs.replace(SORRY, output={"mine": True})
    assert answered(io, msgspec.structs.replace(asked, last_resort=mine)).output == {"mine": True}

    def wrong(text: str) -> Any:
        raise MalformedResponseError("no JSON")

    heard: list[BaseException] = []
    response = answered(io, msgspec.structs.replace(asked, parse=wrong, hooks=Hooks(on_error=heard.append)))
    assert (response.text, response.output, response.fallback) == ("[1, 2]", None, True), "your own words need not be JSON"
    assert [type(error) for error in heard] == [NotFoundError]


def test_an_answer_that_makes_no_sense_is_none(world: MakeIO) -> None:
    io = world([Scripted(200, {}, [b"not json"])])
    assert answered(io, call(of("p1"), last_resort="sorry")).text == "sorry"


def test_a_memory_hears_of_it(world: MakeIO, stream: bool) -> None:
    heard: list[Message] = []

    class Memory(TurnMemory):
        def remember(self, message: Message) -> None:
            heard.append(message)

    answered(world([failed(404)]), call(of("p1"), last_resort="sorry", stream=stream, memory=Memory()))
    assert [message.text for message in heard] == ["sorry"]


def test_what_it_cost_is_its_own_word(world: MakeIO, stream: bool) -> None:
    for answer, cost in (
        (msgspec.structs.replace(SORRY, cost=Decimal(3)), Decimal(3)),
        (SORRY, Decimal(0)),
        ("sorry", Decimal(0)),
    ):
        assert answered(world([failed(404)]), call(of("p1"), last_resort=answer, stream=stream)).cost == cost
