"""Objects of the user's own as targets, in every shape that they come in."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from tests.engine.calls import Book, call, read, stream_call, texts, wire
from tests.replies import chat, chat_stream, failed
from tests.virtual import World
from trunkline.engine import engine
from trunkline.engine.destination import Own
from trunkline.engine.stream import LiveStream
from trunkline.values.errors import (
    AllTargetsFailedError,
    DeadlineError,
    MalformedResponseError,
    ProviderError,
    RateLimitError,
    StreamInterruptedError,
    TransportError,
    UsageError,
)
from trunkline.values.events import Event, Finish, Start, TextDelta, UsageUpdate
from trunkline.values.message import Message
from trunkline.values.request import Request
from trunkline.values.response import Response, Usage

MakeIO = Callable[..., World]
EVENTS = [Start("e1", "mine"), TextDelta("Hel"), TextDelta("lo"), UsageUpdate(Usage(1, 2)), Finish("stop", "done")]


class Plain:
    def generate(self, request: Request) -> str:
        return "Hello"


class Whole:
    name = "whole"

    def generate(self, request: Request) -> Response:
        return Response(message=Message.assistant("Hello"), finish_reason="stop", usage=Usage(1, 2), model="mine")


class Coroutine:
    async def generate(self, request: Request) -> str:
        await asyncio.sleep(0)
        return "Hello"


class Generator:
    closed = False

    def stream(self, request: Request) -> Iterator[Event | str]:
        try:
            yield from EVENTS
        finally:
            self.closed = True


class Strings:
    def stream(self, request: Request) -> list[str]:
        return ["Hel", "lo"]


class OneString:
    def stream(self, request: Request) -> str:
        return "Hello"


class NoFinish:
    def stream(self, request: Request) -> Iterator[Event]:
        return iter([TextDelta("Hel"), TextDelta("lo")])


class WholeAsStream:
    def stream(self, request: Request) -> Response:
        return Response(message=Message.assistant("Hello"), finish_reason="stop")


class AsyncGenerator:
    closed = False

    async def stream(self, request: Request) -> AsyncIterator[Event]:
        try:
            for event in EVENTS:
                await asyncio.sleep(0)
                yield event
        finally:
            self.closed = True


class CoroutineOfIterator:
    async def stream(self, request: Request) -> list[str]:
        await asyncio.sleep(0)
        return ["Hel", "lo"]


class CoroutineOfAsyncIterator:
    async def stream(self, request: Request) -> AsyncIterator[Event]:
        return AsyncGenerator().stream(request)


class Bare:
    """An asynchronous iterator with nothing but ``__anext__`` behind ``__aiter__``."""

    def stream(self, request: Request) -> Any:
        class Items:
            left = ["lo", "Hel"]

            async def __anext__(self) -> str:
                if not self.left:
                    raise StopAsyncIteration
                return self.left.pop()

        class Iterable:
            def __aiter__(self) -> Items:
                return Items()

        return Iterable()


class Both:
    def generate(self, request: Request) -> str:
        return "Hello"

    def stream(self, request: Request) -> Iterator[str]:
        yield from ("Hel", "lo")


SYNC = [Plain, Whole, Generator, Strings, OneString, NoFinish, WholeAsStream, Both]
ASYNC = [Coroutine, AsyncGenerator, CoroutineOfIterator, CoroutineOfAsyncIterator, Bare]


@pytest.mark.parametrize("kind", SYNC + ASYNC)
@pytest.mark.parametrize("streaming", [False, True])
def test_every_shape_answers(world: MakeIO, kind: type, streaming: bool) -> None:
    io, book = world(), Book()
    own = Own(kind())
    if io.blocking and kind in ASYNC:
        with pytest.raises(UsageError, match=r"AsyncClient takes both"):
            io.run(LiveStream(io, stream_call(own)).open() if streaming else engine.generate(io, call(own)))
        gc.collect()  # an un-awaited coroutine would warn here
        return
    if streaming:
        live = LiveStream(io, stream_call(own, observers=(book,)))
        assert texts(io.run(read(live))) == "Hello"
        response = live.response
    else:
        response = io.run(engine.generate(io, call(own, observers=(book,))))
    assert (response.text, response.finish_reason, response.partial) == ("Hello", "stop", False)
    assert response.provider == ("whole" if kind is Whole else kind.__name__)
    assert [(a.status, a.error) for a in response.attempts] == [(None, None)]
    assert [end.how for end in book.ends] == ["end"]


def test_usage_and_names_come_through(world: MakeIO) -> None:
    io = world()
    response = io.run(engine.generate(io, call(Own(Generator()))))
    assert (response.id, response.model, response.usage.output_tokens, response.raw_finish_reason) == ("e1", "mine", 2, "done")
    assert response.cost is None


def test_what_is_neither_is_refused(world: MakeIO) -> None:
    io = world()
    with pytest.raises(UsageError, match=r"generate\(request\) or stream\(request\)"):
        io.run(engine.generate(io, call(Own(object()))))  # type: ignore[arg-type]


class Gives:
    def __init__(self, value: Any) -> None:
        self.value = value

    def generate(self, request: Request) -> Any:
        return self.value

    def stream(self, request: Request) -> Any:
        return self.value


@pytest.mark.parametrize("value", [None, 5, {"text": "hi"}, b"hi"])
@pytest.mark.parametrize("streaming", [False, True])
def test_an_answer_of_the_wrong_type_names_the_type(world: MakeIO, value: Any, streaming: bool) -> None:
    io = world()
    with pytest.raises(MalformedResponseError, match=r"Gives gave a \w+, not"):
        io.run(
            LiveStream(io, stream_call(Own(Gives(value)))).open() if streaming else engine.generate(io, call(Own(Gives(value))))
        )


# --- when they fail ---------------------------------------------------------------------------------------------------


class Fails:
    """Raises what it is given, in turn; then answers."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)
        self.asked = 0

    def generate(self, request: Request) -> str:
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)
        return "Hello"


