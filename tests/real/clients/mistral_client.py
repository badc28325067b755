"""The mistralai SDK, which speaks openai-chat in its own words."""

from __future__ import annotations

import json
from typing import Any

from contract import BASE, IMAGE, IMAGE_URL, KEY, MODEL, MOST_TURNS, SYSTEM, WEATHER, Seen, get_weather, run
from mistralai.client import Mistral
from mistralai.client.utils import BackoffStrategy, RetryConfig

ROOT = BASE.removesuffix("/v1")
client = Mistral(api_key=KEY, server_url=ROOT)
again = RetryConfig("backoff", BackoffStrategy(20, 100, 1.5, 10_000), retry_connection_errors=True)
patient = Mistral(api_key=KEY, server_url=ROOT, retry_config=again)
TOOLS: Any = [{"type": "function", "function": WEATHER}]
PERSON = {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}, "required": ["name", "age"]}


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def tell(reply: Any, seen: Seen) -> Any:
    choice = reply.choices[0]
    seen.update(
        text=choice.message.content, finish=choice.finish_reason, usage=[reply.usage.prompt_tokens, reply.usage.completion_tokens]
    )
    for call in choice.message.tool_calls or ():
        seen.call(call.function.name, call.function.arguments)
    return choice.message


def ask(content: Any, seen: Seen, by: Mistral = client, before: Any = ()) -> None:
    tell(by.chat.complete(model=MODEL, messages=[*before, user(content)]), seen)


def stream(name: str, seen: Seen, by: Mistral = client) -> None:
    for event in by.chat.stream(model=MODEL, messages=[user(name)]):
        if event.data.usage:
            seen["usage"] = [event.data.usage.prompt_tokens, event.data.usage.completion_tokens]
        for choice in event.data.choices:
            seen.piece(choice.delta.content)
            seen["finish"] = choice.finish_reason or seen.get("finish")


def loop(name: str, seen: Seen) -> None:
    messages: list[Any] = [user(name)]
    for _ in range(MOST_TURNS):
        message = tell(client.chat.complete(model=MODEL, messages=messages, tools=TOOLS), seen)
        if not message.tool_calls:
            return
        messages.append(message)
        for call in message.tool_calls:
            told = get_weather(**json.loads(call.function.arguments))
            messages.append({"role": "tool", "name": call.function.name, "tool_call_id": call.id, "content": told})


def image(name: str, seen: Seen) -> None:
    url = IMAGE_URL if name == "image-url" else f"data:image/png;base64,{IMAGE}"
    ask([{"type": "text", "text": name}, {"type": "image_url", "image_url": url}], seen)


def structured(name: str, seen: Seen) -> None:
    form: Any = {"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON}}
    reply = client.chat.complete(model=MODEL, messages=[user(name)], response_format=form)
    seen["output"] = json.loads(reply.choices[0].message.content)


def told(error: BaseException) -> dict[str, Any]:
    return {"retry_after": getattr(error, "headers", {}).get("retry-after")}


run(
    {
        "chat": ask,
        "system": lambda name, seen: ask(name, seen, before=[{"role": "system", "content": SYSTEM}]),
        "stream": stream,
        "tools": loop,
        "image": image,
        "structured": structured,
        "models": lambda name, seen: seen.update(output=[model.id for model in client.models.list().data]),
        "error": ask,
        "broken": stream,
        "retry": lambda name, seen: ask(name, seen, by=patient),
    },
    told,
)
