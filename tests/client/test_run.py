"""``run`` and ``stream_run``: tools are called, on every dialect, in both clients."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
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
    Message,
    Response,
    ServerError,
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
from trunkline.sim import Call, Fail, Reset, Rule, Say, Scenario, Simulator, When

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
    assert caught.value.phase == "total"


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
            llm.generate("?", max_steps=2)  # type: ignore[call-arg]


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
