"""The samples of A and B that need tools, streams or errors, on the simulator: the documents' own code, the protocols' own bytes."""

from __future__ import annotations

import asyncio
import dataclasses
import re
from datetime import datetime
from typing import Any

import pytest

from tests.seeds.conftest import KEY
from tests.seeds.documents import Documents, arun, run
from trunkline.compat.llm_communication import (
    AuthenticationException,
    LLMCommunication,
    LLMException,
    NetworkException,
    ProviderUnavailableException,
    RateLimitException,
)
from trunkline.compat.voice_assistant.llm import (
    ConversationContext,
    LLMConnectionError,
    LLMError,
    LLMInvalidRequestError,
    LLMProvider,
    LLMRateLimitError,
    LLMTimeoutError,
    Message,
    MessageRole,
    ProviderFactory,
    ToolCall,
)
from trunkline.sim import Call, Close, Cut, Fail, Pace, Reset, Rule, Say, Simulator, Stall, StreamError, Think, When

ANSWER = ("2+2 ", "equals ", "4.")
FOUR = "".join(ANSWER)
ASKED = [Message(role=MessageRole.SYSTEM, content="You are helpful."), Message(role=MessageRole.USER, content="What is 2+2?")]
DICTS = [{"role": "system", "content": "Be brief"}, {"role": "user", "content": "What is 2+2?"}]
NAMES: dict[str, Any] = {
    "dataclass": dataclasses.dataclass,
    "field": dataclasses.field,
    "datetime": datetime,
    **{name: getattr(__import__("typing"), name) for name in ("Any", "Dict", "Iterator", "List", "Optional")},
}
BACKENDS = ["local_gpt_oss", "openai", "anthropic", "openrouter"]
PROVIDERS = ["openai", "anthropic"]


# --- A. The dialogue system ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", PROVIDERS)
def test_as_text_and_stream(provider: str, simulated: Simulator) -> None:
    simulated.use([Rule(Say(ANSWER), when=When(text="2+2", stream=True)), Rule(Say(FOUR), when=When(text="2+2"))])
    llm = LLMCommunication(provider)
    assert llm.generate_text("What is 2+2?") == FOUR
    assert list(llm.generate_stream(DICTS)) == list(ANSWER)
    assert [asked.outcome for asked in simulated.requests] == ["end", "end"]


def test_as_backward_compatibility(documents: Documents, simulated: Simulator) -> None:
    simulated.use([Rule(Say(FOUR))])
    service = run(documents.block("A", "10.1 Backward Compatibility"), LLMCommunication=LLMCommunication)["SimpleLLMService"]()
    assert service.llm_call("What is 2+2?") == service.simple_llm("What is 2+2?", max_tokens=9) == FOUR
    assert [asked.request.max_tokens for asked in simulated.requests if asked.request] == [4096, 9]


def test_as_service_integration(documents: Documents, simulated: Simulator) -> None:
    factory = run(documents.block("A", "10.2 Service Integration"), LLMCommunication=LLMCommunication, **NAMES)[
        "ServiceFactory"
    ]()
    simulated.use([Rule(Say(ANSWER))])
    for config in (None, {"provider": "openai", "model": "gpt-4o"}):
        assert list(factory.create_llm_service(config).generate_stream(DICTS)) == list(ANSWER)
    assert [asked.dialect for asked in simulated.requests] == ["anthropic-messages", "openai-chat"]


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("step,kind", [
    (Fail(401), AuthenticationException), (Fail(403), AuthenticationException), (Fail(429), RateLimitException),
    (Fail(kind="quota"), RateLimitException), (Fail(529), ProviderUnavailableException), (Fail(500), ProviderUnavailableException),
    (Fail(400), LLMException), (Fail(404), LLMException), (Reset(), NetworkException), (Close(), NetworkException),
])  # fmt: skip
def test_as_errors(provider: str, step: Any, kind: type[LLMException], simulated: Simulator) -> None:
    simulated.use([Rule(step)])
    llm = LLMCommunication(provider)
    for ask in (lambda: llm.generate_text("hi", retries=0), lambda: list(llm.generate_stream(DICTS, retries=0))):
        with pytest.raises(LLMException) as caught:
            ask()
        assert type(caught.value) is kind
        assert KEY not in str(caught.value)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("step,kind", [
    (Reset(), NetworkException), (Cut(events=0), NetworkException), (StreamError("overloaded"), NetworkException),
])  # fmt: skip
def test_as_stream_that_breaks(provider: str, step: Any, kind: type[LLMException], simulated: Simulator) -> None:
    simulated.use([Rule(Say(ANSWER), step)])
    heard: list[str] = []
    with pytest.raises(kind):
        heard.extend(LLMCommunication(provider).generate_stream(DICTS))
    assert FOUR.startswith("".join(heard))
    assert len(simulated.requests) == 1, "after the first word nothing is tried again"


