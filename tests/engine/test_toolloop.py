"""A run, turn by turn: what is asked, what is run, when it ends, and what is told of it."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from tests.engine.calls import Book, wire
from tests.engine.conftest import MakeIO
from tests.engine.oracle import USAGE, Echo, Oracle, asking, reply, texts, tool_call
from tests.replies import chat, failed
from tests.virtual import World
from trunkline.engine.call import Call, Hooks
from trunkline.engine.destination import Own
from trunkline.engine.toolbox import Toolbox
from trunkline.engine.toolloop import AT_ONCE, NO_TIME, REFUSED, Loop, Rules, run
from trunkline.ports import INFINITY
from trunkline.values.errors import (
    ClosedByCallerError,
    DeadlineError,
    InvalidRequestError,
    MalformedResponseError,
    ProviderError,
    StepLimitError,
    StreamInterruptedError,
    ToolSourceError,
    UsageError,
)
from trunkline.values.events import Event, StepEnded, ToolEnded, ToolStarted
from trunkline.values.media import Data
from trunkline.values.message import Image, Message, Text, ToolCall, ToolResult
from trunkline.values.output import Output
from trunkline.values.request import Tool, ToolChoice
from trunkline.values.response import Response

DONE = reply("done")
CALLS = reply("hm", tool_call())
LISTED = [Tool("take")]


def ran(io: World, call: Call, box: Toolbox | None = None, **rules: Any) -> Response:
    return io.run(run(io, call, box or Echo().box(), Rules(**rules)))


def fails(kind: type[BaseException], io: World, call: Call, box: Toolbox | None = None, **rules: Any) -> Any:
    with pytest.raises(kind) as caught:
        ran(io, call, box, **rules)
    assert type(caught.value) is kind
    return caught.value


def test_a_reply_without_calls_is_the_answer(world: MakeIO) -> None:
    oracle = Oracle(DONE)
    response = ran(world(), asking(oracle))
    assert (response.text, response.steps, len(oracle.asked)) == ("done", (), 1)


def test_the_model_is_told_what_its_calls_gave(world: MakeIO) -> None:
    oracle, echo = Oracle(CALLS, reply(tool_call(arguments='{"word": "b"}', id="c2")), DONE), Echo()
    response = ran(world(), asking(oracle), echo.box())
    assert echo.heard == ["a", "b"]
    asked = Message.user("hello")
    first = ToolResult("c1", (Text("a"),), name="echo")
    second = ToolResult("c2", (Text("b"),), name="echo")
    assert oracle.asked[1].messages == (asked, CALLS.message, Message.tool(first))
    assert oracle.asked[2].messages[3:] == (Message.assistant(ToolCall("c2", "echo", '{"word": "b"}')), Message.tool(second))
    assert [step.results for step in response.steps] == [(first,), (second,)]
    assert response.usage.input_tokens == 3 * USAGE.input_tokens  # type: ignore[operator]
    assert response.messages == (*oracle.asked[2].messages[1:], DONE.message)


def test_several_calls_keep_their_order_and_one_that_fails_harms_no_other(world: MakeIO) -> None:
    def bad() -> None:
        raise ValueError("no")

    calls = [tool_call(id="same"), ToolCall("same", "bad"), ToolCall("", "nobody"), tool_call(id="d", arguments='{"word": "z"}')]
    response = ran(world(), asking(Oracle(reply(*calls), DONE)), Echo().box(bad))
    results = response.steps[0].results
    assert [(result.tool_call_id, texts(result.parts), result.is_error) for result in results] == [
        ("same", "a", False),
        ("same", "ValueError: no", True),
        ("", "there is no tool of this name; the tools are: bad, echo", True),
        ("d", "z", False),
    ]


def test_so_many_run_together() -> None:
    """The rest wait until one has ended."""
    now = most = 0

    async def tool() -> int:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await io.sleep(1)
        now -= 1
        return now

    io = World(blocking=False)
    calls = [ToolCall(f"c{n}", "tool") for n in range(100)]
    began = io.now()
    response = ran(io, asking(Oracle(reply(*calls), DONE)), Toolbox.of([tool], False))
    assert most == AT_ONCE == 32
    assert [result.tool_call_id for result in response.steps[0].results] == [call.id for call in calls]
    assert io.now() - began == pytest.approx(4.0)


@pytest.mark.parametrize(("count", "branches"), [(1, 0), (2, 1), (3, 1)])
def test_two_run_together_and_one_by_itself(count: int, branches: int) -> None:
    asked: list[int] = []

    class Counted(World):
        async def all(self, coros: Any) -> Any:
            asked.append(len(coros))
            return await super().all(coros)

    async def tool() -> None:
        await io.sleep(1)

    io = Counted(blocking=False)
    began = io.now()
    ran(io, asking(Oracle(reply(*[ToolCall(f"c{n}", "tool") for n in range(count)]), DONE)), Toolbox.of([tool], False))
    assert io.now() - began == pytest.approx(1.0)
    assert asked == [count] * branches


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), ClosedByCallerError("closed")])
def test_what_is_no_mistake_of_a_tool_ends_the_run(world: MakeIO, count: int, error: BaseException) -> None:
    def tool() -> None:
        raise error

    oracle = Oracle(reply(*[ToolCall(f"c{n}", "tool") for n in range(count)]), DONE)
    fails(type(error), world(), asking(oracle), Toolbox.of([tool], True))
    assert len(oracle.asked) == 1


# --- leave ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "words"), [(True, "a"), (False, REFUSED), ("", REFUSED), ("not now", "not now"), ("True", "True")]
)
@pytest.mark.parametrize("later", [False, True])
def test_leave(world: MakeIO, answer: Any, words: str, later: bool) -> None:
    async def soon() -> Any:
        return answer

    asked: list[ToolCall] = []

    def approve(call: ToolCall) -> Any:
        asked.append(call)
        return soon() if later else answer

    echo = Echo()
    response = ran(world(), asking(Oracle(CALLS, DONE)), echo.box(), approve=approve)
    (result,) = response.steps[0].results
    assert asked == [tool_call()]
    assert (texts(result.parts), result.is_error) == (words, answer is not True)
    assert echo.heard == (["a"] if answer is True else [])


def test_the_words_that_a_model_is_told() -> None:
    assert REFUSED == "the user did not allow this call"
    assert NO_TIME == "it was not run: there is no time left"


@pytest.mark.parametrize("answer", [None, 1, object()])
def test_who_gives_no_answer_is_told(world: MakeIO, answer: Any) -> None:
    echo = Echo()
    error = fails(UsageError, world(), asking(Oracle(CALLS, DONE)), echo.box(), approve=lambda call: answer)
    assert (error.field, error.allowed) == ("approve", "True, False, or a text that says why not")
    assert echo.heard == []


def test_what_leave_raises_is_raised(world: MakeIO) -> None:
    async def later() -> None:
        raise LookupError("x")

    def at_once() -> None:
        raise LookupError("x")

    for give in (later, at_once):
        fails(LookupError, world(), asking(Oracle(CALLS, DONE)), approve=lambda call, give=give: give())


def test_all_are_asked_about_before_any_runs(world: MakeIO) -> None:
    done: list[str] = []

    def tool(n: int) -> None:
        done.append(f"run {n}")

    def approve(call: ToolCall) -> bool:
        done.append(f"ask {call.id}")
        return call.id != "c0"

    calls = [ToolCall(f"c{n}", "tool", f'{{"n": {n}}}') for n in range(2)]
    ran(world(), asking(Oracle(reply(*calls), DONE)), Toolbox.of([tool], True), approve=approve)
    assert done == ["ask c0", "ask c1", "run 1"]


# --- how long -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [1, 2, 3])
def test_steps_are_limited(world: MakeIO, most: int) -> None:
    oracle, echo = Oracle(CALLS), Echo()
    error = fails(StepLimitError, world(), asking(oracle), echo.box(), max_steps=most)
    assert (len(oracle.asked), len(echo.heard), len(error.response.steps)) == (most, most - 1, most - 1)
    assert error.response.tool_calls == CALLS.tool_calls
    assert str(error) == f"tools were still called after {most} steps (max_steps); `response` holds what came"
    assert ran(world(), asking(Oracle(*[CALLS] * (most - 1), DONE)), max_steps=most).text == "done"


def test_ten_steps_unless_somebody_says_otherwise(world: MakeIO) -> None:
    oracle = Oracle(CALLS)
    fails(StepLimitError, world(), asking(oracle))
    assert len(oracle.asked) == 10 == Rules().max_steps
    assert Rules() == (None, 10, INFINITY, None)


def test_a_pause_goes_on_and_not_for_ever(world: MakeIO) -> None:
    paused = reply("searching", finish="pause")
    oracle = Oracle(paused, DONE)
    response = ran(world(), asking(oracle))
    assert [(step.response.text, step.results) for step in response.steps] == [("searching", ())]
    assert oracle.asked[1].messages == (Message.user("hello"), paused.message)
    error = fails(StepLimitError, world(), asking(Oracle(paused)), max_steps=2)
    assert str(error).startswith("the turn was still paused after 2 steps")


@pytest.mark.parametrize("finish", ["stop", "length", "content_filter", "error", "other", "tool_calls"])
def test_whatever_calls_nothing_is_the_last(world: MakeIO, finish: Any) -> None:
    oracle = Oracle(reply("x", finish=finish))
    assert ran(world(), asking(oracle)).text == "x"
    assert len(oracle.asked) == 1


@pytest.mark.parametrize("finish", ["stop", "length", "other"])
def test_whatever_calls_goes_on(world: MakeIO, finish: Any) -> None:
    """Objects of the user's own do not always say why they ended; what was cut off is told as such."""
    cut = reply(tool_call(arguments='{"word": "a'), finish=finish)
    response = ran(world(), asking(Oracle(cut, DONE)))
    assert response.text == "done"
    assert "not a JSON object" in texts(response.steps[0].results[0].parts)