def answer(io: World, streaming: bool, *plan: Any, **more: Any) -> Any:
    if not streaming:
        return io.run(engine.generate(io, call(*plan, **more)))
    live = LiveStream(io, stream_call(*plan, **more))
    io.run(read(live))
    return live.response


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize(
    "error", [ValueError("mine"), KeyError("k"), OSError(5, "disk"), NotImplementedError(), StopAsyncIteration()]
)
def test_alone_its_own_exception_arrives_as_it_is(world: MakeIO, error: Exception, streaming: bool) -> None:
    io, book, own = world(), Book(), Fails(error)
    with pytest.raises(type(error)) as caught:
        answer(io, streaming, Own(own), observers=(book,))
    assert caught.value is error
    assert own.asked == 1
    assert [attempt.error for attempt in book.attempts] == [type(error).__name__]
    assert [(end.how, end.error) for end in book.ends] == [("error", error)]


def test_a_stop_iteration_does_not_hang(world: MakeIO) -> None:
    io = world()
    with pytest.raises(RuntimeError):
        answer(io, False, Own(Fails(StopIteration())))


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize(
    "error", [ConnectionRefusedError("no"), TimeoutError("late"), TransportError("x"), RateLimitError("y", retry_after=3.0)]
)
def test_what_passes_is_retried(world: MakeIO, error: Exception, streaming: bool) -> None:
    io, own = world(), Fails(error)
    response = answer(io, streaming, Own(own))
    assert (response.text, own.asked, len(io.sleeps)) == ("Hello", 2, 1)


def test_when_retries_do_not_help_its_own_exception_arrives(world: MakeIO) -> None:
    error = ConnectionRefusedError("no")
    io = world()
    with pytest.raises(ConnectionRefusedError) as caught:
        answer(io, False, Own(Fails(ConnectionRefusedError("1"), ConnectionRefusedError("2"), error)))
    assert caught.value is error


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("error", [ValueError("mine"), ConnectionResetError("gone"), TimeoutError("late")])
def test_another_target_takes_over(world: MakeIO, error: Exception, streaming: bool) -> None:
    io = world([chat_stream(["p2"]) if streaming else chat("p2")])
    own = Fails(*[error] * 2)
    response = answer(io, streaming, Own(own), wire("p2"))
    assert (response.text, response.provider, io.sleeps) == ("p2", "p2", [])
    assert {attempt.provider for attempt in response.attempts} == {"Fails", "p2"}


def test_it_takes_over_itself(world: MakeIO) -> None:
    io = world([failed(401)])
    assert answer(io, False, wire("p1"), Own(Both())).provider == "Both"


def test_when_all_fail_its_exception_is_told_with_its_words(world: MakeIO) -> None:
    io = world([failed(401)])
    with pytest.raises(AllTargetsFailedError) as caught:
        answer(io, False, wire("p1"), Own(Fails(ValueError("disk full"))))
    first, second = caught.value.errors
    assert (first.provider, second.provider) == ("p1", "Fails")
    assert isinstance(second.__cause__, ValueError)
    assert "Fails raised ValueError" in str(caught.value)
    assert "disk full" in str(caught.value)


