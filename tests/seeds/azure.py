"""What the tests of Azure share: configurations, models, what they are asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

from trunkline.compat.core.llms import (
    AzureConnector,
    GPT_4_1_Mini_Metadata,
    GPT_4_1_MiniLLM,
    LLMStreamChunk,
)
from trunkline.sim import Simulator

KEY = "sk-of-nobody-0123456789"
WORDS = ("two ", "and ", "two")
ASK = [{"role": "user", "content": "hi"}]
PATH = "/openai/deployments/gpt-4.1-mini/chat/completions?api-version=2024-10-21"
CTX = {"user": "ada"}
OPEN = {"(self, ...)": "(self, messages, ctx, **kwargs)", "-> LLMResponse: ...": "-> LLMResponse: raise NotImplementedError"}


def config(*sims: Simulator, **more: Any) -> dict[str, Any]:
    """As in the document, the endpoints the simulators'; backups set nothing but theirs."""
    first, *others = (sim.url for sim in sims)
    backups = [{"endpoint": url} for url in others]
    return {"api_key": KEY, "endpoint": first, "deployment_name": "gpt-4.1-mini", "backups": backups, **more}


def mini(*sims: Simulator, **more: Any) -> GPT_4_1_MiniLLM:
    return GPT_4_1_MiniLLM(AzureConnector(config(*sims, **more)), GPT_4_1_Mini_Metadata())


def ask(llm: Any, act: Callable[[Any], Coroutine[Any, Any, Any]]) -> Any:
    """What ``act`` gives, the connector closed after it."""

    async def main() -> Any:
        try:
            return await act(llm)
        finally:
            await llm.connector.close()

    return asyncio.run(main())


async def heard(llm: Any, **kwargs: Any) -> list[LLMStreamChunk]:
    return [chunk async for chunk in llm.stream_answer(ASK, CTX, **kwargs)]


def bodies(sim: Simulator) -> list[dict[str, Any]]:
    return [json.loads(asked.http.body) for asked in sim.requests]


def opened(block: str) -> str:
    for left, filled in OPEN.items():
        block = block.replace(left, filled)
    return block
