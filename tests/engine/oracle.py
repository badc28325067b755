"""A model that says what it is told to, and tools for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tests.engine.calls import call
from trunkline.engine.call import Call
from trunkline.engine.destination import Own
from trunkline.engine.toolbox import Toolbox
from trunkline.values.events import Event
from trunkline.values.fold import unfold
from trunkline.values.message import Message, Part, Text, ToolCall
from trunkline.values.request import Request
from trunkline.values.response import Response, Usage

USAGE = Usage(input_tokens=10, output_tokens=3)


def reply(*parts: str | Part, finish: Any = None, **more: Any) -> Response:
    """A reply of texts and calls; its reason follows from them."""
    message = Message.assistant(*parts)
    reason: Any = finish or ("tool_calls" if message.tool_calls else "stop")
    return Response(message=message, finish_reason=reason, usage=USAGE, **more)


def tool_call(name: str = "echo", arguments: str = '{"word": "a"}', id: str = "c1") -> ToolCall:
    return ToolCall(id, name, arguments)


class Oracle:
    """``replies``: what it says, turn by turn; errors are raised, functions called. The last is said for ever."""

    name = "oracle"

    def __init__(self, *replies: Response | Exception | Callable[[], Response]) -> None:
        self._replies = list(replies)
        self.asked: list[Request] = []

    def generate(self, request: Request) -> Response:
        self.asked.append(request)
        said = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        if isinstance(said, Exception):
            raise said
        return said() if callable(said) else said

    def stream(self, request: Request) -> Iterator[Event]:
        return iter(unfold(self.generate(request)))


def asking(oracle: Oracle, *others: Any, **more: Any) -> Call:
    """A call of it, with no retries."""
    return call(Own(oracle), *others, retries=0, **more)


class Echo:
    """A tool that gives back what it is given, and writes it down."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def tool(self, word: str) -> str:
        self.heard.append(word)
        return word

    def box(self, *more: Any, blocking: bool = True) -> Toolbox:
        def echo(word: str) -> str:
            return self.tool(word)

        return Toolbox.of([echo, *more], blocking)


def texts(parts: tuple[Part, ...]) -> str:
    return "".join(part.text for part in parts if isinstance(part, Text))