def test_a_call_of_what_is_declared_and_not_run_here_is_the_last(world: MakeIO) -> None:
    box = Echo().box(Tool("far"))
    for calls, goes_on in (
        ([ToolCall("1", "far")], False),
        ([tool_call(), ToolCall("2", "far")], False),
        ([tool_call(), ToolCall("2", "unheard")], True),
    ):
        oracle = Oracle(reply(*calls), DONE)
        call = asking(oracle, request={"tools": box.tools})
        assert (ran(world(), call, box).text == "done") is goes_on


def test_the_deadline_is_one_for_all(world: MakeIO) -> None:
    io = world()

    def slow() -> Response:
        io.clock.until(io.now() + 4)
        return CALLS

    error = fails(DeadlineError, io, asking(Oracle(slow), limit={"total": 10.0}))
    assert (error.phase, error.seconds) == ("total", 10.0)
    assert len(error.steps) == 3, "what was paid for is told"
    assert [len(step.results) for step in error.steps] == [1, 1, 1]
    assert ran(world(), asking(Oracle(CALLS, DONE), limit={"total": None})).text == "done"


def test_its_clock_starts_when_it_begins(world: MakeIO) -> None:
    io = world()
    loop = Loop(io, asking(Oracle(DONE), limit={"total": 5.0}), Toolbox.of(None, True), Rules())
    io.clock.until(io.now() + 100)
    io.run(loop.begin())
    assert loop.turn().until == io.now() + 5.0
    io.clock.until(io.now() + 4.5)
    assert loop.turn().limits.total == 5.0
    io.clock.until(io.now() + 0.5)
    with pytest.raises(DeadlineError):
        loop.turn()


