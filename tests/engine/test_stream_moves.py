"""A stream that breaks off, carried on by another target: no character twice, none lost, and both costs counted."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.engine.calls import KEY, Book, call, read, stream_call, texts, wire
from tests.interrupts import interrupted
from tests.replies import chat_stream, delta, error_frame, failed, sse, start, streamed
from tests.virtual import World
from trunkline.dialects.dialect import WireRequest
from trunkline.engine import engine, stream
from trunkline.engine.call import Hooks, Limits
from trunkline.engine.carrying_on import INSTRUCTION
from trunkline.engine.destination import Own, Turns, Wire
from trunkline.engine.station import Gate, Station
from trunkline.engine.stream import MOST_MOVES, LiveStream
from trunkline.engine.verbatim import verbatim
from trunkline.policy.rate_limit import RateLimit
from trunkline.policy.retry import RetryPolicy
from trunkline.policy.turns import TurnMemory
from trunkline.sim.scripted import REFUSED, Piece, Scripted
from trunkline.values.errors import (
    AllTargetsFailedError,
    ContentFilterError,
    MalformedResponseError,
    StreamInterruptedError,
)
from trunkline.values.events import (
    CitationDelta,
    Event,
    Finish,
    Moved,
    PartDone,
    ReasoningDelta,
    Start,
    TextDelta,
    UsageUpdate,
    Warned,
)
from trunkline.values.fold import fold
from trunkline.values.message import Citation, Message, Reasoning, Text, ToolCall
from trunkline.values.model import Model, Price
from trunkline.values.request import OutputFormat, Request
from trunkline.values.response import Response, Usage

MakeIO = Callable[..., World]
TEXT = "Once upon a time:\n\n1. there lived a miller\n2. and \this cat, who  sang.\n"
DOLLARS = (Price(input="1000000", output="10000000"),)  # a dollar a token that is read, ten for one that is written


def of(provider: str, dialect: str = "openai-chat", **more: Any) -> Wire:
    return wire(provider, dialect, station=Station(), **more)


def moving(*plan: Any, **more: Any) -> Any:
    return stream_call(*(plan or (of("p1"), of("p2"))), carries_on=True, **more)


def broken(*pieces: Piece, end: str = "reset") -> Scripted:
    return streamed([start(), *pieces], end)


def went(io: World) -> list[str]:
    return [request.url.split("/")[2].split(".")[0] for request in io.requests]


def asked(io: World, number: int) -> list[Any]:
    messages: list[Any] = json.loads(io.requests[number].body)["messages"]
    return messages


def words(message: Any) -> str:
    content = message["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def ends(io: World, live: LiveStream, kind: type[BaseException] = StreamInterruptedError) -> tuple[Any, list[Event]]:
    events: list[Event] = []
    with pytest.raises(kind) as caught:
        io.run(read(live, events))
    assert all(exchange.closed for exchange in io.exchanges)
    return caught.value, events


def lawful(live: LiveStream, events: list[Event]) -> Response:
    """The reply, which is what its events tell."""
    response, told = live.response, fold(events)
    for name in ("message", "finish_reason", "usage", "warnings", "id", "model", "reported_cost", "partial", "logprobs"):
        assert getattr(told, name) == getattr(response, name), name
    return response


def taking_up(text: str, cut: int, dialect: str) -> Callable[[Any], Scripted]:
    """Whoever is asked first says so much of the text; who is asked to go on says exactly the rest."""

    def decide(request: Any) -> Scripted:
        messages = json.loads(request.body)["messages"]
        if len(messages) == 1:
            first = streamed([start(), *map(delta, text[:cut])], "reset")
            return first if "/p1." in request.url else Scripted.of(text, stream=True, dialect=dialect)
        assert messages[0] == {"role": "user", "content": "hello"}
        said = words(messages[1])
        assert (messages[1]["role"], said) == ("assistant", text[:cut].rstrip() if dialect != "openai-chat" else text[:cut])
        assert [words(message) for message in messages[2:]] == ([INSTRUCTION] if dialect == "openai-chat" else [])
        return Scripted.telling(
            [Start("2", "m2"), *map(TextDelta, text[len(said) :]), Finish("stop"), UsageUpdate(Usage(3, 2))], dialect=dialect
        )

    return decide


@pytest.mark.parametrize("dialect", ["openai-chat", "anthropic-messages"])
def test_wherever_it_is_cut_no_character_is_lost_and_none_comes_twice(world: MakeIO, dialect: str) -> None:
    for cut in range(1, len(TEXT) + 1):
        io = world(taking_up(TEXT, cut, dialect))
        live = LiveStream(io, moving(of("p1"), of("p2", dialect)))
        events = io.run(read(live))
        assert texts(events) == TEXT, cut
        assert lawful(live, events).message.parts == (Text(TEXT),)
        assert went(io) == ["p1", "p2"]


@pytest.mark.parametrize("size", [1, 5, 100])
def test_the_last_sentence_said_again_is_said_once(world: MakeIO, size: int) -> None:
    said, again = "It was late. The miller went home, an", "The miller went home, and slept."
    io = world([broken(delta(said)), chat_stream([again[n : n + size] for n in range(0, len(again), size)])])
    live = LiveStream(io, moving())
    events = io.run(read(live))
    assert texts(events) == "It was late. The miller went home, and slept."
    lawful(live, events)


def test_a_short_phrase_said_again_is_meant(world: MakeIO) -> None:
    io = world([broken(delta("He sang: la la la, ")), chat_stream(["la la ", "la, and slept"])])
    assert texts(io.run(read(LiveStream(io, moving())))) == "He sang: la la la, la la la, and slept"


# --- what is told -----------------------------------------------------------------------------------------------------


def test_what_is_told_and_where(world: MakeIO) -> None:
    usage = sse({"id": "chatcmpl-1", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}})
    heard: list[Event] = []
    io, book = world([broken(delta("Hel"), usage), chat_stream(["lo"])]), Book()
    live = LiveStream(io, moving(observers=(book,), hooks=Hooks(on_event=heard.append)))
    events = io.run(read(live))
    shape = [type(event).__name__ for event in events]
    place = shape.index("Moved")
    assert events[place] == Moved("p1/m", "p2/m", "ConnectionResetByHostError")
    assert sorted(shape[:place]) == ["Start", "TextDelta", "UsageUpdate"], "the first told its own figures: nothing is estimated"
    assert shape.count("Moved") == 1
    assert [event.text for event in events if isinstance(event, TextDelta)] == ["Hel", "lo"]
    assert shape[place + 1] == "Start"
    assert heard == events
    response = lawful(live, events)
    assert (response.usage, response.provider, response.text) == (Usage(6, 3, raw=response.usage.raw), "p2", "Hello")
    assert [(a.provider, a.error, a.interrupted, a.status) for a in response.attempts] == [
        ("p1", "ConnectionResetByHostError", True, None),
        ("p2", None, False, 200),
    ]
    assert tuple(book.attempts) == response.attempts
    assert [(end.how, end.provider, end.response) for end in book.ends] == [("end", "p2", response)]
    assert response.warnings == ()


def test_figures_that_nobody_told_are_estimated(world: MakeIO) -> None:
    io = world([broken(delta("x" * 40)), chat_stream(["lo"])])
    live = LiveStream(io, moving(prompt="y" * 80))
    events = io.run(read(live))
    place = next(n for n, event in enumerate(events) if isinstance(event, Moved))
    update, warned = events[place - 2 : place]
    assert isinstance(update, UsageUpdate)
    assert (update.usage.input_tokens, update.usage.output_tokens) == (20, 10)
    assert isinstance(warned, Warned)
    assert (warned.warning.kind, warned.warning.field) == ("approximated", "usage")
    assert "estimated" in warned.warning.reason
    response = lawful(live, events)
    assert (response.usage.input_tokens, response.usage.output_tokens) == (23, 12)
    assert response.warnings == (warned.warning,)


def test_each_is_paid_at_its_own_price(world: MakeIO) -> None:
    records = [
        Model(id="m", provider="p", prices=DOLLARS),
        Model(id="m", provider="q", prices=(Price(input="0", output="100000000"),)),
    ]
    for prices, cost in ((records, 20 + 100 + 200), ([records[0], None], None), ([None, records[0]], None)):
        io = world([broken(delta("x" * 40)), chat_stream(["lo"])])
        live = LiveStream(io, moving(*(of(f"p{n}", record=record) for n, record in enumerate(prices, 1)), prompt="y" * 80))
        io.run(read(live))
        assert live.response.cost == (None if cost is None else Decimal(cost))
        assert live.response.attempts[0].cost == (Decimal(120) if prices[0] else None)
        assert live.response.attempts[1].cost is None


def test_three_of_them(world: MakeIO) -> None:
    record = Model(id="m", provider="p", prices=DOLLARS)
    io = world([broken(delta("x" * 40)), broken(delta("y" * 8), end="truncated"), chat_stream(["lo"])])
    live = LiveStream(io, moving(*(of(f"p{n}", record=record) for n in (1, 2, 3)), prompt="z" * 80))
    events = io.run(read(live))
    assert texts(events) == "x" * 40 + "y" * 8 + "lo"
    response = lawful(live, events)
    told = -(-len(INSTRUCTION) // 4)
    first, second = 20 + 10 * 10, (20 + 10 + told) + 2 * 10
    assert [a.cost for a in response.attempts] == [Decimal(first), Decimal(second), None]
    assert response.cost == Decimal(first + second + 3 + 20)
    assert (response.usage.input_tokens, response.usage.output_tokens) == (20 + 30 + told + 3, 10 + 2 + 2)
    assert [(event.from_, event.to, event.reason) for event in events if isinstance(event, Moved)] == [
        ("p1/m", "p2/m", "ConnectionResetByHostError"),
        ("p2/m", "p3/m", "TruncatedBodyError"),
    ]
    assert len([event for event in events if isinstance(event, Warned)]) == 1, "said once"
    assert words(asked(io, 2)[1]) == "x" * 40 + "y" * 8
    assert [a.interrupted for a in response.attempts] == [True, True, False]


def test_parts_that_come_whole(world: MakeIO) -> None:
    cited = Citation("char", cited_text="c", document=0, start=0, end=1)
    pieces: list[Event] = [
        Start("1", "m"), ReasoningDelta("hm"), PartDone(Reasoning("hm")), TextDelta("A"), CitationDelta(cited),
        PartDone(Text("A", (cited,))), TextDelta("Hel"),
    ]  # fmt: skip
    io = world([Scripted.telling(pieces, dialect="anthropic-messages", end="reset"), Scripted.of("lo", stream=True)])
    live = LiveStream(io, moving(of("p1", "anthropic-messages"), of("p2")))
    events = io.run(read(live))
    response = lawful(live, events)
    assert response.text == "AHello"
    assert [type(part) for part in response.parts] == [Reasoning, Text, Text]
    assert response.parts[2] == Text("Hello")
    assert words(asked(io, 1)[1]) == "AHel"


def test_who_has_only_thought_so_far_begins_afresh(world: MakeIO) -> None:
    thought = sse({"id": "1", "choices": [{"index": 0, "delta": {"reasoning_content": "hm"}}]})
    io = world([broken(thought), chat_stream(["Hello"])])
    live = LiveStream(io, moving())
    events = io.run(read(live))
    assert texts(events) == "Hello"
    assert len(asked(io, 1)) == 1
    assert [type(part) for part in lawful(live, events).parts] == [Reasoning, Text]
    assert any(isinstance(event, Moved) for event in events)


def test_an_object_of_your_own_carries_on(world: MakeIO) -> None:
    class Parrot:
        def __init__(self) -> None:
            self.asked: list[Request] = []

        def stream(self, request: Request) -> Any:
            self.asked.append(request)
            yield "lo"

    parrot = Parrot()
    io = world([broken(delta("Hel"))])
    live = LiveStream(io, moving(of("p1"), Own(parrot)))
    events = io.run(read(live))
    assert texts(events) == "Hello"
    assert [(m.role, m.text) for m in parrot.asked[0].messages][1:] == [("assistant", "Hel"), ("user", INSTRUCTION)]
    assert lawful(live, events).cost is None
    assert [e.to for e in events if isinstance(e, Moved)] == ["Parrot"]


def test_an_object_of_your_own_breaks_off(world: MakeIO) -> None:
    class Mute:
        def stream(self, request: Request) -> Any:
            yield "Hel"
            raise ConnectionError("gone")

    io = world([chat_stream(["lo"])])
    live = LiveStream(io, moving(Own(Mute()), of("p2")))
    events = io.run(read(live))
    assert texts(events) == "Hello"
    assert [a.error for a in live.response.attempts] == ["TransportError", None]


# --- whom, and when not -----------------------------------------------------------------------------------------------


def test_not_unless_it_is_wanted(world: MakeIO) -> None:
    io = world([broken(delta("Hel"))])
    error, events = ends(io, LiveStream(io, stream_call(of("p1"), of("p2"))))
    assert (texts(events), error.partial.text, len(io.requests)) == ("Hel", "Hel", 1)
    assert not any(a.interrupted for a in error.attempts)


def test_a_call_that_is_half_written_is_not_carried_on(world: MakeIO) -> None:
    piece = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a'}}
    half = sse({"id": "1", "choices": [{"index": 0, "delta": {"tool_calls": [piece]}}]})
    io = world([broken(delta("Hel"), half)])
    error, _ = ends(io, LiveStream(io, moving()))
    assert error.partial.tool_calls == (ToolCall("c", "f", '{"a'),)
    assert len(io.requests) == 1


def test_nor_are_json_and_several_choices(world: MakeIO) -> None:
    for more in ({"output": OutputFormat()}, {"n": 2}):
        io = world([broken(delta('{"a'))])
        ends(io, LiveStream(io, moving(request=more)))
        assert len(io.requests) == 1


def test_nor_is_what_has_been_said_whole(world: MakeIO) -> None:
    class Late:
        def stream(self, request: Request) -> Any:
            yield "Hello"
            yield Finish("stop")
            raise ConnectionError("gone")

    io = world([])
    error, _ = ends(io, LiveStream(io, moving(Own(Late()), of("p2"))))
    assert (error.partial.text, error.partial.partial) == ("Hello", False)
    assert not io.requests


@pytest.mark.parametrize(
    ("frame", "moves"),
    [
        (error_frame("busy", "overloaded_error"), True),
        (error_frame("boom", "server_error"), True),
        (b"data: {garbage\n\n", True),
        (error_frame("no", "invalid_request_error"), False),
        (error_frame("bad words", "x", code="content_filter"), False),
    ],
)
def test_after_which_errors(world: MakeIO, frame: bytes, moves: bool) -> None:
    io = world([broken(delta("Hel"), frame, end="end"), chat_stream(["lo"])])
    live = LiveStream(io, moving())
    if moves:
        assert texts(io.run(read(live))) == "Hello"
        return
    error, _ = ends(io, live)
    assert error.partial.text == "Hel"
    assert len(io.requests) == 1


def test_a_filter_only_if_asked(world: MakeIO) -> None:
    frame = error_frame("bad words", "x", code="content_filter")
    io = world([broken(delta("Hel"), frame, end="end"), chat_stream(["lo"])])
    live = LiveStream(io, moving(limits=Limits(retry=RetryPolicy(elsewhere=(ContentFilterError,)))))
    assert texts(io.run(read(live))) == "Hello"
    assert live.response.attempts[0].error == "ContentFilterError"


def test_the_next_that_answers_carries_on(world: MakeIO) -> None:
    io = world([broken(delta("Hel")), failed(529), REFUSED, REFUSED, chat_stream(["lo"])])
    live = LiveStream(io, moving(of("p1"), of("p2"), of("p3"), of("p4")))
    events = io.run(read(live))
    assert texts(events) == "Hello"
    assert went(io) == ["p1", "p2", "p3", "p3", "p4"]
    assert [(e.from_, e.to) for e in events if isinstance(e, Moved)] == [("p1/m", "p4/m")]
    assert [a.provider for a in live.response.attempts] == ["p1", "p2", "p3", "p3", "p4"]


def test_where_nobody_can_the_error_holds_what_there_is(world: MakeIO) -> None:
    book = Book()
    io = world([broken(delta("Hel")), broken(delta("lo"), end="truncated"), failed(404)])
    error, events = ends(io, LiveStream(io, moving(of("p1"), of("p2"), of("p3"), observers=(book,))))
    assert texts(events) == "Hello"
    assert (error.partial.text, error.partial.partial) == ("Hello", True)
    assert (error.provider, type(error.__cause__).__name__) == ("p2", "TruncatedBodyError")
    assert [(a.provider, a.error, a.interrupted) for a in error.attempts] == [
        ("p1", "ConnectionResetByHostError", True),
        ("p2", "TruncatedBodyError", True),
        ("p3", "NotFoundError", False),
    ]
    assert [(one.how, one.error) for one in book.ends] == [("error", error)]
    assert fold(events).message == error.partial.message


def test_what_was_held_back_is_not_lost_with_the_last(world: MakeIO) -> None:
    said = "Once there lived a miller who "
    io = world([broken(delta(said)), broken(delta("there lived "))])
    error, events = ends(io, LiveStream(io, moving(retries=0)))
    assert texts(events) == said + "there lived "
    assert error.partial.text == said + "there lived "
    io = world([broken(delta(said)), broken(delta("there lived ")), chat_stream(["sang"])])
    assert texts(io.run(read(LiveStream(io, moving(of("p1"), of("p2"), of("p3")))))) == said + "sang", "the third says it again"
    assert words(asked(io, 2)[1]) == said


def test_who_cannot_be_asked_is_passed_over(world: MakeIO) -> None:
    class Nothing:
        pass

    io = world([broken(delta("Hel")), chat_stream(["lo"])])
    live = LiveStream(io, moving(of("p1"), Own(Nothing(), "nothing"), of("p3")))
    assert texts(io.run(read(live))) == "Hello"
    assert [(a.provider, a.error) for a in live.response.attempts][1] == ("nothing", "UsageError")
    io = world([broken(delta("Hel"))])
    error, _ = ends(io, LiveStream(io, moving(of("p1"), Own(Nothing(), "nothing"))))
    assert error.partial.text == "Hel"


# --- the same once more -----------------------------------------------------------------------------------------------


def test_alone_it_carries_on_itself(world: MakeIO) -> None:
    io = world([broken(delta("Hel")), broken(delta("lo ")), chat_stream(["you"])])
    live = LiveStream(io, moving(of("p1")))
    events = io.run(read(live))
    assert texts(events) == "Hello you"
    assert [high for _, high in io.uniforms] == [0.5, 1.0], "not at once"
    assert [a.waited for a in live.response.attempts] == [0.0, *io.sleeps]
    assert [(e.from_, e.to) for e in events if isinstance(e, Moved)] == [("p1/m", "p1/m")] * 2
    lawful(live, events)


def test_but_not_for_ever(world: MakeIO) -> None:
    for retries in (0, 1, 2):
        io = world(lambda _: broken(delta("x ")))
        error, events = ends(io, LiveStream(io, moving(of("p1"), retries=retries)))
        assert texts(events) == "x " * (retries + 1)
        assert len(io.requests) == retries + 1
        assert error.partial.text == texts(events)
    io = world([broken(delta("Hel"), b"data: {garbage\n\n", end="end")])
    error, _ = ends(io, LiveStream(io, moving(of("p1"))))
    assert isinstance(error.__cause__, MalformedResponseError), "nor where that would not help"


def test_nor_beyond_what_the_traffic_bears(world: MakeIO) -> None:
    io, only = world(lambda _: broken(delta("x "))), of("p1")
    while only.station.budget.take():
        pass
    ends(io, LiveStream(io, moving(only)))
    assert len(io.requests) == 1


def test_so_often_and_no_more(world: MakeIO) -> None:
    assert MOST_MOVES == 8
    io = world(lambda _: broken(delta("x ")))
    error, _ = ends(io, LiveStream(io, moving(*(of(f"p{n}") for n in range(12)))))
    assert len(io.requests) == 9
    assert error.partial.text == "x " * 9


def test_the_call_has_one_deadline(world: MakeIO) -> None:
    pieces: list[Piece] = [(20.0, delta("a")), (20.0, delta("b"))]
    io = world(lambda _: broken(*pieces, (20.0, delta("c")), end="stall"))
    error, _ = ends(io, LiveStream(io, moving(limit={"total": 100.0, "idle": 25.0})))
    assert io.now() == 1_100.0
    assert error.__cause__.phase == "idle", "it is of who broke off"
    assert len(io.requests) == 2
    io = world(lambda _: broken(delta("a"), end="stall"))
    error, _ = ends(io, LiveStream(io, moving(limit={"total": 10.0})))
    assert (io.now(), error.__cause__.phase, len(io.requests)) == (1_010.0, "total", 1)


def test_closed_while_it_moves(world: MakeIO) -> None:
    io, book, wires = world([broken(delta("Hel")), chat_stream(["lo"])]), Book(), (of("p1"), of("p2"))
    live = LiveStream(io, moving(*wires, observers=(book,)))
    io.run(live.open())
    io.run(live.batch())
    turns = io.turns
    io.meanwhile = lambda turn: live.abort("close") if turn == turns + 3 else None
    error, _ = ends(io, live)
    assert "closed" in str(error)
    assert error.partial.text == "Hel"
    assert [end.how for end in book.ends] == ["close"]
    assert [each.station.in_flight for each in wires] == [0, 0]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("turn", range(1, 6))
def test_ctrl_c_while_it_moves(kind: type[BaseException], turn: int) -> None:
    io, book, wires = World([broken(delta("Hel")), chat_stream(["lo"])]), Book(), (of("p1"), of("p2"))
    live = LiveStream(io, moving(*wires, observers=(book,)))
    io.run(live.open())
    io.run(live.batch())
    turns = io.turns

    def meddle(number: int) -> None:
        if number == turns + turn:
            raise kind

    io.meanwhile = meddle
    with pytest.raises(kind):
        io.run(read(live))
    assert [end.how for end in book.ends] == ["cancel"]
    assert all(exchange.closed for exchange in io.exchanges)
    assert [each.station.in_flight for each in wires] == [0, 0]


# --- what else there is -----------------------------------------------------------------------------------------------


def test_a_memory_hears_of_the_whole(world: MakeIO) -> None:

    heard: list[Message] = []

    class Memory(TurnMemory):
        def remember(self, message: Message) -> None:
            heard.append(message)
            super().remember(message)

    io = world([broken(delta("Hel")), chat_stream(["lo"])])
    io.run(read(LiveStream(io, moving(memory=Memory()))))
    assert [message.text for message in heard] == ["Hello"]


def test_nobody_learns_of_anothers_key(world: MakeIO) -> None:
    io = world([broken(delta("Hel"), error_frame(f"no {KEY}", "server_error"), end="end"), failed(404)])
    error, events = ends(io, LiveStream(io, moving(retries=0)))
    assert KEY not in repr(error) + str(error) + repr(events) + repr(error.__cause__)


def test_a_request_of_your_own_is_not_carried_on(world: MakeIO) -> None:
    request = WireRequest(path="/v1/chat/completions", body=b'{"mine": true}')
    io = world([broken(delta("Hel")), chat_stream(["Hello"])])
    own = verbatim(moving(last_resort="sorry"), request)
    error, events = ends(io, LiveStream(io, own))
    assert (texts(events), error.partial.text, len(io.requests)) == ("Hel", "Hel", 1)
    io = world([failed(404), failed(404)])
    with pytest.raises(AllTargetsFailedError):
        io.run(LiveStream(io, own).open())


def test_what_a_limit_of_tokens_is_told(world: MakeIO) -> None:

    gates = [Gate(name, RateLimit(requests=None, tokens=10_000)) for name in "ab"]
    wires = [wire(f"p{n}", station=Station(gates=(gate,))) for n, gate in enumerate(gates, 1)]
    io = world([broken(delta("x" * 40)), chat_stream(["lo"])])
    live = LiveStream(io, moving(*wires, prompt="y" * 80))
    io.run(read(live))
    assert [gate.window.used(io.now())[1] for gate in gates if gate.window is not None] == [30, 5]


def test_the_whole_reply_knows_nothing_of_this(world: MakeIO) -> None:
    io = world([Scripted(200, {}, [b'{"id"'], "reset"), Scripted.of("whole")])
    assert io.run(engine.generate(io, call(of("p1"), of("p2"), carries_on=True, retries=0))).text == "whole"


def test_ctrl_c_at_every_place() -> None:
    after, broken_in = 0, True
    while broken_in:
        io, book, wires = World([broken(delta("Hel")), chat_stream(["lo"])]), Book(), (of("p1"), of("p2"))
        live = LiveStream(io, moving(*wires, observers=(book,)))
        broken_in = interrupted(stream, after, lambda live=live, io=io: io.run(read(live)))  # type: ignore[misc]
        if broken_in and not book.ends:  # before it was asked for anything, or after all was told
            io.run(live.close())
        assert len(book.ends) == 1, after
        assert all(exchange.closed for exchange in io.exchanges), after
        assert [each.station.in_flight for each in wires] == [0, 0], after
        after += 1
    assert after > 20


def test_another_key_of_the_same_is_asked_first(world: MakeIO) -> None:
    ring, turns = [wire("p1", key=f"sk-ring-0123456789-{n}", station=Station()) for n in range(2)], Turns()
    for number, each in enumerate(ring):
        each.ring, each.turns = ring, turns
        each.target = msgspec.structs.replace(each.target, key=f"key{number}")
    frame = error_frame("too fast", "rate_limit_error", code="rate_limit_exceeded")
    for rests, hosts in ((0.0, ["p1", "p1"]), (50.0, ["p1", "p2"])):
        io = world([broken(delta("Hel"), frame, end="end"), chat_stream(["lo"])])
        turns = Turns()
        for each in ring:
            each.turns, each.station = turns, Station()
        ring[1].station.rests_until = io.now() + rests
        live = LiveStream(io, moving(ring[0], of("p2")))
        assert texts(io.run(read(live))) == "Hello"
        assert went(io) == hosts
        shown = [request.headers["authorization"] for request in io.requests]
        assert shown[0] != shown[1]
    io = world([broken(delta("Hel"), end="reset"), chat_stream(["lo"])])
    ring[1].station = Station()
    assert texts(io.run(read(LiveStream(io, moving(ring[0], of("p2")))))) == "Hello"
    assert went(io) == ["p1", "p2"], "it is not the key's fault"
