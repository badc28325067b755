"""Conversations with scripted providers, in both worlds by the same words."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from trunkline import AsyncClient, Client, Message, Response, Settings
from trunkline.sim import ScriptedIO


class Echo:
    """Answers with what was asked; remembers what it was shown."""

    def __init__(self) -> None:
        self.seen: list[list[tuple[str, str]]] = []

    def generate(self, request: Any) -> Response:
        self.seen.append([(message.role, message.text) for message in request.messages])
        return Response(message=Message.assistant(f"re {request.messages[-1].text}"), finish_reason="stop")


class Held:
    """A client of one world or the other, and a conversation with it."""

    def __init__(self, blocking: bool, script: Any, *system: Any, model: Any = "openai-chat/m", **options: Any) -> None:
        self.blocking = blocking
        self.io = ScriptedIO(script, blocking=blocking)
        about = {"settings": Settings({}), "io": self.io} | ({"base_url": "http://h.test"} if isinstance(model, str) else {})
        self.llm: Any = Client(model, **about) if blocking else AsyncClient(model, **about)
        self.chat: Any = self.llm.conversation(*system, **options)

    def do(self, method: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """What the method gives, awaited where it has to be."""
        made = method(*arguments, **options)
        return asyncio.run(made) if asyncio.iscoroutine(made) else made

    def send(self, prompt: Any, **options: Any) -> Response:
        response: Response = self.do(self.chat.send, prompt, **options)
        return response

    def read(self, stream: Any, most: int | None = None) -> list[str]:
        """The texts of a stream, at most so many; then it is closed."""
        if self.blocking:
            with stream:
                return [text for _, text in zip(range(most or 999), stream.text, strict=False)]

        async def read() -> list[str]:
            texts: list[str] = []
            async with stream:
                async for text in stream.text:
                    texts.append(text)
                    if len(texts) == most:
                        break
            return texts

        return asyncio.run(read())

    def asked(self) -> list[list[tuple[str, Any]]]:
        """Role and content of the messages of each request."""
        bodies = [json.loads(request.body) for request in self.io.requests]
        return [[(message["role"], message.get("content")) for message in body["messages"]] for body in bodies]

    def said(self) -> list[tuple[str, str]]:
        return [(message.role, message.text) for message in self.chat.messages]


def turns(*texts: str) -> list[tuple[str, str]]:
    """A question and an answer, and so on."""
    return [("assistant" if n % 2 else "user", text) for n, text in enumerate(texts)]
