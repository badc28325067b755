"""A reply as it is spoken: whole sentences, in both worlds."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.replies import chat_stream, delta, finish, sse, start, streamed
from trunkline import (
    AsyncClient,
    Client,
    Event,
    Finish,
    HostedToolCall,
    PartDone,
    ReasoningDelta,
    Request,
    StreamInterruptedError,
    TextDelta,
)
from trunkline.client.settings import Settings
from trunkline.sim.scripted import Scripted
from trunkline.sim.scripted_io import ScriptedIO

TEXTS = ["Dr. Smith", " has **3", ".14** of", " it. It", " is", " fine!\n\n", "- one\n", "- two"]


def call() -> bytes:
    tool = {"index": 0, "id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    return sse({"id": "chatcmpl-1", "model": "m-1", "choices": [{"index": 0, "delta": {"tool_calls": [tool]}}]})


def client(*replies: Scripted) -> Client:
    return Client("openai-chat/m", base_url="http://h.test", settings=Settings({}), io=ScriptedIO(list(replies)))


def spoken(plain: bool, *replies: Scripted) -> list[str]:
    with client(*replies).stream("hi") as stream:
        return list(stream.sentences(plain))


def spoken_async(plain: bool, *replies: Scripted) -> list[str]:
    async def run() -> list[str]:
        io = ScriptedIO(list(replies), blocking=False)
        llm = AsyncClient("openai-chat/m", base_url="http://h.test", settings=Settings({}), io=io)
        async with llm.stream("hi") as stream:
            return [sentence async for sentence in stream.sentences(plain=plain)]

    return asyncio.run(run())


def test_whole_sentences() -> None:
    whole = ["Dr. Smith has **3.14** of it. ", "It is fine!\n", "\n- one\n", "- two"]
    assert spoken(False, chat_stream(TEXTS)) == whole == spoken_async(False, chat_stream(TEXTS))
    said = ["Dr. Smith has 3.14 of it.", "It is fine!", "one", "two"]
    assert spoken(True, chat_stream(TEXTS)) == said == spoken_async(True, chat_stream(TEXTS))


def test_what_is_said_before_a_call_does_not_wait_for_it() -> None:
    pieces = [start(), delta("Let me look."), call(), finish("tool_calls")]
    with client(streamed(pieces)).stream("hi") as stream:
        sentences = stream.sentences()
        assert next(sentences) == "Let me look."
        assert stream.response.partial
        assert list(sentences) == []
    assert spoken_async(False, streamed(pieces)) == ["Let me look."]


class Searching:
    """A target that thinks, searches, and has a second choice, between two sentences."""

    def stream(self, request: Request) -> Iterator[Event]:
        yield TextDelta("Let me sea")
        yield ReasoningDelta("Hm. So")
        yield TextDelta("Other. Choice. ", choice=1)
        yield TextDelta("rch.")
        yield PartDone(HostedToolCall("h1", "web_search"))
        yield PartDone(HostedToolCall("h2", "web_search"), choice=1)
        yield TextDelta("It is sunny.")
        yield Finish("stop")


def test_nor_for_one_of_the_providers_own_and_nothing_else_is_said() -> None:
    with Client(Searching()).stream("hi") as stream:
        sentences = stream.sentences()
        assert next(sentences) == "Let me search."
        assert "sunny" not in stream.response.text
        assert list(sentences) == ["It is sunny."]


def test_turns_of_a_run_are_apart() -> None:
    def look() -> str:
        """Looks."""
        return "sun"

    turns = streamed([start(), delta("Let me look."), call(), finish("tool_calls")]), chat_stream(["It is", " sunny."])
    io = client(*turns)
    with io.stream_run("hi", tools=[look]) as stream:
        assert list(stream.sentences()) == ["Let me look.", "It is sunny."]


def test_a_stream_that_breaks_has_said_what_was_sure() -> None:
    def broken() -> Scripted:
        return streamed([start(), delta("One. Two. Thr")], end="reset")

    with client(broken()).stream("hi", retries=0) as stream:
        sentences = stream.sentences()
        assert [next(sentences), next(sentences)] == ["One. ", "Two. "]
        with pytest.raises(StreamInterruptedError) as caught:
            next(sentences)
    assert caught.value.partial is not None
    assert caught.value.partial.text == "One. Two. Thr"


def test_an_empty_reply_says_nothing() -> None:
    assert spoken(False, chat_stream([])) == [] == spoken_async(True, chat_stream(["\n", " "]))
