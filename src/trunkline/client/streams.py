"""Streams as users hold them: iterate for events, ``text`` for plain strings, ``response`` for the whole reply."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator, Generator, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, NoReturn

from ..engine.stream import LiveStream
from ..io.run import run_blocking
from ..values.events import Event, Finish, PartDone, TextDelta, ToolCallDelta
from ..values.message import HostedToolCall
from ..values.response import OutputT_co, Response

if TYPE_CHECKING:
    from ..values.sentences import Sentences

if TYPE_CHECKING:
    from ..engine.toolstream import RunStream
    from .conversation_turn import TurnStream


class _Held(Generic[OutputT_co]):
    """What both streams share: the live stream, what has arrived and not been handed out, and its end when it is forgotten."""

    __slots__ = ("__weakref__", "_live", "_pending")

    def __init__(self, live: LiveStream | RunStream | TurnStream) -> None:
        self._live = live
        self._pending: Iterator[Event] = iter(())

    @property
    def response(self) -> Response[OutputT_co]:
        """The reply as far as it has been read: whole, with cost and timings, once the stream has ended; ``partial`` until
        then."""
        return self._live.response

    @property
    def partial(self) -> Any:
        """The ``output`` so far, in plain JSON types, as far as it has been read; None where none was asked for, and before there
        is any. Objects and lists grow in place, texts grow; whatever stands in it stays."""
        return self._live.partial

    def _heard_all(self) -> bool:
        """Whether who leaves now has heard the last event: an end like any other. What is pending is given up."""
        return self._live.complete and next(self._pending, None) is None

    @staticmethod
    def _splitter(plain: bool) -> Sentences:
        from ..values.sentences import Sentences  # few speak

        return Sentences(plain)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {'ended' if self._live.ended else 'open'}>"

    def __reduce__(self) -> NoReturn:  # a copy that is forgotten would end the stream of the original
        raise TypeError(f"a {type(self).__name__} is neither pickled nor copied: its response is")

    def __del__(self) -> None:
        live = getattr(self, "_live", None)
        if live is not None and live.started and not live.ended:
            live.abort("collected")
            warnings.warn(f"{type(self).__name__} was not closed: use `with`", ResourceWarning, source=self, stacklevel=2)


class Stream(_Held[OutputT_co]):
    """The events of a reply as they arrive. Use it as a context manager; nothing is sent before it is entered or read.

    Raises what the engine raises: the target's error before the first event, ``StreamInterruptedError`` with the partial reply
    after it. ``close`` may be called from any thread.
    """

    __slots__ = ()

    def __enter__(self) -> Stream[OutputT_co]:
        run_blocking(self._live.open())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def __iter__(self) -> Generator[Event, None, None]:
        while True:
            yield from self._pending
            batch = run_blocking(self._live.batch())
            if not batch:
                return
            self._pending = iter(batch)

    def __next__(self) -> Event:
        for event in self:
            return event
        raise StopIteration

    @property
    def text(self) -> Generator[str, None, None]:
        """The text of the first choice, piece by piece."""
        return (event.text for event in self if type(event) is TextDelta and event.choice == 0)

    def sentences(self, plain: bool = False) -> Generator[str, None, None]:
        """The text of the first choice, sentence by sentence, each as soon as it is sure; without Markdown if ``plain``. See
        ``Sentences``."""
        cut = self._splitter(plain)
        for event in self:
            yield from _said(cut, event)
        yield from cut.finish()

    def close(self) -> None:
        """End it; what has been read stays in ``response``."""
        if self._heard_all():
            run_blocking(self._live.batch())
        self._pending = iter(())
        self._live.abort("close")
        run_blocking(self._live.close())


class AsyncStream(_Held[OutputT_co]):
    """The events of a reply as they arrive. Use it with ``async with``; nothing is sent before it is entered or read.

    Raises as ``Stream`` does.
    """

    __slots__ = ()

    async def __aenter__(self) -> AsyncStream[OutputT_co]:
        await self._live.open()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        await self.close()

    def __aiter__(self) -> AsyncStream[OutputT_co]:
        return self

    async def __anext__(self) -> Event:
        for event in self._pending:
            return event
        batch = await self._live.batch()
        if not batch:
            raise StopAsyncIteration
        self._pending = iter(batch)
        return next(self._pending)

    @property
    def text(self) -> AsyncIterator[str]:
        """The text of the first choice, piece by piece."""
        return _Texts(self)

    def sentences(self, plain: bool = False) -> AsyncIterator[str]:
        """The text of the first choice, sentence by sentence, each as soon as it is sure; without Markdown if ``plain``. See
        ``Sentences``."""
        return _Sentences(self, plain)

    async def close(self) -> None:
        """End it; what has been read stays in ``response``."""
        if self._heard_all():
            await self._live.batch()
        self._pending = iter(())
        await self._live.close()


class _Texts:
    __slots__ = ("_stream",)

    def __init__(self, stream: AsyncStream) -> None:
        self._stream = stream

    def __aiter__(self) -> _Texts:
        return self

    async def __anext__(self) -> str:
        stream = self._stream
        while True:
            for event in stream._pending:
                if type(event) is TextDelta and event.choice == 0:
                    return event.text
            batch = await stream._live.batch()
            if not batch:
                raise StopAsyncIteration
            stream._pending = iter(batch)


class _Sentences:
    __slots__ = ("_cut", "_ended", "_ready", "_stream")

    def __init__(self, stream: AsyncStream, plain: bool) -> None:
        self._stream = stream
        self._cut = stream._splitter(plain)
        self._ready: Iterator[str] = iter(())
        self._ended = False

    def __aiter__(self) -> _Sentences:
        return self

    async def __anext__(self) -> str:
        while True:
            for sentence in self._ready:
                return sentence
            if self._ended:
                raise StopAsyncIteration
            try:
                self._ready = iter(_said(self._cut, await self._stream.__anext__()))
            except StopAsyncIteration:
                self._ready, self._ended = iter(self._cut.finish()), True


def _said(cut: Sentences, event: Event) -> list[str]:
    """What is sure once this has happened: nothing goes on after a call of a tool (the provider's own too) or the turn's end."""
    if type(event) is TextDelta and event.choice == 0:
        return cut.feed(event.text)
    ends = type(event) in (ToolCallDelta, Finish) or (type(event) is PartDone and type(event.part) is HostedToolCall)
    return cut.finish() if ends and event.choice == 0 else []
