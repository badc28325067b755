"""One connection to an MCP server, from its start to its end: a task of the loop that is common to all."""

from __future__ import annotations

import asyncio
import atexit
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from time import monotonic
from typing import Any, Final, TypeVar
from weakref import WeakSet

import anyio
import mcp_types as sdk
from mcp import Client, MCPError

from .. import __version__
from ..client.forked import begins_anew
from ..ports import INFINITY
from ..values.errors import ToolSourceError, TrunklineError
from .child import GRACE, Child
from .loop import LOOP
from .remote import Remote

T = TypeVar("T")
Link = Child | Remote
_SLICE: Final = 0.2  # on Windows a wait for a lock is deaf to Ctrl-C
_END: Final = 4 * GRACE  # as long as a child takes to end, at most

_live: WeakSet[Session] = WeakSet()
_left_behind: list[Session] = []
"""In a forked child: those of the parent. Whoever collected them would take them out of what its loop waits for."""


class Session:
    """It begins to connect at once; ``wait`` until it has. ``failure`` says why it has ended, or could not be started; None: it
    lives, or was ended by ``end``."""

    def __init__(
        self,
        name: str,
        link: Callable[[asyncio.Event, asyncio.AbstractEventLoop], Link],
        start_timeout: float,
        mask: Callable[[str], str],
    ) -> None:
        self.failure: str | None = None
        self.changed: bool = False
        self._name, self._mask, self._start_timeout = name, mask, start_timeout
        self._ready: Future[None] = Future()
        self._over: Future[None] = Future()
        self._closing, self._ended = asyncio.Event(), asyncio.Event()
        self._ending = False
        self._scope: anyio.CancelScope | None = None
        self._loop = LOOP.hold()
        try:
            self._link = link(self._closing, self._loop)
        except BaseException:
            LOOP.let_go()
            raise
        _live.add(self)
        begins_anew(self)
        asyncio.run_coroutine_threadsafe(self._run(), self._loop)

    @property
    def is_over(self) -> bool:
        return self._over.done()

    def wait(self) -> None:
        """Until it is connected. Raises ``ToolSourceError`` where that fails."""
        try:
            _result(self._ready, self._start_timeout + 2 * _END)
        except TimeoutError:
            raise ToolSourceError(f"MCP server {self._name!r} could not be started in time") from None
        if self.failure is not None:
            raise ToolSourceError(self.failure)

    def call(
        self,
        what: str,
        operation: Callable[[Client], Awaitable[T]],
        seconds: float,
        watch: Callable[[Future[Any]], None] | None = None,
    ) -> T:
        """What the server answers within so many seconds; then it is told to stop. Raises ``ToolSourceError``."""
        loop = LOOP.hold()
        if loop is not self._loop:
            LOOP.let_go()
            raise ToolSourceError(self.failure or f"MCP server {self._name!r} was closed")
        future = asyncio.run_coroutine_threadsafe(self._answer(what, operation), loop)
        future.add_done_callback(lambda _: LOOP.let_go())
        if watch is not None:
            watch(future)
        try:
            return _result(future, seconds)
        except TimeoutError:
            words = f"did not answer {what} within {seconds:g} s; it was told to stop that"
        except CancelledError:
            words = f"had not answered {what} when that was given up"
        finally:
            future.cancel()  # at the server too, where it has not been answered
        raise ToolSourceError(self._mask(f"MCP server {self._name!r} {words}"))

    def end(self) -> None:
        """From any thread, without waiting."""
        self._ending = True
        with suppress(RuntimeError):  # the loop is closed: it is over
            self._loop.call_soon_threadsafe(self._stop)

    def wait_end(self, seconds: float = _END) -> None:
        """Until it is gone; what takes longer is killed."""
        try:
            _result(self._over, seconds)
        except TimeoutError:
            self._link.kill()

    def forget(self) -> None:
        """In a forked child: nothing here is its own."""
        _left_behind.append(self)
        _live.discard(self)
        self._link.forget()

    # -- in the loop ----------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        error: Exception | None = None
        try:
            with anyio.CancelScope(deadline=anyio.current_time() + self._start_timeout) as self._scope:
                if self._ending:
                    return
                info = sdk.Implementation(name="trunkline", version=__version__)
                client = Client(self._link, client_info=info, cache=None, message_handler=self._hear)
                async with client as self._client:
                    self._client.session.validate_tool_result = _unchecked  # type: ignore[method-assign]
                    self._scope.deadline = INFINITY
                    self._ready.set_result(None)
                    await self._closing.wait()
                    self._scope.deadline = anyio.current_time() + _END
        except Exception as raised:  # noqa: BLE001 - whoever waits, or calls, is told
            error = raised
        finally:
            self._finish(error)

    def _finish(self, error: Exception | None) -> None:
        how = self._mask(self._link.complaint() or (_words(error) if error is not None else "")) or None
        if self._ending:
            self.failure = None if self._ready.done() else f"MCP server {self._name!r} was closed while it started"
        elif self._ready.done():
            self.failure = self._mask(f"MCP server {self._name!r} has ended: {how or 'it says no more'}")
        else:
            late = f"it was not ready within {self._start_timeout:g} s"
            late += f" ({how})" if how and self._scope is not None and self._scope.cancelled_caught else ""
            how = late if self._scope is not None and self._scope.cancelled_caught else how
            self.failure = self._mask(f"MCP server {self._name!r} could not be started: {how}")
        _live.discard(self)
        self._ended.set()
        self._over.set_result(None)
        if not self._ready.done():
            self._ready.set_result(None)
        LOOP.let_go()

    def _stop(self) -> None:
        self._closing.set()
        if not self._ready.done() and self._scope is not None:
            self._scope.cancel()

    async def _hear(self, message: Any) -> None:
        if isinstance(message, sdk.ToolListChangedNotification):
            self.changed = True

    async def _answer(self, what: str, operation: Callable[[Client], Awaitable[T]]) -> T:
        try:
            return await operation(self._client)
        except TrunklineError as error:
            words = error.message
        except (MCPError, ValueError, RuntimeError, OSError, anyio.ClosedResourceError, anyio.BrokenResourceError) as error:
            refused = isinstance(error, MCPError)
            if self._closing.is_set() or (refused and str(error) == "Connection closed"):
                self._closing.set()  # over HTTP nobody else may notice
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._ended.wait(), 2 * _END)
                words = self.failure or f"MCP server {self._name!r} was closed"
                raise ToolSourceError(self._mask(f"{words} (before it had answered {what})")) from None
            words = f"refused {what}" if refused else f"answered {what} with what cannot be used"
            words = f"{words}: {_words(error)}"
        raise ToolSourceError(self._mask(f"MCP server {self._name!r} {words}"))


async def _unchecked(name: str, result: sdk.CallToolResult) -> None:
    """The SDK would hold results to the server's own schema, whose patterns could keep the whole interpreter busy for ever."""


def _words(error: BaseException) -> str:
    """What went wrong first, in a line: of what pydantic says the first fault."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    said = " ".join(str(error)[:500].split("\n")[:3])
    return said if isinstance(error, TrunklineError | MCPError) and said else f"{type(error).__name__}: {said}".removesuffix(": ")


def _result(future: Future[T], seconds: float) -> T:
    """Raises ``TimeoutError`` after so many seconds."""
    end = monotonic() + seconds
    while True:
        left = max(end - monotonic(), 0)
        try:
            return future.result(min(left, _SLICE) if sys.platform == "win32" else left)
        except TimeoutError:
            if monotonic() >= end:
                raise
            if future.done():
                return future.result()  # its own


@atexit.register
def _end_all() -> None:
    """Whoever closes nothing leaves nothing behind either."""
    sessions = list(_live)
    for session in sessions:
        session.end()
    until = monotonic() + _END
    for session in sessions:
        session.wait_end(max(until - monotonic(), 0))
