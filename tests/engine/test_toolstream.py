"""A run as it happens: its events in order, what has come at each moment, and every way to end it."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from tests.engine.calls import Book, read, wire
from tests.engine.conftest import MakeIO
from tests.engine.oracle import USAGE, Echo, Oracle, asking, reply, tool_call
from tests.replies import chat_stream, delta, finish, sse, start, streamed
from tests.virtual import World
from trunkline.engine.call import Call, Hooks
from trunkline.engine.stream import CLOSED, LiveStream
from trunkline.engine.toolbox import Toolbox
from trunkline.engine.toolloop import Rules
from trunkline.engine.toolstream import RunStream
from trunkline.values.errors import (
    ClosedByCallerError,
    DeadlineError,
    InvalidRequestError,
    MalformedResponseError,
    StepLimitError,
    StreamInterruptedError,
)
from trunkline.values.events import Event, Finish, StepEnded, TextDelta, ToolCallDelta, ToolEnded, ToolStarted
from trunkline.values.message import Message, ToolCall
from trunkline.values.output import Output
from trunkline.values.request import Tool
from trunkline.values.response import Response

DONE = reply("done")
CALLS = reply("hm", tool_call())
TOLD = (StepEnded, ToolStarted, ToolEnded, TextDelta)


def stream(io: World, *replies: Any, box: Toolbox | None = None, rules: Rules | None = None, **more: Any) -> RunStream:
    return RunStream(io, asking(Oracle(*replies), stream=True, **more), box or Echo().box(), rules or Rules())


async def until(live: RunStream, kind: type[Event]) -> list[Event]:
    """Events up to the first batch with one of this kind."""
    seen: list[Event] = []
    while not any(isinstance(event, kind) for event in seen):
        seen += await live.batch()
    return seen


def told(events: list[Event]) -> list[str]:
    return [type(event).__name__ for event in events if isinstance(event, TOLD)]


def test_everything_as_it_happens(world: MakeIO) -> None:
    io, heard, book = world(), [], Book()  # type: ignore[var-annotated]
    live = stream(io, CALLS, DONE, hooks=Hooks(on_event=heard.append), observers=(book,))
    events = io.run(read(live))  # type: ignore[arg-type]
    assert told(events) == ["TextDelta", "StepEnded", "ToolStarted", "ToolEnded", "TextDelta"]
    assert heard == events
    response = live.response
    (step,) = response.steps
    assert [event for event in events if isinstance(event, StepEnded)] == [StepEnded(step.response)]
    assert [event.result for event in events if isinstance(event, ToolEnded)] == list(step.results)
    assert (response.text, response.partial, response.usage.output_tokens) == ("done", False, 6)
    assert [end.how for end in book.ends] == ["end", "end"]
    assert io.run(live.batch()) == []
    assert live.response is response


def test_nothing_is_sent_before_it_is_read(world: MakeIO) -> None:
    io, oracle = world(), Oracle(DONE)
    live = RunStream(io, asking(oracle, stream=True, limit={"total": 5.0}), Toolbox.of(None, True), Rules())
    assert (live.started, live.ended, live.complete, live.partial) == (False, False, False, None)
    assert live.response == Response(message=Message.assistant(), partial=True)
    io.clock.until(io.now() + 100)  # its time begins when it does
    io.run(live.open())
    assert (live.started, live.ended, len(oracle.asked)) == (True, False, 1)
    io.run(live.open())
    assert len(oracle.asked) == 1
    assert [event.text for event in io.run(read(live)) if isinstance(event, TextDelta)] == ["done"]  # type: ignore[arg-type]
    assert live.ended


@pytest.mark.parametrize("how", ["close", "abort"])
def test_one_that_is_ended_before_it_begins_stays_so(world: MakeIO, how: str) -> None:
    io, oracle = world(), Oracle(DONE)
    live = RunStream(io, asking(oracle, stream=True), Toolbox.of(None, True), Rules())
    end(io, live, how)
    end(io, live, how)
    io.run(live.open())
    assert io.run(live.batch()) == []
    assert (live.started, live.ended, oracle.asked) == (False, True, [])


def end(io: World, live: RunStream, how: str) -> None:
    if how == "close":
        io.run(live.close())
    else:
        live.abort("close")


def test_what_has_come_is_told_at_every_moment(world: MakeIO) -> None:
    async def watch() -> None:
        await until(live, TextDelta)
        assert (live.response.text, live.response.partial, live.response.steps) == ("hm", True, ())
        await until(live, StepEnded)
        assert (live.response.tool_calls, live.response.partial, live.response.steps) == (CALLS.tool_calls, True, ())
        await until(live, ToolEnded)
        between = live.response
        assert (between.text, between.partial, len(between.steps), between.usage) == ("", True, 1, USAGE)
        assert live.partial is None
        await until(live, TextDelta)
        assert (live.response.text, live.response.partial, len(live.response.steps)) == ("done", True, 1)
        await until_the_end(live)
        assert (live.response.text, live.response.partial, len(live.response.steps)) == ("done", False, 1)

    io = world()
    live = stream(io, CALLS, DONE)
    io.run(watch())


async def until_the_end(live: RunStream) -> None:
    while await live.batch():
        pass


def test_it_says_when_only_the_end_is_missing(world: MakeIO) -> None:
    async def watch() -> list[tuple[str, bool]]:
        seen = []
        while batch := await live.batch():
            seen += [(type(batch[-1]).__name__, live.complete)]
        return seen

    function = {"name": "echo", "arguments": '{"word": "a"}'}
    calls = sse({"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "id": "c1", "function": function}]}}]})
    io = world([streamed([start(), calls, finish("tool_calls")]), chat_stream(["done"])])
    call = msgspec.structs.replace(asking(Oracle(DONE), stream=True), plan=(wire(),))
    live = RunStream(io, call, Echo().box(), Rules())
    seen = io.run(watch())
    assert [name for name, _ in seen].count("ToolEnded") == 1
    assert [complete for _, complete in seen] == [False] * (len(seen) - 1) + [True]
    assert not live.complete


def test_pauses_and_calls_that_come_back(world: MakeIO) -> None:
    io = world()
    live = stream(io, reply("searching", finish="pause"), DONE)
    assert told(io.run(read(live))) == ["TextDelta", "StepEnded", "TextDelta"]  # type: ignore[arg-type]
    assert [step.response.text for step in live.response.steps] == ["searching"]
    live = stream(io, reply(ToolCall("c", "far")), box=Echo().box(Tool("far")), request={"tools": (Tool("far"),)})
    assert told(io.run(read(live))) == []  # type: ignore[arg-type]
    assert (len(live.response.tool_calls), live.response.partial) == (1, False)


# --- what goes wrong ------------------------------------------------------------------------------------------------------


def fails(kind: type[BaseException], io: World, live: RunStream) -> Any:
    with pytest.raises(kind) as caught:
        io.run(read(live))  # type: ignore[arg-type]
    assert type(caught.value) is kind
    assert live.ended
    assert io.run(live.batch()) == [], "once it has failed there is nothing more"
    return caught.value


def test_a_first_turn_that_fails(world: MakeIO) -> None:
    io = world()
    live = stream(io, InvalidRequestError("no"))
    assert fails(InvalidRequestError, io, live).steps == ()
    assert (live.response.partial, live.response.steps) == (True, ())


def test_a_later_turn_that_fails(world: MakeIO) -> None:
    io = world()
    live = stream(io, CALLS, InvalidRequestError("no"))
    error = fails(InvalidRequestError, io, live)
    assert [len(step.results) for step in error.steps] == [1]
    assert (live.response.steps, live.response.partial) == (error.steps, True)


def test_steps_are_limited(world: MakeIO) -> None:
    io, echo = world(), Echo()
    live = stream(io, CALLS, box=echo.box(), rules=Rules(max_steps=2))
    error = fails(StepLimitError, io, live)
    assert (len(error.response.steps), error.response.tool_calls, echo.heard) == (1, CALLS.tool_calls, ["a"])
    assert (live.response.tool_calls, len(live.response.steps)) == (CALLS.tool_calls, 1)


def test_a_deadline_between_turns_loses_nothing(world: MakeIO) -> None:
    def tool() -> None:
        io.clock.until(io.now() + 10)

    io = World()
    live = stream(io, reply(ToolCall("c", "tool")), box=Toolbox.of([tool], True), limit={"total": 5.0})
    error = fails(DeadlineError, io, live)
    assert (error.seconds, len(error.steps), error.steps[0].response.usage) == (5.0, 1, USAGE)
    assert (live.response.steps, live.response.usage) == (error.steps, USAGE)


def test_an_interruption_holds_the_steps(world: MakeIO) -> None:
    call = asking(Oracle(DONE), stream=True)
    io = world([streamed([start(), delta("a")], end="reset")])
    live = RunStream(io, msgspec.structs.replace(call, plan=(wire(),)), Toolbox.of(None, True), Rules())
    error = fails(StreamInterruptedError, io, live)
    assert (error.partial.text, error.partial.steps, live.response.text) == ("a", (), "a")


def test_an_output_that_is_not_what_was_asked_for(world: MakeIO) -> None:
    io = world()
    schema = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}
    live = stream(io, CALLS, reply('{"x": "a"}'), parse=Output(None, schema))
    error = fails(MalformedResponseError, io, live)
    assert (error.response.text, len(error.response.steps), len(error.steps)) == ('{"x": "a"}', 1, 1)
    right = stream(io, reply('{"x": 1}'), parse=Output(None, schema))
    io.run(until(right, TextDelta))
    assert right.partial == {"x": 1}
    io.run(until_the_end(right))
    assert right.response.output == {"x": 1}


@pytest.mark.parametrize("kind", [StepEnded, ToolEnded])
def test_a_hook_that_fails_ends_it(world: MakeIO, kind: type[Event]) -> None:
    def on_event(event: Event) -> None:
        if isinstance(event, kind):
            raise LookupError

    io = world()
    live = stream(io, CALLS, DONE, hooks=Hooks(on_event=on_event))
    fails(LookupError, io, live)
    assert len(live.response.steps) == (kind is ToolEnded)


# --- ended by the caller --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [TextDelta, ToolCallDelta, Finish, StepEnded, ToolEnded])
@pytest.mark.parametrize("how", ["close", "abort"])
def test_ended_at_any_moment(world: MakeIO, kind: type[Event], how: str) -> None:
    io, echo, book = world(), Echo(), Book()
    live = stream(io, CALLS, DONE, box=echo.box(), observers=(book,))
    io.run(until(live, kind))
    end(io, live, how)
    end(io, live, how)
    assert live.ended
    assert io.run(live.batch()) == []
    assert echo.heard == (["a"] if kind is ToolEnded else [])
    assert [end.how for end in book.ends] == (["end"] if kind in (StepEnded, ToolEnded) else ["close"])
    assert live.response.partial


@pytest.mark.parametrize("how", ["close", "abort"])
@pytest.mark.parametrize("count", [1, 2])
def test_ended_while_tools_run(how: str, count: int) -> None:
    async def tool() -> None:
        if not live.ended:
            if how == "close":
                await live.close()
            else:
                live.abort("close")
        try:
            await asyncio.sleep(1000)
        finally:
            cleaned.append("x")

    async def main() -> None:
        with pytest.raises(StreamInterruptedError) as caught:
            await read(live)  # type: ignore[arg-type]
        error = caught.value
        assert error.message == CLOSED
        assert isinstance(error.__cause__, ClosedByCallerError)
        assert error.partial is not None
        assert error.partial.steps == error.steps == live.response.steps
        assert [step.results for step in error.steps] == [()]
        assert asyncio.all_tasks() == {asyncio.current_task()}

    cleaned: list[str] = []
    io = World(blocking=False)
    calls = reply(*[ToolCall(f"c{n}", "tool") for n in range(count)])
    live = stream(io, calls, DONE, box=Toolbox.of([tool], False))
    io.run(main())
    assert (len(cleaned), live.ended) == (count, True)
    assert io.run(live.batch()) == []


def test_ended_while_a_turn_begins(world: MakeIO) -> None:
    """By another thread, which has not seen the new turn's stream."""

    def on_event(event: Event) -> None:
        if isinstance(event, ToolEnded):
            live.abort("close")

    io, oracle = world(), Oracle(CALLS, DONE)
    call: Call = asking(oracle, stream=True, hooks=Hooks(on_event=on_event))
    live = RunStream(io, call, Echo().box(), Rules())
    io.run(until(live, ToolEnded))
    assert io.run(live.batch()) == []
    assert len(oracle.asked) == 1

    class Abrupt(Oracle):
        def generate(self, request: Any) -> Response:
            live.abort("close")
            return super().generate(request)

    live = RunStream(io, asking(Abrupt(DONE), stream=True), Echo().box(), Rules())
    assert io.run(read(live)) == []  # type: ignore[arg-type]
    assert live.ended


def test_ended_between_the_turn_and_its_stream(world: MakeIO) -> None:
    class Late(RunStream):
        __slots__ = ()

        async def _ask(self) -> LiveStream:
            self._over = True
            return await super()._ask()

    io, oracle = world(), Oracle(DONE)
    live = Late(io, asking(oracle, stream=True), Echo().box(), Rules())
    io.run(live.open())
    assert io.run(live.batch()) == []
    assert oracle.asked == []
