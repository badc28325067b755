"""``run`` and ``stream_run``: tools are called, on every dialect, in both clients."""

from __future__ import annotations

import asyncio
import gc
import math
import os
import pickle
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from decimal import Decimal
from typing import Any

import pytest

from trunkline import (
    AsyncClient,
    Client,
    Data,
    DeadlineError,
    Event,
    Image,
    InvalidRequestError,
    Message,
    Response,
    RetryPolicy,
    ServerError,
    Settings,
    StepEnded,
    StepLimitError,
    StreamInterruptedError,
    Tool,
    ToolCall,
    ToolEnded,
    ToolResult,
    ToolStarted,
    Usage,
    UsageError,
)
from trunkline.sim import Call, Fail, Reset, Rule, Say, Scenario, Simulator, Think, When
from trunkline.values.errors import ClosedByCallerError
from trunkline.values.json_form import from_json, to_json

DIALECTS = ["openai-chat", "openai-responses", "anthropic-messages", "gemini", "bedrock-converse", "cohere", "ollama"]
WAYS = ["Client.run", "Client.stream_run", "AsyncClient.run", "AsyncClient.stream_run"]
ANSWER = "4 °C in Oslo, 19 °C in Rome."
PICTURE = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00:~\x9bU"


def weather(city: str, days: int = 1) -> dict[str, Any]:
    """The weather in a city."""
    return {"city": city, "celsius": {"Oslo": 4, "Rome": 19}[city], "days": days}


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with Simulator(speed=math.inf) as simulator:
        yield simulator


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


def asked(sim: Simulator, way: str, prompt: Any = "Weather?", dialect: str = "openai-chat", **options: Any) -> Response:
    """The answer, and what ``on_event`` heard, in one of the four ways."""
    model, about = f"{dialect}/sim-small", {"base_url": sim.base_url(dialect), "api_key": "any", "retries": 2}
    heard = options.pop("heard", None)
    if heard is not None:
        about["on_event"] = heard.append
    if way.startswith("Client"):
        with Client(model, **about) as llm:  # type: ignore[arg-type]
            if way.endswith(".run"):
                return llm.run(prompt, **options)
            with llm.stream_run(prompt, **options) as stream:
                for _ in stream:
                    pass
            return stream.response

    async def main() -> Response:
        async with AsyncClient(model, **about) as llm:  # type: ignore[arg-type]
            if way.endswith(".run"):
                return await llm.run(prompt, **options)
            async with llm.stream_run(prompt, **options) as stream:
                async for _ in stream:
                    pass
            return stream.response

    return asyncio.run(main())


def script(*calls: Call, answer: str = ANSWER) -> Scenario:
    return Scenario(
        [Rule(Say("Let me see."), *calls, when=When(after_tool=False)), Rule(Say(answer), when=When(after_tool=True))]
    )


def said(result: ToolResult) -> str:
    return "".join(part.text for part in result.parts if hasattr(part, "text"))


TWO = (Call("weather", {"city": "Oslo"}), Call("weather", {"city": "Rome", "days": 2}))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_calls_of_a_turn_are_run_and_their_results_answered(sim: Simulator, way: str, dialect: str) -> None:
    sim.use(script(*TWO))
    heard: list[Event] = []
    reply = asked(sim, way, dialect=dialect, tools=[weather], heard=heard)
    assert (reply.text, reply.finish_reason, reply.tool_calls) == (ANSWER, "stop", ())
    (step,) = reply.steps
    assert [said(result) for result in step.results] == [
        '{"city":"Oslo","celsius":4,"days":1}',
        '{"city":"Rome","celsius":19,"days":2}',
    ]
    assert not any(result.is_error for result in step.results)
    assert [message.role for message in reply.messages] == ["assistant", "tool", "assistant"]
    kinds = [event for event in heard if isinstance(event, StepEnded | ToolStarted | ToolEnded)]
    assert [type(event) for event in kinds] == [StepEnded, ToolStarted, ToolStarted, ToolEnded, ToolEnded]
    assert kinds[0] == StepEnded(step.response)
    assert [event.result for event in kinds if isinstance(event, ToolEnded)] == list(step.results)