def test_an_earlier_end_of_the_call_holds(world: MakeIO) -> None:
    io = world()
    call = msgspec.structs.replace(asking(Oracle(DONE), limit={"total": 5.0}), until=io.now() + 2)
    loop = Loop(io, call, Toolbox.of(None, True), Rules())
    io.run(loop.begin())
    assert loop.turn().until == io.now() + 2


class Timed(World):
    """Writes down how long functions are given."""

    given: list[float]

    async def apart(self, function: Any, seconds: float = INFINITY, signal: Any = None) -> Any:
        self.given = [*getattr(self, "given", []), seconds]
        return await super().apart(function, seconds, signal)


@pytest.mark.parametrize(("timeout", "total", "given"), [(2.0, 10.0, 2.0), (20.0, 10.0, 10.0), (INFINITY, None, INFINITY)])
def test_a_tool_is_given_the_lesser(world: MakeIO, timeout: float, total: float | None, given: float) -> None:
    io = Timed(blocking=world().blocking)
    ran(io, asking(Oracle(CALLS, DONE), limit={"total": total}), tool_timeout=timeout)
    assert [seconds for seconds in io.given if seconds != INFINITY or total is None][-1] == pytest.approx(given)


def test_no_tool_begins_when_the_time_is_up(world: MakeIO) -> None:
    io, echo = world(), Echo()

    def approve(call: ToolCall) -> bool:
        io.clock.until(io.now() + 10)
        return True

    error = fails(DeadlineError, io, asking(Oracle(CALLS, DONE), limit={"total": 10.0}), echo.box(), approve=approve)
    assert echo.heard == []
    assert texts(error.steps[0].results[0].parts) == NO_TIME
    assert error.steps[0].results[0].is_error


