"""An object of the user's own as a target: whatever shape its answer has, it becomes events."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import partial
from typing import Any

import msgspec

from ..ports import IO, Deadlines
from ..values.errors import DeadlineError, MalformedResponseError, ProviderError, TransportError, UsageError
from ..values.events import Event, Finish, TextDelta
from ..values.fold import fold, unfold
from ..values.message import Message
from ..values.request import Request
from ..values.response import Response
from ..wire.http import Head
from .destination import Own

_END = object()
_PLAIN = "plain methods and iterators here; AsyncClient takes both"


def check(own: Own, blocking: bool) -> None:
    """Raises ``UsageError`` where the object cannot answer this client."""
    methods = [getattr(own.backend, name, None) for name in ("generate", "stream")]
    if not any(callable(method) for method in methods):
        raise UsageError("a target of your own has generate(request) or stream(request)", field="model", got=own.provider)
    if blocking and any(map(declared_async, methods)):
        raise UsageError("its methods are asynchronous", field="model", got=own.provider, allowed=_PLAIN)


def declared_async(function: Any) -> bool:
    """Whether calling it gives something to await or to iterate asynchronously: a function, a method, a partial, a callable
    object."""
    while isinstance(function, partial):
        function = function.func
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    if code is None and not isinstance(function, type):
        code = getattr(getattr(type(function), "__call__", None), "__code__", None)  # noqa: B004 - of its class, to look at it
    return code is not None and bool(code.co_flags & (0x80 | 0x200))  # CO_COROUTINE | CO_ASYNC_GENERATOR


def raised(own: Own, error: Exception) -> ProviderError:
    """What the object raised, for those who judge it; its words are the object's own."""
    words, said = f"{own.provider} raised {type(error).__name__}", str(error) or None
    made: ProviderError
    if isinstance(error, TimeoutError):
        made = DeadlineError(words, phase="first_byte", provider_message=said)
    elif isinstance(error, ConnectionError):
        made = TransportError(words, phase="head", sent=True, provider_message=said)
    else:
        made = ProviderError(words, provider_message=said)
    made.__cause__ = error
    return made


async def answer(io: IO, own: Own, request: Request, limits: Deadlines) -> Response:
    """The whole answer."""
    generate = getattr(own.backend, "generate", None)
    if generate is None:
        return await _folded(BackendSource(io, own, request, limits))
    answered = await _run(io, generate, request)
    if isinstance(answered, str):
        return Response(message=Message.assistant(answered), finish_reason="stop", model=own.provider)
    if isinstance(answered, Response):
        return answered
    raise MalformedResponseError(f"generate of {own.provider} gave a {type(answered).__name__}, not a Response or str")


async def _folded(source: BackendSource) -> Response:
    events: list[Event] = []
    try:
        await source.open()
        while batch := await source.batch():
            events += batch
    finally:
        await source.close()
    if source.error is not None:
        raise source.error.__cause__ if source.failed and source.error.__cause__ else source.error
    return fold(events)


async def _run(io: IO, function: Callable[[Request], Any], request: Request) -> Any:
    """What the method returns; a plain method runs beside the event loop, where there is one."""
    if io.blocking or declared_async(function):
        answered = function(request)
    else:
        answered = await io.offload(lambda: _called(function, request))
    if isinstance(answered, Awaitable):
        if io.blocking:
            if isinstance(answered, Coroutine):
                answered.close()
            raise UsageError("its method returned an awaitable", field="model", allowed=_PLAIN)
        answered = await answered
    return answered


def _called(function: Callable[[Request], Any], request: Request) -> Any:
    try:
        return function(request)
    except StopIteration as error:  # asyncio cannot carry one from a thread, and would wait forever
        raise RuntimeError("raised StopIteration") from error


class BackendSource:
    """The events that an object of the user's own streams, one a batch. Its time is looked at before each."""

    __slots__ = ("_finished", "_io", "_items", "_limits", "_own", "_ready", "_request", "error", "failed", "head")

    def __init__(self, io: IO, own: Own, request: Request, limits: Deadlines) -> None:
        self._io, self._own, self._request, self._limits = io, own, request, limits
        self._items: Any = None
        self._ready: list[Event] = []
        self._finished = False
        self.error: ProviderError | None = None
        self.failed: bool = False
        """Whether ``error`` stands for an exception of the object's own, its ``__cause__``."""
        self.head: Head | None = None

    async def open(self) -> None:
        stream = getattr(self._own.backend, "stream", None)
        if stream is None:
            self._take(await answer(self._io, self._own, self._request, self._limits))
            return
        items = await _run(self._io, stream, self._request)
        if isinstance(items, str | Response):
            self._take(items)
            return
        if hasattr(items, "__aiter__"):
            if self._io.blocking:
                raise UsageError("its stream is asynchronous", field="model", allowed=_PLAIN)
            self._items = items.__aiter__()
        elif hasattr(items, "__iter__") and not isinstance(items, Mapping):
            self._items = iter(items)
        else:
            raise MalformedResponseError(f"stream of {self._own.provider} gave a {type(items).__name__}, not an iterator")
        self._ready = await self._next()

    def _take(self, whole: Response | str) -> None:
        self._finished = True
        self._ready = [TextDelta(whole), Finish("stop")] if isinstance(whole, str) else unfold(whole)

    @property
    def complete(self) -> bool:
        return self._items is None and self._finished and not self._ready and self.error is None

    async def batch(self) -> list[Event]:
        if self._ready:
            ready, self._ready = self._ready, []
            return ready
        try:
            return await self._next()
        except ProviderError as error:
            self.error = error
        except Exception as error:  # noqa: BLE001 - told as the error that ends the stream
            self.error, self.failed = raised(self._own, error), True
        return []

    def set_until(self, moment: float) -> None:
        self._limits = msgspec.structs.replace(self._limits, until=moment)

    async def _next(self) -> list[Event]:
        items = self._items
        if items is None:
            return []
        if self._io.now() >= self._limits.until:
            raise DeadlineError(phase="total", seconds=self._limits.total)
        item = await self._item(items)
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

    async def _item(self, items: Any) -> Any:
        if hasattr(items, "__anext__"):
            try:
                return await items.__anext__()
            except StopAsyncIteration:
                return _END
        if self._io.blocking:
            return next(items, _END)
        return await self._io.offload(lambda: next(items, _END))

    async def close(self) -> None:
        items, self._items = self._items, None
        if (aclose := getattr(items, "aclose", None)) is not None:
            if not getattr(items, "ag_running", False):
                await aclose()
        else:
            _close(items)

    def abort(self) -> None:
        items, self._items = self._items, None
        _close(items)


def _close(items: Any) -> None:
    """Ends a plain iterator that can be ended; not a generator that another thread is in, which ends with that."""
    close = getattr(items, "close", None)
    if close is not None and not getattr(items, "gi_running", False):
        close()
