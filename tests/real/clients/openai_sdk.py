"""The openai SDK."""

from __future__ import annotations

from typing import Any

import openai
from contract import BASE, IMAGE, IMAGE_URL, KEY, MODEL, MOST_TURNS, RETRIES, SYSTEM, WEATHER, Seen, get_weather, run
from openai.types.chat import ChatCompletion
from pydantic import BaseModel

client = openai.OpenAI(base_url=BASE, api_key=KEY, max_retries=0)
patient = client.with_options(max_retries=RETRIES)
TOOLS: Any = [{"type": "function", "function": {**WEATHER, "strict": True}}]  # only of strict tools it parses the arguments


class Person(BaseModel):
    name: str
    age: int


def tell(reply: ChatCompletion, seen: Seen) -> None:
    choice = reply.choices[0]
    extra = choice.message.model_extra or {}
    seen.update(
        text=choice.message.content, finish=choice.finish_reason, usage=[reply.usage.prompt_tokens, reply.usage.completion_tokens]
    )
    seen.thought(extra.get("reasoning_content") or extra.get("reasoning"))
    for call in choice.message.tool_calls or ():
        seen.call(call.function.name, call.function.arguments)


def ask(content: Any, seen: Seen, by: openai.OpenAI = client, before: Any = (), **more: Any) -> None:
    messages = [*before, {"role": "user", "content": content}]
    tell(by.chat.completions.create(model=MODEL, messages=messages, **more), seen)


def stream(name: str, seen: Seen, by: openai.OpenAI = client) -> None:
    asked: Any = {"model": MODEL, "messages": [{"role": "user", "content": name}], "stream_options": {"include_usage": True}}
    for chunk in by.chat.completions.create(stream=True, **asked):
        if chunk.usage:
            seen["usage"] = [chunk.usage.prompt_tokens, chunk.usage.completion_tokens]
        for choice in chunk.choices:
            extra = choice.delta.model_extra or {}
            seen.piece(choice.delta.content)
            seen.thought(extra.get("reasoning_content") or extra.get("reasoning"))
            seen["finish"] = choice.finish_reason or seen.get("finish")


def loop(name: str, seen: Seen, turn: Any) -> None:
    messages: list[Any] = [{"role": "user", "content": name}]
    for _ in range(MOST_TURNS):
        reply = turn(messages)
        tell(reply, seen)
        calls = reply.choices[0].message.tool_calls
        if not calls:
            return
        messages.append(reply.choices[0].message)
        messages += [{"role": "tool", "tool_call_id": c.id, "content": get_weather(**c.function.parsed_arguments)} for c in calls]


def parsed(messages: Any) -> Any:
    return client.chat.completions.parse(model=MODEL, messages=messages, tools=TOOLS)


def streamed(messages: Any) -> Any:
    with client.chat.completions.stream(
        model=MODEL, messages=messages, tools=TOOLS, stream_options={"include_usage": True}
    ) as got:
        return got.get_final_completion()


def image(name: str, seen: Seen) -> None:
    url = IMAGE_URL if name == "image-url" else f"data:image/png;base64,{IMAGE}"
    ask([{"type": "text", "text": name}, {"type": "image_url", "image_url": {"url": url}}], seen)


def structured(name: str, seen: Seen) -> None:
    messages: Any = [{"role": "user", "content": name}]
    reply = client.chat.completions.parse(model=MODEL, messages=messages, response_format=Person)
    seen["output"] = reply.choices[0].message.parsed.model_dump()


run(
    {
        "chat": ask,
        "system": lambda name, seen: ask(name, seen, before=[{"role": "system", "content": SYSTEM}]),
        "stream": stream,
        "thinking": ask,
        "thinkingstream": stream,
        "tools": lambda name, seen: loop(name, seen, parsed),
        "toolstream": lambda name, seen: loop(name, seen, streamed),
        "image": image,
        "structured": structured,
        "error": ask,
        "broken": stream,
        "retry": lambda name, seen: ask(name, seen, by=patient),
        "retrystream": lambda name, seen: stream(name, seen, by=patient),
        "models": lambda name, seen: seen.update(output=[model.id for model in client.models.list()]),
    }
)
