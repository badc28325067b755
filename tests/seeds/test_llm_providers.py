"""System A: its three providers; detection, switching, and the next when one fails."""

from __future__ import annotations

import dataclasses
import inspect
import json
import socket
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.seeds.conftest import KEY
from tests.seeds.documents import Documents, run
from tests.seeds.programs import Program, failing, saying
from trunkline.compat import llm_communication
from trunkline.compat.llm_communication import (
    AnthropicProvider,
    AuthenticationException,
    BaseProvider,
    ClaudeCLIProvider,
    Configuration,
    LLMCommunication,
    LLMException,
    LLMResponse,
    NetworkException,
    OpenAIProvider,
    ProviderConfig,
    ProviderManager,
    ProviderUnavailableException,
    RateLimitException,
    UsageInfo,
)
from trunkline.sim import Close, Fail, Reset, Rule, Say, Simulator, StreamError, When

WORDS = ("two ", "and ", "two")
TOLD = "".join(WORDS)
ASK = [{"role": "system", "content": "Be brief"}, {"role": "user", "content": "two and two?"}]
TYPES = {name: getattr(__import__("typing"), name) for name in ("Any", "Dict", "Iterator", "List", "Optional")}
DATA: dict[str, Any] = {"dataclass": dataclasses.dataclass, "field": dataclasses.field, "datetime": datetime, **TYPES}
ABSTRACT: dict[str, Any] = {"ABC": ABC, "abstractmethod": abstractmethod, **TYPES}
ON_POSIX = pytest.mark.skipif(sys.platform == "win32", reason="the program is a script with a first line that says who runs it")


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """The folder that is the whole PATH."""
    (tmp_path / "bin").mkdir()
    return tmp_path / "bin"


@pytest.fixture
def unanswered() -> Iterator[str]:
    """An address that never answers who wants to connect: its backlog is full."""
    waiting = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            conn = socket.socket()
            conn.setblocking(False)
            conn.connect_ex(listener.getsockname())
            waiting.append(conn)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        for conn in waiting:
            conn.close()


# --- the documents' own code ---------------------------------------------------------------------------------------------


def test_the_answer_is_the_documents(documents: Documents) -> None:
    theirs = run(documents.block("A", "4.1 Response Structure"), UsageInfo=UsageInfo, **DATA)
    for name in ("LLMResponse", "UsageInfo"):
        ours = getattr(llm_communication, name)
        assert [field.name for field in dataclasses.fields(ours)] == [field.name for field in dataclasses.fields(theirs[name])]
    kinds: list[tuple[Any, Any]] = [(theirs["LLMResponse"], theirs["UsageInfo"]), (LLMResponse, UsageInfo)]
    legacy = [answer("c", "m", "p", usage(1, 2, 3), 0.5, "r", None).to_legacy_format() for answer, usage in kinds]
    assert legacy[0] == legacy[1]
    assert UsageInfo(1, 2, 3, 0.1).to_dict() == theirs["UsageInfo"](1, 2, 3, 0.1).to_dict()
    made = LLMResponse("c", "m", "p", UsageInfo(1, 2, 3), 0.5, "r").created_at
    assert made.tzinfo is None
    assert abs(datetime.now(UTC).replace(tzinfo=None) - made) < timedelta(minutes=1)


def test_the_base_class_is_the_documents(documents: Documents) -> None:
    theirs = run(documents.block("A", "5.3 Base Provider"), LLMResponse=LLMResponse, **ABSTRACT)["BaseProvider"]
    assert theirs.__abstractmethods__ == BaseProvider.__abstractmethods__
    for kind in (BaseProvider, AnthropicProvider, OpenAIProvider, ClaudeCLIProvider):
        for name, method in vars(theirs).items():
            if callable(method) and not name.startswith("_"):
                wanted = list(inspect.signature(method).parameters)
                assert list(inspect.signature(getattr(kind, name)).parameters) == wanted, (kind, name)