def test_the_reply_of_a_run_counts_all_its_turns(sim: Simulator, way: str) -> None:
    usage = Usage(input_tokens=10, output_tokens=5)
    rules = [
        Rule(*TWO, when=When(after_tool=False), usage=usage),
        Rule(Fail(503), when=When(after_tool=True), times=1),
        Rule(Say(ANSWER), when=When(after_tool=True), usage=usage),
    ]
    sim.use(Scenario(rules))
    reply = asked(sim, way, tools=[weather])
    first = reply.steps[0].response
    assert (first.usage.input_tokens, first.usage.output_tokens) == (10, 5)
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (20, 10)
    assert [attempt.error for attempt in reply.attempts] == [None, "OverloadedError", None]
    assert reply.latency >= first.latency
    assert [attempt.at for attempt in reply.attempts] == sorted(attempt.at for attempt in reply.attempts)
    assert reply.cost is None  # nobody knows what sim-small costs


def test_costs_of_all_turns_are_added(sim: Simulator) -> None:
    sim.use(script(*TWO))
    about = {"base_url": sim.base_url("anthropic-messages"), "api_key": "any"}
    with Client("anthropic/claude-sonnet-4-5", **about) as llm:  # type: ignore[arg-type]
        reply = llm.run("Weather?", tools=[weather])
    assert reply.steps[0].response.cost is not None
    assert reply.cost is not None
    assert Decimal(0) < reply.steps[0].response.cost < reply.cost


def test_what_a_tool_raises_goes_to_the_model(sim: Simulator, way: str) -> None:
    def broken(city: str) -> str:
        raise LookupError(f"no {city}")

    calls = [Call("broken", {"city": "Oslo"}), Call("broken", {"town": 1}), Call("unheard", {}), Call("broken", "{no json")]
    sim.use(script(*calls))
    results = asked(sim, way, tools=[broken]).steps[0].results
    assert all(result.is_error for result in results)
    assert said(results[0]) == "LookupError: no Oslo"
    assert "city" in said(results[1])
    assert "broken" in said(results[2])
    assert "JSON" in said(results[3])


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        ("words", "words"),
        (None, "null"),
        ([1, {"a": 2.5}], '[1,{"a":2.5}]'),
        (Image(Data(PICTURE, "image/png")), "image"),
        (["a picture:", Image(Data(PICTURE, "image/png"))], "a picture:image"),
        (ToolResult("", (), is_error=True), ""),
    ],
)
def test_results_are_text_json_or_pictures(sim: Simulator, given: Any, parts: str) -> None:
    def tool() -> Any:
        return given

    sim.use(script(Call("tool", {})))
    (result,) = asked(sim, "Client.run", tools=[tool], dialect="anthropic-messages").steps[0].results
    assert "".join("image" if isinstance(part, Image) else part.text for part in result.parts) == parts  # type: ignore[union-attr]
    assert result.tool_call_id == "call_0" or result.tool_call_id
    assert result.is_error is (isinstance(given, ToolResult))


def test_a_result_without_a_json_form_is_told(sim: Simulator) -> None:
    sim.use(script(Call("tool", {})))

    def tool() -> object:
        return object()

    (result,) = asked(sim, "Client.run", tools=[tool]).steps[0].results
    assert result.is_error
    assert "no JSON form" in said(result)


def test_calls_run_together(sim: Simulator, way: str) -> None:
    gate = threading.Barrier(2, timeout=20)

    def weather(city: str) -> str:
        gate.wait()
        return city

    sim.use(script(Call("weather", {"city": "Oslo"}), Call("weather", {"city": "Rome"})))
    assert [said(result) for result in asked(sim, way, tools=[weather]).steps[0].results] == ["Oslo", "Rome"]


@pytest.mark.parametrize("way", [way for way in WAYS if "Async" in way])
def test_coroutine_tools_run_in_the_loop(sim: Simulator, way: str) -> None:
    async def weather(city: str) -> str:
        assert threading.current_thread() is threading.main_thread()
        await asyncio.sleep(0)
        return city

    sim.use(script(*[Call("weather", {"city": "Oslo"})]))
    assert said(asked(sim, way, tools=[weather], tool_timeout=10).steps[0].results[0]) == "Oslo"


