"""The anthropic SDK."""

from __future__ import annotations

from typing import Any

import anthropic
from anthropic.types import Message
from contract import BASE, IMAGE, IMAGE_URL, KEY, MODEL, MOST_TURNS, RETRIES, SYSTEM, WEATHER, Seen, get_weather, run
from pydantic import BaseModel

client = anthropic.Anthropic(base_url=BASE, api_key=KEY, max_retries=0)
patient = client.with_options(max_retries=RETRIES)
TOOLS: Any = [{"name": WEATHER["name"], "description": WEATHER["description"], "input_schema": WEATHER["parameters"]}]
ASKED: Any = {"model": MODEL, "max_tokens": 4000}
THINKING: Any = {"thinking": {"type": "enabled", "budget_tokens": 2000}}


class Person(BaseModel):
    name: str
    age: int


def tell(reply: Message, seen: Seen) -> None:
    seen.update(text="", finish=reply.stop_reason, usage=[reply.usage.input_tokens, reply.usage.output_tokens])
    for block in reply.content:
        if block.type == "text":
            seen["text"] += block.text
        elif block.type == "thinking":
            seen.thought(block.thinking)
        elif block.type == "tool_use":
            seen.call(block.name, block.input)


def ask(content: Any, seen: Seen, by: anthropic.Anthropic = client, **more: Any) -> None:
    tell(by.messages.create(messages=[{"role": "user", "content": content}], **ASKED, **more), seen)


def stream(name: str, seen: Seen, by: anthropic.Anthropic = client, **more: Any) -> None:
    with by.messages.stream(messages=[{"role": "user", "content": name}], **ASKED, **more) as events:
        for event in events:
            if event.type == "text":
                seen.piece(event.text)
            elif event.type == "thinking":
                seen.thought(event.thinking)
        reply = events.get_final_message()
    seen.update(finish=reply.stop_reason, usage=[reply.usage.input_tokens, reply.usage.output_tokens])


def loop(name: str, seen: Seen, turn: Any) -> None:
    more = THINKING if name.endswith("thinking") else {}
    messages: list[Any] = [{"role": "user", "content": name}]
    for _ in range(MOST_TURNS):
        reply = turn(messages=messages, tools=TOOLS, **ASKED, **more)
        tell(reply, seen)
        calls = [block for block in reply.content if block.type == "tool_use"]
        if not calls:
            return
        results = [{"type": "tool_result", "tool_use_id": call.id, "content": get_weather(**call.input)} for call in calls]
        messages += [{"role": "assistant", "content": reply.content}, {"role": "user", "content": results}]


def streamed(**asked: Any) -> Message:
    with client.messages.stream(**asked) as events:
        return events.get_final_message()


def image(name: str, seen: Seen) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": IMAGE}
    if name == "image-url":
        source = {"type": "url", "url": IMAGE_URL}
    ask([{"type": "image", "source": source}, {"type": "text", "text": name}], seen)


def structured(name: str, seen: Seen) -> None:
    reply = client.messages.parse(messages=[{"role": "user", "content": name}], output_format=Person, **ASKED)
    seen["output"] = reply.parsed_output.model_dump()


def count(name: str, seen: Seen) -> None:
    reply = client.messages.count_tokens(model=MODEL, messages=[{"role": "user", "content": name}], system=SYSTEM, tools=TOOLS)
    seen["output"] = reply.input_tokens


run(
    {
        "chat": ask,
        "system": lambda name, seen: ask(name, seen, system=SYSTEM),
        "stream": stream,
        "thinking": lambda name, seen: ask(name, seen, **THINKING),
        "thinkingstream": lambda name, seen: stream(name, seen, **THINKING),
        "tools": lambda name, seen: loop(name, seen, client.messages.create),
        "toolstream": lambda name, seen: loop(name, seen, streamed),
        "image": image,
        "structured": structured,
        "count": count,
        "error": ask,
        "broken": stream,
        "retry": lambda name, seen: ask(name, seen, by=patient),
        "retrystream": lambda name, seen: stream(name, seen, by=patient),
        "models": lambda name, seen: seen.update(output=[model.id for model in client.models.list()]),
    }
)
