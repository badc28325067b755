"""The openai SDK, speaking the Responses API."""

from __future__ import annotations

from typing import Any

import openai
from contract import BASE, IMAGE, IMAGE_URL, KEY, MODEL, MOST_TURNS, RETRIES, SYSTEM, WEATHER, Seen, get_weather, run
from openai.types.responses import Response
from pydantic import BaseModel

client = openai.OpenAI(base_url=BASE, api_key=KEY, max_retries=0)
patient = client.with_options(max_retries=RETRIES)
TOOLS: Any = [{"type": "function", **WEATHER, "strict": True}]
ASKED: Any = {"model": MODEL, "store": False}
THINKING: Any = {"reasoning": {"effort": "low", "summary": "auto"}, "include": ["reasoning.encrypted_content"]}


class Person(BaseModel):
    name: str
    age: int


class FailedEvent(Exception):
    """The SDK hands it on as an event."""


def tell(reply: Response, seen: Seen) -> None:
    seen.update(text=reply.output_text, finish=reply.status, usage=[reply.usage.input_tokens, reply.usage.output_tokens])
    for item in reply.output:
        if item.type == "reasoning":
            seen.thought("".join(part.text for part in item.summary))
        elif item.type == "function_call":
            seen.call(item.name, item.arguments)


def ask(content: Any, seen: Seen, by: openai.OpenAI = client, **more: Any) -> None:
    tell(by.responses.create(input=content, **ASKED, **more), seen)


def stream(name: str, seen: Seen, by: openai.OpenAI = client, **more: Any) -> None:
    for event in by.responses.create(input=name, stream=True, **ASKED, **more):
        if event.type == "response.output_text.delta":
            seen.piece(event.delta)
        elif event.type == "response.reasoning_summary_text.delta":
            seen.thought(event.delta)
        elif event.type in ("error", "response.failed"):
            raise FailedEvent(event)
        elif event.type == "response.completed":
            reply = event.response
            seen.update(finish=reply.status, usage=[reply.usage.input_tokens, reply.usage.output_tokens])


def loop(name: str, seen: Seen, turn: Any) -> None:
    items: list[Any] = [{"role": "user", "content": name}]
    for _ in range(MOST_TURNS):
        reply = turn(input=items, tools=TOOLS, **ASKED, **THINKING if name.endswith("thinking") else {})
        tell(reply, seen)
        calls = [item for item in reply.output if item.type == "function_call"]
        if not calls:
            return
        items += reply.output
        for call in calls:
            output = get_weather(**call.parsed_arguments)
            items.append({"type": "function_call_output", "call_id": call.call_id, "output": output})


def streamed(**asked: Any) -> Any:
    with client.responses.stream(**asked) as events:
        return events.get_final_response()


def image(name: str, seen: Seen) -> None:
    url = IMAGE_URL if name == "image-url" else f"data:image/png;base64,{IMAGE}"
    content = [{"type": "input_text", "text": name}, {"type": "input_image", "image_url": url, "detail": "auto"}]
    ask([{"role": "user", "content": content}], seen)


def structured(name: str, seen: Seen) -> None:
    reply = client.responses.parse(input=name, text_format=Person, **ASKED)
    seen["output"] = reply.output_parsed.model_dump()


run(
    {
        "chat": ask,
        "system": lambda name, seen: ask(name, seen, instructions=SYSTEM),
        "stream": stream,
        "thinking": lambda name, seen: ask(name, seen, **THINKING),
        "thinkingstream": lambda name, seen: stream(name, seen, **THINKING),
        "tools": lambda name, seen: loop(name, seen, client.responses.parse),
        "toolstream": lambda name, seen: loop(name, seen, streamed),
        "image": image,
        "structured": structured,
        "error": ask,
        "broken": stream,
        "retry": lambda name, seen: ask(name, seen, by=patient),
        "retrystream": lambda name, seen: stream(name, seen, by=patient),
        "count": lambda name, seen: seen.update(
            output=client.responses.input_tokens.count(model=MODEL, input=name, instructions=SYSTEM).input_tokens
        ),
    }
)