def test_the_manager_as_the_document_writes_it(
    documents: Documents, simulated: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The document's own manager over our providers; ours answers the same, and names all that are available."""
    names = {"BaseProvider": BaseProvider, "ProviderUnavailableException": ProviderUnavailableException}
    block = documents.block("A", "5.2 Provider Manager")
    theirs = run(block, Configuration=Configuration, **names, **TYPES)["ProviderManager"](Configuration())
    ours = ProviderManager(Configuration())
    assert theirs.detection_order == ours.detection_order == ["anthropic", "openai", "claude-cli"]
    theirs.providers = ours.providers
    assert theirs.detect_available_providers() == ["anthropic"]
    assert ours.detect_available_providers() == ["anthropic", "openai"]
    assert theirs.get_active_provider() is ours.get_active_provider() is ours.get_provider("anthropic")
    assert theirs.active_provider is ours.active_provider
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    monkeypatch.delenv("OPENAI_API_KEY")
    theirs, ours = type(theirs)(None), ProviderManager(None)
    theirs.providers = ours.providers
    for manager in (theirs, ours):
        with pytest.raises(ProviderUnavailableException, match="No providers available"):
            manager.get_active_provider()
    public = {name for name in vars(type(theirs)) if not name.startswith("_")}
    assert public == {"detect_available_providers", "get_provider", "get_active_provider", "switch_provider"}
    for name in public:
        parameters = [list(inspect.signature(getattr(kind, name)).parameters) for kind in (type(theirs), ProviderManager)]
        assert parameters[0] == parameters[1]


# --- detection and switching -----------------------------------------------------------------------------------------------


@ON_POSIX
@pytest.mark.parametrize("keys,program,found", [
    (("ANTHROPIC", "OPENAI"), True, ["anthropic", "openai", "claude-cli"]), (("OPENAI",), True, ["openai", "claude-cli"]),
    (("OPENAI",), False, ["openai"]), ((), True, ["claude-cli"]), ((), False, []),
])  # fmt: skip
def test_who_is_available(
    keys: tuple[str, ...], program: bool, found: list[str], programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "your-openai-api-key")  # as in example.env
    for key in keys:
        monkeypatch.setenv(f"{key}_API_KEY", KEY)
    if program:
        saying(programs, *WORDS)
    manager = ProviderManager(Configuration)
    assert manager.detect_available_providers() == found
    assert [manager.get_provider(name).is_available() for name in manager.providers] == [
        name in found for name in manager.providers
    ]
    assert [manager.get_provider(name).validate_config() for name in found] == [True] * len(found)
    info = LLMCommunication().get_provider_info()
    assert (info["provider"], info["available_providers"]) == (next(iter(found), None), found)


def test_switching(simulated: Simulator) -> None:
    simulated.use([Rule(Say(WORDS))])
    llm = LLMCommunication()
    manager = llm.provider_manager
    assert llm.generate_response(ASK).provider == "anthropic"
    assert manager.switch_provider("openai") is True
    assert manager.get_active_provider() is manager.get_provider("openai")
    assert llm.generate_response(ASK).provider == llm.get_provider_info()["provider"] == "openai"
    assert manager.switch_provider("claude-cli") is manager.switch_provider("nobody") is llm.switch_provider("nobody") is False
    assert llm.generate_response(ASK).provider == "openai"
    with pytest.raises(LLMException, match="anthropic, openai, claude-cli"):
        manager.get_provider("nobody")


def test_a_key_that_comes_later(simulated: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    simulated.use([Rule(Say(WORDS))])
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    llm = LLMCommunication()
    assert llm.provider_manager.detect_available_providers() == ["openai"]
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    assert llm.provider_manager.detect_available_providers() == ["anthropic", "openai"]


# --- one provider --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [AnthropicProvider, OpenAIProvider])
def test_a_provider_by_itself(kind: type[Any], simulated: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    simulated.use([Rule(Say(WORDS))])
    monkeypatch.setenv(f"{kind.name.upper()}_MAX_TOKENS", "77")
    for provider in (kind(), kind(ProviderConfig.from_env(kind.name))):
        answer = provider.generate_response(ASK, temperature=0.1, model="claude-haiku-4-5" if kind.name == "anthropic" else None)
        assert (answer.content, answer.provider) == (TOLD, kind.name)
        assert answer.model == (provider.model if kind.name == "openai" else "claude-haiku-4-5")
        assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0
        assert answer.usage.estimated_cost is None or answer.usage.estimated_cost > 0
        assert answer.request_id
        assert list(provider.generate_stream(ASK)) == list(WORDS)
        assert provider.estimate_tokens("two and two") in (2, 3, 4)
        provider.close()
    info = kind().get_model_info()
    assert (info["provider"], info["model"], info["max_tokens"]) == (kind.name, kind.default_model, 77)
    assert info["context_window"] > info["max_output_tokens"] > 1000
    asked = simulated.requests[0].request
    assert asked is not None
    assert (asked.max_tokens, asked.temperature) == (77, 0.1)


def test_a_key_and_address_of_ones_own(simulated: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    simulated.use([Rule(Say(WORDS))])
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name)
    config = ProviderConfig("openai", api_key="sk-given-0123456789abc", base_url=simulated.base_url("openai-chat"))
    assert OpenAIProvider(config).generate_response(ASK).content == TOLD
    assert simulated.requests[0].http.headers.get("authorization") == "Bearer sk-given-0123456789abc"
    for key in (None, "your-openai-api-key"):
        assert not OpenAIProvider(ProviderConfig("openai", api_key=key)).is_available()
        with pytest.raises(LLMException):
            OpenAIProvider(ProviderConfig("openai", api_key=key)).generate_response(ASK)


@pytest.mark.parametrize(
    "step,kind", [(Fail(401), AuthenticationException), (Fail(429), RateLimitException), (Close(), NetworkException)]
)
def test_a_providers_errors(step: Any, kind: type[Exception], simulated: Simulator) -> None:
    simulated.use([Rule(step)])
    for ask in (OpenAIProvider().generate_response, lambda *a, **k: list(OpenAIProvider().generate_stream(*a, **k))):
        with pytest.raises(kind):
            ask(ASK, retries=0)


@ON_POSIX
def test_the_program(programs: Path) -> None:
    """A real child process; what it is asked goes in by its standard input, and nothing of ours is in its environment."""
    program = saying(programs, *WORDS)
    provider = ClaudeCLIProvider()
    assert provider.is_available()
    answer = provider.generate_response(ASK, model="opus")
    assert (answer.content, answer.provider, answer.model) == (TOLD, "claude-cli", "claude-sonnet-5")
    assert (answer.usage.completion_tokens, answer.usage.estimated_cost) == (4, 0.000892)
    assert list(provider.generate_stream(ASK)) == list(WORDS)
    first, second = program.seen
    assert first["argv"][0] == "-p"
    assert (first["argv"][-2:], second["argv"][-2:]) == (["--model", "opus"], ["--model", "sonnet"])
    assert "two and two?" in json.dumps(first["said"])
    assert "two and two?" not in " ".join(first["argv"])
    assert not [name for name in first["env"] if name.endswith("_API_KEY")]
    assert provider.get_model_info()["model"] == "sonnet"
    provider.ping()


@ON_POSIX
def test_the_program_is_asked_last(programs: Path, simulated: Simulator) -> None:
    program = saying(programs, *WORDS)
    simulated.use([Rule(Fail(529))])
    llm = LLMCommunication()
    assert (llm.generate_text("two and two?"), list(llm.generate_stream(ASK))) == (TOLD, list(WORDS))
    assert [asked.dialect for asked in simulated.requests] == ["anthropic-messages", "openai-chat"] * 2
    assert len(program.seen) == 2
    assert LLMCommunication("claude-cli").generate_text("two and two?") == TOLD


@ON_POSIX
@pytest.mark.parametrize(
    "make,kind", [(failing, AuthenticationException), (lambda folder: Program(folder, code=3), LLMException)]
)
def test_a_program_that_fails(make: Any, kind: type[Exception], programs: Path) -> None:
    make(programs)
    for ask in (LLMCommunication("claude-cli").generate_response, ClaudeCLIProvider().generate_response):
        with pytest.raises(kind):
            ask(ASK, retries=0)


def test_no_program() -> None:
    provider = ClaudeCLIProvider()
    assert not provider.is_available()
    with pytest.raises(ProviderUnavailableException, match="claude"):
        LLMCommunication("claude-cli").generate_text("hi")


# --- the next provider ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [Fail(401), Fail(429), Fail(500), Fail(529), Reset(), Close()])
def test_the_first_fails(step: Any, simulated: Simulator) -> None:
    simulated.use([Rule(step, when=When(dialect="anthropic-messages")), Rule(Say(WORDS))])
    llm = LLMCommunication()
    answer = llm.generate_response(ASK)
    assert (answer.content, answer.provider) == (TOLD, "openai")
    assert list(llm.generate_stream(ASK)) == list(WORDS)
    assert {asked.dialect for asked in simulated.requests} == {"anthropic-messages", "openai-chat"}


def test_the_first_refuses_the_connection(refused: str, simulated: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    simulated.use([Rule(Say(WORDS))])
    monkeypatch.setenv("ANTHROPIC_BASE_URL", refused)
    assert LLMCommunication().generate_response(ASK).provider == "openai"


def test_the_first_hangs_on_connect(unanswered: str, simulated: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """One try of a second and a half, and the next is asked."""
    simulated.use([Rule(Say(WORDS))])
    monkeypatch.setenv("ANTHROPIC_BASE_URL", unanswered)
    assert list(LLMCommunication().generate_stream(ASK)) == list(WORDS)


def test_after_the_first_word_nobody_else_is_asked(simulated: Simulator) -> None:
    simulated.use([Rule(Say("two "), StreamError("overloaded"), when=When(dialect="anthropic-messages")), Rule(Say(WORDS))])
    heard: list[str] = []
    with pytest.raises(NetworkException):
        heard.extend(LLMCommunication().generate_stream(ASK))
    assert {asked.dialect for asked in simulated.requests} == {"anthropic-messages"}


def test_who_is_named_is_asked_alone(simulated: Simulator) -> None:
    simulated.use([Rule(Fail(529), when=When(dialect="anthropic-messages")), Rule(Say(WORDS))])
    with pytest.raises(ProviderUnavailableException):
        LLMCommunication("anthropic").generate_text("hi", retries=0)


def test_each_is_asked_with_its_own_configuration(simulated: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    simulated.use([Rule(Fail(529), when=When(dialect="anthropic-messages")), Rule(Say(WORDS))])
    monkeypatch.setenv("ANTHROPIC_MAX_TOKENS", "11")
    monkeypatch.setenv("OPENAI_MAX_TOKENS", "22")
    monkeypatch.setenv("OPENAI_MODEL", "gpt-4o")
    LLMCommunication(headers={"x-secret": "of the first"}, temperature=0.1).generate_text("hi", model="claude-haiku-4-5")
    first, second = simulated.requests
    assert first.request is not None
    assert second.request is not None
    assert (first.request.model, first.request.max_tokens, first.request.temperature) == ("claude-haiku-4-5", 11, 0.1)
    assert (second.request.model, second.request.max_tokens, second.request.temperature) == ("gpt-4o", 22, 0.7)
    assert (first.http.headers.get("x-secret"), second.http.headers.get("x-secret")) == ("of the first", None)


# --- health --------------------------------------------------------------------------------------------------------------


def test_health(simulated: Simulator, refused: str, monkeypatch: pytest.MonkeyPatch) -> None:
    llm = LLMCommunication()
    health = llm.health_check()
    assert (health["status"], health["active_provider"]) == ("healthy", "anthropic")
    assert [row["reachable"] for row in health["providers"].values()] == [True, True, None]
    assert "claude" in health["providers"]["claude-cli"]["problem"]
    monkeypatch.setenv("ANTHROPIC_BASE_URL", refused)
    assert LLMCommunication().health_check()["status"] == "degraded"
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name)
    assert LLMCommunication().health_check()["status"] == "unavailable"
    assert KEY not in repr(health)
    llm.close()
