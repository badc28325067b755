"""A call is settled once, whatever ends it; hooks are heard, and what they raise is the caller's own."""

from __future__ import annotations

import contextvars
import gc
import sys
import warnings
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tests.engine.calls import Book, call, read, stream_call, texts, wire
from tests.replies import chat, chat_stream, delta, error_frame, failed, start, streamed
from tests.virtual import World
from trunkline.client.streams import AsyncStream, Stream
from trunkline.engine import engine
from trunkline.engine.call import Hooks
from trunkline.engine.settlement import Settlement, called
from trunkline.engine.stream import LiveStream
from trunkline.engine.trial import Trial
from trunkline.ports import INFINITY, Settled, correlation_id
from trunkline.values.errors import ServerError, StreamInterruptedError, UsageError
from trunkline.values.events import Event
from trunkline.values.media import LocalFile
from trunkline.values.message import Image, Message
from trunkline.values.request import Request
from trunkline.values.response import Attempt, Response

MakeIO = Callable[..., World]


# --- how it ends ------------------------------------------------------------------------------------------------------


def test_an_abandoned_stream_is_closed_and_told(world: MakeIO) -> None:
    io, book = world([chat_stream()]), Book()
    live = LiveStream(io, stream_call(observers=(book,)))
    held: Any = Stream(live) if io.blocking else AsyncStream(live)
    io.run(live.open())
    io.run(live.batch())
    with pytest.warns(ResourceWarning, match="was not closed"):
        del held
        gc.collect()
    assert [end.how for end in book.ends] == ["collected"]
    assert io.exchanges[0].closed


def test_it_is_settled_even_where_warnings_are_errors(world: MakeIO, monkeypatch: pytest.MonkeyPatch) -> None:
    io, book, shown = world([chat_stream()]), Book(), list[Any]()
    monkeypatch.setattr(sys, "unraisablehook", shown.append)
    live = LiveStream(io, stream_call(observers=(book,)))
    held: Any = Stream(live) if io.blocking else AsyncStream(live)
    io.run(live.open())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del held
        gc.collect()
    assert [end.how for end in book.ends] == ["collected"]
    assert [one.exc_type for one in shown] == [ResourceWarning]