def test_coroutine_tools_are_refused_by_the_blocking_client(sim: Simulator) -> None:
    async def tool() -> None: ...

    class Source:
        trusted = True

        async def list_tools(self) -> list[Tool]:
            return []

        def call_tool(self, name: str, arguments: dict[str, Any]) -> Any: ...

    with Client("openai-chat/m", base_url=sim.base_url("openai-chat"), api_key="any") as llm:
        for tools in ([tool], [Source()]):
            with pytest.raises(UsageError, match=r"tools\[0\]: a coroutine function"):
                llm.run("?", tools=tools)
            with pytest.raises(UsageError, match=r"tools\[0\]: a coroutine function"):
                llm.stream_run("?", tools=tools)


def test_a_tool_that_takes_too_long_is_given_up(sim: Simulator, way: str) -> None:
    over = threading.Event()

    def quick() -> str:
        return "soon"

    sim.use(script(Call("slow", {}), Call("quick", {})))
    results = asked(sim, way, tools=[slow_until(over), quick], tool_timeout=0.1).steps[0].results
    over.set()
    assert [result.is_error for result in results] == [True, False]
    assert "longer than 0.1 seconds" in said(results[0])


def test_the_whole_run_has_one_deadline(sim: Simulator, way: str) -> None:
    over = threading.Event()
    sim.use(script(Call("slow", {})))
    with pytest.raises(DeadlineError) as caught:
        asked(sim, way, tools=[slow_until(over)], timeout=0.3)
    over.set()
    assert (caught.value.phase, caught.value.seconds) == ("total", 0.3)
    assert [len(step.results) for step in caught.value.steps] == [1]


def slow_until(over: threading.Event) -> Callable[[], str]:
    def slow() -> str:
        over.wait(20)
        return "late"

    return slow


def test_steps_are_limited_and_the_last_calls_are_not_run(sim: Simulator, way: str) -> None:
    ran: list[str] = []

    def weather(city: str) -> str:
        ran.append(city)
        return "?"

    sim.use(Scenario([Rule(Call("weather", {"city": "Oslo"}))]))
    with pytest.raises(StepLimitError, match="3 steps") as caught:
        asked(sim, way, tools=[weather], max_steps=3)
    response = caught.value.response
    assert response is not None
    assert (len(ran), len(response.steps), len(response.tool_calls)) == (2, 2, 1)


def test_approval(sim: Simulator, way: str) -> None:
    ran: list[str] = []

    def weather(city: str) -> str:
        ran.append(city)
        return city

    def approve(call: ToolCall) -> bool | str:
        return {"Oslo": True, "Rome": False}.get(call.arguments["city"], "ask in the morning")

    sim.use(script(*[Call("weather", {"city": city}) for city in ("Oslo", "Rome", "Riga")]))
    results = asked(sim, way, tools=[weather], approve=approve).steps[0].results
    assert ran == ["Oslo"]
    assert [(said(result), result.is_error) for result in results] == [
        ("Oslo", False), ("the user did not allow this call", True), ("ask in the morning", True),
    ]  # fmt: skip


class Shelf:
    """Tools from elsewhere."""

    def __init__(self, trusted: bool) -> None:
        self.trusted = trusted
        self.called: list[tuple[str, dict[str, Any]]] = []

    def list_tools(self) -> Sequence[Tool]:
        return [Tool("shelf__take", "Takes a book.", {"type": "object", "properties": {"title": {"type": "string"}}})]

    def call_tool(self, name: str, arguments: dict[str, Any]) -> Any:
        self.called.append((name, arguments))
        return "taken"


def test_tools_of_sources_are_found_and_run(sim: Simulator, way: str) -> None:
    shelf = Shelf(trusted=True)
    sim.use(script(Call("shelf__take", {"title": "Emma"})))
    reply = asked(sim, way, tools=[weather, shelf])
    assert shelf.called == [("shelf__take", {"title": "Emma"})]
    assert said(reply.steps[0].results[0]) == "taken"