def test_as_first_provider_fails(simulated: Simulator) -> None:
    simulated.use([Rule(Fail(529), when=When(dialect="anthropic-messages")), Rule(Say(FOUR))])
    assert LLMCommunication().generate_text("What is 2+2?") == FOUR
    assert simulated.requests[-1].dialect == "openai-chat"


RETRIED = (RateLimitException, NetworkException)


def test_as_retry_logic(documents: Documents, simulated: Simulator) -> None:
    """The document's own ``RetryHandler``, around calls that do not retry by themselves; it does not sleep here."""
    waits: list[float] = []
    clock = type("time", (), {"sleep": staticmethod(waits.append)})
    names = {"time": clock, "Callable": object, "Any": Any} | {kind.__name__: kind for kind in RETRIED}
    block = documents.block("A", "9.1 Retry Logic")
    handler = run(block, AuthenticationException=AuthenticationException, **names)["RetryHandler"]()
    llm = LLMCommunication("openai")
    simulated.use([Rule(Fail(429), times=1), Rule(Reset(), times=1), Rule(Say(FOUR))])
    assert handler.execute_with_retry(llm.generate_text, "What is 2+2?", retries=0) == FOUR
    assert waits == [1, 2]
    simulated.use([Rule(Fail(401))])
    with pytest.raises(AuthenticationException):
        handler.execute_with_retry(llm.generate_text, "What is 2+2?", retries=0)
    assert waits == [1, 2]


def test_as_circuit_breaker(documents: Documents, simulated: Simulator) -> None:
    """The document's own ``CircuitBreaker``; the three methods that it calls and leaves open are filled in."""

    def failed(self: Any) -> None:
        self.failure_count += 1
        self.state = "OPEN" if self.failure_count >= self.failure_threshold else self.state

    open_parts = {"_on_failure": failed, "_on_success": lambda self: None, "_should_attempt_reset": lambda self: False}
    block = documents.block("A", "9.2 Circuit Breaker")
    names = {"Callable": object, "Any": Any, "ProviderUnavailableException": ProviderUnavailableException}
    breaker = type("Breaker", (run(block, **names)["CircuitBreaker"],), open_parts)(failure_threshold=2)
    llm = LLMCommunication("openai")
    simulated.use([Rule(Fail(500))])
    for _ in range(3):
        with pytest.raises(ProviderUnavailableException):
            breaker.call(llm.generate_text, "hi", retries=0)
    assert (breaker.state, len(simulated.requests)) == ("OPEN", 2)


# --- B. The voice assistant ----------------------------------------------------------------------------------------------


def assistant(backend: str, simulated: Simulator, **section: Any) -> LLMProvider:
    """One of the four providers, its address the simulator's."""
    dialect = "anthropic-messages" if backend == "anthropic" else "openai-chat"
    known = {"base_url": simulated.base_url(dialect), "api_key": KEY, **section}
    return ProviderFactory.create_from_config({"llm": {"backend": backend, backend: known}})


async def on(provider: LLMProvider, block: str, **names: Any) -> dict[str, Any]:
    async with provider:
        return await arun(block, provider=provider, messages=ASKED, **names)


def test_bs_quick_start(documents: Documents, simulated: Simulator, capsys: pytest.CaptureFixture[str]) -> None:
    simulated.use([Rule(Say(FOUR))])
    block = documents.block("B", "Basic Usage")
    promised = re.search(r'print\(result\.content\)  # "(.*)"', block)
    assert promised
    run(block.replace("http://localhost:8080", simulated.url))
    assert capsys.readouterr().out.strip() == promised[1] == FOUR


