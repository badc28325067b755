"""What the classes of a host's own have in common when they answer our requests: options, words, and streams in other shapes."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Generic, TypeVar, cast, get_args

from trunkline import (
    Data,
    FinishReason,
    Image,
    Message,
    Part,
    Request,
    Text,
    ToolCall,
    ToolResult,
    UnsupportedOperationError,
    Url,
)

T = TypeVar("T")
U = TypeVar("U")

_PLAIN = ("max_tokens", "temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty", "stop", "seed")
_CARRIED = frozenset({"model", "messages", "stream", "tools", *_PLAIN})


def options(request: Request) -> dict[str, Any]:
    """What was said of the request beside its messages and tools, as keyword arguments under our names.

    Raises ``UnsupportedOperationError`` for what a class of the host's own has no words for: nothing is left out silently.
    """
    for name in request.__struct_fields__:
        if name not in _CARRIED and getattr(request, name) not in (None, (), {}):
            raise UnsupportedOperationError(f"a class of your own is not told of {name}", hint="leave it out for this target")
    said = {name: getattr(request, name) for name in _PLAIN}
    return {name: value for name, value in said.items() if value not in (None, ())}


def finish_reason(word: str | None, *, calls: bool) -> FinishReason:
    """Our word for a finish reason; ``other`` for one that we do not have."""
    if calls:
        return "tool_calls"
    return cast(FinishReason, word) if word in get_args(FinishReason) else "other"


async def begun(items: AsyncIterator[T] | Awaitable[AsyncIterator[T]]) -> AsyncIterator[T]:
    """The iterator: a method may return it, or be a coroutine that does."""
    return (await items) if isinstance(items, Awaitable) else items


class Translated(Generic[T, U]):
    """An asynchronous iterator in other words: each item becomes several (or none), and errors become others.

    ``aclose`` ends it; so does its end.
    """

    def __init__(
        self, items: AsyncIterator[T], words: Callable[[T], Iterable[U]], errors: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._items = items
        self._words, self._errors = words, errors
        self._ready: list[U] = []

    def __aiter__(self) -> Translated[T, U]:
        return self

    async def __anext__(self) -> U:
        while not self._ready:
            with self._errors():
                item = await self._items.__anext__()
            self._ready = list(self._words(item))
        return self._ready.pop(0)

    async def aclose(self) -> None:
        """End it, whatever is left."""
        await _ended(self._items)


class Later(Generic[T]):
    """An asynchronous iterator that is made when it is first asked for something."""

    def __init__(self, make: Callable[[], Awaitable[AsyncIterator[T]]]) -> None:
        self._make = make
        self._made: AsyncIterator[T] | None = None

    def __aiter__(self) -> Later[T]:
        return self

    async def __anext__(self) -> T:
        if self._made is None:
            self._made = await self._make()
        return await self._made.__anext__()

    async def aclose(self) -> None:
        """End what was made."""
        await _ended(self._made)


async def _ended(items: object) -> None:
    close = getattr(items, "aclose", None) or getattr(items, "close", None)
    if close is not None and isinstance(closing := close(), Awaitable):
        await closing


def to_dicts(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Messages as dicts in OpenAI's shape. ``UnsupportedOperationError`` for parts that it is not told of: media other than
    pictures, provider's own items."""
    return [made for message in messages for made in _to_dict(message)]


def _to_dict(message: Message) -> Iterator[dict[str, Any]]:
    if message.role == "tool":
        for part in message.parts:
            if isinstance(part, ToolResult):
                yield {"role": "tool", "tool_call_id": part.tool_call_id, "content": _content(part.parts)}
        return
    calls = [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.raw_arguments}}
        for call in message.tool_calls
    ]
    said = [part for part in message.parts if not isinstance(part, ToolCall)]
    yield {"role": message.role, "content": _content(said), **({"tool_calls": calls} if calls else {})}


def _content(parts: Sequence[Part]) -> str | list[dict[str, Any]]:
    """Plain text where there is nothing else."""
    if all(isinstance(part, Text) for part in parts):
        return "".join(part.text for part in parts if isinstance(part, Text))
    return [_item(part) for part in parts]


def _item(part: Part) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if isinstance(part, Image):
        return picture(part)
    raise UnsupportedOperationError(f"a model of your own is not told of {type(part).__name__}", hint="text and pictures")


def picture(image: Image) -> dict[str, Any]:
    """A picture as a part of a message in OpenAI's shape: its address, or its bytes as a ``data:`` URL."""
    source = image.source
    if isinstance(source, Data):
        url = f"data:{source.media_type};base64,{b64encode(source.data).decode()}"
    elif isinstance(source, Url):
        url = source.url
    else:
        raise UnsupportedOperationError(
            f"a picture cannot be shown as {type(source).__name__}", hint="by its address or its bytes"
        )
    return {"type": "image_url", "image_url": {"url": url, **({"detail": image.detail} if image.detail else {})}}
