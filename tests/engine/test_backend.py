"""Objects of the user's own as targets, in every shape that they come in."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

import pytest

from tests.engine.calls import Book, call, read, stream_call, texts, wire
from tests.replies import chat, chat_stream, failed
from tests.virtual import World
from trunkline.engine import backend, engine
from trunkline.engine.backend import BackendSource
from trunkline.engine.destination import Own
from trunkline.engine.stream import LiveStream
from trunkline.ports import Deadlines
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
from trunkline.values.fold import unfold
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


# --- each question by itself ------------------------------------------------------------------------------------------


def plain(request: Request) -> str:
    return "Hello"


async def late(request: Request) -> str:
    return "Hello"


async def streams(request: Request) -> AsyncIterator[str]:
    yield "Hello"


class Callee:
    def __call__(self, request: Request) -> str:
        return "Hello"

    def method(self, request: Request) -> str:
        return "Hello"


class CalleeLater:
    async def __call__(self, request: Request) -> str:
        return "Hello"

    async def method(self, request: Request) -> str:
        return "Hello"


@pytest.mark.parametrize("function", [plain, Callee(), Callee().method, Callee, CalleeLater, len, None, iter])
def test_what_is_not_asynchronous(function: Any) -> None:
    assert backend.declared_async(function) is False
    assert backend.declared_async(partial(partial(function, 1), 2) if callable(function) else function) is False


@pytest.mark.parametrize("function", [late, streams, CalleeLater(), CalleeLater().method])
def test_what_is_asynchronous(function: Any) -> None:
    assert backend.declared_async(function) is True
    assert backend.declared_async(partial(partial(function, 1), 2)) is True


class Has:
    def __init__(self, **methods: Any) -> None:
        vars(self).update(methods)


@pytest.mark.parametrize("methods", [{"generate": late}, {"stream": streams}, {"generate": plain, "stream": streams}])
def test_asynchronous_methods_are_no_use_to_a_client_that_blocks(methods: dict[str, Any]) -> None:
    own = Own(Has(**methods), "mine")
    backend.check(own, blocking=False)
    with pytest.raises(UsageError) as caught:
        backend.check(own, blocking=True)
    assert (caught.value.field, caught.value.got) == ("model", "mine")
    assert str(caught.value) == (
        "model: its methods are asynchronous; got mine; allowed: plain methods and iterators here; AsyncClient takes both"
    )


@pytest.mark.parametrize("methods", [{"generate": plain}, {"stream": plain}, {"generate": plain, "stream": 5}])
def test_one_plain_method_is_enough(methods: dict[str, Any]) -> None:
    backend.check(Own(Has(**methods)), blocking=True)
    backend.check(Own(Has(**methods)), blocking=False)


@pytest.mark.parametrize("methods", [{}, {"generate": 5}, {"Generate": plain}])
def test_one_method_there_has_to_be(methods: dict[str, Any]) -> None:
    for blocking in (True, False):
        with pytest.raises(UsageError) as caught:
            backend.check(Own(Has(**methods), "mine"), blocking=blocking)
        assert str(caught.value) == "model: a target of your own has generate(request) or stream(request); got mine"


def test_what_it_raises_is_an_error_of_ours_with_its_words() -> None:
    own = Own(Plain(), "mine")
    late_, gone, wrong = TimeoutError("late"), ConnectionResetError("gone"), ValueError()
    first, second, third = (backend.raised(own, error) for error in (late_, gone, wrong))
    assert isinstance(first, DeadlineError)
    assert (first.phase, first.provider_message, first.__cause__) == ("first_byte", "late", late_)
    assert isinstance(second, TransportError)
    assert (second.phase, second.sent, second.provider_message, second.__cause__) == ("head", True, "gone", gone)
    assert type(third) is ProviderError
    assert (third.provider_message, third.__cause__) == (None, wrong)
    for error, name in ((first, "TimeoutError"), (second, "ConnectionResetError"), (third, "ValueError")):
        assert f"mine raised {name}" in str(error)


# --- what it is asked, and where it runs ------------------------------------------------------------------------------


REQUEST = Request(model="x", messages=(Message.user("hello"),))


def source_of(io: World, limits: Deadlines = Deadlines(), **methods: Any) -> BackendSource:
    return BackendSource(io, Own(Has(**methods), "mine"), REQUEST, limits)


def told(io: World, source: BackendSource) -> list[Event]:
    io.run(source.open())
    events: list[Event] = []
    while batch := io.run(source.batch()):
        events += batch
    return events


def test_it_is_asked_what_was_asked(world: MakeIO) -> None:
    io, asked = world(), list[Request]()

    def method(request: Request) -> list[str]:
        asked.append(request)
        return ["Hello"]

    def whole(request: Request) -> str:
        asked.append(request)
        return "Hello"

    assert io.run(backend.answer(io, Own(Has(stream=method)), REQUEST, Deadlines())).text == "Hello"
    assert io.run(backend.answer(io, Own(Has(generate=whole)), REQUEST, Deadlines())).text == "Hello"
    assert texts(told(io, source_of(io, stream=method))) == texts(told(io, source_of(io, generate=whole))) == "Hello"
    assert asked == [REQUEST] * 4


def test_a_text_is_a_whole_answer(world: MakeIO) -> None:
    io = world()
    response = io.run(backend.answer(io, Own(Has(generate=plain), "mine"), REQUEST, Deadlines()))
    assert (response.text, response.finish_reason, response.model) == ("Hello", "stop", "mine")
    unfolded, short = source_of(io, generate=plain), source_of(io, stream=plain)
    assert told(io, unfolded) == unfold(response)
    assert told(io, short) == [TextDelta("Hello"), Finish("stop")]
    for source in (unfolded, short):
        assert (source.complete, source.error, source.failed, source.head) == (True, None, False, None)


def test_a_plain_method_runs_beside_an_event_loop_and_an_asynchronous_one_in_it(world: MakeIO) -> None:
    io = world()
    io.run(backend.answer(io, Own(Has(generate=plain)), REQUEST, Deadlines()))
    assert io.offloaded == (0 if io.blocking else 1)
    if not io.blocking:
        io.run(backend.answer(io, Own(Has(generate=late)), REQUEST, Deadlines()))
        assert io.offloaded == 1
    io.offloaded = 0
    told(io, source_of(io, stream=lambda request: iter(["a", "b"])))
    assert io.offloaded == (0 if io.blocking else 4)  # the call, two items, and the end


def test_a_coroutine_that_cannot_be_awaited_is_closed_and_refused(world: MakeIO) -> None:
    io, made = world(), list[Any]()

    def method(request: Request) -> Any:
        made.append(late(request))
        return made[0]

    if not io.blocking:
        assert io.run(backend.answer(io, Own(Has(generate=method)), REQUEST, Deadlines())).text == "Hello"
        return
    with pytest.raises(UsageError) as caught:
        io.run(backend.answer(io, Own(Has(generate=method)), REQUEST, Deadlines()))
    assert (caught.value.field, made[0].cr_frame) == ("model", None)
    assert str(caught.value).startswith("model: its method returned an awaitable; allowed: plain methods")


def test_an_asynchronous_stream_is_refused_by_a_client_that_blocks(world: MakeIO) -> None:
    io = world()
    source = source_of(io, stream=partial(streams))
    if not io.blocking:
        assert told(io, source) == [TextDelta("Hello"), Finish("stop")]
        return
    with pytest.raises(UsageError) as caught:
        io.run(source.open())
    assert str(caught.value).startswith("model: its stream is asynchronous; allowed: plain methods")


@pytest.mark.parametrize("value", [5, {"text": "hi"}, None])
def test_what_is_no_stream_and_no_answer_is_named(world: MakeIO, value: Any) -> None:
    io = world()
    kind = type(value).__name__
    with pytest.raises(MalformedResponseError, match=rf"^stream of mine gave a {kind}, not an iterator$"):
        io.run(source_of(io, stream=lambda request: value).open())
    with pytest.raises(MalformedResponseError, match=rf"^generate of mine gave a {kind}, not a Response or str$"):
        io.run(source_of(io, generate=lambda request: value).open())
    with pytest.raises(MalformedResponseError, match=rf"^stream of mine gave a {kind}, not an event or str$"):
        io.run(source_of(io, stream=lambda request: [value]).open())


# --- its end ----------------------------------------------------------------------------------------------------------


def test_an_end_is_told_once_whether_it_says_so_or_not(world: MakeIO) -> None:
    io = world()
    for items in (["a"], ["a", Finish("stop")]):
        source = source_of(io, stream=lambda request, items=items: items)
        assert not source.complete
        assert told(io, source) == [TextDelta("a"), Finish("stop")]
        assert source.complete
    source = source_of(io, stream=lambda request: [Finish("length"), "more"])
    assert told(io, source) == [Finish("length"), TextDelta("more")]
    assert told(io, source_of(io, stream=lambda request: [])) == [Finish("stop")]


def test_its_time_is_up_at_the_moment_and_the_moment_can_be_moved(world: MakeIO) -> None:
    io = world()
    source = source_of(io, Deadlines(until=io.now() + 5.0, total=7.0), stream=lambda request: ["a", "b", "c", "d"])
    io.run(source.open())
    assert io.run(source.batch()) == [TextDelta("a")]
    io.clock.advance(4.5)
    assert io.run(source.batch()) == [TextDelta("b")]
    source.set_until(io.now() + 1.0)
    io.clock.advance(0.5)
    assert io.run(source.batch()) == [TextDelta("c")]
    io.clock.advance(0.5)
    assert io.run(source.batch()) == []
    assert isinstance(source.error, DeadlineError)
    assert (source.error.phase, source.error.seconds, source.failed) == ("total", 7.0, False)


def test_an_error_of_its_own_is_told_as_such(world: MakeIO) -> None:
    io, error, ours = world(), ValueError("mine"), RateLimitError("ours")

    def method(request: Request, raised: Exception) -> Iterator[str]:
        yield "a"
        raise raised

    for raised, failed_ in ((error, True), (ours, False)):
        source = source_of(io, stream=partial(method, raised=raised))
        assert told(io, source) == [TextDelta("a")]
        assert source.error is not None
        assert (source.failed, source.complete) == (failed_, False)
        assert (source.error.__cause__ if failed_ else source.error) is raised
    with pytest.raises(RateLimitError) as caught:
        io.run(backend.answer(io, Own(Has(stream=partial(method, raised=ours))), REQUEST, Deadlines()))
    assert caught.value is ours


class Items:
    """An iterator that says when it was closed; ``at_work``: somebody is in it."""

    def __init__(self, at_work: bool = False) -> None:
        self.closes = 0
        self.gi_running = at_work

    def __iter__(self) -> Items:
        return self

    def __next__(self) -> str:
        return "a"

    def close(self) -> None:
        self.closes += 1


class AsyncItems:
    def __init__(self, at_work: bool = False) -> None:
        self.closes = 0
        self.ag_running = at_work

    def __aiter__(self) -> AsyncItems:
        return self

    async def __anext__(self) -> str:
        return "a"

    async def aclose(self) -> None:
        self.closes += 1


@pytest.mark.parametrize("at_work", [True, False])
@pytest.mark.parametrize("kind", [Items, AsyncItems])
def test_who_is_at_work_is_not_closed(world: MakeIO, kind: type[Items | AsyncItems], at_work: bool) -> None:
    io, items = world(), kind(at_work)
    if io.blocking and kind is AsyncItems:
        return
    source = source_of(io, stream=lambda request: items)
    io.run(source.open())
    io.run(source.close())
    io.run(source.close())
    assert items.closes == (not at_work)
    io.run(source.batch())  # what was read before
    assert io.run(source.batch()) == []


def test_from_elsewhere_a_plain_iterator_is_closed_at_once(world: MakeIO) -> None:
    io = world()
    for at_work in (True, False):
        items = Items(at_work)
        source = source_of(io, stream=lambda request, items=items: items)
        io.run(source.open())
        source.abort()
        source.abort()
        assert items.closes == (not at_work)
    source = source_of(io, stream=lambda request: iter(["a"]))  # one that cannot be closed
    io.run(source.open())
    source.abort()
    io.run(source.close())


def test_who_answers_only_as_a_stream_is_closed_when_it_is_folded(world: MakeIO) -> None:
    io, closed = world(), list[bool]()

    def method(request: Request) -> Iterator[Any]:
        try:
            yield "a"
            yield 5
        finally:
            closed.append(True)

    with pytest.raises(MalformedResponseError):
        io.run(backend.answer(io, Own(Has(stream=method)), REQUEST, Deadlines()))
    assert closed == [True]