def test_leave_that_never_comes_ends_with_the_run(world: MakeIO) -> None:
    async def approve(call: ToolCall) -> bool:
        await io.sleep(100)
        return True

    io, echo = world(), Echo()
    error = fails(DeadlineError, io, asking(Oracle(CALLS, DONE), limit={"total": 7.0}), echo.box(), approve=approve)
    assert (error.seconds, len(error.steps), error.steps[0].results) == (7.0, 1, ())
    assert echo.heard == []


def test_how_long_it_took(world: MakeIO) -> None:
    heard: list[Event] = []

    async def approve(call: ToolCall) -> Any:
        await io.sleep(1)
        return "no" if call.id == "no" else True

    async def tool() -> None:
        await io.sleep(3)

    io = World(blocking=False)
    oracle = Oracle(reply(ToolCall("no", "tool"), ToolCall("c", "tool")), DONE)
    hooks = Hooks(on_event=heard.append)
    response = ran(io, asking(oracle, hooks=hooks), Toolbox.of([tool], False), approve=approve)
    assert [event.seconds for event in heard if isinstance(event, ToolEnded)] == [0.0, pytest.approx(3.0)]
    assert response.latency == pytest.approx(5.0)
    assert response.timings.end == response.latency
    assert [attempt.at for attempt in response.attempts] == [0.0, pytest.approx(5.0)]


# --- what is asked --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "then"),
    [
        (None, None),
        (ToolChoice("auto"), ToolChoice("auto")),
        (ToolChoice("none"), ToolChoice("none")),
        (ToolChoice("required"), None),
        (ToolChoice("tool", ("echo",)), None),
        (ToolChoice("required", ("echo",)), ToolChoice("auto", ("echo",))),
        (ToolChoice("required", ("echo",), ("echo",)), ToolChoice("auto", ("echo",), ("echo",))),
        (ToolChoice("auto", ("echo",)), ToolChoice("auto", ("echo",))),
    ],
)
def test_a_forced_call_is_forced_until_one_was_made(world: MakeIO, choice: Any, then: Any) -> None:
    box, paused = Echo().box(), reply("searching", finish="pause")
    oracle = Oracle(paused, CALLS, paused, DONE)
    ran(world(), asking(oracle, request={"tools": box.tools, "tool_choice": choice, "parallel_tool_calls": False}), box)
    assert [request.tool_choice for request in oracle.asked] == [choice, choice, then, then]
    assert all(request.parallel_tool_calls is False and request.tools == box.tools for request in oracle.asked)


