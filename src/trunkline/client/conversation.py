"""Conversations with a model: what was said is kept, and sent again with each turn."""

from __future__ import annotations

from types import TracebackType
from typing import TypeVar, Unpack, overload

from ..io.run import run_blocking
from ..values.response import Response
from .conversation_shared import Talking
from .options import CallOptions, Prompt, RunOptions, UntypedOptions, UntypedRunOptions
from .streams import AsyncStream, Stream

T = TypeVar("T")


class Conversation(Talking):
    """What ``Client.conversation`` gives: a history that grows by a turn with each ``send``, ``stream``, ``run`` and
    ``stream_run``.

    A turn that is not answered (an error, Ctrl-C, a stream that breaks off or is closed) is taken back: the conversation is as
    it was before. One turn is under way at a time; a second one raises ``UsageError``. With ``with`` what is saved is written
    for sure at the end.
    """

    @overload
    def send(self, prompt: Prompt, *, output: type[T], **options: Unpack[UntypedOptions]) -> Response[T]: ...
    @overload
    def send(self, prompt: Prompt, **options: Unpack[CallOptions]) -> Response: ...
    def send(self, prompt: Prompt, **options: Unpack[CallOptions]) -> Response:
        """The reply to ``prompt``, said after all that was said before. ``options`` as in ``CallOptions``, for this turn.
        Raises what ``generate`` does."""
        return run_blocking(self._sent(prompt, options))

    @overload
    def run(self, prompt: Prompt, *, output: type[T], **options: Unpack[UntypedRunOptions]) -> Response[T]: ...
    @overload
    def run(self, prompt: Prompt, **options: Unpack[RunOptions]) -> Response: ...
    def run(self, prompt: Prompt, **options: Unpack[RunOptions]) -> Response:
        """Likewise the answer, after whatever ``tools`` the model calls have been run (``Client.run``); calls and results are
        part of the conversation."""
        return run_blocking(self._ran(prompt, options))

    @overload
    def stream(
        self, prompt: Prompt, *, output: type[T], keep_partial: bool = False, **options: Unpack[UntypedOptions]
    ) -> Stream[T]: ...
    @overload
    def stream(self, prompt: Prompt, *, keep_partial: bool = False, **options: Unpack[CallOptions]) -> Stream: ...
    def stream(self, prompt: Prompt, *, keep_partial: bool = False, **options: Unpack[CallOptions]) -> Stream:
        """``send`` as it is written. The turn is kept when the stream has been read to its end; where it breaks off or is closed
        before, only with ``keep_partial``, and of the answer its words alone."""
        return Stream(self._stream(prompt, options, keep_partial))

    @overload
    def stream_run(
        self, prompt: Prompt, *, output: type[T], keep_partial: bool = False, **options: Unpack[UntypedRunOptions]
    ) -> Stream[T]: ...
    @overload
    def stream_run(self, prompt: Prompt, *, keep_partial: bool = False, **options: Unpack[RunOptions]) -> Stream: ...
    def stream_run(self, prompt: Prompt, *, keep_partial: bool = False, **options: Unpack[RunOptions]) -> Stream:
        """``run`` as it happens, kept as ``stream`` is; with ``keep_partial`` the steps that are whole are kept, too."""
        return Stream(self._run_stream(prompt, options, keep_partial))

    def add(self, prompt: Prompt) -> None:
        """Adds what was said elsewhere, as ``generate`` takes it; nobody is asked. Files are read now."""
        run_blocking(self._added(prompt))

    def ready(self) -> None:
        """Opens the store, and reads what is resumed; a turn does so by itself."""
        run_blocking(self._made_ready())

    def close(self) -> None:
        """Makes sure that what is saved is written, and lets go of the store where it was given as a path."""
        run_blocking(self._closed())

    def __enter__(self) -> Conversation:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


class AsyncConversation(Talking):
    """What ``AsyncClient.conversation`` gives: ``Conversation``, awaited.

    One that is resumed is read by ``await chat.ready()`` or with the first turn; before that, what it holds is not known.
    """

    @overload
    async def send(self, prompt: Prompt, *, output: type[T], **options: Unpack[UntypedOptions]) -> Response[T]: ...
    @overload
    async def send(self, prompt: Prompt, **options: Unpack[CallOptions]) -> Response: ...
    async def send(self, prompt: Prompt, **options: Unpack[CallOptions]) -> Response:
        """The reply to ``prompt``, said after all that was said before. ``options`` as in ``CallOptions``, for this turn.
        Raises what ``generate`` does."""
        return await self._sent(prompt, options)

    @overload
    async def run(self, prompt: Prompt, *, output: type[T], **options: Unpack[UntypedRunOptions]) -> Response[T]: ...
    @overload
    async def run(self, prompt: Prompt, **options: Unpack[RunOptions]) -> Response: ...
    async def run(self, prompt: Prompt, **options: Unpack[RunOptions]) -> Response:
        """Likewise the answer, after whatever ``tools`` the model calls have been run (``Client.run``); calls and results are
        part of the conversation."""
        return await self._ran(prompt, options)

    @overload
    def stream(
        self, prompt: Prompt, *, output: type[T], keep_partial: bool = False, **options: Unpack[UntypedOptions]
    ) -> AsyncStream[T]: ...
    @overload
    def stream(self, prompt: Prompt, *, keep_partial: bool = False, **options: Unpack[CallOptions]) -> AsyncStream: ...
    def stream(self, prompt: Prompt, *, keep_partial: bool = False, **options: Unpack[CallOptions]) -> AsyncStream:
        """``send`` as it is written. The turn is kept when the stream has been read to its end; where it breaks off or is closed
        before, only with ``keep_partial``, and of the answer its words alone."""
        return AsyncStream(self._stream(prompt, options, keep_partial))

    @overload
    def stream_run(
        self, prompt: Prompt, *, output: type[T], keep_partial: bool = False, **options: Unpack[UntypedRunOptions]
    ) -> AsyncStream[T]: ...
    @overload
    def stream_run(self, prompt: Prompt, *, keep_partial: bool = False, **options: Unpack[RunOptions]) -> AsyncStream: ...
    def stream_run(self, prompt: Prompt, *, keep_partial: bool = False, **options: Unpack[RunOptions]) -> AsyncStream:
        """``run`` as it happens, kept as ``stream`` is; with ``keep_partial`` the steps that are whole are kept, too."""
        return AsyncStream(self._run_stream(prompt, options, keep_partial))

    async def add(self, prompt: Prompt) -> None:
        """Adds what was said elsewhere, as ``generate`` takes it; nobody is asked. Files are read now."""
        await self._added(prompt)

    async def ready(self) -> None:
        """Opens the store, and reads what is resumed; a turn does so by itself."""
        await self._made_ready()

    async def close(self) -> None:
        """Makes sure that what is saved is written, and lets go of the store where it was given as a path."""
        await self._closed()

    async def __aenter__(self) -> AsyncConversation:
        await self.ready()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        await self.close()
