"""A conversation as one prompt: the program takes no history."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

import msgspec

from ...values.message import (
    Audio,
    File,
    HostedToolCall,
    HostedToolResult,
    Image,
    Message,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from ...values.model import Target
from ...values.request import Request
from ..anthropic_messages.request import encode_request as encode_message
from ..losses import Losses

_NAMES = {"user": "user", "assistant": "assistant", "tool": "tools", "system": "system"}
_SO_FAR = "The conversation so far, each turn between tags that name who spoke:\n\n"
_CONTINUE = "\n\nGive the assistant's next turn: its words alone, without a tag."
_FOREIGN = "it is bound to another provider"
_NO_NAMES = "who speaks has no name here"
_ONE_PROMPT = "the program takes one prompt: the turns so far are written into it"


def system_of(messages: Sequence[Message], losses: Losses) -> str:
    """What comes before the first turn, as the program's whole system prompt; empty: none."""
    found = _leading(messages)
    for part in (part for message in found for part in message.parts):
        if not isinstance(part, Text):
            losses.dropped("messages.system", "the program's system prompt is text only")
        else:
            _unmarked(part, losses)
    return "\n\n".join(message.text for message in found)


def _unmarked(part: Part, losses: Losses) -> None:
    if getattr(part, "cache", None) is not None:
        losses.dropped("cache", "the program caches as it sees fit")


def _leading(messages: Sequence[Message]) -> list[Message]:
    found: list[Message] = []
    for message in messages:
        if message.role != "system":
            break
        found.append(message)
    return found


def content_of(messages: Sequence[Message], target: Target, losses: Losses) -> Any:
    """The user's one turn: text, or blocks of ``anthropic-messages`` where there is more than text."""
    turns = messages[len(_leading(messages)) :]
    if len(turns) == 1 and turns[0].role == "user":
        parts = list(turns[0].parts)
        if turns[0].name is not None:
            losses.dropped("messages.name", _NO_NAMES)
    else:
        losses.approximated("messages", _ONE_PROMPT)
        parts = _joined([_SO_FAR, *_transcript(turns, losses), _CONTINUE])
    request = Request(model=target.model, messages=(Message("user", tuple(parts)),), max_tokens=1)
    encoded = encode_message(request, target)
    for warning in encoded.warnings:
        {"dropped": losses.dropped, "renamed": losses.renamed, "approximated": losses.approximated}[warning.kind](
            warning.field, warning.reason
        )
    said = msgspec.json.decode(encoded.wire.body)["messages"]
    return said[0]["content"] if said else ""


def _transcript(turns: Sequence[Message], losses: Losses) -> Iterator[str | Part]:
    """The turns between tags that no turn can end by itself: none of them stands in what is said."""
    told = [[piece for part in turn.parts for piece in _told(part, losses)] for turn in turns]
    words = "".join(piece for turn in told for piece in turn if isinstance(piece, str))
    mark = next(mark for mark in _marks() if not any(f"</{name}{mark}>" in words for name in _NAMES.values()))
    for number, (turn, pieces) in enumerate(zip(turns, told, strict=True)):
        name = f"{_NAMES[turn.role]}{mark}"
        if turn.name is not None:
            losses.dropped("messages.name", _NO_NAMES)
        yield f"{chr(10) * 2 * bool(number)}<{name}>\n"
        yield from pieces
        yield f"\n</{name}>"


def _marks() -> Iterator[str]:
    yield ""
    yield from (f"-{number}" for number in count(2))


def _told(part: Part, losses: Losses) -> Iterator[str | Part]:
    """A part in words, or as it is. What a provider keeps in it for itself is no business of the program's."""
    if not isinstance(part, Reasoning | Opaque | HostedToolCall | HostedToolResult) and part.state is not None:
        losses.dropped(f"messages.{part.__struct_config__.tag}.state", _FOREIGN)
    if isinstance(part, Text) and part.citations:
        losses.dropped("messages.citations", "the program is told words only")
    if not isinstance(part, Image | File):
        _unmarked(part, losses)
    if isinstance(part, Text | Refusal):
        yield part.text
    elif isinstance(part, Image | File | Audio | Video):
        yield part
    elif isinstance(part, ToolCall):
        yield f'<call id="{part.id}" tool="{part.name}">{part.raw_arguments}</call>'
    elif isinstance(part, ToolResult):
        yield f'<result call="{part.tool_call_id}"{" failed" * part.is_error}>'
        for inner in part.parts:
            yield from _told(inner, losses)
        yield "</result>"
    elif isinstance(part, HostedToolCall | HostedToolResult):
        losses.dropped("messages.hosted_tool", _FOREIGN)
    elif isinstance(part, Reasoning):
        losses.dropped("messages.reasoning", "the program takes none back")
    else:
        losses.dropped(f"messages.{part.kind}", "only its own protocol knows it")


def _joined(pieces: list[str | Part]) -> list[Part]:
    """Neighbouring words as one text."""
    parts: list[Part] = []
    words: list[str] = []
    for piece in [*pieces, None]:
        if isinstance(piece, str):
            words.append(piece)
            continue
        if words:
            parts.append(Text("".join(words)))
            words = []
        if piece is not None:
            parts.append(piece)
    return parts
