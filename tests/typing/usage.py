"""How users write it, as type checkers see it: checked by mypy and pyright in ``make check``, never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from decimal import Decimal
from typing import assert_type

from trunkline import (
    AsyncClient,
    AsyncConversation,
    AsyncStream,
    Client,
    Conversation,
    Event,
    Headers,
    Health,
    HttpReply,
    Image,
    Message,
    Model,
    ProviderError,
    Request,
    Response,
    Stream,
    Text,
    Timeout,
    Tool,
    ToolCall,
    TurnMemory,
    Url,
    Usage,
    UsageError,
    Warning,
)


def remembers() -> tuple[Client, AsyncClient]:
    memory = TurnMemory(limit=50)
    return Client(tool_memory=memory), AsyncClient(tool_memory=None).with_options(tool_memory=memory)


def answers(llm: Client) -> None:
    reply = llm.generate("hi", system="Be brief", timeout=20, retries=0, temperature=0.5, stop=["END"], reasoning="low")
    assert_type(reply, Response)
    assert_type(reply.text, str)
    assert_type(reply.message, Message)
    assert_type(reply.usage, Usage)
    assert_type(reply.usage.input_tokens, int | None)
    assert_type(reply.cost, Decimal | None)
    assert_type(reply.headers, Headers)
    assert_type(reply.tool_calls, tuple[ToolCall, ...])
    for call in reply.tool_calls:
        assert_type(call.name, str)
        assert_type(call.raw_arguments, str)


def prompts(llm: Client) -> None:
    llm.generate([{"role": "user", "content": "hi"}])
    llm.generate([Message(role="user", parts=(Text(text="What is this?"), Image(source=Url(url="https://example.org/cat.png"))))])
    question = {"role": "user", "content": "hi"}
    llm.generate([question, llm.generate([question]).message, {"role": "tool", "tool_call_id": "1", "content": "x"}])
    llm.generate(Text(text="hi"), tools=[Tool(name="now"), {"name": "later"}], tool_choice="auto", timeout=Timeout(idle=10))


def streams(llm: Client) -> None:
    with llm.stream("hi") as stream:
        assert_type(stream, Stream)
        for event in stream:
            assert_type(event, Event)
            assert_type(event.text, str | None)
    assert_type(stream.response, Response)
    pieces: Iterator[str] = llm.stream("hi").text
    list(pieces)


def the_rest(llm: Client) -> None:
    models: Iterable[Model] = llm.models()
    list(models)
    assert_type(llm.health(), Health)
    assert_type(llm.request("POST", "/chat/completions", json={"model": "m"}), HttpReply)
    assert_type(llm.with_options(timeout=5), Client)
    with llm as same:
        assert_type(same, Client)
    assert_type(llm.close(), None)


async def asynchronously(llm: AsyncClient) -> None:
    assert_type(await llm.generate("hi", max_tokens=5, fallbacks=["openai/gpt-5.4"]), Response)
    async with llm.stream("hi") as stream:
        assert_type(stream, AsyncStream)
        async for event in stream:
            assert_type(event, Event)
    assert_type(stream.response, Response)
    pieces: AsyncIterator[str] = llm.stream("hi").text
    assert_type([piece async for piece in pieces], list[str])
    models: Iterable[Model] = await llm.models()
    list(models)
    assert_type(await llm.health(), Health)
    assert_type(await llm.request("GET", "/models"), HttpReply)
    assert_type(llm.with_options(retries=1), AsyncClient)
    async with llm as same:
        assert_type(same, AsyncClient)
    assert_type(await llm.close(), None)


class Parrot:
    """A target of one's own."""

    def generate(self, request: Request) -> str:
        return request.messages[-1].text


class SlowParrot:
    async def generate(self, request: Request) -> Response | str:
        return request.messages[-1].text


class Dripping:
    def stream(self, request: Request) -> Iterator[str]:
        yield request.messages[-1].text


class SlowlyDripping:
    async def stream(self, request: Request) -> AsyncIterator[str]:
        yield request.messages[-1].text


def own_targets() -> None:
    Client(Dripping())
    AsyncClient(SlowlyDripping(), fallbacks=[Dripping()])
    Client(Parrot(), fallbacks=[Parrot(), "openai/gpt-5.4-mini"])
    AsyncClient(SlowParrot(), before=lambda request: request, on_error=lambda error: None)


def errors(llm: Client) -> None:
    try:
        llm.generate("hi")
    except UsageError as error:
        assert_type(error.field, str | None)
    except ProviderError as error:
        assert_type(error.status, int | None)
        assert_type(error.retry_after, float | None)
        assert_type(error.request_id, str | None)


def refused(llm: Client) -> None:
    """Checkers refuse these; an ignore that is not needed is an error, so each line is a test."""
    llm.generate("hi", temprature=1)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    llm.generate("hi", retries="two")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    llm.generate(5)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    llm.generate("hi", reasoning="enormous")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    Client(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def conversations(llm: Client, slow: AsyncClient) -> None:
    chat = llm.conversation("Be brief", max_turns=10, saved_in="chats.db", summarize=True, temperature=0.2)
    assert_type(chat, Conversation)
    assert_type(llm.conversation(system="Be brief", tools=[]), Conversation)
    assert_type(chat.send("hi"), Response)
    assert_type(chat.send("hi", output=int).output, int)
    assert_type(chat.fork(), Conversation)
    assert_type(chat.can_move(to="openai/gpt-5.4").losses, tuple[Warning, ...])
    assert_type(slow.conversation().fork(), AsyncConversation)
    chat.send("hi", max_turns=3)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