class Shelf:
    trusted = True

    def list_tools(self) -> Any:
        return LISTED

    def call_tool(self, name: str, arguments: dict[str, Any]) -> Any:
        return name


@pytest.mark.parametrize(
    ("said", "meant"), [(None, None), ("take", ToolChoice("tool", ("take",))), ("required", ToolChoice("required"))]
)
def test_tools_of_sources_are_told_of_and_may_be_chosen(world: MakeIO, said: Any, meant: Any) -> None:
    oracle, box = Oracle(DONE), Echo().box(Shelf())
    ran(world(), asking(oracle), box, tool_choice=said)
    assert [tool.name for tool in oracle.asked[0].tools] == ["echo", "take"]
    assert oracle.asked[0].tool_choice == meant


def test_a_choice_of_what_no_source_has_is_misuse(world: MakeIO) -> None:
    oracle, wrong = Oracle(DONE), ToolChoice("tool", ("gone",))
    for call, said in ((asking(oracle), "gone"), (asking(oracle, request={"tool_choice": wrong}), None)):
        assert "tool_choice" in str(fails(UsageError, world(), call, Echo().box(Shelf()), tool_choice=said))
    assert oracle.asked == []


def test_the_time_for_the_listing_is_the_runs(world: MakeIO) -> None:
    io = Timed(blocking=world().blocking)
    ran(io, asking(Oracle(DONE), limit={"total": 9.0}), Toolbox.of([Shelf()], True))
    assert io.given[0] == 9.0

    class Never(World):
        async def apart(self, function: Any, seconds: float = INFINITY, signal: Any = None) -> Any:
            raise TimeoutError

    fails(ToolSourceError, Never(blocking=world().blocking), asking(Oracle(DONE)), Toolbox.of([Shelf()], True))


def test_media_that_a_tool_gave_are_looked_at(world: MakeIO, tmp_path: Any) -> None:
    """Also where it was known that the conversation has none."""
    file = tmp_path / "a.png"
    file.write_bytes(b"\x89PNG\r\n\x1a\n")

    def look() -> Image:
        return Image.file(file)

    io = world([chat(message={"tool_calls": [_call("look")]}, finish_reason="tool_calls"), chat("a cat")])
    call = msgspec.structs.replace(asking(Oracle(DONE)), plan=(wire(),), plain=True)
    response = ran(io, call, Toolbox.of([look], True))
    assert response.text == "a cat"
    assert response.steps[0].results[0].parts[0].source.data == b"\x89PNG\r\n\x1a\n"  # type: ignore[union-attr]

    loop = Loop(io, call, Toolbox.of([look], True), Rules())
    io.run(loop.begin())
    assert io.run(loop.act(reply("no calls"))) == []
    assert loop.turn().plain
    io.run(loop.act(reply(ToolCall("c", "look"))))
    assert not loop.turn().plain


def _call(name: str) -> dict[str, Any]:
    return {"id": "c1", "type": "function", "function": {"name": name, "arguments": "{}"}}


# --- what is told ---------------------------------------------------------------------------------------------------------


def test_hooks_and_observers_hear_each_turn(world: MakeIO) -> None:
    told: list[str] = []

    async def on_event(event: Event) -> None:
        told.append(type(event).__name__)

    book = Book()
    hooks = Hooks(
        before=lambda request: told.append(f"before {len(request.messages)}"),
        after=lambda response: told.append(f"after {response.text}"),
        on_event=on_event,
    )
    calls = reply("hm", tool_call(), tool_call(id="c2"))
    ran(world(), asking(Oracle(calls, DONE), hooks=hooks, observers=(book,)))
    tools = ["StepEnded", "ToolStarted", "ToolStarted", "ToolEnded", "ToolEnded"]
    assert told == ["before 1", "after hm", *tools, "before 3", "after done"]
    assert [(end.how, end.response.text if end.response else None) for end in book.ends] == [("end", "hm"), ("end", "done")]


