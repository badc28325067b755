"""A small tokenizer, the same everywhere and always: what the simulator counts, limits and paces by."""

from __future__ import annotations

import re

import msgspec

from ..values.message import Audio, File, Image, Message, Part, Reasoning, Refusal, Text, ToolCall, ToolResult, Video
from ..values.request import Request, Tool

_PIECE = re.compile(r"\s*\w{1,4}|\s*[^\w\s]{1,4}|\s+")
PER_MESSAGE = 4
"""Tokens that a message costs besides its words."""
PER_MEDIUM: dict[type[Part], int] = {Image: 256, Audio: 128, Video: 1024, File: 512}
"""Tokens of a picture, a sound, a film or a document, whatever its size."""


def pieces(text: str) -> list[str]:
    """``text`` in tokens of up to four letters, each with the space before it; joined they are ``text`` again."""
    return _PIECE.findall(text)


def count(text: str) -> int:
    """How many tokens ``text`` is."""
    return len(_PIECE.findall(text))


def count_request(request: Request) -> int:
    """How many tokens a request's input is: words, pictures and the like, tools, an output's schema."""
    total = sum(PER_MESSAGE + _count_message(message) for message in request.messages)
    for tool in request.tools:
        total += count(tool.name or "")
        if isinstance(tool, Tool):
            total += count(tool.description or "") + (_count_json(tool.parameters) if tool.parameters else 0)
    if request.output is not None and request.output.schema is not None:
        total += _count_json(request.output.schema)
    return total


def _count_message(message: Message) -> int:
    return sum(map(_count_part, message.parts))


def _count_part(part: Part) -> int:
    match part:
        case Text() | Reasoning() | Refusal():
            return count(part.text)
        case ToolCall():
            return count(part.name) + count(part.raw_arguments)
        case ToolResult():
            return sum(map(_count_part, part.parts))
        case _:
            return PER_MEDIUM.get(type(part), 0)


def _count_json(value: object) -> int:
    return count(msgspec.json.encode(value).decode())
