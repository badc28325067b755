"""System B's four providers, from the YAML of its document, on the simulator; harmony markup of a local gpt-oss; addresses."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.seeds.conftest import KEY
from tests.seeds.documents import Documents
from trunkline.compat.voice_assistant.llm import (
    LLMError,
    LLMInvalidRequestError,
    LLMProvider,
    Message,
    MessageRole,
    ProviderFactory,
    ToolCall,
    ToolDefinition,
)
from trunkline.compat.voice_assistant.llm.providers.anthropic import AnthropicProvider
from trunkline.compat.voice_assistant.llm.providers.local_gpt_oss import LocalGPTOSSProvider
from trunkline.compat.voice_assistant.llm.providers.openai import OpenAIProvider
from trunkline.compat.voice_assistant.llm.providers.openrouter import OpenRouterProvider
from trunkline.sim import Call, Raw, Rule, Say, Simulator, Think, When

yaml = pytest.importorskip("yaml")

WORDS = ("two ", "and ", "two")
ASKED = [Message(MessageRole.SYSTEM, "You are helpful."), Message(MessageRole.USER, "two and two?")]
TOOLS = [ToolDefinition("web_search", "Search the web", {"type": "object", "properties": {"query": {"type": "string"}}})]
PROVIDERS = {
    "LocalGPTOSSProvider": LocalGPTOSSProvider,
    "OpenAIProvider": OpenAIProvider,
    "AnthropicProvider": AnthropicProvider,
    "OpenRouterProvider": OpenRouterProvider,
}
NUMBERS = {name: f"{n}. {name}" for n, name in enumerate(PROVIDERS, 1)}
HARMONY = (
    "<|channel|>analysis<|message|>They add two numbers.<|end|><|start|>assistant<|channel|>final<|message|>two and two<|return|>"
)
CALLING = (
    "<|channel|>analysis<|message|>I must look.<|end|><|start|>assistant<|channel|>commentary to=functions.web_search"
    ' <|constrain|>json<|message|>{"query": "cats"}<|call|>'
)


def told(documents: Documents, name: str) -> dict[str, Any]:
    """The configuration that the document shows for a provider."""
    config: dict[str, Any] = yaml.safe_load(documents.block("B", NUMBERS[name], language="yaml"))
    return config


def moved(config: dict[str, Any], simulated: Simulator, base_url: str | None = None) -> dict[str, Any]:
    """The same at the simulator's address."""
    backend = config["llm"]["backend"]
    address = (
        simulated.base_url("anthropic-messages" if backend == "anthropic" else "openai-chat") if base_url is None else base_url
    )
    return {"llm": {**config["llm"], backend: {**config["llm"][backend], "base_url": address}}}


