"""The cohere SDK, speaking v2 chat."""

from __future__ import annotations

import json
from typing import Any

import cohere
from contract import BASE, IMAGE, IMAGE_URL, KEY, MODEL, MOST_TURNS, RETRIES, SYSTEM, WEATHER, Seen, get_weather, run

client = cohere.ClientV2(api_key=KEY, base_url=BASE, max_retries=0)
patient = cohere.ClientV2(api_key=KEY, base_url=BASE, max_retries=RETRIES)
TOOLS: Any = [{"type": "function", "function": WEATHER}]
THINKING: Any = {"thinking": {"type": "enabled", "token_budget": 2000}}
PERSON = {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}, "required": ["name", "age"]}


class ErrorEvent(Exception):
    """The SDK hands it on as an event."""


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def end(reason: Any, usage: Any, seen: Seen) -> None:
    seen.update(finish=reason, usage=[usage.tokens.input_tokens, usage.tokens.output_tokens])


def ask(content: Any, seen: Seen, by: Any = client, before: Any = (), **more: Any) -> Any:
    reply = by.chat(model=MODEL, messages=[*before, user(content)], **more)
    return tell(reply, seen)


def tell(reply: Any, seen: Seen) -> Any:
    seen["text"] = ""
    for block in reply.message.content or ():
        if block.type == "text":
            seen["text"] += block.text
        elif block.type == "thinking":
            seen.thought(block.thinking)
    for call in reply.message.tool_calls or ():
        seen.call(call.function.name, call.function.arguments)
    end(reply.finish_reason, reply.usage, seen)
    return reply.message


def stream(content: Any, seen: Seen, by: Any = client, before: Any = (), **more: Any) -> None:
    streamed([*before, user(content)], seen, by=by, **more)


def streamed(messages: Any, seen: Seen, by: Any = client, **more: Any) -> dict[str, Any]:
    """The message that a stream tells, as one sends it back."""
    calls: list[Any] = []
    plan, thoughts, ended = "", "", False
    for event in by.chat_stream(model=MODEL, messages=messages, **more):
        message = getattr(event.delta, "message", None) if getattr(event, "delta", None) else None
        if event.type == "content-delta":
            seen.piece(message.content.text)
            seen.thought(message.content.thinking)
            thoughts += message.content.thinking or ""
        elif event.type == "tool-plan-delta":
            plan += message.tool_plan
        elif event.type == "tool-call-start":
            call = message.tool_calls
            calls.append({"id": call.id, "type": "function", "function": dict(call.function)})
        elif event.type == "tool-call-delta":
            calls[-1]["function"]["arguments"] += message.tool_calls.function.arguments
        elif event.type == "message-end":
            ended = True
            if event.delta.error:
                raise ErrorEvent(event.delta.error)
            end(event.delta.finish_reason, event.delta.usage, seen)
    if not ended:
        raise EOFError("the stream ended without its end")
    for call in calls:
        seen.call(call["function"]["name"], call["function"]["arguments"])
    said = {"role": "assistant", "tool_calls": calls, "tool_plan": plan}
    return said | ({"content": [{"type": "thinking", "thinking": thoughts}]} if thoughts else {})


def loop(name: str, seen: Seen, streaming: bool = False) -> None:
    more = THINKING if name.endswith("thinking") else {}
    messages: list[Any] = [user(name)]
    for _ in range(MOST_TURNS):
        if streaming:
            seen.pop("text", None)
            message: Any = streamed(messages, seen, tools=TOOLS, **more)
            calls = [(call["id"], call["function"]["arguments"]) for call in message["tool_calls"]]
        else:
            message = tell(client.chat(model=MODEL, messages=messages, tools=TOOLS, **more), seen)
            calls = [(call.id, call.function.arguments) for call in message.tool_calls or ()]
        if not calls:
            return
        results = [{"role": "tool", "tool_call_id": id, "content": get_weather(**json.loads(given))} for id, given in calls]
        messages += [message, *results]


def image(name: str, seen: Seen) -> None:
    url = IMAGE_URL if name == "image-url" else f"data:image/png;base64,{IMAGE}"
    ask([{"type": "text", "text": name}, {"type": "image_url", "image_url": {"url": url}}], seen)


def structured(name: str, seen: Seen) -> None:
    reply = client.chat(model=MODEL, messages=[user(name)], response_format={"type": "json_object", "json_schema": PERSON})
    seen["output"] = json.loads(reply.message.content[0].text)


def told(error: BaseException) -> dict[str, Any]:
    headers = {name.lower(): value for name, value in (getattr(error, "headers", None) or {}).items()}
    return {"retry_after": headers.get("retry-after"), "request_id": headers.get("x-debug-trace-id")}


run(
    {
        "chat": ask,
        "system": lambda name, seen: ask(name, seen, before=[{"role": "system", "content": SYSTEM}]),
        "stream": stream,
        "thinking": lambda name, seen: ask(name, seen, **THINKING),
        "thinkingstream": lambda name, seen: stream(name, seen, **THINKING),
        "tools": loop,
        "toolstream": lambda name, seen: loop(name, seen, streaming=True),
        "image": image,
        "structured": structured,
        "models": lambda name, seen: seen.update(output=[model.name for model in client.models.list().models]),
        "error": ask,
        "broken": stream,
        "retry": lambda name, seen: ask(name, seen, by=patient),
        "retrystream": lambda name, seen: stream(name, seen, by=patient),
    },
    told,
)
