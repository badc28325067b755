"""System D: a model of the application's own, without any base class, as a target of the engine."""

from __future__ import annotations

import asyncio
import typing
from collections.abc import AsyncIterator
from typing import Any, Protocol, runtime_checkable

import pytest

import trunkline
from tests.seeds.documents import Documents, run
from trunkline import AsyncClient, Client, Image, Message, Text, ToolCall, UnsupportedOperationError, Url, UsageError
from trunkline.compat.core.llms import ILLMBackend
from trunkline.compat.core.llms.interfaces.llm_interfaces import ILLM, LLMResponse, LLMStreamChunk
from trunkline.sim.scripted_io import ScriptedIO

USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
CHUNKS = [LLMStreamChunk("two "), LLMStreamChunk("and two"), LLMStreamChunk("", "length", USAGE, is_final=True)]
CTX = object()

GET_ANSWER = "return self.answer(messages, ctx, kwargs)"
STREAMS = {
    "an iterator from a coroutine": "return Chunks(self.answer(messages, ctx, kwargs))",
    "an asynchronous generator": "\n        for chunk in Chunks(self.answer(messages, ctx, kwargs)).chunks: yield chunk",
    "a generator from a coroutine": "return (chunk async for chunk in Chunks(self.answer(messages, ctx, kwargs)))",
}


class Chunks:
    """An asynchronous iterator that is no generator."""

    def __init__(self, answer: LLMResponse) -> None:
        self.chunks = iter(CHUNKS)

    def __aiter__(self) -> Chunks:
        return self

    async def __anext__(self) -> LLMStreamChunk:
        for chunk in self.chunks:
            return chunk
        raise StopAsyncIteration


class Answers:
    """What the sample's user fills in: keeps what it is asked, fails as often as it is told to, then answers."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.asked: list[tuple[Any, Any, dict[str, Any]]] = []

    def answer(self, messages: Any, ctx: Any, kwargs: dict[str, Any]) -> LLMResponse:
        self.asked.append((messages, ctx, kwargs))
        if self.failures:
            raise self.failures.pop(0)
        return LLMResponse("four", "my-model", "stop", USAGE, 0.5, raw={"seed": 1})


@pytest.fixture(params=STREAMS)
def kind(request: pytest.FixtureRequest, documents: Documents) -> type[Any]:
    """The document's CompletelyCustomLLM: its parameters and its two bodies, which it leaves open, filled in."""
    sample = documents.block("D", "Real Example").split("# Works WITH inheriting")[0]
    written: list[str] = []
    for line in sample.splitlines():
        body = GET_ANSWER if "get_answer" in line else STREAMS[request.param]
        written.append(line.replace("(self, ...)", "(self, messages, ctx, **kwargs)").replace(": ...", f": {body}"))
    made = run("\n".join(written), Chunks=Chunks)["CompletelyCustomLLM"]
    assert made.__bases__ == (object,)
    return type("CompletelyCustomLLM", (made, Answers), {})


def client(llm: ILLM, **options: Any) -> AsyncClient:
    return AsyncClient(ILLMBackend(llm, CTX), io=ScriptedIO([], blocking=False), **options)


def test_the_protocol_is_the_documents(documents: Documents, kind: type[Any]) -> None:
    names = {"Protocol": Protocol, "runtime_checkable": runtime_checkable, "AsyncIterator": AsyncIterator}
    block = documents.block("D", "Answer")
    theirs = run(block, LLMResponse=LLMResponse, LLMStreamChunk=LLMStreamChunk, **names)["ILLM"]
    for protocol in (theirs, ILLM):
        assert isinstance(kind(), protocol)
        assert not isinstance(Answers(), protocol)
    public = lambda protocol: {name for name in vars(protocol) if not name.startswith("_")}  # noqa: E731
    assert public(theirs) == public(ILLM) == {"get_answer", "stream_answer"}
    for name in public(theirs):
        given, ours = (typing.get_type_hints(getattr(protocol, name)) for protocol in (theirs, ILLM))
        assert given["return"] in (ours["return"], *typing.get_args(ours["return"]))


def test_it_answers_through_the_engine(kind: type[Any]) -> None:
    llm, heard = kind(), []
    reply = asyncio.run(client(llm, after=heard.append).generate("two and two?", system="Be brief", temperature=0.1))
    assert (reply.text, reply.model, reply.finish_reason, reply.provider) == ("four", "my-model", "stop", "CompletelyCustomLLM")
    assert (reply.usage.input_tokens, reply.usage.output_tokens, reply.usage.raw, reply.extra) == (
        7,
        3,
        USAGE,
        {"raw": {"seed": 1}},
    )
    assert [attempt.error for attempt in reply.attempts] == [None]
    assert heard == [reply]
    [(messages, ctx, kwargs)] = llm.asked
    assert messages == [{"role": "system", "content": "Be brief"}, {"role": "user", "content": "two and two?"}]
    assert ctx is CTX
    assert kwargs == {"temperature": 0.1}