def test_tools_of_strangers_need_leave(sim: Simulator, way: str) -> None:
    shelf = Shelf(trusted=False)
    sim.use(script(Call("shelf__take", {"title": "Emma"})))
    before = len(sim.requests)
    with pytest.raises(UsageError, match="approve"):
        asked(sim, way, tools=[shelf])
    assert len(sim.requests) == before
    assert asked(sim, way, tools=[shelf], approve=lambda call: True).text == ANSWER
    assert len(shelf.called) == 1


def test_a_call_of_a_tool_that_is_not_run_here_comes_back(sim: Simulator, way: str) -> None:
    sim.use(script(*TWO, Call("elsewhere", {})))
    reply = asked(sim, way, tools=[weather, Tool("elsewhere")])
    assert [call.name for call in reply.tool_calls] == ["weather", "weather", "elsewhere"]
    assert (reply.steps, reply.finish_reason) == ((), "tool_calls")


def test_a_forced_choice_holds_for_the_first_turn_only(sim: Simulator, way: str) -> None:
    sim.use(script(*TWO[:1]))
    asked(sim, way, tools=[weather], tool_choice="required")
    first, second = [record.request for record in sim.requests[-2:]]
    assert first.tool_choice is not None and second.tool_choice is None  # type: ignore[union-attr]


def test_a_pause_goes_on(sim: Simulator, way: str) -> None:
    rules = [Rule(Say("Searching."), finish="pause", times=1), Rule(Say("Found."))]
    sim.use(Scenario(rules))
    reply = asked(sim, way, tools=[weather], dialect="anthropic-messages")
    assert (reply.text, len(reply.steps), reply.steps[0].response.text) == ("Found.", 1, "Searching.")


def test_a_tool_is_called_once_though_the_turn_is_tried_again(sim: Simulator, way: str) -> None:
    ran: list[str] = []

    def weather(city: str) -> str:
        ran.append(city)
        return city

    rules = [
        Rule(Fail(503), times=1),
        Rule(Call("weather", {"city": "Oslo"}), when=When(after_tool=False)),
        Rule(Fail(503), times=1, when=When(after_tool=True)),
        Rule(Say(ANSWER)),
    ]
    sim.use(Scenario(rules))
    assert asked(sim, way, tools=[weather]).text == ANSWER
    assert ran == ["Oslo"]


def test_a_turn_that_breaks_off_runs_nothing(sim: Simulator) -> None:
    ran: list[str] = []

    def weather(city: str) -> str:
        ran.append(city)
        return city

    sim.use(Scenario([Rule(Say("Let me see."), Call("weather", {"city": "Oslo"}), Reset())]))
    for way in ("Client.stream_run", "AsyncClient.stream_run"):
        with pytest.raises(StreamInterruptedError):
            asked(sim, way, tools=[weather])
    assert ran == []


def test_a_later_turn_that_fails_leaves_the_steps(sim: Simulator) -> None:
    rules = [Rule(*TWO, when=When(after_tool=False)), Rule(Fail(400), when=When(after_tool=True))]
    sim.use(Scenario(rules))
    with Client("openai-chat/m", base_url=sim.base_url("openai-chat"), api_key="any") as llm:
        stream = llm.stream_run("?", tools=[weather])
        with pytest.raises(Exception, match="400"), stream:
            list(stream)
    assert [len(step.results) for step in stream.response.steps] == [2]
    assert stream.response.partial


def test_the_output_of_a_run_is_parsed(sim: Simulator, way: str) -> None:
    sim.use(script(*TWO[:1], answer='{"celsius": 4}'))
    reply = asked(sim, way, tools=[weather], output=dict[str, int])
    assert reply.output == {"celsius": 4}