async def spoken(provider: LLMProvider) -> tuple[str, list[str], ToolCall | None]:
    """What it answers, what it streams, and what it wants to be run."""
    async with provider:
        whole = (await provider.complete(ASKED)).content
        pieces = [piece async for piece in provider.stream_complete(ASKED)]  # type: ignore[union-attr]
        called = (await provider.complete(ASKED, tools=TOOLS)).tool_calls
    return whole, pieces, called[0] if called else None


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_provider_from_its_yaml(name: str, documents: Documents, simulated: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    simulated.use(
        [Rule(Call("web_search", {"query": "cats"}, id="call_1"), when=When(tools="web_search")), Rule(Think("Hm."), Say(WORDS))]
    )
    config = told(documents, name)
    section = config["llm"][config["llm"]["backend"]]
    if "api_key_env" in section:
        monkeypatch.setenv(section["api_key_env"], KEY)
    provider = ProviderFactory.create_from_config(moved(config, simulated))
    assert type(provider) is PROVIDERS[name]
    call = ToolCall("call_1", "web_search", {"query": "cats"})
    assert asyncio.run(spoken(provider)) == ("".join(WORDS), list(WORDS), call)
    for asked in simulated.requests:
        request = asked.request
        assert request is not None
        assert (request.model, request.max_tokens, request.temperature) == (section["model"], 1024, 0.7)
        shown = asked.http.headers.get("x-api-key") or (asked.http.headers.get("authorization") or "").removeprefix("Bearer ")
        assert shown == (KEY if "api_key_env" in section else "")


@pytest.mark.parametrize("name", list(PROVIDERS)[1:])
def test_without_its_key(name: str, documents: Documents) -> None:
    with pytest.raises(LLMInvalidRequestError, match="API_KEY"):
        asyncio.run(spoken(ProviderFactory.create_from_config(told(documents, name))))


@pytest.mark.parametrize("name", PROVIDERS)
@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/"])
def test_a_base_url_with_or_without_a_path(
    name: str, path: str, documents: Documents, simulated: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulated.use([Rule(Say(WORDS))])
    config = told(documents, name)
    monkeypatch.setenv(config["llm"][config["llm"]["backend"]].get("api_key_env", "NOBODYS"), KEY)
    provider = ProviderFactory.create_from_config(moved(config, simulated, simulated.url + path))
    elsewhere = name == "OpenRouterProvider" and path in ("", "/")  # its own path is another, and nothing is there
    try:
        assert asyncio.run(spoken(provider))[0] == "".join(WORDS)
    except LLMInvalidRequestError:
        assert elsewhere
    wanted = "/v1/messages" if name == "AnthropicProvider" else "/v1/chat/completions"
    asked = {str(asked.http.url).removeprefix(simulated.url) for asked in simulated.requests}
    assert asked == {f"/api{wanted}" if elsewhere else wanted}


# --- harmony -------------------------------------------------------------------------------------------------------------


def reply(content: str) -> bytes:
    """As an MLX server answers that leaves the markup to its clients."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}}
    usage = {"prompt_tokens": 5, "completion_tokens": 9, "total_tokens": 14}
    return json.dumps(
        {"id": "c1", "object": "chat.completion", "created": 1, "model": "gpt-oss:120b", "choices": [choice], "usage": usage}
    ).encode()


def stream(content: str, size: int) -> list[bytes]:
    """The same in pieces of ``size`` letters."""
    deltas = [{"content": content[at : at + size]} for at in range(0, len(content), size)]
    chunks = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas] + [
        {"index": 0, "delta": {}, "finish_reason": "stop"}
    ]
    common = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-oss:120b"}
    return [f"data: {json.dumps({**common, 'choices': [chunk]})}\n\n".encode() for chunk in chunks] + [b"data: [DONE]\n\n"]


def harmonic(simulated: Simulator, content: str, size: int) -> LLMProvider:
    headers = {"content-type": "text/event-stream"}
    rules = [
        Rule(Raw(stream(content, size), headers=headers), when=When(stream=True)),
        Rule(Raw([reply(content)], headers={"content-type": "application/json"})),
    ]
    simulated.use(rules)
    return ProviderFactory.create("local_gpt_oss", {"base_url": simulated.url, "model": "gpt-oss:120b"})


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_what_it_thinks_is_not_spoken(size: int, simulated: Simulator) -> None:
    whole, pieces, _ = asyncio.run(spoken(harmonic(simulated, HARMONY, size)))
    assert (whole, "".join(pieces)) == ("two and two", "two and two")


def test_a_call_in_markup_is_a_call(simulated: Simulator) -> None:
    async def main() -> Any:
        async with harmonic(simulated, CALLING, 5) as provider:
            return await provider.complete(ASKED, tools=TOOLS)

    result = asyncio.run(main())
    [call] = result.tool_calls
    assert (call.name, call.arguments, result.finish_reason, result.content) == (
        "web_search",
        {"query": "cats"},
        "tool_calls",
        "",
    )


def test_a_backend_that_is_not_there(documents: Documents) -> None:
    config = told(documents, "OpenAIProvider")
    with pytest.raises(LLMError, match="local_gpt_oss, openai, anthropic, openrouter"):
        ProviderFactory.create_from_config({"llm": {**config["llm"], "backend": "gemini"}})
