"""The built-in brain: what is answered where no rule is. It says that it is simulated, and the same to the same request."""

from __future__ import annotations

import msgspec

from ..values.message import Audio, File, Image, Message, Text, ToolResult, Video
from ..values.request import AnyTool, CustomTool, HostedTool, Request, Tool
from .match import last_turn
from .schema_filler import WORD, fill
from .steps import Call, Say, Step, Think

SAYS = "This is a simulated answer"
_QUOTED = 60
_MEDIA = {Image: "image", Audio: "sound", Video: "film", File: "document"}


def answer_to(request: Request, choice: int = 0) -> tuple[Step, ...]:
    """What is said to ``request``, as its choice number ``choice``: a call of the tool that is forced, a value of the form that
    is asked for, or a few words about the request; reasoning before it, where that is asked for."""
    thought = (Think("This is simulated reasoning: nothing was thought."),) if _shall_think(request) else ()
    if (tool := _forced(request)) is not None:
        return (*thought, _call(tool))
    return (*thought, Say(_words(request, choice)))


def _shall_think(request: Request) -> bool:
    asked = request.reasoning
    return asked is not None and asked.enabled is not False and asked.effort != "none" and asked.show != "omitted"


def _forced(request: Request) -> AnyTool | None:
    choice = request.tool_choice
    if choice is None or choice.mode not in ("required", "tool"):
        return None
    callable_ones = [tool for tool in request.tools if not isinstance(tool, HostedTool)]
    named = [tool for tool in callable_ones if tool.name in choice.names] if choice.names else callable_ones
    return named[0] if named else None


def _call(tool: AnyTool) -> Call:
    if isinstance(tool, CustomTool):
        return Call(tool.name, WORD)
    value = fill(tool.parameters) if isinstance(tool, Tool) and tool.parameters else {}
    return Call(tool.name or WORD, value if isinstance(value, dict) else {})


def _words(request: Request, choice: int) -> str:
    if (output := request.output) is not None:
        value = {WORD: True} if output.schema is None else fill(output.schema)
        return msgspec.json.encode(value).decode()
    turn = last_turn(request)
    said = f"{SAYS} (choice {choice + 1})." if choice else f"{SAYS}."
    results = [part for message in turn for part in message.parts if isinstance(part, ToolResult)]
    if results:
        words = "".join(part.text for result in results for part in result.parts if isinstance(part, Text))
        said += f" {_many(len(results), 'tool')} answered: {_quote(words)}."
    if words := _said_by_user(turn):
        said += f" You said: {_quote(words)}."
    for kind, name in _MEDIA.items():
        if number := sum(isinstance(part, kind) for message in turn for part in message.parts):
            said += f" You showed {_many(number, name)}."
    if request.tools and not results:
        said += f" You offered {_many(len(request.tools), 'tool')}."
    return said


def _said_by_user(turn: list[Message]) -> str:
    said = [message.text for message in turn if message.role == "user" and message.text]
    return said[-1] if said else ""


def _quote(words: str) -> str:
    words = " ".join(words.split())
    return f'"{words}"' if len(words) <= _QUOTED else f'"{words[:_QUOTED]}…"'


def _many(number: int, name: str) -> str:
    return f"{number} {name}" + ("" if number == 1 else "s")
