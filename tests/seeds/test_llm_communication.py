"""System A: the dialogue system's text and streams, on recorded replies."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest

from tests.cli.loopback import Loopback
from tests.seeds.conftest import KEY
from tests.seeds.documents import Documents, run
from tests.seeds.recordings import CHAT, MESSAGES, Recordings, failing
from trunkline.compat import llm_communication
from trunkline.compat.llm_communication import (
    AuthenticationException,
    Configuration,
    LLMCommunication,
    LLMException,
    NetworkException,
    ProviderConfig,
    ProviderUnavailableException,
    RateLimitException,
)

NAMES: dict[str, Any] = {
    "dataclass": dataclasses.dataclass,
    "field": dataclasses.field,
    "datetime": datetime,
    **{name: getattr(__import__("typing"), name) for name in ("Any", "Dict", "Iterator", "List", "Optional")},
}
MESSAGES_GIVEN = [{"role": "system", "content": "Be brief"}, {"role": "user", "content": "Why is the sky blue?"}]


def test_text_comes_from_the_provider_that_is_found(openai: Loopback, recordings: Recordings) -> None:
    assert LLMCommunication().generate_text("Why is the sky blue?") == recordings.said(CHAT).text
    [seen] = openai.seen
    assert seen.json()["messages"] == [{"role": "user", "content": "Why is the sky blue?"}]
    assert seen.json()["max_completion_tokens"] == 4096
    assert seen.headers["authorization"] == f"Bearer {KEY}"


def test_anthropic_comes_first(openai: Loopback, anthropic: Loopback, recordings: Recordings) -> None:
    assert LLMCommunication().generate_text("hi") == recordings.said(MESSAGES).text
    assert LLMCommunication("openai").generate_text("hi") == recordings.said(CHAT).text
    assert [seen.path for seen in openai.seen] == ["/v1/messages", "/v1/chat/completions"]


@pytest.mark.parametrize("provider,dialect", [("openai", CHAT), ("anthropic", MESSAGES)])
def test_a_stream_tells_the_same_text(
    provider: str, dialect: str, openai: Loopback, anthropic: Loopback, recordings: Recordings
) -> None:
    pieces = list(LLMCommunication(provider).generate_stream(MESSAGES_GIVEN))
    assert "".join(pieces) == recordings.said(dialect, stream=True).text
    assert len(pieces) > 1
    assert openai.seen[0].json()["stream"] is True


def test_a_stream_may_be_left(openai: Loopback) -> None:
    stream = LLMCommunication().generate_stream(MESSAGES_GIVEN)
    assert next(stream)
    stream.close()


def test_many_threads_share_one(openai: Loopback, recordings: Recordings) -> None:
    llm = LLMCommunication()
    with ThreadPoolExecutor(50) as threads:
        answers = set(threads.map(llm.generate_text, ["hi"] * 100))
    assert answers == {recordings.said(CHAT).text}


def test_what_is_said_reaches_the_wire_and_none_is_the_default(openai: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_MODEL", "gpt-4.1-mini")
    monkeypatch.setenv("OPENAI_MAX_TOKENS", "77")
    llm = LLMCommunication(temperature=0.2, headers={"x-host": "mrc"}, timeout=None)
    llm.generate_text("hi")
    llm.generate_text("hi", model="gpt-4o", max_tokens=5, temperature=None)
    first, second = (seen.json() for seen in openai.seen)
    assert (first["model"], first["max_completion_tokens"], first["temperature"]) == ("gpt-4.1-mini", 77, 0.2)
    assert (second["model"], second["max_completion_tokens"], second["temperature"]) == ("gpt-4o", 5, 0.2)
    assert openai.seen[0].headers["x-host"] == "mrc"


def test_an_endpoint_of_ones_own(server: Loopback, recordings: Recordings) -> None:
    llm = LLMCommunication("local", base_url=server.url, model="mine")
    assert llm.generate_text("hi") == recordings.said(CHAT).text
    assert server.seen[0].json()["model"] == "mine"


def test_a_key_and_an_address_of_ones_own(server: Loopback, recordings: Recordings) -> None:
    llm = LLMCommunication("anthropic", api_key="sk-ant-given-0123456789", base_url=server.url)
    assert llm.generate_text("hi") == recordings.said(MESSAGES).text
    assert server.seen[0].headers["x-api-key"] == "sk-ant-given-0123456789"


@pytest.mark.parametrize("key", [None, "your-anthropic-api-key"])
def test_nothing_available(key: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if key is not None:
        monkeypatch.setenv("ANTHROPIC_API_KEY", key)
    for llm in (LLMCommunication(), LLMCommunication("anthropic"), LLMCommunication("nobody")):
        with pytest.raises(ProviderUnavailableException):
            llm.generate_text("hi")
        with pytest.raises(ProviderUnavailableException):
            next(llm.generate_stream(MESSAGES_GIVEN))


@pytest.mark.parametrize("status,kind", [(401, AuthenticationException), (400, LLMException)])
def test_errors_in_the_hosts_words(status: int, kind: type[LLMException], openai: Loopback, recordings: Recordings) -> None:
    openai.answer = failing(recordings.failure(CHAT, status))
    with pytest.raises(LLMException) as caught:
        LLMCommunication().generate_text("hi")
    assert type(caught.value) is kind
    assert f"HTTP {status}" in str(caught.value)
    assert KEY not in str(caught.value)


def test_a_rate_limit(openai: Loopback, recordings: Recordings) -> None:
    openai.answer = failing(recordings.failure(CHAT, 429))
    with pytest.raises(RateLimitException):
        LLMCommunication().generate_text("hi", retries=0)


def test_a_refused_connection(refused: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", refused)
    with pytest.raises(NetworkException):
        LLMCommunication().generate_text("hi", retries=0)


def test_the_next_provider_answers_when_the_first_does_not(
    refused: str, openai: Loopback, recordings: Recordings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", refused)
    assert LLMCommunication().generate_text("hi") == recordings.said(CHAT).text


def test_bad_configuration_is_told_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_TIMEOUT", "soon")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with pytest.raises(LLMException, match="LLM_TIMEOUT"):
        LLMCommunication()
    with pytest.raises(LLMException, match="tempreture"):
        LLMCommunication(tempreture=1)


# --- the documents' own code ---------------------------------------------------------------------------------------------


def test_simple_llm_service(documents: Documents, openai: Loopback, recordings: Recordings) -> None:
    block = documents.block("A", "10.1 Backward Compatibility")
    service = run(block, LLMCommunication=LLMCommunication)["SimpleLLMService"]()
    assert service.llm_call("hi") == recordings.said(CHAT).text
    assert service.simple_llm("hi", max_tokens=9) == recordings.said(CHAT).text
    assert [seen.json()["max_completion_tokens"] for seen in openai.seen] == [4096, 9]


def test_service_factory(documents: Documents, openai: Loopback, recordings: Recordings) -> None:
    block = documents.block("A", "10.2 Service Integration")
    factory = run(block, LLMCommunication=LLMCommunication, **NAMES)["ServiceFactory"]()
    for config in (None, {"provider": "openai", "model": "gpt-4o"}):
        assert factory.create_llm_service(config).generate_text("hi") == recordings.said(CHAT).text


def test_the_exceptions_are_the_documents(documents: Documents) -> None:
    theirs = run(documents.block("A", "4.1 Response Structure"), UsageInfo=object, **NAMES)
    for name, kind in theirs.items():
        if isinstance(kind, type) and issubclass(kind, Exception):
            assert [base.__name__ for base in getattr(llm_communication, name).__mro__] == [
                base.__name__ for base in kind.__mro__
            ]


def test_the_constants_are_the_documents(documents: Documents) -> None:
    theirs = run(documents.block("A", "7.1 Configuration Hierarchy"))["Configuration"]
    constants = {name: value for name, value in vars(theirs).items() if name.isupper()}
    assert constants
    assert {name: getattr(Configuration, name) for name in constants} == constants


def test_the_configuration_has_the_documents_fields(documents: Documents) -> None:
    theirs = run(documents.block("A", "7.2 Provider Configuration"), **NAMES)["ProviderConfig"]
    assert [field.name for field in dataclasses.fields(ProviderConfig)] == [field.name for field in dataclasses.fields(theirs)]
    assert vars(ProviderConfig("x")) == vars(theirs("x"))


def test_the_block_reads_the_environment_as_we_do(documents: Documents, monkeypatch: pytest.MonkeyPatch) -> None:
    block = documents.block("A", "4.2 Provider Configuration")
    theirs = run(block, os=__import__("os"), **NAMES)["ProviderConfig"]
    for name, value in {"API_KEY": KEY, "MODEL": "gpt-4o", "MAX_TOKENS": "12"}.items():
        monkeypatch.setenv(f"OPENAI_{name}", value)
    assert vars(ProviderConfig.from_env("openai")) == {**vars(theirs.from_env("openai")), "max_tokens": 12}
    assert KEY not in repr(ProviderConfig.from_env("openai"))


METHODS = ("__init__", "generate_text", "generate_response", "generate_stream", "get_provider_info", "health_check")


@pytest.mark.parametrize("method", [getattr(LLMCommunication, name) for name in METHODS])
def test_the_parameters_are_the_documents(method: Callable[..., Any], documents: Documents) -> None:
    theirs = run(documents.block("A", "5.1 LLMCommunication"), LLMResponse=object, **NAMES)["LLMCommunication"]
    wanted = inspect.signature(getattr(theirs, method.__name__)).parameters.values()
    assert [(p.name, p.kind, p.default) for p in inspect.signature(method).parameters.values()] == [
        (p.name, p.kind, p.default) for p in wanted
    ]
