"""An object of the user's own as a target: whatever shape its answer has, it becomes events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

from ..ports import IO
from ..values.errors import MalformedResponseError, ProviderError, UsageError
from ..values.events import Event, Finish, TextDelta
from ..values.fold import fold, unfold
from ..values.message import Message
from ..values.request import Request
from ..values.response import Response
from ..wire.http import Head
from .destination import Own

_END = object()


def check(own: Own, blocking: bool) -> None:
    """Raises ``UsageError`` where the object cannot answer this client."""
    methods = [getattr(own.backend, name, None) for name in ("generate", "stream")]
    if not any(callable(method) for method in methods):
        raise UsageError("a target of your own has generate(request) or stream(request)", field="model", got=own.provider)
    if blocking and any(_declared_async(method) for method in methods if method is not None):
        raise UsageError(
            "its methods are asynchronous", field="model", got=own.provider, allowed="plain methods here; AsyncClient takes both"
        )


def _declared_async(method: Any) -> bool:
    flags = getattr(getattr(method, "__func__", method), "__code__", None)
    return flags is not None and bool(flags.co_flags & (0x80 | 0x200))  # CO_COROUTINE | CO_ASYNC_GENERATOR


async def answer(io: IO, own: Own, request: Request) -> Response:
    """The whole answer."""
    generate = getattr(own.backend, "generate", None)
    if generate is None:
        source = BackendSource(io, own, request)
        events: list[Event] = []
        try:
            await source.open()
            while batch := await source.batch():
                events += batch
        finally:
            await source.close()
        return fold(events)
    answered = await _run(io, generate, request)
    if isinstance(answered, str):
        return Response(message=Message.assistant(answered), finish_reason="stop", model=own.provider)
    if isinstance(answered, Response):
        return answered
    raise MalformedResponseError(f"generate of {own.provider} gave a {type(answered).__name__}, not a Response or str")


async def _run(io: IO, function: Callable[[Request], Any], request: Request) -> Any:
    """What the method returns; a plain method runs beside the event loop, where there is one."""
    if io.blocking or _declared_async(function):
        answered = function(request)
    else:
        answered = await io.offload(lambda: function(request))
    if isinstance(answered, Awaitable):
        if io.blocking:
            raise UsageError("its method returned an awaitable", field="model", allowed="plain methods here; AsyncClient takes both")
        answered = await answered
    return answered


class BackendSource:
    """The events that an object of the user's own streams, one a batch."""

    __slots__ = ("_finished", "_io", "_items", "_own", "_ready", "_request", "error", "head")

    def __init__(self, io: IO, own: Own, request: Request) -> None:
        self._io, self._own, self._request = io, own, request
        self._items: Iterator[Any] | AsyncIterator[Any] | None = None
        self._ready: list[Event] = []
        self._finished = False
        self.error: ProviderError | None = None
        self.head: Head | None = None

    async def open(self) -> None:
        stream = getattr(self._own.backend, "stream", None)
        if stream is None:
            self._ready = unfold(await answer(self._io, self._own, self._request))
            self._finished = True
            return
        items = await _run(self._io, stream, self._request)
        if isinstance(items, AsyncIterator) or hasattr(items, "__aiter__"):
            if self._io.blocking:
                raise UsageError("its stream is asynchronous", field="model", allowed="a plain iterator here; AsyncClient takes both")
            self._items = items.__aiter__()
        else:
            self._items = iter(items)
        self._ready = await self._next()

    async def batch(self) -> list[Event]:
        if self._ready:
            ready, self._ready = self._ready, []
            return ready
        try:
            return await self._next()
        except ProviderError as error:
            self.error = error
            return []

    async def _next(self) -> list[Event]:
        items = self._items
        if items is None:
            return []
        item: Any
        if isinstance(items, AsyncIterator):
            try:
                item = await items.__anext__()
            except StopAsyncIteration:
                item = _END
        elif self._io.blocking:
            item = next(items, _END)
        else:
            item = await self._io.offload(lambda: next(items, _END))
        if item is _END:
            self._items = None
            finished, self._finished = self._finished, True
            return [] if finished else [Finish("stop")]
        if isinstance(item, str):
            return [TextDelta(item)]
        if isinstance(item, Event):
            self._finished = self._finished or isinstance(item, Finish)
            return [item]
        raise MalformedResponseError(f"stream of {self._own.provider} gave a {type(item).__name__}, not an event or str")

    async def close(self) -> None:
        items, self._items = self._items, None
        if items is None:
            return
        if (aclose := getattr(items, "aclose", None)) is not None:
            await aclose()
        elif (close := getattr(items, "close", None)) is not None:
            close()

    def abort(self) -> None:
        items, self._items = self._items, None
        if items is not None and (close := getattr(items, "close", None)) is not None:
            close()
