"""A scripted reply, by hand and through a dialect's server half: what a client reads is what was said."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from tests.virtual import World
from trunkline import AsyncClient, Client, Settings, UsageError
from trunkline.dialects.known import DIALECTS
from trunkline.sim.clock import virtual_run
from trunkline.sim.scripted import Scripted
from trunkline.sim.scripted_io import ScriptedIO
from trunkline.values.errors import OverloadedError, RateLimitError, StreamInterruptedError
from trunkline.values.events import Finish, Start, TextDelta
from trunkline.values.message import Message, ToolCall
from trunkline.values.response import Alternative, Response, Usage

USAGE = Usage(input_tokens=7, output_tokens=9)
CALLING = Response(
    message=Message.assistant(
        "Let me look.", ToolCall("call_1", "weather", '{"city":"Oslo"}'), ToolCall("call_2", "clock", "{}")
    ),
    finish_reason="tool_calls",
    model="m-1",
    id="r-1",
    usage=USAGE,
)


NAMES = {"model": "m-1", "id": "r-1"}
UNNAMED = {"bedrock-converse": ("model", "id"), "cohere": ("model",), "ollama": ("id",)}
"""What replies of a dialect do not say of themselves."""


def test_what_is_no_response_is_refused() -> None:
    with pytest.raises(UsageError, match="response: wrong type; got int; allowed: a text or a Response"):
        Scripted.of(5)


def client(dialect: str, *replies: Scripted, **options: Any) -> tuple[Client, ScriptedIO]:
    io = ScriptedIO(replies)
    return Client(f"{dialect}/m", io=io, settings=Settings({}), base_url="http://h.test", **options), io


def read(llm: Client, stream: bool) -> Response:
    if not stream:
        return llm.generate("hi")
    with llm.stream("hi") as reading:
        for _ in reading:
            pass
    return reading.response


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_was_said_is_read(dialect: str, stream: bool) -> None:
    llm, _ = client(dialect, Scripted.of("hello", dialect=dialect, stream=stream))
    reply = read(llm, stream)
    assert (reply.text, reply.finish_reason, reply.warnings) == ("hello", "stop", ())
    llm, _ = client(dialect, Scripted.of(CALLING, dialect=dialect, stream=stream))
    reply = read(llm, stream)
    assert [replace(part, state=None) for part in reply.message.parts] == list(CALLING.message.parts)
    assert reply.finish_reason == "tool_calls"
    assert (reply.model, reply.id) == tuple(None if name in UNNAMED.get(dialect, ()) else told for name, told in NAMES.items())
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (7, 9)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_stream_takes_its_time(dialect: str) -> None:
    reply = Scripted.of(CALLING, dialect=dialect, stream=True, first=2.0, every=0.5)
    llm, io = client(dialect, reply)
    read(llm, stream=True)
    assert io.now() == 1_000.0 + 2.0 + 0.5 * (len(reply.pieces) - 1)
    assert len(reply.pieces) > 2


@pytest.mark.parametrize("end", ["reset", "truncated"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_stream_without_its_end(dialect: str, end: Any) -> None:
    llm, _ = client(dialect, Scripted.of("hello", dialect=dialect, stream=True, end=end))
    with pytest.raises(StreamInterruptedError) as caught:
        read(llm, stream=True)
    assert caught.value.partial is not None
    assert caught.value.partial.text == "hello"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_events_may_be_told_one_by_one(dialect: str) -> None:
    events = [Start("r", "m"), TextDelta("Hel"), TextDelta("lo"), Finish("stop")]
    reply = Scripted.telling(events, dialect=dialect, model="m", every=1.0)
    llm, io = client(dialect, reply)
    with llm.stream("hi") as reading:
        assert [text for text in reading.text if text] == ["Hel", "lo"]
    assert io.now() > 1_000.0


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_failure_in_the_dialects_words(dialect: str) -> None:
    busy = Scripted.failing(RateLimitError("slow down", status=429, retry_after=3.0), dialect=dialect)
    llm, io = client(dialect, busy, Scripted.of("hello", dialect=dialect))
    assert read(llm, stream=False).text == "hello"
    assert io.sleeps == [3.0]
    llm, _ = client(dialect, Scripted.failing(OverloadedError("no room"), dialect=dialect), retries=0)
    with pytest.raises(OverloadedError, match="no room"):
        read(llm, stream=False)


@pytest.mark.parametrize("stream", [False, True])
def test_an_unknown_dialect(stream: bool) -> None:
    with pytest.raises(UsageError, match="openai-chat, anthropic-messages"):
        Scripted.of("a", dialect="morse", stream=stream)


@pytest.mark.parametrize("stream", [False, True])
def test_what_a_dialect_cannot_say_is_refused(stream: bool) -> None:
    """A second choice, in a protocol that has but one."""
    second = Alternative(index=1, message=Message.assistant("b"), finish_reason="stop")
    told = Response(message=Message.assistant("a"), finish_reason="stop", alternatives=(second,))
    assert Scripted.of(told, dialect="openai-chat", stream=stream)
    with pytest.raises(UsageError, match="anthropic-messages cannot say this"):
        Scripted.of(told, dialect="anthropic-messages", stream=stream)


def test_an_end_that_there_is_not() -> None:
    with pytest.raises(UsageError, match=r"end.*end, reset, truncated, stall"):
        Scripted(end="explode")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "fields, field",
    [
        ({"status": "200"}, "status"),
        ({"headers": [("a", "b")]}, "headers"),
        ({"body": "text"}, "body"),
        ({"body": 5}, "body"),
        ({"wait": -1.0}, "wait"),
        ({"connect": float("nan")}, "connect"),
    ],
)
def test_fields_that_mean_nothing(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(UsageError) as caught:
        Scripted(**fields)
    assert caught.value.field == field


def test_it_shows_nothing_of_what_it_says() -> None:
    shown = repr(Scripted(200, {"x-secret": "sk-0123456789abcdef"}, [b"sk-0123456789abcdef", (1.0, b"x")]))
    assert shown == "Scripted(200, 2 pieces, end)"
    assert repr(Scripted(body=b"whole")) == "Scripted(200, 1 pieces, end)"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_many_streams_at_once_in_virtual_time(dialect: str) -> None:
    io = World(Scripted.of("one two three", dialect=dialect, stream=True, first=1.0, every=60.0), blocking=False)

    async def ask(llm: AsyncClient) -> str:
        async with llm.stream("hi") as stream:
            return "".join([text async for text in stream.text])

    async def main() -> set[str]:
        async with AsyncClient(f"{dialect}/m", io=io, settings=Settings({}), base_url="http://h.test") as llm:
            return set(await asyncio.gather(*[ask(llm) for _ in range(50)]))

    assert virtual_run(main(), clock=io.clock) == {"one two three"}
    assert io.now() <= 1_000.0 + 1.0 + 60.0 * 10
