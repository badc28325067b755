"""litellm, which speaks both protocols in its own words for one of them."""

from __future__ import annotations

import json
from typing import Any

import litellm
from contract import BASE, DIALECT, IMAGE, IMAGE_URL, KEY, MODEL, MOST_TURNS, RETRIES, SYSTEM, WEATHER, Seen, get_weather, run
from pydantic import BaseModel

ASKED: Any = {
    "model": {"openai-chat": "openai/", "anthropic-messages": "anthropic/"}[DIALECT] + MODEL,
    "api_base": BASE,
    "api_key": KEY,
    "max_retries": 0,
}
TOOLS: Any = [{"type": "function", "function": WEATHER}]
_BUDGET: Any = {"thinking": {"type": "enabled", "budget_tokens": 2000}, "max_tokens": 4000, "allowed_openai_params": ["thinking"]}
THINKING: Any = _BUDGET if DIALECT == "anthropic-messages" else {}


class Person(BaseModel):
    name: str
    age: int


def tell(reply: Any, seen: Seen) -> None:
    choice = reply.choices[0]
    seen.update(
        text=choice.message.content, finish=choice.finish_reason, usage=[reply.usage.prompt_tokens, reply.usage.completion_tokens]
    )
    seen.thought(getattr(choice.message, "reasoning_content", None))
    for call in choice.message.tool_calls or ():
        seen.call(call.function.name, call.function.arguments)


def ask(content: Any, seen: Seen, before: Any = (), **more: Any) -> None:
    tell(litellm.completion(messages=[*before, {"role": "user", "content": content}], **ASKED | more), seen)


def stream(name: str, seen: Seen, **more: Any) -> None:
    asked: Any = ASKED | {"messages": [{"role": "user", "content": name}], "stream_options": {"include_usage": True}} | more
    for chunk in litellm.completion(stream=True, **asked):
        if usage := getattr(chunk, "usage", None):
            seen["usage"] = [usage.prompt_tokens, usage.completion_tokens]
        for choice in chunk.choices:
            seen.piece(choice.delta.content)
            seen.thought(getattr(choice.delta, "reasoning_content", None))
            seen["finish"] = choice.finish_reason or seen.get("finish")


def loop(name: str, seen: Seen, stream: bool = False) -> None:
    more = THINKING if name.endswith("thinking") else {}
    messages: list[Any] = [{"role": "user", "content": name}]
    for _ in range(MOST_TURNS):
        usage = {"stream_options": {"include_usage": True}} if stream else {}
        reply = litellm.completion(messages=messages, tools=TOOLS, stream=stream, **ASKED | more | usage)
        if stream:
            reply = litellm.stream_chunk_builder(list(reply), messages=messages)
        tell(reply, seen)
        message = reply.choices[0].message
        if not message.tool_calls:
            return
        messages.append(message)
        for call in message.tool_calls:
            content = get_weather(**json.loads(call.function.arguments))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": content})


def image(name: str, seen: Seen) -> None:
    url = IMAGE_URL if name == "image-url" else f"data:image/png;base64,{IMAGE}"
    ask([{"type": "text", "text": name}, {"type": "image_url", "image_url": {"url": url}}], seen)


def structured(name: str, seen: Seen) -> None:
    reply = litellm.completion(messages=[{"role": "user", "content": name}], response_format=Person, **ASKED)
    seen["output"] = Person.model_validate_json(reply.choices[0].message.content).model_dump()


run(
    {
        "chat": ask,
        "system": lambda name, seen: ask(name, seen, before=[{"role": "system", "content": SYSTEM}]),
        "stream": stream,
        "thinking": lambda name, seen: ask(name, seen, **THINKING),
        "thinkingstream": lambda name, seen: stream(name, seen, **THINKING),
        "tools": loop,
        "toolstream": lambda name, seen: loop(name, seen, stream=True),
        "image": image,
        "structured": structured,
        "error": ask,
        "broken": stream,
        "retry": lambda name, seen: ask(name, seen, num_retries=RETRIES),
    }
)
