"""System C: the agent's client on recorded replies."""

from __future__ import annotations

import dataclasses
import typing
from typing import Any

import pytest

from tests.cli.loopback import Loopback
from tests.seeds.conftest import KEY
from tests.seeds.documents import Documents, run
from tests.seeds.recordings import CHAT, MESSAGES, Recordings, failing
from trunkline.compat.personal_agent.config.settings import Config, LLMConfig
from trunkline.compat.personal_agent.llm import client, exceptions
from trunkline.compat.personal_agent.llm.client import LLMClient, LLMResponse, Message
from trunkline.compat.personal_agent.llm.exceptions import AuthenticationError, LLMException, ModelError, RateLimitError
from trunkline.compat.personal_agent.llm.providers.anthropic import AnthropicProvider
from trunkline.compat.personal_agent.llm.providers.base import LLMProvider
from trunkline.compat.personal_agent.llm.providers.openai import OpenAIProvider
from trunkline.compat.personal_agent.llm.rate_limiter import RateLimiter

TYPES: dict[str, Any] = {
    "dataclass": dataclasses.dataclass,
    **{name: getattr(typing, name) for name in ("Any", "Dict", "List", "Optional")},
}


def agent(provider: str, **config: Any) -> LLMClient:
    return LLMClient(Config(llm=LLMConfig(provider=provider, **config)))


def test_openai_answers(openai: Loopback, recordings: Recordings) -> None:
    said = recordings.said(CHAT)
    response = LLMClient(Config()).generate_response([Message("user", "hi")])
    usage = {key: said.usage[key] for key in ("prompt_tokens", "completion_tokens", "total_tokens")}
    assert response == LLMResponse(said.text, "stop", usage, said.model)
    sent = openai.seen[0].json()
    assert sent["messages"] == [{"role": "system", "content": "You are a helpful assistant."}, {"role": "user", "content": "hi"}]
    assert (sent["model"], sent["temperature"]) == ("gpt-3.5-turbo", 0.7)
    assert 1000 in (sent.get("max_tokens"), sent.get("max_completion_tokens"))


def test_anthropic_answers_with_its_own_words(anthropic: Loopback, recordings: Recordings) -> None:
    said = recordings.said(MESSAGES)
    response = agent("anthropic").generate_response([Message("user", "hi")])
    usage = {key: said.usage[key] for key in ("input_tokens", "output_tokens")}
    assert response == LLMResponse(said.text, "end_turn", usage, said.model)
    sent = anthropic.seen[0].json()
    assert (sent["model"], sent["max_tokens"]) == ("claude-3-haiku-20240307", 1000)
    assert sent["messages"] == [{"role": "user", "content": "hi"}]
    assert "You are a helpful assistant." in str(sent["system"])


@pytest.mark.parametrize("provider,dialect", [("openai", CHAT), ("anthropic", MESSAGES)])
def test_streams(provider: str, dialect: str, openai: Loopback, anthropic: Loopback, recordings: Recordings) -> None:
    given = [Message("user", "hi")]
    pieces = list(agent(provider, system_prompt="Be a pirate").stream_response(given))
    assert "".join(pieces) == recordings.said(dialect, stream=True).text
    assert len(pieces) > 1
    assert b"Be a pirate" in openai.seen[0].body
    assert given == [Message("user", "hi")]


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_the_callers_list_stays_as_it_is(provider: str, openai: Loopback, anthropic: Loopback) -> None:
    given = [Message("user", "hi")]
    for _ in range(2):
        agent(provider).generate_response(given)
    assert given == [Message("user", "hi")]
    assert [seen.body.count(b"You are a helpful assistant.") for seen in openai.seen] == [1, 1]


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_all_system_messages_are_kept_in_order(provider: str, openai: Loopback, anthropic: Loopback) -> None:
    given = [
        Message("system", "First rule"),
        Message("user", "hi"),
        Message("assistant", "ho"),
        Message("system", "Second rule"),
        Message("user", "?"),
    ]
    agent(provider).generate_response(given)
    body = openai.seen[0].body
    assert 0 < body.index(b"First rule") < body.index(b"Second rule")
    assert b"helpful" not in body


def test_arguments_of_a_call_win(openai: Loopback) -> None:
    agent("openai", model="gpt-4o", temperature=0.9).generate_response(
        [Message("user", "hi")], temperature=0.1, model="gpt-4.1", stop=None
    )
    sent = openai.seen[0].json()
    assert (sent["model"], sent["temperature"], "stop" in sent) == ("gpt-4.1", 0.1, False)


