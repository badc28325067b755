"""pydantic-ai, whose agents run the tools themselves."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterable
from typing import Any

import anthropic
import openai
from contract import BASE, DIALECT, IMAGE, IMAGE_URL, KEY, MODEL, RETRIES, SYSTEM, Seen, get_weather, run
from pydantic import BaseModel
from pydantic_ai import Agent, BinaryContent, ImageUrl
from pydantic_ai.messages import ModelResponse, ThinkingPart, ToolCallPart
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.settings import ModelSettings


class Person(BaseModel):
    name: str
    age: int


def agent(retries: int = 0, **more: Any) -> Any:
    if DIALECT == "openai-chat":
        to_openai = OpenAIProvider(openai_client=openai.AsyncOpenAI(base_url=BASE, api_key=KEY, max_retries=retries))
        return Agent(OpenAIChatModel(MODEL, provider=to_openai), **more)
    to_anthropic = AnthropicProvider(anthropic_client=anthropic.AsyncAnthropic(base_url=BASE, api_key=KEY, max_retries=retries))
    return Agent(AnthropicModel(MODEL, provider=to_anthropic), **more)


def settings(name: str) -> Any:
    if "thinking" in name and DIALECT == "anthropic-messages":
        return {"anthropic_thinking": {"type": "enabled", "budget_tokens": 2000}, "max_tokens": 4000}
    return ModelSettings(max_tokens=4000)


def tell(result: Any, seen: Seen) -> None:
    replies = [message for message in result.all_messages() if isinstance(message, ModelResponse)]
    seen.update(text=replies[-1].text, finish=replies[-1].finish_reason)
    seen["usage"] = [replies[-1].usage.input_tokens, replies[-1].usage.output_tokens]
    for part in (part for reply in replies for part in reply.parts):
        if isinstance(part, ToolCallPart):
            seen.call(part.tool_name, part.args)
        elif isinstance(part, ThinkingPart):
            seen.thought(part.content)


def ask(content: Any, seen: Seen, by: Any = None, name: str = "") -> None:
    tell((by or agent()).run_sync(content, model_settings=settings(name)), seen)


def stream(name: str, seen: Seen, by: Any = None) -> None:
    got = (by or agent()).run_stream_sync(name, model_settings=settings(name))
    for text in got.stream_text(delta=True, debounce_by=None):
        seen.piece(text)
    tell(got, seen)


async def _listen(_: Any, events: AsyncIterable[Any]) -> None:
    async for _event in events:
        pass


def toolstream(name: str, seen: Seen) -> None:
    listening = agent(tools=[get_weather]).run_sync(name, model_settings=settings(name), event_stream_handler=_listen)
    tell(listening, seen)


def image(name: str, seen: Seen) -> None:
    picture = ImageUrl(IMAGE_URL) if name == "image-url" else BinaryContent(base64.b64decode(IMAGE), media_type="image/png")
    ask([name, picture], seen)


run(
    {
        "chat": ask,
        "system": lambda name, seen: ask(name, seen, by=agent(instructions=SYSTEM)),
        "stream": stream,
        "thinking": lambda name, seen: ask(name, seen, name=name),
        "thinkingstream": stream,
        "tools": lambda name, seen: ask(name, seen, by=agent(tools=[get_weather]), name=name),
        "toolstream": toolstream,
        "image": image,
        "structured": lambda name, seen: seen.update(output=agent(output_type=Person).run_sync(name).output.model_dump()),
        "error": ask,
        "broken": stream,
        "retry": lambda name, seen: ask(name, seen, by=agent(RETRIES)),
        "retrystream": lambda name, seen: stream(name, seen, by=agent(RETRIES)),
    }
)