def test_what_is_told(world: MakeIO) -> None:
    heard: list[Event] = []
    response = ran(world(), asking(Oracle(CALLS, DONE), hooks=Hooks(on_event=heard.append)))
    (step,) = response.steps
    ended = heard[2]
    assert isinstance(ended, ToolEnded)
    assert heard == [StepEnded(step.response), ToolStarted(tool_call()), ToolEnded(tool_call(), step.results[0], ended.seconds)]


def test_a_later_turn_that_fails_tells_what_was_paid_for(world: MakeIO) -> None:
    seen: list[BaseException] = []
    call = asking(Oracle(CALLS, CALLS, InvalidRequestError("no")), hooks=Hooks(on_error=seen.append))
    error = fails(InvalidRequestError, world(), call)
    assert [(step.response.text, step.response.usage, len(step.results)) for step in error.steps] == [("hm", USAGE, 1)] * 2
    assert seen == [error]
    assert fails(InvalidRequestError, world(), asking(Oracle(InvalidRequestError("no")))).steps == ()
    assert ProviderError().steps == ()


def test_a_turn_whose_tools_are_ended_is_told(world: MakeIO) -> None:
    def tool() -> None:
        raise ClosedByCallerError("closed")

    error = fails(ClosedByCallerError, world(), asking(Oracle(CALLS, reply(ToolCall("x", "tool")))), Echo().box(tool))
    assert [(step.response.tool_calls[0].name, len(step.results)) for step in error.steps] == [("echo", 1), ("tool", 0)]


def test_an_output_that_is_not_what_was_asked_for_tells_the_steps(world: MakeIO) -> None:
    schema = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}
    wrong, right = reply('{"x": "a"}'), reply('{"x": 1}')
    asked: dict[str, Any] = {"parse": Output(None, schema)}
    error = fails(MalformedResponseError, world(), asking(Oracle(CALLS, wrong), **asked))
    assert (len(error.response.steps), len(error.steps)) == (1, 1)
    assert error.response.usage.input_tokens == 20
    mended = ran(world(), asking(Oracle(CALLS, wrong, right), corrections=1, **asked))
    assert mended.output == {"x": 1}
    assert [(len(step.results), step.correction is None) for step in mended.steps] == [(1, True), (0, False)]
    assert mended.usage.input_tokens == 30
    later = fails(InvalidRequestError, world(), asking(Oracle(CALLS, wrong, InvalidRequestError("no")), corrections=1, **asked))
    assert [(len(step.results), step.correction is None) for step in later.steps] == [(1, True), (0, False)]


def test_what_is_told_on_an_error(world: MakeIO) -> None:
    io = world()
    loop = Loop(io, asking(Oracle(DONE)), Echo().box(), Rules())
    io.run(loop.begin())
    assert loop.so_far() == Response(message=Message.assistant(), partial=True)
    io.run(loop.act(CALLS))
    partial = StreamInterruptedError(partial=reply("ab", partial=True))
    bare, wrong, others = StreamInterruptedError(), MalformedResponseError(), ValueError()
    for error in (partial, bare, wrong, others):
        loop.tell(error)
    assert partial.partial is not None
    assert (partial.partial.text, len(partial.partial.steps), partial.partial.usage.output_tokens) == ("ab", 1, 6)
    assert (bare.partial, wrong.response) == (None, None)
    assert [len(error.steps) for error in (partial, bare, wrong)] == [1, 1, 1]
    assert vars(others) == {}
    assert (loop.so_far().usage, len(loop.so_far().steps), loop.so_far().partial) == (USAGE, 1, True)