@pytest.mark.parametrize("backend", BACKENDS)
def test_bs_streaming_responses(
    backend: str, documents: Documents, simulated: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    simulated.use([Rule(Think("Let me see."), Say(ANSWER))])
    asyncio.run(on(assistant(backend, simulated), documents.block("B", "Streaming Responses")))
    assert capsys.readouterr().out == FOUR
    [asked] = simulated.requests
    assert asked.request is not None
    assert (asked.request.stream, asked.outcome) == (True, "end")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("queries", [["cats"], ["cats", "dogs", "Bären & «Füchse»"]])
def test_bs_tool_calling(
    backend: str, queries: list[str], documents: Documents, simulated: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = [Call("web_search", {"query": query}, id=f"call_{n}") for n, query in enumerate(queries)]
    simulated.use([Rule(Say("Let me look."), *calls, when=When(tools="web_search"))])
    names = asyncio.run(on(assistant(backend, simulated), documents.block("B", "Tool Calling")))
    assert capsys.readouterr().out == "".join(f"Tool: web_search\nArgs: {{'query': '{query}'}}\n" for query in queries)
    result = names["result"]
    assert (result.content, result.finish_reason) == ("Let me look.", "tool_calls")
    assert result.tool_calls == [ToolCall(f"call_{n}", "web_search", {"query": query}) for n, query in enumerate(queries)]
    [asked] = simulated.requests
    assert asked.request is not None
    [tool] = asked.request.tools
    assert (tool.name, tool.parameters) == ("web_search", names["tools"][0].parameters)  # type: ignore[union-attr]


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_call_where_the_model_just_answers(
    backend: str, documents: Documents, simulated: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    simulated.use([Rule(Say(FOUR))])
    names = asyncio.run(on(assistant(backend, simulated), documents.block("B", "Tool Calling")))
    assert capsys.readouterr().out == ""
    assert (names["result"].content, names["result"].has_tool_calls) == (FOUR, False)


@pytest.mark.parametrize("backend", ["openai", "anthropic"])
@pytest.mark.parametrize("step,kind", [
    (Fail(429), LLMRateLimitError), (Fail(kind="quota"), LLMRateLimitError), (Fail(529), LLMConnectionError),
    (Fail(500), LLMConnectionError), (Reset(), LLMConnectionError), (Fail(401), LLMInvalidRequestError),
    (Fail(400), LLMInvalidRequestError), (Fail(404), LLMInvalidRequestError), (Stall(), LLMTimeoutError),
])  # fmt: skip
def test_bs_error_types(
    backend: str, step: Any, kind: type[LLMError], documents: Documents, simulated: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The block's four branches, each filled in with its name: the one that is meant is taken."""
    block = re.sub(r"except (\w+)( as e)?:(\s+#.*\n\s+)pass", r"except \1\2:\3caught = '\1'", documents.block("B", "Error Types"))
    assert block.count("caught =") == 4
    simulated.use([Rule(step)])
    provider = assistant(backend, simulated, timeout=0.1 if kind is LLMTimeoutError else 30)
    complete = provider.complete
    monkeypatch.setattr(provider, "complete", lambda messages: complete(messages, retries=0))
    branch = kind.__name__ if f"except {kind.__name__}" in block else "LLMError"
    assert asyncio.run(on(provider, block))["caught"] == branch
    with pytest.raises(kind):
        asyncio.run(on(assistant(backend, simulated, timeout=0.1), "await provider.complete(messages, retries=0)"))


@pytest.mark.parametrize("backend", BACKENDS)
def test_bs_automatic_retries(
    backend: str, documents: Documents, simulated: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three attempts: two may fail. The providers say how long to wait."""
    simulated.use([Rule(Fail(529, headers={"retry-after-ms": "1"}), times=2), Rule(Say(FOUR))])
    asyncio.run(on(assistant(backend, simulated), documents.block("B", "Streaming Responses")))
    assert capsys.readouterr().out == FOUR
    assert [asked.status for asked in simulated.requests] == [529, 529, 200]


@pytest.mark.parametrize("backend", ["local_gpt_oss", "anthropic"])
def test_bs_streaming_integration(backend: str, documents: Documents, simulated: Simulator) -> None:
    """The orchestrator's streaming method, spoken as it comes; the voice is the test's."""
    simulated.use([Rule(Say(ANSWER), when=When(text="2+2"), pace=Pace(first=1, tokens_per_second=3))])
    spoken: list[str] = []

    class Voice:
        async def speak_partial(self, chunk: str) -> None:
            spoken.append(chunk)

    class Orchestrator:
        process = run(documents.block("B", "Streaming Integration"))["process_user_input_streaming"]
        llm, context, tts = assistant(backend, simulated), ConversationContext(), Voice()

    async def main() -> str:
        orchestrator = Orchestrator()
        async with orchestrator.llm:
            return await orchestrator.process("What is 2+2?")

    assert asyncio.run(main()) == "".join(spoken) == FOUR
    assert spoken == list(ANSWER)
    assert Orchestrator.context.get_messages()[-1] == Message(MessageRole.ASSISTANT, FOUR)


@pytest.mark.parametrize("backend", ["openai", "anthropic"])
@pytest.mark.parametrize("step", [Reset(), Cut(events=0), StreamError("server")])
def test_bs_stream_that_breaks(backend: str, step: Any, simulated: Simulator) -> None:
    simulated.use([Rule(Say(ANSWER), step)])
    heard: list[str] = []

    async def main() -> None:
        async with assistant(backend, simulated) as provider:
            async for chunk in provider.stream_complete(ASKED):  # type: ignore[union-attr]
                heard.append(chunk)

    with pytest.raises(LLMConnectionError):
        asyncio.run(main())
    assert FOUR.startswith("".join(heard))
