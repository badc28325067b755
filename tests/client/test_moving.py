"""What a conversation would lose if another model went on with it, told before anybody is asked."""

from __future__ import annotations

from typing import Any

import pytest

from tests.client.talking import Echo, Held
from tests.replies import chat
from trunkline import (
    Audio,
    Client,
    Data,
    File,
    Image,
    Message,
    Move,
    ProviderState,
    Reasoning,
    Route,
    Scope,
    Settings,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    Url,
    UsageError,
    Video,
)

KEYS = {
    "OPENAI_API_KEY": "sk-0123456789abcdefghij",
    "ANTHROPIC_API_KEY": "sk-ant-0123456789abcdefghij",
    "PERPLEXITY_API_KEY": "pplx-0123456789abcdefghij",
}


def talk(*said: Message, **options: Any) -> Any:
    llm = Client("openai/gpt-5.4-mini", settings=Settings(KEYS))
    made = llm.conversation(**options)
    if said:
        made.add(list(said))
    return made


def fields(move: Move) -> set[str]:
    return {loss.field for loss in move.losses}


def test_words_alone_go_anywhere() -> None:
    made = talk(Message.user("hi"), Message.assistant("ho"), system="s")
    move = made.can_move(to="anthropic/claude-sonnet-5")
    assert (bool(move), move.to, move.losses, move.refused, str(move)) == (True, "anthropic/claude-sonnet-5", (), None, move.to)
    assert talk().can_move("anthropic/claude-sonnet-5")
    assert len(made.messages) == 2
    assert made.model == "openai/gpt-5.4-mini"


def test_state_of_others_stays_behind_and_is_there_again() -> None:
    state = ProviderState("anthropic-messages", b'{"signature":"c2ln"}', Scope("anthropic", "claude-sonnet-5"))
    said = [Message.user("hi"), Message.assistant(Reasoning("hm", state=state), Text("ho"))]
    made = talk(*said)
    move = made.can_move("openai/gpt-5.4-mini")
    assert move
    assert any("state" in field or "reasoning" in field for field in fields(move))
    assert str(move).startswith("openai/gpt-5.4-mini\n")
    assert not made.can_move("anthropic/claude-sonnet-5").losses
    assert made.messages == tuple(said)


def test_media_are_as_they_would_be_sent_and_nobody_fetches_them() -> None:
    """Addresses that the target does not take itself are no loss, as they are fetched then; its limits are told."""
    url = Image(Url("https://h.test/a.png"))
    sim: Any = {"base_url": "http://127.0.0.1:9", "api_key": "k"}
    for dialect in ("ollama", "bedrock-converse", "openai-chat"):
        llm = Client(f"{dialect}/m", settings=Settings({}), **sim)
        made, kept = llm.conversation(), llm.conversation(fetch_urls=False)
        for each in (made, kept):
            each.add([Message.user("see", url)])
        assert (bool(made.can_move(f"{dialect}/m")), made.can_move(f"{dialect}/m").losses) == (True, ())
        move = kept.can_move(f"{dialect}/m")
        assert (bool(move) and not move.losses) is (dialect == "openai-chat")
    made = talk(Message.user("see", Image(Data(b"x", "image/tiff"))))
    assert "takes no such pictures; got image/tiff" in str(made.can_move("anthropic/claude-sonnet-5").refused)


def test_parts_and_tools_that_a_model_does_not_take() -> None:
    data = Data(b"x", "image/png")
    result = ToolResult("a", (Text("see"), Image(data)))
    said = [Message.user("see"), Message.assistant(ToolCall("a", "look")), Message.tool(result), Message.assistant("ok")]
    made = talk(*said, tools=[Tool("look")])
    reasons = {loss.reason for loss in made.can_move("perplexity/sonar").losses}
    assert {"the model takes no image", "the model calls none"} <= reasons
    assert not any("takes no" in reason for reason in (loss.reason for loss in made.can_move("openai/gpt-5.4-mini").losses))
    for part, name in ((Audio(data), "audio"), (Video(data), "video"), (File(data), "file")):
        losses = talk(Message.user("see", part)).can_move("perplexity/sonar").losses
        assert [loss.reason for loss in losses if "takes no" in loss.reason] == [f"the model takes no {name}"]


def test_what_would_be_refused() -> None:
    made = talk(Message.user("word " * 300_000))
    move = made.can_move("openai/gpt-4o-mini")
    assert not move
    assert move.refused is not None
    assert "the model has room for 128000" in move.refused
    assert str(move).startswith("openai/gpt-4o-mini: refused (about ")
    assert not move.losses
    perhaps = talk(Message.user("word " * 120_000)).can_move("openai/gpt-4o-mini")
    assert perhaps
    assert "they may be too long" in perhaps.losses[-1].reason


def test_only_what_would_be_sent_counts() -> None:
    made = talk(Message.user("word " * 300_000), Message.assistant("ok"), Message.user("short"), max_turns=1)
    assert made.can_move("openai/gpt-4o-mini")


def test_sources_of_tools_are_asked_for_nothing() -> None:
    class Source:
        trusted = True

        def list_tools(self) -> list[Tool]:
            raise AssertionError

        def call_tool(self, name: str, arguments: dict[str, Any]) -> str:
            raise AssertionError

    assert talk(Message.user("hi"), tools=[Source()]).can_move("anthropic/claude-sonnet-5")


def test_ones_own_object_takes_everything() -> None:
    made = talk(Message.user("see", Image(Data(b"x", "image/png"))))
    assert made.can_move(Echo()) == Move(to="Echo")


def test_whom_one_does_not_know_yet() -> None:
    with pytest.raises(UsageError):
        talk().can_move("nobody/m")
    nobody: Any = None
    with pytest.raises(UsageError, match="only when it is asked") as caught:
        Client(settings=Settings({})).conversation().can_move(nobody)
    assert caught.value.field == "to"


def test_of_a_route_its_first_target_counts() -> None:
    route = Route(["perplexity/sonar", "anthropic/claude-sonnet-5"])
    move = talk(Message.user("see", Image(Data(b"x", "image/png")))).can_move(route)
    assert (move.to, fields(move)) == ("Route", {"messages"})


def test_there_and_back_again() -> None:
    """A conversation goes on elsewhere, with calls of tools in it, and comes back with nothing lost."""
    held = Held(True, [chat("1"), chat("2"), chat("3")])
    call = Message.assistant(ToolCall("a", "look"))
    held.chat.add([Message.user("zero"), call, Message.tool(ToolResult("a", (Text("4"),)))])
    held.send("one")
    before = held.chat.messages
    assert held.chat.can_move(to="openai-chat/other")
    held.chat.model = "openai-chat/other"
    held.send("two")
    held.chat.model = "openai-chat/m"
    held.send("three")
    assert held.chat.messages[: len(before)] == before
