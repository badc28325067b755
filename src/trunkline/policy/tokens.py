"""How many tokens a text is, roughly, before anybody has counted them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from ..values.message import Part, Text, ToolCall, ToolResult
from ..values.request import CustomTool, Request, Tool

_BYTES_PER_TOKEN = 4
"""Of English and of code; languages with other scripts have two to three bytes a letter and fewer letters a token."""


def estimate_tokens(text: str) -> int:
    """About how many tokens ``text`` is, of any model: a quarter of its bytes in UTF-8, rounded up. Off by a third at times; what
    a provider counts stands in ``Usage``."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // _BYTES_PER_TOKEN)


def prompt_tokens(request: Request) -> int:
    """About how many tokens ``request`` sends: its texts, calls and answers of tools, and the tools themselves; media not."""
    return sum(map(estimate_tokens, _texts(request)))


def parts_of(parts: Iterable[Part]) -> Iterator[Part]:
    """All of them, and what the answers of tools hold."""
    for part in parts:
        yield part
        if isinstance(part, ToolResult):
            yield from part.parts


def _texts(request: Request) -> Iterator[str]:
    for message in request.messages:
        for part in parts_of(message.parts):
            if isinstance(part, Text):
                yield part.text
            elif isinstance(part, ToolCall):
                yield part.raw_arguments
    for tool in request.tools:
        if isinstance(tool, Tool | CustomTool):
            yield f"{tool.name}{tool.description or ''}"
        if isinstance(tool, Tool) and tool.parameters:
            yield msgspec.json.encode(tool.parameters).decode()
