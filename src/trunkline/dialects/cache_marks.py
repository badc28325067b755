"""Where marks for the provider's cache pay (``cache="auto"``): at the end of tools and system, and at the end of the last turn.

What stands before the first is the same in every call of an application, before the second in the next turn of a conversation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from ..values.message import CacheMark, File, Image, Message, Part, Text, ToolResult
from ..values.request import Request, Tool

MOST = 4
"""Marks that a request may bear (anthropic-messages §6; the same models answer at Bedrock and behind gateways)."""
LEAST = 1_500
"""Letters: what is shorter has fewer tokens than any model caches (512 and more, anthropic-messages §6)."""


def auto_marked(request: Request, *, tools: bool = True) -> Request:
    """``request`` with the marks that pay in place of ``cache="auto"``, beside those that it bears itself, four in all; itself,
    where something else was said. ``tools``: these may be marked."""
    if request.cache is None or not request.cache.auto:
        return request
    mark = CacheMark(request.cache.ttl)
    changes: dict[str, Any] = {"cache": None}
    messages = list(request.messages)
    left = MOST - _marks(request)
    last = next((n for n in reversed(range(len(messages))) if messages[n].role in ("user", "tool")), None)
    if left > 0 and last is not None and _enough(_said(request, messages)):
        messages[last], taken = _marked(messages[last], mark)
        left -= taken
    opening = next((n for n, message in enumerate(messages) if message.role != "system"), len(messages))
    if left > 0 and _enough(_said(request, messages[:opening])):
        if opening:
            messages[opening - 1], _ = _marked(messages[opening - 1], mark)
        elif tools and isinstance(tool := request.tools[-1], Tool) and tool.cache is None:
            changes["tools"] = (*request.tools[:-1], msgspec.structs.replace(tool, cache=mark))
    return msgspec.structs.replace(request, messages=tuple(messages), **changes)


def _marks(request: Request) -> int:
    parts = (part for message in request.messages for part in message.parts)
    return sum(getattr(each, "cache", None) is not None for holders in (request.tools, parts) for each in holders)


def _marked(message: Message, mark: CacheMark) -> tuple[Message, bool]:
    """``message`` with its last part marked that can be, and whether that needed a mark: it may bear one."""
    parts = list(message.parts)
    for n in reversed(range(len(parts))):
        part = parts[n]
        if isinstance(part, Image | File | ToolResult) or (isinstance(part, Text) and part.text.strip()):
            if part.cache is not None:
                return message, False
            parts[n] = msgspec.structs.replace(part, cache=mark)
            return msgspec.structs.replace(message, parts=tuple(parts)), True
    return message, False


def _said(request: Request, messages: Iterable[Message]) -> Iterator[int]:
    """The lengths of what is sent up to the end of ``messages``; of media one that is enough."""
    for tool in request.tools:
        if isinstance(tool, Tool):
            yield len(tool.description or "") + len(str(tool.parameters or ""))
    for message in messages:
        yield from map(_length, message.parts)


def _length(part: Part) -> int:
    if isinstance(part, Text):
        return len(part.text)
    if isinstance(part, ToolResult):
        return sum(map(_length, part.parts))
    return LEAST if isinstance(part, Image | File) else len(getattr(part, "raw_arguments", ""))


def _enough(lengths: Iterable[int]) -> bool:
    total = 0
    return any((total := total + length) >= LEAST for length in lengths)