def test_quiet_leaves_its_words_out(world: MakeIO) -> None:
    io = world([failed(401)])
    with pytest.raises(AllTargetsFailedError) as caught:
        answer(io, False, wire("p1"), Own(Fails(ValueError("the prompt"))), errors="quiet")
    assert "the prompt" not in str(caught.value)


def test_a_fallback_that_cannot_be_asked_is_one_of_the_failures(world: MakeIO) -> None:
    io = world([failed(401), chat("p3")])
    assert answer(io, False, wire("p1"), Own(object()), wire("p3")).text == "p3"  # type: ignore[arg-type]
    io = world([failed(401)])
    with pytest.raises(AllTargetsFailedError, match="not asked"):
        answer(io, False, wire("p1"), Own(object()))  # type: ignore[arg-type]


class Breaks:
    """Streams two words and then raises."""

    def __init__(self, error: BaseException, asynchronous: bool) -> None:
        self.error = error
        self.stream = self.late if asynchronous else self.soon
        self.closed = False

    def soon(self, request: Request) -> Iterator[str]:
        try:
            yield "Hel"
            yield "lo"
            raise self.error
        finally:
            self.closed = True

    async def late(self, request: Request) -> AsyncIterator[str]:
        yield "Hel"
        yield "lo"
        self.closed = True
        raise self.error


@pytest.mark.parametrize("error", [ValueError("mine"), TransportError("gone"), ConnectionResetError("gone")])
def test_after_its_first_words_an_interruption_is_told(world: MakeIO, error: Exception) -> None:
    io, book, events = world(), Book(), list[Event]()
    own = Breaks(error, asynchronous=not io.blocking)
    live = LiveStream(io, stream_call(Own(own), wire("p2"), observers=(book,)))
    with pytest.raises(StreamInterruptedError) as caught:
        io.run(read(live, events))
    assert texts(events) == "Hello"
    assert caught.value.partial is not None
    assert caught.value.partial.text == "Hello"
    cause = caught.value.__cause__
    assert isinstance(cause, ProviderError)
    assert cause is error or cause.__cause__ is error
    assert own.closed
    assert [end.how for end in book.ends] == ["error"]


def test_folded_it_is_no_success_either(world: MakeIO) -> None:
    error = ValueError("mine")
    io = world()
    with pytest.raises(ValueError, match="mine") as caught:
        answer(io, False, Own(Breaks(error, asynchronous=not io.blocking)))
    assert caught.value is error


@pytest.mark.parametrize("kind", [Generator, AsyncGenerator])
def test_a_close_ends_its_generator(world: MakeIO, kind: type) -> None:
    io, book, own = world(), Book(), kind()
    if io.blocking and kind is AsyncGenerator:
        kind = Generator
        own = kind()

    async def run() -> LiveStream:
        live = LiveStream(io, stream_call(Own(own), observers=(book,)))
        await live.batch()
        await live.close()
        return live

    live = io.run(run())
    assert own.closed
    assert [end.how for end in book.ends] == ["close"]
    assert live.response.partial is True


def test_a_close_while_its_generator_is_at_work(world: MakeIO) -> None:
    io, book = world(), Book()
    lives: list[LiveStream] = []

    class Closing:
        def stream(self, request: Request) -> Iterator[str]:
            yield "a"
            lives[0].abort("close")  # as from another thread, while we are in here
            yield "b"

    live = LiveStream(io, stream_call(Own(Closing()), observers=(book,)))
    lives.append(live)
    io.run(live.batch())
    io.run(live.batch())
    assert io.run(live.batch()) == []
    assert [end.how for end in book.ends] == ["close"]


def test_the_total_deadline_is_looked_at_between_events(world: MakeIO) -> None:
    io = world()

    class Slow:
        def stream(self, request: Request) -> Iterator[str]:
            while True:
                io.clock.advance(4.0)
                yield "x"

    live, events = LiveStream(io, stream_call(Own(Slow()), limit={"total": 10.0})), list[Event]()
    with pytest.raises(StreamInterruptedError) as caught:
        io.run(read(live, events))
    assert isinstance(caught.value.__cause__, DeadlineError)
    assert texts(events) == "xxx"


def test_a_finaliser_that_raises_still_settles(world: MakeIO) -> None:
    class Bad:
        def stream(self, request: Request) -> Iterator[Any]:
            try:
                yield "a"
                yield 5
            finally:
                raise LookupError("finaliser")

    io, book = world(), Book()
    live = LiveStream(io, stream_call(Own(Bad()), observers=(book,)))
    io.run(live.batch())
    with pytest.raises((LookupError, ProviderError)):
        io.run(live.batch())
    assert [end.how for end in book.ends] == ["error"]
