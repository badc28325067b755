"""System D, an application core: models of its own behind the protocol ``ILLM``, run by the library's engine, and one on Azure.

``python examples/application_core.py``
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from simulated import MODELS, NO_KEY, provider

from trunkline import AsyncClient
from trunkline.compat.core.llms import (
    ILLM,
    AzureConnector,
    GPT_4_1_Mini_Metadata,
    GPT_4_1_MiniLLM,
    ILLMBackend,
    LLMResponse,
    LLMStreamChunk,
    UnsupportedOperationError,
)
from trunkline.sim import Fail, Rule, Say, Simulator, When

PLAY = [
    Rule(Say(("Approve it: ", "the order of 2 April is for the same sum.")), when=When(text="approve")),
    Rule(Say("An invoice of 1,200 euros from Nordlicht, due on 3 May."), when=When(text="invoice")),
]
DOCUMENT = "This is an invoice: Nordlicht GmbH, order of 2 April, 1,200.00 EUR, payable by 3 May."


@dataclass
class Context:
    """What the core hands to its models with every call. It is never sent to a provider."""

    user: str
    log: list[str] = field(default_factory=list)


class DeploymentLLM:
    """A model of the core's own, without a base class: a deployment that answers through one of the library's providers."""

    def __init__(self, model: str) -> None:
        self.client = AsyncClient(model, max_tokens=300)

    async def get_answer(self, messages: Sequence[Mapping[str, Any]], ctx: Context, **kwargs: Any) -> LLMResponse:
        reply = await self.client.generate([dict(message) for message in messages], **kwargs)
        ctx.log.append(f"{ctx.user} asked {reply.model}: {reply.usage.input_tokens}+{reply.usage.output_tokens} tokens")
        usage = {"prompt_tokens": reply.usage.input_tokens, "completion_tokens": reply.usage.output_tokens}
        return LLMResponse(reply.text, reply.model, reply.finish_reason, usage, reply.latency)

    async def stream_answer(
        self, messages: Sequence[Mapping[str, Any]], ctx: Context, **kwargs: Any
    ) -> AsyncIterator[LLMStreamChunk]:
        async with self.client.stream([dict(message) for message in messages], **kwargs) as stream:
            async for text in stream.text:
                yield LLMStreamChunk(text)
        ctx.log.append(f"{ctx.user} read a stream of {stream.response.model}")
        yield LLMStreamChunk(finish_reason=stream.response.finish_reason, is_final=True)


class BrokenLLM(DeploymentLLM):
    """A region that is down."""

    async def get_answer(self, messages: Sequence[Mapping[str, Any]], ctx: Context, **kwargs: Any) -> LLMResponse:
        ctx.log.append(f"{ctx.user} met a region that is down")
        raise ConnectionError("the region is down")


async def main() -> None:
    with provider(PLAY) as name:
        ctx, model = Context("ada"), f"{name}/{MODELS[name]}"
        first, backup = BrokenLLM(model), DeploymentLLM(model)
        assert isinstance(first, ILLM)
        llm = AsyncClient(ILLMBackend(first, ctx), fallbacks=[ILLMBackend(backup, ctx)], retries=0)
        reply = await llm.generate(f"{DOCUMENT}\nWhat is this? One sentence.")
        print(f"\nSummary: {reply.text}")
        for attempt in reply.attempts:
            print(f"  {attempt.provider}: {attempt.error or 'answered'}")

        print("Advice:  ", end="")
        async with AsyncClient(ILLMBackend(backup, ctx)).stream(f"{reply.text}\nShall we approve it? Be brief.") as stream:
            async for text in stream.text:
                print(text, end="", flush=True)
        print("\nLog:")
        for line in ctx.log:
            print(f"  {line}")
        for deployment in (first, backup):
            await deployment.client.close()
    await two_regions(ctx)


async def two_regions(ctx: Context) -> None:
    """A model on Azure whose first region is down: always simulated, since nobody can order an outage."""
    with Simulator([Rule(Fail(503))]) as east, Simulator([Rule(Say(("The west ", "answers.")))]) as west:
        config = {
            "api_key": NO_KEY,
            "endpoint": east.url,
            "deployment_name": "gpt-4.1-mini",
            "backups": [{"endpoint": west.url}],  # key and deployment are inherited
        }
        async with AzureConnector(config) as connector:
            llm = GPT_4_1_MiniLLM(connector, GPT_4_1_Mini_Metadata())
            print("\nAzure:   ", end="")
            async for chunk in llm.stream_answer([{"role": "user", "content": "Who answers?"}], ctx, max_tokens=50):
                print(chunk.content, end="", flush=True)
            answer = await llm.get_answer([{"role": "user", "content": "Again?"}], ctx, temperature=0.2)
            print(f"\n  {answer.model}: {answer.finish_reason}; {answer.warnings[0]}")
            try:
                await llm.get_image([{"role": "user", "content": "a cat"}], ctx)
            except UnsupportedOperationError as error:
                print(f"  {error}")


if __name__ == "__main__":
    asyncio.run(main())
