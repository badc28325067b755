"""System D on Azure: metadata, parameters, classes of the host's own, the factory."""

from __future__ import annotations

import inspect
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.seeds.azure import ASK, CTX, WORDS, ask, bodies, config, heard, mini
from tests.seeds.conftest import KEY
from trunkline import (
    AsyncClient,
    ContextLengthError,
    UsageError,
    Warning,
)
from trunkline.compat.core.llms import (
    ILLM,
    AzureBaseLLM,
    AzureChatLLM,
    AzureConnector,
    BaseLLM,
    GPT_4_1_Mini_Metadata,
    GPT_4_1_MiniLLM,
    GPT_4o_LLM,
    GPT_4o_Metadata,
    ILLMBackend,
    ModelFamily,
    ModelLimits,
    ModelMetadata,
    OpenAIBaseLLM,
    OpenAIConnector,
    create_llm,
    llm_factory,
    register_llm,
)
from trunkline.compat.core.llms.providers.azure.models import gpt_4_1_mini
from trunkline.sim import Call, Rule, Simulator


def test_what_the_model_is_not_told_is_a_warning(east: Simulator) -> None:
    llm = mini(east)
    answer = ask(llm, lambda llm: llm.get_answer(ASK, CTX, temperature=0.3, max_tokens=7, top_p=None, seed=1))
    assert answer.warnings == (Warning("dropped", "temperature", "gpt-4.1-mini does not take it"),)
    assert bodies(east) == [{"messages": ASK, "max_completion_tokens": 7, "seed": 1}]
    assert "temperature" in GPT_4_1_MiniLLM(None, GPT_4o_Metadata())._rules().unsupported
    assert GPT_4o_LLM()._transform_parameters({"temperature": 0.3, "max_tokens": 7}) == {"temperature": 0.3, "max_tokens": 7}


