"""Summaries in place of what is left out: whose they are, what they cost, and what happens without one."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.client.talking import Held
from tests.replies import chat, failed
from trunkline import (
    AuthenticationError,
    Client,
    Data,
    Image,
    Message,
    Response,
    Settings,
    Text,
    ToolCall,
    ToolResult,
    Usage,
    UsageError,
)
from trunkline.client.conversation_summary import INSTRUCTIONS

WORLDS = pytest.mark.parametrize("blocking", [True, False], ids=["blocking", "asyncio"])
HEAD = "[Summary of the conversation so far]\n"


@WORLDS
def test_by_the_conversations_model(blocking: bool) -> None:
    """Rolling: the next one is told the one before, and only what was said since."""
    script = [chat("1"), chat("It was one."), chat("2"), chat("One and two."), chat("3"), chat("4")]
    held = Held(blocking, script, "s", max_turns=1, summarize=True, tools=[weather], max_tokens=7)
    for text in ("one", "two", "three"):
        held.send(text)
    asked = held.asked()
    assert asked[1] == [("system", INSTRUCTIONS), ("user", "user: one\n\nassistant: 1")]
    assert asked[2] == [("system", "s"), ("user", HEAD + "It was one."), ("user", "two")]
    assert asked[3][1] == ("user", "Summary of what came before: It was one.\n\nuser: two\n\nassistant: 2")
    assert asked[4] == [("system", "s"), ("user", HEAD + "One and two."), ("user", "three")]
    assert b"weather" not in held.io.requests[1].body
    assert b'"max_tokens":7' not in held.io.requests[1].body.replace(b" ", b"")
    assert b"weather" in held.io.requests[2].body
    assert held.chat.usage == Usage(input_tokens=15, output_tokens=10)
    assert [text for _, text in held.said()] == ["one", "1", "two", "2", "three", "3"]


def weather(city: str) -> str:
    """The weather of a city."""
    return city


def test_by_another_model_and_what_it_costs() -> None:
    class Writer:
        def generate(self, request: Any) -> Response:
            return Response(message=Message.assistant("in short"), cost=Decimal(2), usage=Usage(input_tokens=100))

    class Speaker:
        def generate(self, request: Any) -> Response:
            return Response(message=Message.assistant("ok"), cost=Decimal(1), usage=Usage(input_tokens=1))

    talk = Client(Speaker(), settings=Settings({})).conversation(max_turns=2, summarize=Writer())
    for text in ("one", "two", "three"):
        talk.send(text)
    assert (talk.cost, talk.usage) == (Decimal(5), Usage(input_tokens=103))
    held = Held(True, [chat("1"), chat("short"), chat("2")], max_turns=1, summarize="openai-chat/small")
    held.send("one")
    held.send("two")
    assert [b'"small"' in request.body for request in held.io.requests] == [False, True, False]


@WORLDS
def test_by_a_function_of_ones_own(blocking: bool) -> None:
    heard: list[tuple[list[str], str | None]] = []

    def plain(messages: tuple[Message, ...], before: str | None) -> str:
        heard.append(([message.text for message in messages], before))
        return f" {len(heard)} "

    async def awaited(messages: tuple[Message, ...], before: str | None) -> str:
        return plain(messages, before)

    held = Held(blocking, [chat(str(n)) for n in range(5)], max_turns=1, summarize=plain if blocking else awaited)
    for text in ("one", "two", "three"):
        held.send(text)
    assert heard == [(["one", "0"], None), (["two", "1"], "1")]
    assert held.asked()[-1] == [("user", HEAD + "2"), ("user", "three")]
    held.chat.undo()
    held.send("four")
    assert len(heard) == 2  # it is of what is left out still
    assert held.asked()[-1] == [("user", HEAD + "2"), ("user", "four")]
    held.chat.undo(2)
    held.send("five")
    assert held.asked()[-1] == [("user", HEAD + "1"), ("user", "five")]


def test_what_it_is_made_of() -> None:
    told: list[str] = []

    class Writer:
        def generate(self, request: Any) -> str:
            told.append(request.messages[-1].text)
            return "short"

    talk = Client(Writer(), settings=Settings({})).conversation(max_turns=1, summarize=True)
    call, result = ToolCall("a", "look", '{"at": 1}'), ToolResult("a", (Text("a"), Text("whale")), name="look")
    talk.add(
        [
            Message.user("see", Image(Data(b"x", "image/png"))),
            Message.assistant(call),
            Message.tool(result, ToolResult("b", (Text("?"),))),
        ]
    )
    talk.send("next")
    assert told[0] == (
        'user: see\n\nuser showed: image\n\nassistant called look({"at": 1})\n\nlook answered: a whale\n\nthe tool answered: ?'
    )


@pytest.mark.parametrize("trouble", [failed(500), chat(" ")])
def test_without_a_summary_the_turns_stay_out_and_a_warning_tells(trouble: Any) -> None:
    held = Held(True, [chat("1"), trouble, chat("2"), chat("all of it"), chat("3")], max_turns=1, summarize=True, retries=0)
    held.send("one")
    (warning,) = held.send("two").warnings
    assert (warning.kind, warning.field) == ("dropped", "messages")
    assert warning.reason.startswith("2 of them were left out, and there is no summary of them: ")
    assert held.asked()[2] == [("user", "two")]
    assert held.send("three").warnings == ()
    assert held.asked()[3][1] == ("user", "user: one\n\nassistant: 1\n\nuser: two\n\nassistant: 2")


def test_nothing_is_asked_while_nothing_is_left_out() -> None:
    held = Held(True, [chat("1"), chat("2")], max_turns=2, summarize=True)
    held.send("one")
    held.send("two")
    assert len(held.io.requests) == 2


def test_a_summary_is_not_paid_for_again_when_its_turn_failed() -> None:
    held = Held(True, [chat("1"), chat("short"), failed(401), chat("2")], max_turns=1, summarize=True)
    held.send("one")
    with pytest.raises(AuthenticationError):
        held.send("two")
    assert (len(held.chat.messages), held.chat.usage.input_tokens) == (2, 6)
    assert held.send("two").text == "2"
    assert held.asked()[-1] == [("user", HEAD + "short"), ("user", "two")]
    assert [text for _, text in held.said()] == ["one", "1", "two", "2"]


def test_what_writes_no_summary() -> None:
    async def coroutine(messages: Any, before: Any) -> str:
        return ""

    llm = Client("openai-chat/m", base_url="http://h.test", settings=Settings({}))
    for wrong in (coroutine, 3):
        with pytest.raises(UsageError) as caught:
            llm.conversation(max_turns=1, summarize=wrong)
        assert caught.value.field == "summarize"
    with pytest.raises(UsageError, match=r"^model: the catalog has no model of that name"):
        llm.conversation(max_turns=1, summarize="nobody")
    with pytest.raises(UsageError, match=r"^summarize: nothing is ever left out; allowed: with max_turns or max_context_tokens"):
        llm.conversation(summarize=True)
    held = Held(True, [chat("1")], max_turns=1, summarize=lambda messages, before: None)
    held.send("one")
    with pytest.raises(UsageError, match="summarize"):
        held.send("two")
    assert len(held.chat.messages) == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"max_turn": 3}, r"^max_turn: unknown option; did you mean 'max_turns'\?; allowed: .*max_context_tokens"),
        ({"summarise": True}, r"^summarise: unknown option; did you mean 'summarize'\?"),
        ({"max_context_tokens": "3"}, "^max_context_tokens: wrong type; got str"),
        ({"max_context_tokens": 0}, "^max_context_tokens: out of range"),
        (
            {"keep_partial": True},
            r"^keep_partial: unknown option; allowed: stream\(...\) and stream_run\(...\) of a conversation",
        ),
    ],
)
def test_options_that_there_are_not(options: dict[str, Any], words: str) -> None:
    llm = Client("openai-chat/m", base_url="http://h.test", settings=Settings({}))
    with pytest.raises(UsageError, match=words):
        llm.conversation(**options)
    with pytest.raises(UsageError, match=r"^max_turns: unknown option; allowed: conversation\(...\)"):
        llm.conversation().send("x", max_turns=3)