def test_it_streams_through_the_engine(kind: type[Any]) -> None:
    events: list[trunkline.Event] = []

    async def main() -> trunkline.Response:
        async with client(kind(), on_event=events.append).stream("two and two?") as stream:
            assert [text async for text in stream.text] == ["two ", "and two"]
        return stream.response

    reply = asyncio.run(main())
    assert (reply.text, reply.finish_reason, reply.raw_finish_reason, reply.partial) == ("two and two", "length", "length", False)
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (7, 3)
    assert len(events) == 4


def test_the_engine_retries_it(kind: type[Any]) -> None:
    llm = kind(TimeoutError("slow"), ConnectionError("gone"))
    reply = asyncio.run(client(llm).generate("hi"))
    assert [attempt.error for attempt in reply.attempts] == ["DeadlineError", "TransportError", None]

    async def streamed() -> trunkline.Response:
        async with client(kind(ConnectionError("gone"))).stream("hi") as stream:
            async for _ in stream:
                pass
        return stream.response

    assert [attempt.error for attempt in asyncio.run(streamed()).attempts] == ["TransportError", None]


def test_its_own_errors_are_its_own(kind: type[Any]) -> None:
    llm = kind(LookupError("mine"))
    with pytest.raises(LookupError, match="mine"):
        asyncio.run(client(llm).generate("hi"))
    assert len(llm.asked) == 1


def test_it_stands_in_for_another_and_another_for_it(kind: type[Any]) -> None:
    failing, standing_in = kind(*[ConnectionError("gone")] * 9), kind()
    reply = asyncio.run(client(failing, fallbacks=[ILLMBackend(standing_in)]).generate("hi"))
    assert reply.text == "four"
    assert [attempt.error for attempt in reply.attempts] == ["TransportError", "TransportError", None]


def test_conversations_reach_it_in_openais_shape(kind: type[Any]) -> None:
    def weather(city: str) -> str:
        """The weather."""
        return city

    llm = kind()
    conversation = [
        Message.user("What is this?", Image(Url("https://example.com/a.png"))),
        Message.assistant("Let me look.", ToolCall("c1", "weather", '{"city": "Paris"}')),
        Message.tool(trunkline.ToolResult("c1", (Text("sunny"),))),
    ]
    asyncio.run(client(llm).generate(conversation, tools=[weather], max_tokens=5))
    [(messages, _, kwargs)] = llm.asked
    assert messages == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
            ],
        },
        {
            "role": "assistant",
            "content": "Let me look.",
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
    ]
    assert kwargs["max_tokens"] == 5
    [tool] = kwargs["tools"]
    assert (tool["type"], tool["function"]["name"], tool["function"]["description"]) == ("function", "weather", "The weather.")


def test_what_it_is_told_comes_back(kind: type[Any]) -> None:
    """What reaches it is what the library itself takes for the same conversation."""
    llm = kind()
    told = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}, {"role": "user", "content": "hi again"}]
    asyncio.run(client(llm).generate(told))
    assert llm.asked[0][0] == told


def test_tool_calls_come_back() -> None:
    class Calling:
        async def get_answer(self, messages: Any, ctx: Any, **kwargs: Any) -> LLMResponse:
            function = {"name": "weather", "arguments": '{"city": "Paris"}'}
            return LLMResponse("", tool_calls=[{"id": "c1", "type": "function", "function": function}])

        async def stream_answer(self, messages: Any, ctx: Any, **kwargs: Any) -> AsyncIterator[LLMStreamChunk]:
            yield LLMStreamChunk("odd", "cut", is_final=False)
            yield LLMStreamChunk(is_final=True)

    reply = asyncio.run(client(Calling()).generate("hi"))
    assert (reply.tool_calls, reply.finish_reason) == ((ToolCall("c1", "weather", '{"city": "Paris"}'),), "tool_calls")

    async def streamed() -> trunkline.Response:
        async with client(Calling()).stream("hi") as stream:
            async for _ in stream:
                pass
        return stream.response

    reply = asyncio.run(streamed())
    assert (reply.finish_reason, reply.raw_finish_reason) == ("other", "cut")


@pytest.mark.parametrize("asked", [{"logprobs": True}, {"reasoning": "high"}, {"tools": [trunkline.HostedTool("web_search")]}])
def test_what_it_is_not_told_of_is_refused(asked: dict[str, Any], kind: type[Any]) -> None:
    llm = kind()
    with pytest.raises(UnsupportedOperationError):
        asyncio.run(client(llm).generate("hi", **asked))
    with pytest.raises(UnsupportedOperationError, match="Audio"):
        asyncio.run(client(llm).generate([Message.user(trunkline.Audio(trunkline.Data(b"RIFF", "audio/wav")))]))
    assert not llm.asked


def test_the_blocking_client_refuses_it(kind: type[Any]) -> None:
    with pytest.raises(UsageError, match="asynchronous"):
        Client(ILLMBackend(kind())).generate("hi")