def test_misuse_is_told_by_name(sim: Simulator) -> None:
    with Client("openai-chat/m", base_url=sim.base_url("openai-chat"), api_key="any") as llm:
        wrong: list[tuple[dict[str, Any], str]] = [
            ({"max_steps": 0}, "max_steps"),
            ({"tool_timeout": 0}, "tool_timeout"),
            ({"tool_timeout": "1"}, "tool_timeout"),
            ({"approve": True}, "approve"),
            ({"tools": [7]}, r"tools\[0\]"),
            ({"n": 2}, "n: "),
            ({"stepps": 2}, "stepps"),
        ]
        for options, field in wrong:
            with pytest.raises(UsageError, match=field):
                llm.run("?", **options)
        with pytest.raises(UsageError, match="run"):
            llm.generate("?", max_steps=2)  # type: ignore[call-overload]


def test_a_stream_that_is_left_between_turns_calls_no_more(sim: Simulator) -> None:
    sim.use(script(*TWO[:1]))
    before = len(sim.requests)
    with Client("openai-chat/m", base_url=sim.base_url("openai-chat"), api_key="any") as llm:
        with llm.stream_run("?", tools=[weather]) as stream:
            for event in stream:
                if isinstance(event, ToolStarted):
                    break
        assert list(stream) == []
    assert len(sim.requests) == before + 1
    assert stream.response.message == Message.assistant("Let me see.", *stream.response.tool_calls)


def test_an_error_of_the_service_is_the_runs_own(sim: Simulator, way: str) -> None:
    sim.use(Scenario([Rule(Fail(500))]))
    with pytest.raises(ServerError):
        asked(sim, way, tools=[weather], retries=0)


def test_ctrl_c_in_a_tool_ends_the_run(sim: Simulator) -> None:
    def tool() -> None:
        raise KeyboardInterrupt

    sim.use(script(Call("tool", {})))
    with pytest.raises(KeyboardInterrupt):
        asked(sim, "Client.run", tools=[tool])


def test_how_long_a_tool_took_is_told(sim: Simulator) -> None:
    sim.use(script(Call("tool", {})))
    heard: list[Event] = []

    def tool() -> None:
        time.sleep(0.02)

    asked(sim, "Client.run", tools=[tool], heard=heard)
    (ended,) = [event for event in heard if isinstance(event, ToolEnded)]
    assert ended.seconds >= 0.02


# --- interrupted ----------------------------------------------------------------------------------------------------------


