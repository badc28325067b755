"""System C: models that change in mid-conversation, and what else than words they are shown, on the simulator."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from tests.seeds.conftest import KEY
from trunkline import Audio, Data, Image, Reasoning
from trunkline.compat.personal_agent.config.settings import Config, LLMConfig
from trunkline.compat.personal_agent.llm.client import AgentConversation, LLMClient, LLMResponse, Message
from trunkline.compat.personal_agent.llm.exceptions import LLMException, RateLimitError
from trunkline.compat.personal_agent.llm.providers.base import LLMProvider
from trunkline.sim import Fail, Rule, Say, Simulator, Think, When

PNG = b"\x89PNG\r\n\x1a\n" + b"rest"
WAV = b"RIFF\x10\0\0\0WAVEfmt " + b"rest"


def agent(provider: str = "openai", **config: Any) -> LLMClient:
    return LLMClient(Config(llm=LLMConfig(provider=provider, **config)))


def sent(sim: Simulator) -> list[Any]:
    return [json.loads(asked.http.body) for asked in sim.requests]


def words(body: Any) -> list[tuple[str, str]]:
    return [(message["role"], str(message["content"])) for message in body["messages"]]


def test_another_provider_goes_on_in_mid_conversation(simulated: Simulator) -> None:
    simulated.use([Rule(Say("You are Ada."), when=When(text="Who am I")), Rule(Say("Hello, Ada."))])
    chat = agent(model="gpt-4o").conversation()
    first = chat.send("I am Ada.")
    assert (first.content, first.finish_reason, set(first.usage)) == (
        "Hello, Ada.", "stop", {"prompt_tokens", "completion_tokens", "total_tokens"},
    )  # fmt: skip
    assert chat.can_switch(provider="anthropic")
    chat.switch_model("claude-sonnet-4-5", provider="anthropic")
    assert (chat.provider, chat.model) == ("anthropic", "claude-sonnet-4-5")
    second = chat.send("Who am I?", max_tokens=7)
    assert (second.content, second.finish_reason, set(second.usage)) == (
        "You are Ada.",
        "end_turn",
        {"input_tokens", "output_tokens"},
    )
    chat.switch_model("gpt-4.1", provider="openai")
    assert "".join(chat.stream("Who am I, once more?")) == "You are Ada."
    assert [asked.dialect for asked in simulated.requests] == ["openai-chat", "anthropic-messages", "openai-chat"]
    one, two, three = sent(simulated)
    assert [body["model"] for body in (one, two, three)] == ["gpt-4o", "claude-sonnet-4-5", "gpt-4.1"]
    assert (two["max_tokens"], "helpful" in str(two["system"])) == (7, True)
    assert [role for role, _ in words(three)] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert [text for _, text in words(three)][1:5] == ["I am Ada.", "Hello, Ada.", "Who am I?", "You are Ada."]
    assert chat.messages[:2] == [Message("user", "I am Ada."), Message("assistant", "Hello, Ada.")]
    assert len(chat.messages) == 6


def test_what_only_one_provider_understands_is_kept_for_it(simulated: Simulator) -> None:
    simulated.use([Rule(Think("Hm, deep."), Say("Yes."), when=When(dialect="anthropic-messages")), Rule(Say("No."))])
    chat = agent("anthropic", model="claude-sonnet-4-5").conversation()
    chat.send("Is it?")
    thought = chat.chat.messages[1].parts[0]
    assert isinstance(thought, Reasoning)
    assert isinstance(chat.messages[1].content, tuple)
    move = chat.can_switch("gpt-4o", "openai")
    assert move
    assert move.losses
    chat.switch_model("gpt-4o", "openai")
    chat.send("Sure?")
    chat.switch_model("claude-sonnet-4-5", "anthropic")
    chat.send("Really?")
    _, elsewhere, back = (asked.http.body for asked in simulated.requests)
    assert b"Hm, deep." not in elsewhere
    assert b'"signature"' in back
    assert b"Hm, deep." in back


def test_a_turn_that_fails_is_taken_back_and_told_in_the_agents_words(simulated: Simulator) -> None:
    simulated.use([Rule(Fail(429), when=When(text="twice")), Rule(Say("ok"))])
    chat = agent().conversation()
    chat.send("once")
    with pytest.raises(RateLimitError):
        chat.send("twice", retries=0)
    with pytest.raises(LLMException):
        list(chat.stream("twice", retries=0))
    assert [message.content for message in chat.messages] == ["once", "ok"]
    assert chat.send("thrice").content == "ok"


def test_where_it_cannot_go(simulated: Simulator) -> None:
    chat = agent().conversation()
    for act in (chat.can_switch, chat.switch_model):
        with pytest.raises(ValueError, match="Unsupported provider: elsewhere"):
            act(provider="elsewhere")
    assert (chat.provider, chat.model) == ("openai", "gpt-3.5-turbo")

    class Own(LLMProvider):
        def generate_response(self, messages: Any, **kwargs: Any) -> Any: ...
        def stream_response(self, messages: Any, **kwargs: Any) -> Any: ...
        def get_available_models(self) -> Any: ...

    client = agent()
    client.provider = Own(client.config.llm)
    with pytest.raises(ValueError, match="Own keeps no conversation"):
        client.conversation()


def test_it_is_paced_and_may_be_saved(simulated: Simulator, tmp_path: Path) -> None:
    simulated.use([Rule(Say("ok"))])
    client = agent()
    asked: list[int] = []
    client.rate_limiter = type("Pace", (), {"wait_if_needed": lambda self: asked.append(1)})()
    chat = client.conversation(saved_in=tmp_path / "chats.db", max_turns=1)
    chat.send("one")
    list(chat.stream("two"))
    assert asked == [1, 1]
    assert [text for _, text in words(sent(simulated)[1])][1:] == ["two"]
    chat.chat.close()
    again = client.conversation(saved_in=tmp_path / "chats.db", id=chat.chat.id)
    assert isinstance(again, AgentConversation)
    again.send("three")
    assert [message.content for message in again.messages] == ["one", "ok", "two", "ok", "three", "ok"]
    again.chat.close()


def test_the_agent_switches_as_a_whole(simulated: Simulator) -> None:
    """What the host holds is the state: the same messages go to the other model."""
    simulated.use([Rule(Say("ok"))])
    given = Config(llm=LLMConfig(model="gpt-4o"))
    client = LLMClient(given)
    talk = [Message("user", "one")]
    talk.append(Message("assistant", client.generate_response(talk).content))
    talk.append(Message("user", "two"))
    client.switch_model(provider="anthropic")
    assert client.generate_response(talk).finish_reason == "end_turn"
    client.switch_model("claude-sonnet-4-5")
    client.generate_response(talk)
    assert [body["model"] for body in sent(simulated)] == ["gpt-4o", "claude-3-haiku-20240307", "claude-sonnet-4-5"]
    assert [role for role, _ in words(sent(simulated)[2])] == ["user", "assistant", "user"]
    assert (given.llm.provider, given.llm.model, client.config.llm.provider) == ("openai", "gpt-4o", "anthropic")
    with pytest.raises(ValueError, match="Unsupported provider"):
        client.switch_model(provider="elsewhere")
    assert client.config.llm.provider == "anthropic"


def test_a_key_stays_with_its_provider(simulated: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL")
    client = agent(api_key="sk-another-0123456789")
    simulated.use([Rule(Say("ok"))])
    chat = client.conversation()
    chat.switch_model(provider="anthropic")
    chat.send("hi")
    client.switch_model(provider="anthropic")
    client.generate_response([Message("user", "hi")])
    for asked in simulated.requests:
        assert dict(asked.http.headers)["x-api-key"] == KEY


@pytest.mark.parametrize("provider,model", [("openai", "gpt-4o"), ("anthropic", "claude-sonnet-4-5")])
def test_pictures_are_shown(provider: str, model: str, simulated: Simulator, tmp_path: Path) -> None:
    simulated.use([Rule(Say("a cat"), when=When(images=True))])
    path = tmp_path / "a.png"
    path.write_bytes(PNG)
    there = f"data:image/png;base64,{b64encode(PNG).decode()}"
    content: list[Any] = ["What is this?", Image.file(path), {"type": "image_url", "image_url": {"url": there}}]
    client = agent(provider, model=model)
    assert isinstance(client.generate_response([Message("user", content)]), LLMResponse)
    assert "".join(client.stream_response([Message("user", content)])) == "a cat"
    assert client.conversation().send(content).content == "a cat"
    for asked in simulated.requests:
        assert asked.request is not None
        _, *pictures = asked.request.messages[-1].parts
        assert [part.source for part in pictures if isinstance(part, Image)] == [Data(PNG, "image/png")] * 2
    assert content[0] == "What is this?", "what the host holds stays as it is"


def test_sound_is_heard(simulated: Simulator) -> None:
    simulated.use([Rule(Say("a bell"))])
    client = agent(model="gpt-4o-audio-preview")
    assert client.generate_response([Message("user", ["What is this?", Audio.bytes(WAV)])]).content == "a bell"
    [body] = sent(simulated)
    assert body["messages"][-1]["content"][1]["input_audio"] == {"data": b64encode(WAV).decode(), "format": "wav"}


@pytest.mark.parametrize("content", [["What?", 5], [], None, Image.file("nowhere.png")])
def test_what_cannot_be_shown(content: Any, simulated: Simulator) -> None:
    with pytest.raises(LLMException):
        agent(model="gpt-4o").generate_response([Message("user", content)])
    assert not simulated.requests
