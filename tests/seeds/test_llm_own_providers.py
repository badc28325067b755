"""System A: a provider of the host's own among the module's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from trunkline.compat.llm_communication import (
    AuthenticationException,
    BaseProvider,
    LLMCommunication,
    LLMException,
    LLMResponse,
    NetworkException,
    ProviderManager,
    ProviderUnavailableException,
    RateLimitException,
    UsageInfo,
)
from trunkline.sim import Fail, Rule, Say, Simulator

WORDS = ("two ", "and ", "two")
TOLD = "".join(WORDS)
ASK = [{"role": "system", "content": "Be brief"}, {"role": "user", "content": "two and two?"}]


class Parrot(BaseProvider):
    """A provider of the host's own."""

    def __init__(self, *failures: Exception, available: bool = True) -> None:
        self.failures, self.available = list(failures), available
        self.asked: list[tuple[list[dict[str, Any]], dict[str, Any]]] = []

    def is_available(self) -> bool:
        return self.available

    def generate_response(self, messages: list[dict[str, Any]], **kwargs: Any) -> LLMResponse:
        return LLMResponse(self._said(messages, kwargs), "parrot-1", "parrot", UsageInfo(3, 4, 7, 0.5), 0.25, "r-1")

    def generate_stream(self, messages: list[dict[str, Any]], **kwargs: Any) -> Iterator[str]:
        yield from self._said(messages, kwargs).split()

    def _said(self, messages: list[dict[str, Any]], kwargs: dict[str, Any]) -> str:
        self.asked.append((messages, kwargs))
        if self.failures:
            raise self.failures.pop(0)
        return f"you said {messages[-1]['content']}"

    def get_model_info(self) -> dict[str, Any]:
        return {"model": "parrot-1"}


def test_it_joins(simulated: Simulator) -> None:
    llm, parrot = LLMCommunication(), Parrot()
    manager = llm.provider_manager
    manager.providers["parrot"] = parrot
    assert manager.detect_available_providers() == ["anthropic", "openai", "parrot"]
    simulated.use([Rule(Fail(529))])
    answer = llm.generate_response(ASK, max_tokens=5)
    assert (answer.content, answer.provider, answer.usage.estimated_cost) == ("you said two and two?", "parrot", 0.5)
    assert list(llm.generate_stream(ASK)) == ["you", "said", "two", "and", "two?"]
    assert parrot.asked[0] == (ASK, {"max_tokens": 5})
    parrot.available = False
    assert manager.detect_available_providers() == ["anthropic", "openai"]
    assert manager.switch_provider("parrot") is False
    with pytest.raises(ProviderUnavailableException):
        llm.generate_text("hi", retries=0)


@pytest.mark.parametrize("failure", [NetworkException("gone"), RateLimitException("slow"), AuthenticationException("no"), LLMException("?"), LookupError("mine"), ProviderUnavailableException("down")])  # fmt: skip
def test_it_comes_first_and_fails(failure: Exception, simulated: Simulator) -> None:
    simulated.use([Rule(Say(WORDS))])
    llm = LLMCommunication()
    llm.provider_manager.register_provider("parrot", Parrot(*[failure] * 4), first=True)
    assert llm.provider_manager.detect_available_providers() == ["parrot", "anthropic", "openai"]
    assert (llm.generate_response(ASK).provider, list(llm.generate_stream(ASK))) == ("anthropic", list(WORDS))


@pytest.mark.parametrize(
    "failure", [RateLimitException("slow"), AuthenticationException("no"), LLMException("?"), LookupError("mine")]
)
def test_its_own_errors_are_its_own(failure: Exception) -> None:
    parrot = Parrot(failure)
    with pytest.raises(type(failure), match=str(failure)[:3].replace("?", r"\?")):
        LLMCommunication(parrot).generate_text("hi", retries=0)
    assert LLMCommunication(parrot).llm_call("hi") == "you said hi"
    assert LLMCommunication(parrot).get_provider_info()["model"] == "parrot-1"


def test_one_that_cannot_be_looked_at_is_not_available() -> None:
    class Broken(Parrot):
        def is_available(self) -> bool:
            raise RuntimeError("no idea")

    manager = ProviderManager()
    manager.register_provider("broken", Broken())
    assert manager.detect_available_providers() == []
    with pytest.raises(ProviderUnavailableException, match="broken: RuntimeError: no idea"):
        manager.get_active_provider()