class Held:
    """Tools that are held until somebody has meddled, and what is left of them."""

    def __init__(self) -> None:
        self._begun = threading.Semaphore(0)
        self._over = threading.Event()
        self._before = set(threading.enumerate())
        self.cleaned = 0

    def plain(self) -> None:
        self._begun.release()
        self._over.wait(20)

    async def coroutine(self) -> None:
        self._begun.release()
        try:
            await asyncio.sleep(20)
        finally:
            await asyncio.sleep(0)
            self.cleaned += 1

    def have_begun(self, count: int) -> None:
        for _ in range(count):
            assert self._begun.acquire(timeout=20)

    def left(self) -> list[str]:
        """The threads that are left when all tools have been let go."""
        self._over.set()
        for thread in set(threading.enumerate()) - self._before:
            thread.join(20 if thread.name.startswith("trunkline") else 0)
        return [thread.name for thread in set(threading.enumerate()) - self._before if thread.name.startswith("trunkline")]


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(
    ("how", "stream"), [("ctrl-c", False), ("ctrl-c", True), ("client", False), ("client", True), ("stream", True)]
)
def test_ended_by_another_thread_while_tools_run(sim: Simulator, how: str, stream: bool, count: int) -> None:
    held = Held()
    sim.use(script(*[Call("plain", {})] * count))
    llm = Client("openai-chat/sim-small", base_url=sim.base_url("openai-chat"), api_key="any")
    events = llm.stream_run("?", tools=[held.plain])

    def meddle() -> None:
        held.have_begun(count)
        time.sleep(0.02)  # the last one is waited for
        {"ctrl-c": lambda: os.kill(os.getpid(), signal.SIGINT), "client": llm.close, "stream": events.close}[how]()

    meddler = threading.Thread(target=meddle)
    meddler.start()
    with pytest.raises((KeyboardInterrupt, ClosedByCallerError, StreamInterruptedError)) as caught:
        if stream:
            with events:
                list(events)
        else:
            llm.run("?", tools=[held.plain])
    meddler.join()
    kinds = {"ctrl-c": KeyboardInterrupt, "client": StreamInterruptedError if stream else ClosedByCallerError}
    assert type(caught.value) is kinds.get(how, StreamInterruptedError)
    if how != "ctrl-c":
        assert [step.response.text for step in caught.value.steps] == ["Let me see."]  # type: ignore[union-attr]
    if stream:
        assert len(events.response.steps) == 1
    llm.close()
    assert held.left() == []


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("kind", ["plain", "coroutine"])
@pytest.mark.parametrize("how", ["cancel", "client", "stream"])
def test_ended_by_another_task_while_tools_run(sim: Simulator, how: str, kind: str, count: int) -> None:
    held = Held()
    sim.use(script(*[Call(kind, {})] * count))

    async def main() -> None:
        async with AsyncClient("openai-chat/sim-small", base_url=sim.base_url("openai-chat"), api_key="any") as llm:
            options: dict[str, Any] = {"tools": [getattr(held, kind)], "timeout": None}
            events = llm.stream_run("?", **options)

            async def read() -> None:
                async for _ in events:
                    pass

            work = read() if how == "stream" else llm.run("?", **options)
            task: asyncio.Task[Any] = asyncio.create_task(work)
            await asyncio.to_thread(held.have_begun, count)
            await asyncio.sleep(0.02)
            if how == "cancel":
                task.cancel()
            else:
                await (llm if how == "client" else events).close()
            with pytest.raises((asyncio.CancelledError, ClosedByCallerError, StreamInterruptedError)) as caught:
                await task
            kinds = {"cancel": asyncio.CancelledError, "client": ClosedByCallerError, "stream": StreamInterruptedError}
            assert type(caught.value) is kinds[how]
            assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())
    assert held.left() == []
    assert held.cleaned == (count if kind == "coroutine" else 0)


def test_a_coroutine_that_takes_too_long_is_cancelled(sim: Simulator) -> None:
    held = Held()
    sim.use(script(Call("coroutine", {}), Call("coroutine", {})))
    results = asked(sim, "AsyncClient.run", tools=[held.coroutine], tool_timeout=0.05).steps[0].results
    assert [said(result) for result in results] == ["it took longer than 0.05 seconds and was given up"] * 2
    assert held.cleaned == 2


def test_a_stream_that_is_abandoned_runs_nothing(sim: Simulator) -> None:
    ran: list[str] = []

    def weather(city: str) -> str:
        ran.append(city)
        return city

    sim.use(script(*TWO[:1]))
    with Client("openai-chat/m", base_url=sim.base_url("openai-chat"), api_key="any") as llm:
        never = llm.stream_run("?", tools=[weather])
        del never
        for kind in (StepEnded, ToolStarted):
            stream = llm.stream_run("?", tools=[weather])
            for event in stream:
                if isinstance(event, kind):
                    break
            with pytest.warns(ResourceWarning, match="was not closed"):
                del stream, event
                gc.collect()
    assert ran == []


# --- elsewhere ------------------------------------------------------------------------------------------------------------


def test_a_tool_runs_once_though_its_streams_break_off(sim: Simulator, way: str) -> None:
    ran: list[str] = []

    def weather(city: str) -> str:
        ran.append(city)
        return city

    first, later = When(after_tool=False), When(after_tool=True)
    rules = [
        Rule(Fail(503), times=1),
        Rule(Say("I shall "), Reset(), times=1, when=first),
        Rule(Say("see."), Call("weather", {"city": "Oslo"}), when=first),
        Rule(Fail(529), times=1, when=later),
        Rule(Say("It is "), Reset(), times=1, when=later),
        Rule(Say("cold.")),
    ]
    sim.use(Scenario(rules))
    reply = asked(sim, way, tools=[weather], on_interrupt="continue", retries=RetryPolicy(first=0.0))
    assert ran == ["Oslo"]
    assert reply.text == ("It is cold." if "stream" in way else "cold.")
    assert len(reply.attempts) == 6