def test_calls_of_tools_and_usage(east: Simulator) -> None:
    east.use([Rule(Call("weather", {"city": "Oslo"}, id="call_1"))])
    answer = ask(
        mini(east),
        lambda llm: llm.get_answer(
            ASK, CTX, tools=[{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
        ),
    )
    [call] = answer.tool_calls
    assert (call["id"], json.loads(call["function"]["arguments"]), answer.finish_reason) == (
        "call_1",
        {"city": "Oslo"},
        "tool_calls",
    )
    assert set(answer.usage) >= {"prompt_tokens", "completion_tokens", "total_tokens"}
    assert answer.latency >= 0
    assert answer.raw["object"] == "chat.completion"


def test_users_override_the_helpers(east: Simulator) -> None:
    class Mine(GPT_4_1_MiniLLM):
        def _build_azure_payload(self, messages: Any, params: Any, stream: bool = False) -> dict[str, Any]:
            return {**super()._build_azure_payload(messages, params, stream), "user": "u1"}

        def _map_finish_reason(self, reason: str | None) -> str | None:
            return f"azure:{reason}"

    llm = Mine(AzureConnector(config(east)), GPT_4_1_Mini_Metadata())

    async def act(llm: Any) -> Any:
        return (await llm.get_answer(ASK, CTX)).finish_reason, (await heard(llm))[-1].finish_reason

    assert ask(llm, act) == ("azure:stop", "azure:stop")
    assert [body["user"] for body in bodies(east)] == ["u1", "u1"]


def test_it_is_a_model_of_the_library(east: Simulator) -> None:
    llm = mini(east)

    async def act(llm: Any) -> tuple[str, str]:
        client = AsyncClient(ILLMBackend(llm, CTX))
        async with client.stream("hi") as stream:
            streamed = "".join([text async for text in stream.text])
        return (await client.generate("hi", max_tokens=3)).text, streamed

    assert ask(llm, act) == ("".join(WORDS), "".join(WORDS))
    assert isinstance(llm, ILLM)
    assert "ada" not in str(bodies(east))


def test_openai_on_the_same_pattern(east: Simulator) -> None:
    metadata = ModelMetadata("gpt-5.4-mini", ModelFamily.OPENAI, renamed_parameters={"max_tokens": "max_completion_tokens"})
    llm = create_llm(metadata, {"api_key": KEY, "endpoint": east.base_url("openai-chat")})
    assert isinstance(llm, OpenAIBaseLLM)
    assert isinstance(llm.connector, OpenAIConnector)

    async def act(llm: Any) -> Any:
        return (await llm.get_answer(ASK, CTX, max_tokens=3)).content, "".join(chunk.content for chunk in await heard(llm))

    assert ask(llm, act) == ("".join(WORDS), "".join(WORDS))
    assert bodies(east)[0] == {"model": "gpt-5.4-mini", "messages": ASK, "max_completion_tokens": 3}


def test_the_factory(monkeypatch: pytest.MonkeyPatch) -> None:
    connector = AzureConnector({"api_key": KEY, "endpoint": "https://x.openai.azure.com", "deployment_name": "d"})
    for metadata, kind in (
        (GPT_4_1_Mini_Metadata(), GPT_4_1_MiniLLM),
        (GPT_4o_Metadata, GPT_4o_LLM),
        ("azure-gpt-4o", GPT_4o_LLM),
    ):
        assert type(create_llm(metadata, connector=connector)) is kind
    assert type(create_llm(ModelMetadata("gpt-5", ModelFamily.AZURE_GPT_5), connector=connector)) is AzureChatLLM
    for unknown in ("gpt-9", ModelMetadata("x")):
        with pytest.raises(UsageError, match="azure-gpt-4o"):
            create_llm(unknown, connector=connector)
    monkeypatch.setattr(llm_factory, "_CLASSES", dict(llm_factory._CLASSES))
    monkeypatch.setattr(llm_factory, "_METADATA", dict(llm_factory._METADATA))
    mine = type("Mine", (GPT_4o_Metadata,), {"NAME": "mine", "model_family": "mine"})
    register_llm("mine", AzureChatLLM, mine)
    assert type(create_llm(ModelMetadata("x", "mine"), connector=connector)) is AzureChatLLM  # type: ignore[arg-type]


def test_checks_come_before_anything_is_sent(east: Simulator) -> None:
    llm = GPT_4o_LLM(AzureConnector(config(east)), ModelMetadata("m", limits=ModelLimits(50, 10)))
    wrong: list[tuple[Any, str]] = [
        ([], "messages"),
        (["hi"], r"messages\[0\]"),
        ([{"role": "bot", "content": "x"}], "role"),
        ([{"role": "user"}], "content"),
    ]
    for messages, named in wrong:
        with pytest.raises(ValueError, match=named):
            llm.stream_answer(messages, CTX)
    with pytest.raises(ContextLengthError):
        llm.stream_answer([{"role": "user", "content": "word " * 60}], CTX)
    with pytest.raises(UsageError, match="max_tokens"):
        llm.stream_answer(ASK, CTX, max_tokens=11)
    assert llm._estimate_tokens("") == 0
    assert 0 < llm._estimate_tokens("two and two") < llm._estimate_tokens(ASK) + 4
    assert (
        llm._extract_prompt(
            [{"role": "user", "content": [{"type": "text", "text": "a cat"}]}, {"role": "assistant", "content": "x"}]
        )
        == "a cat"
    )
    assert not east.requests


def test_where_the_document_looks_for_them() -> None:
    from trunkline.compat.core.llms.interfaces.llm_interfaces import ILLM as ILLM_THERE
    from trunkline.compat.core.llms.providers.azure.base_implementation import AzureBaseLLM as AzureThere
    from trunkline.compat.core.llms.providers.base.implementation import BaseLLM as BaseThere

    assert (ILLM_THERE, AzureThere, BaseThere, gpt_4_1_mini.GPT_4_1_MiniLLM) == (ILLM, AzureBaseLLM, BaseLLM, GPT_4_1_MiniLLM)
    assert list(inspect.signature(GPT_4_1_MiniLLM.__init__).parameters)[1:] == ["connector", "metadata"]
    assert isinstance(mini_stream(), AsyncIterator)


def mini_stream() -> Any:
    connector = AzureConnector({"api_key": KEY, "endpoint": "https://x.openai.azure.com", "deployment_name": "d"})
    return GPT_4_1_MiniLLM(connector).stream_answer(ASK, CTX)
