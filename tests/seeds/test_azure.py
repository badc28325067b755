"""System D on Azure: the document's own code on the simulator."""

from __future__ import annotations

import asyncio
import json
import time
from abc import ABC, abstractmethod
from typing import Any

import pytest

from tests.seeds.azure import ASK, CTX, WORDS, ask, bodies, config, mini, opened
from tests.seeds.conftest import KEY
from tests.seeds.documents import Documents, arun, run
from trunkline.compat.core.llms import (
    ILLM,
    AzureBaseLLM,
    AzureChatLLM,
    AzureConnector,
    BaseConnector,
    BaseLLM,
    GPT_4_1_Mini_Metadata,
    GPT_4_1_MiniLLM,
    GPT_4o_Metadata,
    LLMImageResponse,
    LLMResponse,
    ModelFamily,
    ModelMetadata,
    OpenAIBaseLLM,
    OutputMediaType,
    UnsupportedOperationError,
)
from trunkline.sim import Raw, Rule, Simulator


def test_gpt_4_1_mini_as_the_document_writes_it(documents: Documents, east: Simulator) -> None:
    """The sample names ``start_time`` and leaves the other method to the reader."""
    block = documents.block("D", "Example: GPT-4.1 Mini Implementation")
    names = {"AzureBaseLLM": AzureBaseLLM, "start_time": time.time()}
    written = run(block, **names)["GPT_4_1_MiniLLM"]
    kind = type("Whole", (written,), {"stream_answer": AzureChatLLM.stream_answer})
    llm = kind(AzureConnector(config(east)), GPT_4_1_Mini_Metadata())
    answer = ask(llm, lambda llm: llm.get_answer(ASK, CTX, max_tokens=5, temperature=0.2))
    assert (answer.content, answer.finish_reason, answer.model) == ("".join(WORDS), "stop", "gpt-4.1-mini")
    assert bodies(east) == [{"messages": ASK, "max_completion_tokens": 5}]


def test_the_abstract_class_is_the_documents(documents: Documents) -> None:
    names = {"BaseLLM": BaseLLM, "abstractmethod": abstractmethod}
    theirs = run(opened(documents.block("D", "Current Design")), **names)["AzureBaseLLM"]
    assert theirs.__abstractmethods__ == AzureBaseLLM.__abstractmethods__ == {"get_answer", "stream_answer"}
    abstract: list[Any] = [theirs, AzureBaseLLM, BaseLLM, OpenAIBaseLLM]
    for kind in abstract:
        with pytest.raises(TypeError, match="abstract"):
            kind(None, GPT_4o_Metadata())
    for name in ("_parse_response", "_stream_azure_response", "_build_azure_payload", "_map_finish_reason"):
        assert name in theirs.__doc__
        assert callable(getattr(AzureBaseLLM, name))


def test_text_output_validation(documents: Documents) -> None:
    base, dalle, anybody = documents.blocks("D", "Answer - Absolutely Yes!")
    names = {"ABC": ABC, "abstractmethod": abstractmethod, "OutputMediaType": OutputMediaType}
    theirs = run(base, UnsupportedOperationError=UnsupportedOperationError, **names)["BaseLLM"]
    metadata = run(dalle.split("# Without")[0], ModelMetadata=ModelMetadata, **names)["metadata"]
    ours = run(anybody + "\n        return 'text'\n    async def stream_answer(self, *a): ...", BaseLLM=BaseLLM)["AnyLLM"]
    with pytest.raises(UnsupportedOperationError) as caught:
        theirs._check_text_output_support(ours(None, metadata))
    with pytest.raises(UnsupportedOperationError, match="dall-e-3 does not support text output") as raised:
        asyncio.run(ours(None, metadata).get_answer(ASK, CTX))
    assert str(raised.value).startswith(str(caught.value).partition(" (")[0])
    assert "get_image()" in (raised.value.hint or "")
    assert asyncio.run(ours(None, GPT_4o_Metadata()).get_answer(ASK, CTX)) == "text"