def test_streams_that_were_never_opened_or_have_ended_go_quietly(world: MakeIO) -> None:
    io = world([chat_stream()])
    for opened in (False, True):
        live = LiveStream(io, stream_call())
        held: Any = Stream(live) if io.blocking else AsyncStream(live)
        if opened:
            io.run(read(live))
        del held, live
        gc.collect()


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_ctrl_c_in_a_plain_call(world: MakeIO, kind: type[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    io, book, heard = world([chat()]), Book(), list[object]()

    async def interrupt(*_: object) -> bytes:
        raise kind

    monkeypatch.setattr("trunkline.sim.scripted_exchange.ScriptedExchange.read", interrupt)

    async def run() -> None:
        try:
            await engine.generate(io, call(observers=(book,), hooks=Hooks(on_error=heard.append)))
        except kind as error:
            heard.append(type(error))

    io.run(run())
    assert heard == [kind], "what the caller ends himself is no error"
    assert [end.how for end in book.ends] == ["cancel"]
    assert book.attempts == []
    assert io.exchanges[0].closed


# --- observers --------------------------------------------------------------------------------------------------------


class Broken:
    def attempted(self, call_id: str, attempt: Attempt) -> None:
        raise RuntimeError("attempted")

    def settled(self, settled: Settled) -> None:
        raise RuntimeError("settled")


@pytest.mark.parametrize("stream", [False, True])
def test_an_observer_that_raises_harms_nobody(world: MakeIO, stream: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", shown.append)
    broken, book = Broken(), Book()
    if stream:
        io = world([failed(500), chat_stream()])
        assert texts(io.run(read(LiveStream(io, stream_call(observers=(broken, book)))))) == "abc"
    else:
        io = world([failed(500), chat()])
        assert io.run(engine.generate(io, call(observers=(broken, book)))).text == "hi"
    assert [str(one.exc_value) for one in shown] == ["attempted", "attempted", "settled"]
    assert all("observer of Trunkline, Broken" in one.exc_value.__notes__[0] for one in shown)
    assert all(one.exc_traceback is not None for one in shown)
    assert len(book.attempts) == 2
    assert [end.how for end in book.ends] == ["end"]


def test_the_correlation_id_is_carried(world: MakeIO) -> None:
    io, book = world([chat()]), Book()

    def run() -> None:
        correlation_id.set("turn-7")
        io.run(engine.generate(io, call(observers=(book,))))

    contextvars.copy_context().run(run)
    assert [end.correlation_id for end in book.ends] == ["turn-7"]
    assert book.ends[0].call_id == "call-1"


# --- the books of one call --------------------------------------------------------------------------------------------


def books(io: World, *observers: Any, total: float | None = 30.0) -> Settlement:
    return Settlement(io, call(observers=observers, limit={"total": total}))


def test_the_books_begin_with_the_call() -> None:
    io = World()
    one, other = books(io), books(io, total=None)
    assert (one.call_id, other.call_id) == ("call-1", "call-2")
    assert (one.began, one.until, other.until) == (io.now(), io.now() + 30.0, INFINITY)
    assert (one.attempts, one.destination, one.correlation, one.settled, one.open) == ([], None, None, False, [])
    one.begin(5.0)
    other.begin(5.0)
    assert (one.began, one.until, other.began, other.until) == (5.0, 35.0, 5.0, INFINITY)


@pytest.mark.parametrize(("until", "end"), [(20.0, 20.0), (30.0, 30.0), (40.0, 30.0)])
def test_an_earlier_moment_ends_it(until: float, end: float) -> None:
    io = World(blocking=True)
    for total in (30.0, None):
        asked = msgspec.structs.replace(call(limit={"total": total}), until=until)
        settlement = Settlement(io, asked)
        settlement.begin(0.0)
        assert settlement.until == (until if total is None else end)


def test_all_that_is_known_is_told_at_the_end() -> None:
    io, book, deaf = World(), Book(), Book()
    told, error, response = books(io, book, deaf), ServerError("x"), Response(message=Message.assistant("hi"))
    attempt = Attempt(provider="p1", model="m", seconds=1.0)
    told.attempted(attempt)
    assert (book.attempts, deaf.attempts, told.attempts) == ([attempt], [attempt], [attempt])
    assert told.settle("error", io.now() + 2.5, response, error) is True
    assert told.settled is True
    assert book.ends == [Settled("error", told.call_id, None, None, (attempt,), response, error, 2.5, None)]
    assert deaf.ends == book.ends


def test_the_target_that_answered_is_named() -> None:
    io, book = World(), Book()
    told = books(io, book)
    told.destination = wire("p2", model="other")
    told.settle("end", io.now())
    assert (book.ends[0].provider, book.ends[0].model, book.ends[0].seconds) == ("p2", "other", 0.0)
    assert (book.ends[0].response, book.ends[0].error) == (None, None)


@pytest.mark.parametrize("heard", [True, False])
def test_it_ends_once(heard: bool) -> None:
    io, book = World(), Book()
    told = books(io, *([book] if heard else []))
    assert [told.settle(how, io.now()) for how in ("close", "end", "error")] == [True, False, False]
    assert [end.how for end in book.ends] == (["close"] if heard else [])


def test_what_is_under_way_ends_with_it_and_is_no_attempt() -> None:
    io, book = World(), Book()
    told = books(io, book)
    trials = [Trial(told, wire(), io.now()) for _ in range(3)]
    assert told.open == trials
    assert all(trial.go(io.now()) for trial in trials)
    assert [trial.station.in_flight for trial in trials] == [1, 1, 1]
    told.settle("cancel", io.now())
    assert (told.open, book.attempts) == ([], [])
    assert [trial.station.in_flight for trial in trials] == [0, 0, 0]


def test_an_observer_that_raises_is_shown_as_python_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", shown.append)
    broken = Broken()
    books(World(), broken).settle("end", 0.0)
    (one,) = shown
    assert (one.exc_type, str(one.exc_value)) == (RuntimeError, "settled")
    assert one.exc_value.__notes__ == ["raised by an observer of Trunkline, Broken"]


def test_pythons_own_hook_shows_it_too(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "unraisablehook", sys.__unraisablehook__)
    books(World(), Broken()).settle("end", 0.0)
    assert "RuntimeError: settled" in capsys.readouterr().err


def test_what_is_called_may_be_awaited(world: MakeIO) -> None:
    io = world()

    async def later() -> str:
        return "later"

    assert io.run(called("now")) == "now"
    assert io.run(called(later())) == "later"


# --- hooks ------------------------------------------------------------------------------------------------------------


def asynchronous(io: World, hook: Callable[..., Any]) -> Callable[..., Any]:
    """The hook as a coroutine function, where that is allowed."""
    if io.blocking:
        return hook

    async def wrapped(value: Any) -> Any:
        await io.turn()
        return hook(value)

    return wrapped


@pytest.mark.parametrize("coroutine", [False, True])
@pytest.mark.parametrize("stream", [False, True])
def test_before_and_after_replace(world: MakeIO, stream: bool, coroutine: bool) -> None:
    io = world([chat_stream() if stream else chat()])
    other = Request(model="x", messages=(Message.user("replaced"),), stream=not stream, max_tokens=7)
    last = Response(message=Message.assistant("after"))
    before, after = lambda _: other, lambda _: last
    hooks = Hooks(before=before, after=after)
    if coroutine:
        hooks = Hooks(before=asynchronous(io, before), after=asynchronous(io, after))
    if stream:
        live = LiveStream(io, stream_call(hooks=hooks))
        io.run(read(live))
        assert live.response is last
    else:
        assert io.run(engine.generate(io, call(hooks=hooks))) is last
    assert b"replaced" in io.requests[0].body
    assert b"7" in io.requests[0].body
    assert (b'"stream":true' in io.requests[0].body) is stream, "whether it streams is not the hook's to say"


def test_hooks_that_return_nothing_change_nothing(world: MakeIO) -> None:
    io, heard = world([chat()]), list[Any]()
    hooks = Hooks(before=heard.append, after=heard.append, on_error=heard.append)
    response = io.run(engine.generate(io, call(hooks=hooks)))
    assert [type(value) for value in heard] == [Request, Response]
    assert heard[1] is response


@pytest.mark.parametrize("field", ["before", "after"])
def test_hooks_that_return_nonsense_are_told_so(world: MakeIO, field: str) -> None:
    io, book = world([chat()]), Book()
    with pytest.raises(UsageError) as caught:
        io.run(engine.generate(io, call(hooks=Hooks(**{field: lambda _: {"a": 1}}), observers=(book,))))  # type: ignore[arg-type]
    assert (caught.value.field, caught.value.got) == (field, "dict")
    assert [end.how for end in book.ends] == ["error"]


def test_a_replacement_is_checked_and_its_media_are_read(world: MakeIO, tmp_path: Any) -> None:
    io = world([chat()])
    hooks = Hooks(before=lambda request: Request(model="x", messages=request.messages, max_tokens=-1))
    with pytest.raises(UsageError, match="max_tokens"):
        io.run(engine.generate(io, call(hooks=hooks)))
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG")
    hooks = Hooks(before=lambda request: Request(model="x", messages=(Message.user(Image(LocalFile(str(path)))),)))
    io.run(engine.generate(io, call(hooks=hooks)))
    assert b"iVBORw" in io.requests[0].body


@pytest.mark.parametrize(
    ("field", "stream"), [("before", False), ("before", True), ("after", False), ("after", True), ("on_event", True)]
)
def test_what_a_hook_raises_ends_the_call_as_it_is(world: MakeIO, field: str, stream: bool) -> None:
    io, book, heard = world([chat_stream() if stream else chat()]), Book(), list[BaseException]()

    def bad(_: object) -> None:
        raise LookupError("mine")

    hooks = Hooks(**{field: bad, "on_error": heard.append})  # type: ignore[arg-type]
    with pytest.raises(LookupError, match="mine") as caught:
        if stream:
            io.run(read(LiveStream(io, stream_call(hooks=hooks, observers=(book,)))))
        else:
            io.run(engine.generate(io, call(hooks=hooks, observers=(book,))))
    assert heard == [caught.value]
    assert [(end.how, end.error) for end in book.ends] == [("error", caught.value)]
    assert len(io.exchanges) == (0 if field == "before" else 1)
    assert all(exchange.closed for exchange in io.exchanges)


@pytest.mark.parametrize("stream", [False, True])
def test_on_error_hears_the_error_once_and_may_raise_its_own(world: MakeIO, stream: bool) -> None:
    io, book, heard = world([failed(500)] * 3), Book(), list[BaseException]()

    def bad(error: BaseException) -> None:
        heard.append(error)
        raise LookupError("mine")

    hooks = Hooks(on_error=bad)
    with pytest.raises(LookupError, match="mine") as caught:
        if stream:
            io.run(read(LiveStream(io, stream_call(hooks=hooks, observers=(book,)))))
        else:
            io.run(engine.generate(io, call(hooks=hooks, observers=(book,))))
    assert [type(error) for error in heard] == [ServerError]
    assert caught.value.__context__ is heard[0]
    assert [(end.how, end.error) for end in book.ends] == [("error", heard[0])]
    assert all(exchange.closed for exchange in io.exchanges)


def test_on_error_hears_of_an_interrupted_stream(world: MakeIO) -> None:
    io, heard = world([streamed([start() + delta("x"), error_frame()])]), list[BaseException]()
    with pytest.raises(StreamInterruptedError) as caught:
        io.run(read(LiveStream(io, stream_call(hooks=Hooks(on_error=heard.append)))))
    assert heard == [caught.value]


@pytest.mark.parametrize("coroutine", [False, True])
def test_on_event_hears_every_event_before_it_is_handed_out(world: MakeIO, coroutine: bool) -> None:
    io, heard = world([chat_stream()]), list[Event]()
    hook: Any = asynchronous(io, heard.append) if coroutine else heard.append
    live = LiveStream(io, stream_call(hooks=Hooks(on_event=hook)))
    handed = io.run(read(live))
    assert heard == handed
