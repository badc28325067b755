"""instructor: typed answers, by a forced tool, by JSON, and asked again when they do not fit."""

from __future__ import annotations

from typing import Any

import anthropic
import instructor
import openai
from contract import BASE, DIALECT, KEY, MODEL, RETRIES, Seen, run
from pydantic import BaseModel, Field

ASKED: Any = {"model": MODEL, "max_tokens": 4000}
TOOLS, JSON = {
    "openai-chat": (instructor.Mode.TOOLS, instructor.Mode.JSON),
    "anthropic-messages": (instructor.Mode.ANTHROPIC_TOOLS, instructor.Mode.ANTHROPIC_JSON),
}[DIALECT]


class Person(BaseModel):
    name: str
    age: int = Field(ge=0)


def client(mode: Any, retries: int = 0) -> Any:
    if DIALECT == "openai-chat":
        return instructor.from_openai(openai.OpenAI(base_url=BASE, api_key=KEY, max_retries=retries), mode=mode)
    return instructor.from_anthropic(anthropic.Anthropic(base_url=BASE, api_key=KEY, max_retries=retries), mode=mode)


def ask(name: str, seen: Seen, mode: Any = TOOLS, retries: int = 0, again: int = 0) -> None:
    messages = [{"role": "user", "content": name}]
    seen["output"] = (
        client(mode, retries).create(messages=messages, response_model=Person, max_retries=again, **ASKED).model_dump()
    )


def partial(name: str, seen: Seen) -> None:
    messages = [{"role": "user", "content": name}]
    seen["partials"] = 0
    for person in client(TOOLS).create_partial(messages=messages, response_model=Person, **ASKED):
        seen["partials"] += 1
        seen["output"] = person.model_dump()


run(
    {
        "structured": lambda name, seen: ask(name, seen, JSON if name == "structured-json" else TOOLS),
        "structuredstream": partial,
        "corrected": lambda name, seen: ask(name, seen, again=RETRIES),
        "error": ask,
        "retry": lambda name, seen: ask(name, seen, retries=RETRIES),
    }
)