@pytest.mark.parametrize("stream", [False, True], ids=["run", "stream"])
def test_another_provider_goes_on_without_what_is_the_firsts_own(sim: Simulator, stream: bool) -> None:
    first, there = When(after_tool=False), "anthropic-messages"
    rules = [
        Rule(Think("Hm."), Call("weather", {"city": "Oslo"}), when=first),
        Rule(Fail(529), when=When(dialect=there)),
        Rule(Say(ANSWER)),
    ]
    sim.use(Scenario(rules))
    settings = Settings({
        "ANTHROPIC_API_KEY": "any", "ANTHROPIC_BASE_URL": sim.base_url(there),
        "OPENAI_API_KEY": "any", "OPENAI_BASE_URL": sim.base_url("openai-chat"),
    })  # fmt: skip
    with Client("anthropic/claude-sonnet-4-5", fallbacks=["openai/gpt-4.1"], settings=settings, retries=0) as llm:
        if stream:
            with llm.stream_run("?", tools=[tell]) as events:
                list(events)
            reply = events.response
        else:
            reply = llm.run("?", tools=[tell])
    turn = reply.steps[0].response
    assert any(getattr(part, "state", None) is not None for part in turn.parts)
    assert (turn.provider, reply.provider, reply.text) == ("anthropic", "openai", ANSWER)
    sent = sim.requests[-1]
    assert sent.dialect != there
    assert b"signature" not in sent.http.body
    assert b"Hm." not in sent.http.body


def tell(city: str) -> str:
    return city


tell.__name__ = "weather"


def test_a_tool_of_a_source_may_be_chosen(sim: Simulator, way: str) -> None:
    shelf = Shelf(trusted=True)
    sim.use(script(Call("shelf__take", {"title": "Emma"})))
    asked(sim, way, tools=[shelf], tool_choice="shelf__take")
    first, second = [record.request for record in sim.requests[-2:]]
    assert first is not None and second is not None
    assert first.tool_choice is not None
    assert (first.tool_choice.names, second.tool_choice) == (("shelf__take",), None)
    with pytest.raises(UsageError, match="tool_choice"):
        asked(sim, way, tools=[shelf], tool_choice="gone")


def test_a_reply_with_steps_is_pickled_and_told_in_short(sim: Simulator) -> None:
    sim.use(script(*TWO))
    reply = asked(sim, "Client.run", tools=[weather])
    assert pickle.loads(pickle.dumps(reply)) == reply
    assert from_json(to_json(reply)) == reply
    assert repr(reply.steps) == "(Step('Let me see.', tool_calls=['weather', 'weather'], results=2),)"


def test_a_tool_sees_the_context_of_whoever_called(sim: Simulator, way: str) -> None:
    who: ContextVar[str] = ContextVar("who", default="nobody")

    def tool() -> str:
        return who.get()

    sim.use(script(Call("tool", {}), Call("tool", {})))
    token = who.set("caller")
    try:
        results = asked(sim, way, tools=[tool]).steps[0].results
    finally:
        who.reset(token)
    assert [said(result) for result in results] == ["caller", "caller"]


@pytest.mark.parametrize("stream", [False, True], ids=["run", "stream"])
def test_a_conversation_counts_what_a_run_took_that_failed(sim: Simulator, stream: bool) -> None:
    usage = Usage(input_tokens=10, output_tokens=5)
    sim.use(Scenario([Rule(*TWO, when=When(after_tool=False), usage=usage), Rule(Fail(400))]))
    with Client("openai-chat/m", base_url=sim.base_url("openai-chat"), api_key="any") as llm:
        chat = llm.conversation(tools=[weather])
        with pytest.raises(InvalidRequestError) as caught:
            if stream:
                with chat.stream_run("?") as events:
                    list(events)
            else:
                chat.run("?")
        assert [step.response.usage.input_tokens for step in caught.value.steps] == [10]
        assert (chat.usage.input_tokens, chat.usage.output_tokens, chat.messages) == (10, 5, ())
