"""System B, a voice assistant: what was heard becomes an answer that is spoken sentence by sentence, with tools on the way.

``python examples/voice_assistant.py``
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

from simulated import provider

from trunkline.compat.voice_assistant.llm import LLMError, LLMProvider, Message, MessageRole, ProviderFactory, ToolDefinition
from trunkline.sim import Call, Rule, Say, When

SYSTEM = Message(MessageRole.SYSTEM, "You are a voice assistant. Answer in two short sentences, without lists.")
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [ToolDefinition("weather", "The weather in a city, now", CITY), ToolDefinition("clock", "The time in a city, now", CITY)]
ANSWERS = {"weather": {"Oslo": "4 degrees, rain", "Rome": "21 degrees, sun"}, "clock": {"Oslo": "14:05", "Rome": "14:05"}}
HEARD = "Where is it warmer now, in Oslo or in Rome?"
SPOKEN = "It is much warmer in Rome, with 21 degrees and sun. In Oslo it rains at 4 degrees."
PLAY = [
    Rule(
        Say(SPOKEN),
        when=When(text="tools said"),
    ),
    Rule(Call("weather", {"city": "Oslo"}), Call("weather", {"city": "Rome"}), when=When(tools="weather")),
]


async def main() -> None:
    with provider(PLAY) as name:
        config = {"llm": {"backend": name, name: {"model": None, "max_tokens": 300}}}
        async with ProviderFactory.create_from_config(config) as llm:
            print(f"Heard: {HEARD}")
            try:
                await speak(llm, await question(llm))
            except LLMError as error:
                print(f"Sorry: {error}")


async def question(llm: LLMProvider) -> str:
    """What was heard, with what the tools know of it."""
    asked = await llm.complete([SYSTEM, Message(MessageRole.USER, HEARD)], tools=TOOLS)
    known = []
    for call in asked.tool_calls or ():
        known.append(f"{call.name}({call.arguments.get('city')}): {ANSWERS[call.name].get(call.arguments['city'], 'unknown')}")
        print(f"  tool {known[-1]}")
    return f"{HEARD}\nThe tools said: {'; '.join(known)}" if known else HEARD


async def speak(llm: LLMProvider, text: str) -> None:
    """Each sentence is spoken as soon as it is whole."""
    pending = ""
    pieces = llm.stream_complete([SYSTEM, Message(MessageRole.USER, text)])
    assert isinstance(pieces, AsyncIterator)
    async for piece in pieces:
        *whole, pending = re.split(r"(?<=[.!?])\s+", pending + piece)
        for sentence in whole:
            print(f"Speaks: {sentence}")
    if pending:
        print(f"Speaks: {pending}")


if __name__ == "__main__":
    asyncio.run(main())
