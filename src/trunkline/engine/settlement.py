"""How a call ends: counted once, whatever ends it."""

from __future__ import annotations

from collections.abc import Awaitable
from threading import Lock
from typing import TypeVar

from ..ports import IO, Settled, correlation_id
from ..values.response import Attempt, Response
from .call import Call
from .destination import Destination
from .trial import Trial

T = TypeVar("T")


async def called(result: T | Awaitable[T]) -> T:
    """What a hook returned, awaited where it is a coroutine's."""
    if isinstance(result, Awaitable):
        awaited: T = await result
        return awaited
    return result


class Settlement:
    """One call's books: when it began, each attempt, and its end, told to the observers exactly once.

    ``how``: ``end``, ``error``, ``close`` (by the caller), ``cancel`` (cancellation, Ctrl-C) or ``collected`` (abandoned).
    """

    __slots__ = ("attempts", "began", "call", "call_id", "correlation", "destination", "lock", "open", "settled", "until")

    def __init__(self, io: IO, call: Call) -> None:
        self.call: Call = call
        self.call_id: str = io.new_id()
        self.began: float
        self.until: float
        self.begin(io.now())
        self.attempts: list[Attempt] = []
        self.destination: Destination | None = None
        self.correlation: str | None = correlation_id.get()
        self.settled: bool = False
        self.open: list[Trial] = []
        """The tries under way."""
        self.lock: Lock = Lock()

    def begin(self, now: float) -> None:
        """Starts the clock."""
        total = self.call.limits.total
        self.began = now
        self.until = self.call.until if total is None else min(self.call.until, now + total)

    def attempted(self, attempt: Attempt) -> None:
        """Writes down one try."""
        self.attempts.append(attempt)
        for observer in self.call.observers:
            try:
                observer.attempted(self.call_id, attempt)
            except Exception as broken:  # noqa: BLE001 - as below
                _show(broken, observer)

    def settle(self, how: str, now: float, response: Response | None = None, error: BaseException | None = None) -> bool:
        """Tells the observers how it ended; False (and nothing happens) when it has been told before."""
        with self.lock:
            if self.settled:
                return False
            self.settled = True
        for trial in tuple(self.open):
            trial.released()
        if not self.call.observers:
            return True
        destination = self.destination
        settled = Settled(
            how,
            self.call_id,
            destination.provider if destination else None,
            destination.model if destination else None,
            tuple(self.attempts),
            response,
            error,
            now - self.began,
            self.correlation,
        )
        for observer in self.call.observers:
            try:
                observer.settled(settled)
            except Exception as broken:  # noqa: BLE001 - an observer's fault must not fail the call; Python's own hook shows it
                _show(broken, observer)
        return True


def _show(broken: Exception, observer: object) -> None:
    """Python shows it as it shows what goes wrong where nobody can catch it."""
    _Fault(broken, observer)


class _Fault:
    """What raises the error of ``observer`` when it is forgotten, which is at once: the only way to ``sys.unraisablehook`` that
    every hook understands."""

    def __init__(self, error: Exception, observer: object) -> None:
        self._error, self._observer = error, observer

    def __del__(self) -> None:
        self._error.add_note(f"raised by an observer of Trunkline, {type(self._observer).__name__}")
        raise self._error
