"""How long functions of the user's own are waited for, and that somebody may end it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..ports import IO, Signal
from ..values.errors import ClosedByCallerError

if TYPE_CHECKING:
    from collections.abc import Iterator

Outcome = tuple[Any, Exception | None]
"""What a function returned, or what it raised: told apart from what goes wrong with waiting for it."""


class Waiting:
    """All waits of one run. Each raises ``TimeoutError`` after so many seconds, and ``ClosedByCallerError`` from ``end`` on."""

    __slots__ = ("_signals", "over")

    def __init__(self) -> None:
        self.over: bool = False
        self._signals: set[Signal] = set()

    def end(self) -> None:
        """Ends them, from any thread; whatever was begun is left to itself, or cancelled where it is a coroutine."""
        self.over = True
        for signal in list(self._signals):
            signal.set()

    async def plain(self, io: IO, function: Callable[[], Any], seconds: float) -> Outcome:
        """The outcome of a function that may block."""
        with self._signal(io) as signal:
            return await io.apart(lambda: _outcome(function), seconds, signal)

    async def awaited(self, io: IO, function: Callable[[], Awaitable[Any]], seconds: float) -> Outcome:
        """The outcome of a coroutine function; its coroutine is cancelled, and waited for, when it is given up."""
        with self._signal(io) as signal:
            return await io.first([_awaited(function), _given_up(signal, seconds)])

    @contextmanager
    def _signal(self, io: IO) -> Iterator[Signal]:
        if self.over:
            raise _ended()
        signal = io.signal()
        self._signals.add(signal)
        try:
            if self.over:  # from another thread, which has not seen this signal
                signal.set()
            yield signal
        finally:
            self._signals.discard(signal)


def _outcome(function: Callable[[], Any]) -> Outcome:
    try:
        return function(), None
    except Exception as error:  # noqa: BLE001 - whoever waits for it decides
        return None, error


async def _awaited(function: Callable[[], Awaitable[Any]]) -> Outcome:
    try:
        return await function(), None
    except Exception as error:  # noqa: BLE001 - as above
        return None, error


async def _given_up(signal: Signal, seconds: float) -> Outcome:
    if await signal.wait(seconds):
        raise _ended()
    raise TimeoutError


def _ended() -> ClosedByCallerError:
    return ClosedByCallerError("it was closed while it waited")