def test_pictures_as_input(documents: Documents, east: Simulator) -> None:
    block = documents.block("D", "Input (Multimodal")
    llm = mini(east)
    names = ask(llm, lambda llm: arun(block, llm=llm, ctx=CTX))
    assert names["response"].content == "".join(WORDS)
    [sent] = bodies(east)
    text, picture = names["messages"][0]["content"]
    assert sent["messages"] == [
        {"role": "user", "content": [text, {**picture, "image_url": {"url": "https://example.com/img.jpg"}}]}
    ]


def test_media_methods_of_a_model_of_texts(documents: Documents, east: Simulator) -> None:
    interface, default, _ = documents.blocks("D", "Output (Media Generation")
    wanted = [line.split("(")[0].split()[-1] for line in interface.splitlines() if "async def" in line]
    assert len(wanted) == 8
    refused = [line.split("llm.")[1].split("(")[0] for line in default.splitlines() if "Raises" in line]
    assert set(refused) < set(wanted)
    llm = mini(east)
    for name in set(wanted) - {"get_answer", "stream_answer"}:
        with pytest.raises(UnsupportedOperationError, match="does not support") as caught:
            asyncio.run(_awaited(getattr(llm, name), ASK, CTX))
        assert caught.value.hint
    assert ask(llm, lambda llm: llm.get_answer(ASK, CTX)).content == "".join(WORDS)


async def _awaited(method: Any, *args: Any) -> Any:
    return await method(*args)


@pytest.mark.parametrize("heading,position", [("Output (Media Generation", 2), ("Image Generation Model (DALL-E", 0)])
def test_a_model_of_pictures(heading: str, position: int, documents: Documents, east: Simulator) -> None:
    """The document's DALL-E: its texts refuse, its pictures are the raw reply's. What it does not write is filled in."""
    block = opened(documents.blocks("D", heading)[position])
    block = block.replace("{...}", "{'prompt': prompt}").replace(
        "async def get_image(self, messages, ctx, **kwargs):", "async def get_image(self, messages, ctx=None, **kwargs):"
    )
    written = run(block, BaseLLM=BaseLLM, LLMImageResponse=LLMImageResponse)["DALLE3"]
    kind = type("DALLE3", (written,), {"stream_answer": written.get_answer})
    metadata = ModelMetadata(model_name="dall-e-3", supported_output_types={OutputMediaType.IMAGE})
    picture = {"created": 1, "data": [{"url": "https://example.com/cat.png", "revised_prompt": "a small cat"}]}
    east.use([Rule(Raw([json.dumps(picture).encode()], status=200, headers={"content-type": "application/json"}))])

    async def act(llm: Any) -> Any:
        with pytest.raises(UnsupportedOperationError):
            await llm.get_answer(ASK, CTX)
        return await llm.get_image([{"role": "user", "content": "a cat"}], ctx=CTX)

    image = ask(kind(_Pictures(config(east)), metadata), act)
    assert (image.image_url, isinstance(image, LLMImageResponse)) == ("https://example.com/cat.png", True)
    with pytest.raises(UnsupportedOperationError, match="override"):
        kind(None, metadata).stream_image(ASK, CTX)