def test_the_models_that_there_are(openai: Loopback, recordings: Recordings) -> None:
    names = LLMClient(Config()).get_available_models()
    assert names
    assert all(f'"{name}"'.encode() in recordings.models("openai") for name in names)


def test_a_key_of_ones_own(openai: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that is handed over is not sent to an address that only the environment names."""
    config = LLMConfig(api_key="sk-another-0123456789")
    assert "another" not in repr(config)
    with pytest.raises(LLMException, match="less trusted"):
        LLMClient(Config(llm=config)).generate_response([Message("user", "hi")])
    assert not openai.seen


def test_an_unknown_provider() -> None:
    with pytest.raises(ValueError, match="Unsupported provider: elsewhere"):
        agent("elsewhere")


@pytest.mark.parametrize("status,kind", [(401, AuthenticationError), (404, ModelError), (400, LLMException)])
def test_errors_in_the_agents_words(status: int, kind: type[LLMException], openai: Loopback, recordings: Recordings) -> None:
    openai.answer = failing(recordings.failure(CHAT, status))
    for ask in (LLMClient(Config()).generate_response, lambda given: list(LLMClient(Config()).stream_response(given))):
        with pytest.raises(LLMException) as caught:
            ask([Message("user", "hi")])
        assert type(caught.value) is kind
        assert KEY not in str(caught.value)


def test_a_rate_limit(openai: Loopback, recordings: Recordings) -> None:
    openai.answer = failing(recordings.failure(CHAT, 429))
    with pytest.raises(RateLimitError):
        LLMClient(Config()).generate_response([Message("user", "hi")], retries=0)


def test_no_key() -> None:
    with pytest.raises(LLMException, match="needs a key"):
        LLMClient(Config()).generate_response([Message("user", "hi")])


# --- the documents' own code ---------------------------------------------------------------------------------------------


@pytest.fixture
def theirs(documents: Documents) -> type[Any]:
    """The document's own LLMClient class, over our providers."""
    code = documents.block("C", "Implementation")
    code = code.replace("from .", "from trunkline.compat.personal_agent.llm.").replace("llm..config", "config")
    return run(code, Message=Message, LLMResponse=LLMResponse, RateLimiter=RateLimiter)["LLMClient"]


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_the_documents_client_says_what_ours_says(
    provider: str, theirs: type[Any], openai: Loopback, anthropic: Loopback
) -> None:
    config = Config(llm=LLMConfig(provider=provider, system_prompt=""))
    expected = theirs(config).generate_response([Message("user", "hi")])
    assert LLMClient(config).generate_response([Message("user", "hi")]) == expected
    first, second = openai.seen
    assert first.body == second.body
    assert isinstance(theirs(config).provider, LLMProvider)


def test_the_data_classes_are_the_documents(documents: Documents) -> None:
    block = documents.block("C", "Main Interface")
    names = run(block)
    for name in ("Message", "LLMResponse"):
        assert _fields(getattr(client, name)) == _fields(names[name])
    abstract = names["LLMClient"].__abstractmethods__
    assert abstract
    assert all(callable(getattr(LLMClient, method)) for method in abstract)


def test_the_configuration_is_the_documents(documents: Documents) -> None:
    names = run(documents.block("C", "LLM Configuration"), **TYPES)
    assert vars(LLMConfig()) == vars(names["LLMConfig"]())
    assert list(vars(LLMConfig())) == list(vars(names["LLMConfig"]()))


def test_the_exceptions_are_the_documents(documents: Documents) -> None:
    names = run(documents.block("C", "LLM Exceptions"))
    kinds = {name: kind for name, kind in names.items() if isinstance(kind, type)}
    assert len(kinds) == 4
    for name, kind in kinds.items():
        assert [base.__name__ for base in getattr(exceptions, name).__mro__] == [base.__name__ for base in kind.__mro__]


def test_the_base_class_is_the_documents(documents: Documents) -> None:
    code = documents.block("C", "Base Provider").replace("from ..client", "from trunkline.compat.personal_agent.llm.client")
    assert run(code)["LLMProvider"].__abstractmethods__ == LLMProvider.__abstractmethods__
    assert issubclass(OpenAIProvider, LLMProvider)
    assert issubclass(AnthropicProvider, LLMProvider)


def _fields(kind: type[Any]) -> list[tuple[str, Any]]:
    return [(field.name, field.default) for field in dataclasses.fields(kind)]