def test_a_tool_runs_once_however_often_the_turn_is_tried(world: MakeIO) -> None:
    echo, calls = Echo(), chat(message={"tool_calls": [_call("count")]}, finish_reason="tool_calls")

    def count() -> str:
        return echo.tool("x")

    io = world([failed(500), calls, failed(500), chat("done")])
    call = msgspec.structs.replace(asking(Oracle(DONE)), plan=(wire("p1"), wire("p2")))
    response = ran(io, call, Toolbox.of([count], True))
    assert (response.text, echo.heard) == ("done", ["x"])
    assert [attempt.provider for attempt in response.attempts] == ["p1", "p2", "p1", "p2"]


def test_an_answer_of_last_resort_is_the_last(world: MakeIO) -> None:
    oracle = Oracle(CALLS, InvalidRequestError("no"))
    response = ran(world(), asking(oracle, last_resort="Sorry."))
    assert (response.text, response.fallback, len(response.steps)) == ("Sorry.", True, 1)


def test_models_of_ones_own_of_every_kind() -> None:
    class Later:
        def __init__(self) -> None:
            self.replies = [CALLS, DONE]

        async def generate(self, request: Any) -> Response:
            return self.replies.pop(0)

    class Streams:
        def __init__(self) -> None:
            self.oracle = Oracle(CALLS, DONE)

        def stream(self, request: Any) -> Any:
            return self.oracle.stream(request)

    for model, blocking in ((Later(), False), (Streams(), True), (Streams(), False)):
        call = msgspec.structs.replace(asking(Oracle(DONE)), plan=(Own(model),))
        assert ran(World(blocking=blocking), call).text == "done"


def test_ending_it_ends_its_waits() -> None:
    async def tool() -> None:
        loop.end()
        await asyncio.sleep(1000)

    async def main() -> None:
        await loop.begin()
        with pytest.raises(ClosedByCallerError):
            await loop.act(reply(ToolCall("c", "tool")))

    io = World(blocking=False)
    loop = Loop(io, asking(Oracle(DONE)), Toolbox.of([tool], False), Rules())
    io.run(main())
    assert len(loop.so_far().steps) == 1


def test_files_of_the_prompt_are_read_once(world: MakeIO, tmp_path: Any) -> None:
    """And what was fetched for one turn is there for the next."""
    data, file = b"\x89PNG\r\n\x1a\n", tmp_path / "a.png"
    file.write_bytes(data)

    def gone() -> Response:
        file.unlink()
        return CALLS

    message = Message.user("what is it?", Image.file(file))
    oracle, io = Oracle(gone, CALLS, DONE), world()
    assert ran(io, asking(oracle, message=message)).text == "done"
    assert [request.messages[0].parts[1] for request in oracle.asked] == [Image(Data(data, "image/png"))] * 3

    loop = Loop(io, asking(oracle, message=Message.user(Image(Data(data, "image/png")))), Echo().box(), Rules())
    io.run(loop.begin())
    first = loop.turn()
    io.run(loop.act(CALLS))
    assert first.media is not None
    assert loop.turn().media is first.media
    loop = Loop(io, asking(oracle), Echo().box(), Rules())
    io.run(loop.begin())
    assert (loop.turn().media, loop.turn().plain) == (None, False)


def test_nobody_is_asked_about_a_call_that_is_wrong_in_itself(world: MakeIO) -> None:
    asked: list[str] = []

    def approve(call: ToolCall) -> bool:
        asked.append(call.id)
        return bool(call.arguments["word"])

    calls = [ToolCall("1", "nobody"), tool_call(arguments="{no"), tool_call(arguments='{"words": "a"}'), tool_call(id="4")]
    results = ran(world(), asking(Oracle(reply(*calls), DONE)), approve=approve).steps[0].results
    assert asked == ["4"]
    assert [result.is_error for result in results] == [True, True, True, False]
    plain = ran(world(), asking(Oracle(reply(*calls), DONE))).steps[0].results
    assert [texts(result.parts) for result in plain] == [texts(result.parts) for result in results]
