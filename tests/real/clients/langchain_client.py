"""langchain: ``ChatOpenAI`` and ``ChatAnthropic``."""

from __future__ import annotations

from typing import Any

from contract import BASE, DIALECT, IMAGE, IMAGE_URL, KEY, MODEL, MOST_TURNS, RETRIES, SYSTEM, Seen, get_weather, run
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

ASKED: Any = {"model": MODEL, "base_url": BASE, "api_key": KEY}
THINKING: Any = {"thinking": {"type": "enabled", "budget_tokens": 2000}}
weather = tool(get_weather)


class Person(BaseModel):
    """Somebody."""

    name: str
    age: int


def model(name: str = "", **more: Any) -> Any:
    if DIALECT == "openai-chat":
        return ChatOpenAI(**ASKED, **{"max_retries": 0, "stream_usage": True} | more)
    thinking = THINKING if "thinking" in name else {}
    return ChatAnthropic(**ASKED, **{"max_retries": 0, "max_tokens": 4000} | thinking | more)


def tell(reply: AIMessage, seen: Seen) -> None:
    said = reply.response_metadata
    seen.update(text=reply.text, finish=said.get("finish_reason") or said.get("stop_reason"))
    seen["usage"] = [reply.usage_metadata["input_tokens"], reply.usage_metadata["output_tokens"]]
    seen.thought("".join(block.get("reasoning", "") for block in reply.content_blocks if block["type"] == "reasoning"))
    for call in reply.tool_calls:
        seen.call(call["name"], call["args"])


def ask(content: Any, seen: Seen, by: Any = None, before: Any = ()) -> None:
    tell((by or model()).invoke([*before, HumanMessage(content)]), seen)


def stream(name: str, seen: Seen, **more: Any) -> None:
    whole = None
    for piece in model(name, **more).stream(name):
        whole = piece if whole is None else whole + piece
        seen.piece(piece.text)
    tell(whole, seen)


def loop(name: str, seen: Seen, stream: bool = False) -> None:
    bound = model(name, streaming=stream).bind_tools([weather])
    messages: list[Any] = [HumanMessage(name)]
    for _ in range(MOST_TURNS):
        reply = bound.invoke(messages)
        tell(reply, seen)
        if not reply.tool_calls:
            return
        messages += [reply, *(weather.invoke(call) for call in reply.tool_calls)]


def image(name: str, seen: Seen) -> None:
    source = {"url": IMAGE_URL} if name == "image-url" else {"base64": IMAGE, "mime_type": "image/png"}
    ask([{"type": "text", "text": name}, {"type": "image", **source}], seen)


def structured(name: str, seen: Seen) -> None:
    seen["output"] = model().with_structured_output(Person).invoke(name).model_dump()


run(
    {
        "chat": ask,
        "system": lambda name, seen: ask(name, seen, before=[SystemMessage(SYSTEM)]),
        "stream": stream,
        "thinking": lambda name, seen: ask(name, seen, by=model(name)),
        "thinkingstream": stream,
        "tools": loop,
        "toolstream": lambda name, seen: loop(name, seen, stream=True),
        "image": image,
        "structured": structured,
        "error": ask,
        "broken": stream,
        "retry": lambda name, seen: ask(name, seen, by=model(max_retries=RETRIES)),
        "retrystream": lambda name, seen: stream(name, seen, max_retries=RETRIES),
        "count": lambda name, seen: seen.update(output=model().get_num_tokens_from_messages([HumanMessage(name)])),
    }
)
