"""The ollama SDK, which tries nothing again."""

from __future__ import annotations

import json
from typing import Any

import ollama
from contract import BASE, IMAGE, KEY, MODEL, MOST_TURNS, SYSTEM, WEATHER, Seen, get_weather, run
from pydantic import BaseModel

client = ollama.Client(host=BASE, headers={"authorization": f"Bearer {KEY}"})
TOOLS: Any = [{"type": "function", "function": WEATHER}]


class Person(BaseModel):
    name: str
    age: int


def user(content: str, **more: Any) -> dict[str, Any]:
    return {"role": "user", "content": content, **more}


def tell(reply: ollama.ChatResponse, seen: Seen) -> ollama.Message:
    seen.update(text=reply.message.content, finish=reply.done_reason, usage=[reply.prompt_eval_count, reply.eval_count])
    seen.thought(reply.message.thinking)
    for call in reply.message.tool_calls or ():
        seen.call(call.function.name, dict(call.function.arguments))
    return reply.message


def ask(name: str, seen: Seen, before: Any = (), about: Any = None, **more: Any) -> None:
    tell(client.chat(model=MODEL, messages=[*before, about or user(name)], **more), seen)


def stream(name: str, seen: Seen, **more: Any) -> None:
    streamed([user(name)], seen, **more)


def streamed(messages: list[Any], seen: Seen, **more: Any) -> ollama.Message:
    """The message that a stream tells."""
    said = ollama.Message(role="assistant", content="")
    for chunk in client.chat(model=MODEL, messages=messages, stream=True, **more):
        seen.piece(chunk.message.content)
        said.content += chunk.message.content or ""
        if chunk.message.thinking:
            said.thinking = (said.thinking or "") + chunk.message.thinking
        said.tool_calls = [*(said.tool_calls or ()), *(chunk.message.tool_calls or ())] or None
        if chunk.done:
            tell(chunk.model_copy(update={"message": said}), seen)
            return said
    raise EOFError("the stream ended without its end")


def loop(name: str, seen: Seen, streaming: bool = False) -> None:
    more: Any = {"tools": TOOLS, "think": name.endswith("thinking") or None}
    messages: list[Any] = [user(name)]
    for _ in range(MOST_TURNS):
        if streaming:
            message = streamed(messages, seen, **more)
        else:
            message = tell(client.chat(model=MODEL, messages=messages, **more), seen)
        if not message.tool_calls:
            return
        messages.append(message)
        for call in message.tool_calls:
            messages.append({"role": "tool", "tool_name": call.function.name, "content": get_weather(**call.function.arguments)})


def structured(name: str, seen: Seen) -> None:
    reply = client.chat(model=MODEL, messages=[user(name)], format=Person.model_json_schema())
    seen["output"] = json.loads(reply.message.content)


run(
    {
        "chat": ask,
        "system": lambda name, seen: ask(name, seen, before=[{"role": "system", "content": SYSTEM}]),
        "stream": stream,
        "thinking": lambda name, seen: ask(name, seen, think=True),
        "thinkingstream": lambda name, seen: stream(name, seen, think=True),
        "tools": loop,
        "toolstream": lambda name, seen: loop(name, seen, streaming=True),
        "image": lambda name, seen: ask(name, seen, about=user(name, images=[IMAGE])),
        "structured": structured,
        "models": lambda name, seen: seen.update(output=[model.model for model in client.list().models]),
        "error": ask,
        "broken": stream,
    }
)
