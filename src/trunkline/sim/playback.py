"""A script as it is played: events and waits, in the loop of the server."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence

from ..serve.answers import HangUp
from ..values.events import Event
from .failures import error_of
from .recorder import Entry
from .script import Beat
from .steps import Close, Down, Fail, Reset, Stall, Step, StreamError

AT_ONCE = 64
"""How many events are handed on in one go where no wait is between them."""
MAKES_GOOD = 0.25
"""By how many seconds a pace that has fallen behind (a reader was slow) hurries to be in time again."""


class Tempo:
    """How fast time passes: ``speed`` times as fast as ``now`` (seconds) says; ``math.inf``: waits take none. ``down`` closes the
    listener for a while."""

    def __init__(self, speed: float, down: Callable[[float], Awaitable[None]], now: Callable[[], float] = time.monotonic) -> None:
        self.speed: float = speed
        self.now: Callable[[], float] = now
        self._down = down

    async def wait(self, seconds: float | None) -> None:
        """So many seconds of a scenario; None: for ever."""
        if seconds is None:
            await asyncio.Event().wait()
        elif seconds > 0:
            await asyncio.sleep(0 if self.speed == math.inf else seconds / self.speed)

    async def down(self, seconds: float) -> None:
        """Refuse connections for so many seconds of a scenario; where those take no time, none is refused."""
        if lasting := seconds / self.speed:
            await self._down(lasting)


class Pacer:
    """Waits one after another that add up: what one takes too long, the next makes good."""

    def __init__(self, tempo: Tempo) -> None:
        self._tempo = tempo
        self._due = tempo.now()

    async def wait(self, seconds: float) -> None:
        """So many seconds of a scenario after the end of the wait before."""
        speed, now = self._tempo.speed, self._tempo.now()
        self._due = max(self._due, now - MAKES_GOOD) + seconds / speed
        await asyncio.sleep(max(0.0, self._due - now))

    def begin(self) -> None:
        """The next wait counts from now."""
        self._due = self._tempo.now()


class Playback:
    """The beats of a script in time. ``next`` gives events, and the steps that whoever writes the bytes must see to; nothing at
    the end. It raises what goes wrong: ``HangUp``, or the error that is the stream's last word."""

    def __init__(self, beats: Sequence[Beat], tempo: Tempo, entry: Entry) -> None:
        self._beats = beats
        self._at = 0
        self._waited = False
        self._tempo = tempo
        self._pacer = Pacer(tempo)
        self._entry = entry

    async def next(self) -> list[Event | Step]:
        found: list[Event | Step] = []
        if not self._at:
            self._pacer.begin()
        while self._at < len(self._beats) and len(found) < AT_ONCE:
            beat = self._beats[self._at]
            if beat.wait and not self._waited:
                if found:
                    return found
                await self._pacer.wait(beat.wait)
                self._waited = True
            if beat.step is not None and _interrupts(beat.step):
                if found:
                    return found
                self._at += 1
                await self._interrupt(beat.step)
                continue
            self._at += 1
            self._waited = False
            found += beat.events if beat.step is None else (beat.step,)
        return found

    async def _interrupt(self, step: Step) -> None:
        self._waited = False
        match step:
            case Stall():
                await self._tempo.wait(step.seconds)
                self._pacer.begin()
            case Fail() | StreamError():
                self._entry.outcome = "failed"
                error = error_of(step)
                self._entry.failed(error)
                raise error
            case Close():
                self._entry.outcome = "cut"
                raise HangUp(reset=False)
            case _:
                self._entry.outcome = "reset"
                if isinstance(step, Down):
                    await self._tempo.down(step.seconds)
                raise HangUp(reset=True)


def _interrupts(step: Step) -> bool:
    return isinstance(step, (Stall, Fail, StreamError, Close, Reset, Down))


class Events:
    """A playback as the edge takes it (``EventSource``): for scripts that need nothing but events."""

    def __init__(self, playback: Playback) -> None:
        self._playback = playback

    async def next(self) -> Sequence[Event]:
        return [item for item in await self._playback.next() if isinstance(item, Event)]

    async def close(self) -> None:
        """Nothing is held."""