class _Pictures(BaseConnector):
    """The simulator speaks of texts only: pictures are asked for where it answers what it is told to."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self._azure = AzureConnector(config)

    async def request(self, path: str, payload: Any) -> dict[str, Any]:
        assert path == "images/generations"
        assert payload["prompt"] == "a cat"
        return await self._azure.request("chat/completions", {"messages": ASK, **payload})

    async def close(self) -> None:
        await self._azure.close()


def test_gpt_4o_as_the_document_writes_it(documents: Documents, east: Simulator) -> None:
    """Metadata, a class, a line in the factory; the stream that is left open is filled in."""
    block = documents.block("D", "Azure GPT-4o (Example)")
    classes, _, factory = block.partition("# 3.")
    open_part = "# Similar pattern\n        ..."
    assert open_part in classes
    filled = """payload = self._build_azure_payload(messages, self._merge_parameters(kwargs), stream=True)
        return self._stream_azure_response(self.connector.stream("chat/completions", payload))"""
    names = run(classes.replace(open_part, filled), AzureBaseLLM=AzureBaseLLM, time=time)
    metadata = type("Metadata", (names["GPT_4o_Metadata"], GPT_4o_Metadata), {"model_family": ModelFamily.AZURE_GPT_4O})()
    body = "def make(metadata, connector):\n    " + "\n    ".join(factory.split("\n", 2)[2].splitlines())
    make = run(body, ModelFamily=ModelFamily, GPT_4o_LLM=names["GPT_4o_LLM"])["make"]
    llm = make(metadata, AzureConnector(config(east)))
    assert isinstance(llm, ILLM)
    assert names["GPT_4o_Metadata"].NAME == GPT_4o_Metadata.NAME == "azure-gpt-4o"

    async def act(llm: Any) -> Any:
        answer = await llm.get_answer(ASK, CTX, temperature=0.5)
        return answer.content, [chunk.content async for chunk in await llm.stream_answer(ASK, CTX)]

    assert ask(llm, act) == ("".join(WORDS), [*WORDS, ""])
    assert bodies(east)[0] == {"messages": ASK, "temperature": 0.5}


def test_flexibility_levels(documents: Documents, east: Simulator) -> None:
    """Four levels in one block: the parts that it leaves open are filled in."""
    block = opened(documents.block("D", "Flexibility Levels"))
    block = block.replace("# ... custom logic", "return LLMResponse('mine')").replace(
        "# ... model-specific transforms", "params = self._transform_parameters(kwargs); start_time = time.time()"
    )
    block = block.replace("**kwargs): ...", "**kwargs): return LLMResponse('mine')").replace(
        "self.connector.request(...)", "self.connector.request('chat/completions', payload)"
    )
    names: dict[str, Any] = {"BaseLLM": BaseLLM, "AzureBaseLLM": AzureBaseLLM, "GPT_4_1_MiniLLM": GPT_4_1_MiniLLM, "time": time}

    async def main() -> None:
        connector = AzureConnector(config(east))
        metadata = GPT_4_1_Mini_Metadata()
        made = await arun(block, connector=connector, metadata=metadata, LLMResponse=LLMResponse, **names)
        last = made["CustomAzureLLM"]
        whole = type("Whole", (last,), {"stream_answer": AzureChatLLM.stream_answer})(connector, metadata)
        assert (await whole.get_answer(ASK, CTX)).content == (await made["llm"].get_answer(ASK, CTX)).content == "".join(WORDS)
        await connector.close()

    asyncio.run(main())


def test_the_session_block(documents: Documents) -> None:
    """A connector with a session of its own, as the document has it, stands on our base class."""
    aiohttp = pytest.importorskip("aiohttp")
    theirs = run(documents.block("D", "Performance Impact"), BaseConnector=BaseConnector, aiohttp=aiohttp)["AzureConnector"]
    kind = type("Whole", (theirs,), {"request": lambda self, path, payload: None})

    async def main() -> None:
        connector = kind({"api_key": KEY})
        session = connector._get_session()
        assert connector._get_session() is session
        assert session.headers["api-key"] == KEY
        await connector.close()
        assert session.closed

    asyncio.run(main())


def test_minimal_configuration(documents: Documents) -> None:
    """The document's configuration as it is: both endpoints have its key and deployment."""
    told = run(documents.block("D", "Design"))["config"]
    AzureConnector(told)
    connector = AzureConnector({**told, "api_key": KEY})
    plan = connector._get_session()._calls.destinations.plan(
        "azure/gpt-4.1-mini", [connector._fallback(each) for each in connector.backups]
    )
    assert [wire.base_url for wire in plan] == [  # type: ignore[union-attr]
        f"https://{region}.openai.azure.com/openai/deployments/gpt-4.1-mini" for region in ("eastus", "westus")
    ]
    assert KEY not in repr(connector)
