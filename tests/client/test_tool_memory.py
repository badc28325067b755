"""The option ``tool_memory``: tool loops in which only the results are sent, with a simulator that refuses results without their call."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from trunkline import (
    AsyncClient,
    Client,
    InvalidRequestError,
    Message,
    Request,
    Response,
    StreamInterruptedError,
    Text,
    ToolCall,
    ToolResult,
    TurnMemory,
    UsageError,
    Warned,
)
from trunkline.sim import Call, Close, Rule, Say, Simulator, Think, When

ASKED = Message.user("Weather in Oslo and Rome?")
CITIES = {"call_0": "Oslo", "call_1": "Rome"}
ANSWER = "It is 4 and 19 °C."
DIALECTS = ["openai-chat", "anthropic-messages"]


def weather(city: str) -> str:
    """The weather of a city."""
    return city


def results(*ids: str) -> list[Message]:
    return [Message.tool(ToolResult(id_, (Text("4 °C"),), name="weather")) for id_ in ids]


@pytest.fixture
def sim() -> Iterator[Simulator]:
    calls = [Call("weather", {"city": city}, id=id_) for id_, city in CITIES.items()]
    script = [Rule(Say(ANSWER), when=When(after_tool="weather")), Rule(Think("Let me see."), Say("One moment."), *calls)]
    with Simulator(script, speed=math.inf) as simulator:
        yield simulator


Ask = Callable[..., Response]


@pytest.fixture(params=["Client.generate", "Client.stream", "AsyncClient.generate", "AsyncClient.stream"])
def ask(request: pytest.FixtureRequest, sim: Simulator) -> Ask:
    """One call by a client of its own, in one of the four ways."""
    streams = request.param.endswith("stream")

    def blocking(prompt: Any, dialect: str, **options: Any) -> Response:
        with Client(
            f"{dialect}/m", base_url=sim.base_url(dialect), api_key="sk-of-nobody-0123", tools=[weather], **options
        ) as llm:
            if not streams:
                return llm.generate(prompt)
            with llm.stream(prompt) as stream:
                events = list(stream)
            return heard(stream.response, events)

    async def waiting(prompt: Any, dialect: str, **options: Any) -> Response:
        made = AsyncClient(
            f"{dialect}/m", base_url=sim.base_url(dialect), api_key="sk-of-nobody-0123", tools=[weather], **options
        )
        async with made as llm:
            if not streams:
                return await llm.generate(prompt)
            async with llm.stream(prompt) as stream:
                events = [event async for event in stream]
            return heard(stream.response, events)

    def heard(response: Response, events: list[Any]) -> Response:
        assert tuple(event.warning for event in events if isinstance(event, Warned)) == response.warnings
        return response

    if request.param.startswith("Client"):
        return blocking
    return lambda *args, **options: asyncio.run(waiting(*args, **options))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_results_alone_are_enough(ask: Ask, dialect: str, sim: Simulator) -> None:
    memory = TurnMemory()
    first = ask([ASKED], dialect, tool_memory=memory)
    assert [call.id for call in first.tool_calls] == list(CITIES)
    second = ask([ASKED, *results(*CITIES)], dialect, tool_memory=memory)
    assert (second.text, second.warnings) == (ANSWER, ())
    assert sim.requests[-1].request is not None
    _, turn, *answered = sim.requests[-1].request.messages
    assert (turn.text, [call.arguments["city"] for call in turn.tool_calls]) == ("One moment.", list(CITIES.values()))
    if dialect == "anthropic-messages":
        assert turn.reasoning == "Let me see."
    assert {part.tool_call_id for message in answered for part in message.parts if isinstance(part, ToolResult)} == set(CITIES)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_without_a_memory_the_provider_refuses(ask: Ask, dialect: str) -> None:
    ask([ASKED], dialect)
    with pytest.raises(InvalidRequestError, match="answers no call"):
        ask([ASKED, *results(*CITIES)], dialect, tool_memory=None)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_was_lost_stands_on_the_reply(ask: Ask, dialect: str, sim: Simulator) -> None:
    memory = TurnMemory()
    ask([ASKED], dialect, tool_memory=memory)
    partly = ask([ASKED, *results("call_1")], dialect, tool_memory=memory)
    assert [(warning.kind, warning.field) for warning in partly.warnings] == [("dropped", "messages[1].tool_calls")]
    unknown = ask([ASKED, *results("call_1", "stranger")], dialect, tool_memory=memory)
    assert [warning.kind for warning in unknown.warnings] == ["dropped", "approximated"]
    assert partly.text == unknown.text == ANSWER
    asked = sim.requests[-1].request
    assert asked is not None
    assert [(call.id, call.name) for message in asked.messages for call in message.tool_calls] == [
        ("call_1", "weather"), ("stranger", "weather"),
    ]  # fmt: skip


def test_strict_refuses_what_would_be_lost(ask: Ask, sim: Simulator) -> None:
    with pytest.raises(UsageError, match=r"stranger.*strict"):
        ask([ASKED, *results("stranger")], "openai-chat", tool_memory=TurnMemory(), strict=True)
    assert not sim.requests


def test_a_stream_that_broke_is_not_remembered(sim: Simulator) -> None:
    sim.use([Rule(Say("One "), Call("weather", {"city": "Oslo"}, id="call_0"), Close()), Rule(Say(ANSWER))])
    memory = TurnMemory()
    base = sim.base_url("openai-chat")
    with Client("openai-chat/m", base_url=base, tool_memory=memory, retries=0) as llm:
        with pytest.raises(StreamInterruptedError), llm.stream([ASKED], tools=[weather]) as stream:
            list(stream)
        assert len(memory) == 0


def test_the_hooks_have_their_say_first() -> None:
    """``before`` may put results in; what ``after`` gives is what the caller holds, and so what is remembered."""
    seen: list[tuple[Message, ...]] = []

    class Own:
        def generate(self, request: Request) -> Response:
            seen.append(request.messages)
            return Response(message=Message.assistant(ToolCall("1", "look")))

        def stream(self, request: Request) -> list[str]:
            seen.append(request.messages)
            return ["Hello"]

    def before(request: Request) -> Request:
        return Request(model=request.model, messages=(ASKED, *results("other")), stream=request.stream)

    def after(response: Response) -> Response | None:
        return Response(message=Message.assistant(ToolCall("other", "look", '{"a":1}'))) if response.tool_calls else None

    with Client(Own(), tool_memory=TurnMemory(), before=before, after=after) as llm:
        assert [warning.kind for warning in llm.generate("hi").warnings] == []
        again = llm.with_options(after=None).generate("hi")
        assert again.warnings == ()
        assert seen[-1] == (ASKED, Message.assistant(ToolCall("other", "look", '{"a":1}')), *results("other"))
        fresh = llm.with_options(tool_memory=TurnMemory(), after=None)
        assert [warning.kind for warning in fresh.generate("hi").warnings] == ["approximated"]
        with fresh.with_options(tool_memory=TurnMemory()).stream("hi") as stream:
            assert list(stream.text) == ["Hello"]
        assert [warning.kind for warning in stream.response.warnings] == ["approximated"]
        llm.with_options(tool_memory=None).generate("hi")
        assert seen[-1] == (ASKED, *results("other"))
