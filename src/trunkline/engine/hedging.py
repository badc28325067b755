"""Two targets at once: the second is asked where the first has said nothing for a while, and whoever begins first answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NoReturn, TypeVar

from ..policy.retry_budget import RetryBudget
from ..ports import IO
from ..values.errors import ClosedByCallerError, ProviderError
from .call import Call, dress
from .charges import estimated_cost
from .course import Course
from .destination import Destination
from .settlement import Settlement
from .trial import Trial

T = TypeVar("T")


def delay_of(call: Call, trial: Trial) -> float | None:
    """Seconds after which a second target is asked; None: none is, this time."""
    hedge, station = call.hedge, trial.station
    if hedge is None:
        return None
    with station.lock:
        if station.hedges is None:
            station.hedges = RetryBudget(hedge.share, least=1, most=10)
        station.hedges.called()
        delay = station.latencies.percentile(hedge.percentile) if hedge.after is None else hedge.after
    station.heed()
    return delay


class Race:
    """The first target and, if it comes to that, the second. ``failed``: why the second did not answer, if it was asked."""

    def __init__(self, io: IO, call: Call, settlement: Settlement, course: Course) -> None:
        self._io, self._call, self._settlement, self._course = io, call, settlement, course
        self._over, self._given_up, self._never = io.signal(), io.signal(), io.signal()
        self._begun = False
        self._broken: Exception | None = None
        self._second: Trial | None = None
        self.failed: ProviderError | None = None

    async def run(self, first: Trial, delay: float, run: Callable[[Trial], Awaitable[T]]) -> tuple[Trial, T]:
        """The answer, and the try that brought it. Raises what the first target failed with, where the second did not answer
        either."""
        try:
            won, result = await self._io.first([self._lead(first, delay, run), self._chase(first, delay, run)])
        except Exception:
            if self._second is not None:
                self._second.released()  # which does nothing where it has failed
            raise
        self._settlement.destination = won.destination
        if won is not first and self._course.next is not None:
            self._course.drop()
            self._course.settle(won.destination)
        for trial in (first, self._second):
            if trial is not None and trial is not won:
                await self._overtaken(trial)
        return won, result

    async def _lead(self, first: Trial, delay: float, run: Callable[[Trial], Awaitable[T]]) -> tuple[Trial, T]:
        due = self._io.now() + delay
        try:
            result = await run(first)
        except Exception as error:
            self._broken = error
            self._over.set()
            if (self._begun or self._io.now() >= due) and not await self._given_up.wait(0.0):
                self._note(first, error)
                await self._given_up.wait()
            raise
        self._over.set()
        return first, result

    async def _chase(self, first: Trial, delay: float, run: Callable[[Trial], Awaitable[T]]) -> tuple[Trial, T]:
        if not await self._over.wait(delay):
            self._begun = True
            in_time = self._io.now() < self._settlement.until
            if in_time and not await self._over.wait(0.0) and self._may(first):  # or both would wait for each other
                destination = self._course.next
                other = first.destination if destination is None else destination.in_turn(self._io.now())
                self._second = trial = Trial(self._settlement, other, self._io.now())
                try:
                    return trial, await run(trial)
                except Exception as error:  # noqa: BLE001 - it matters to nobody but where the first fails too
                    await self._lost(trial, error, destination)
        self._given_up.set()
        await self._over.wait()
        if self._broken is not None:
            raise self._broken
        return await self._for_ever()

    async def _lost(self, trial: Trial, error: Exception, destination: Destination | None) -> None:
        """Notes why the second did not answer, if not because the first had."""
        if await self._over.wait(0.0) and self._broken is None:
            return
        self.failed = self._note(trial, error)
        if destination is not None:
            self._course.drop()

    async def _for_ever(self) -> NoReturn:
        """Until the race is over, which ends this branch."""
        while True:
            await self._never.wait()

    def _may(self, first: Trial) -> bool:
        station = first.station
        with station.lock:
            may = station.hedges is not None and station.hedges.take()
        station.heed()
        return may

    def _note(self, trial: Trial, error: Exception) -> ProviderError | None:
        """What it failed with, written down; None where the caller has ended it."""
        from .pursuit import as_provider_error  # it stands above

        failed = as_provider_error(error, trial.destination, True)
        if isinstance(failed, ClosedByCallerError) or self._settlement.settled:
            return None
        dress(failed, trial.destination, self._call)
        trial.ended(self._io.now(), error=failed)
        return failed

    async def _overtaken(self, trial: Trial) -> None:
        """Closes the one that was not needed, and books what it may cost: its prompt was read."""
        source = trial.source
        if source is not None:
            await source.close()
        cost = estimated_cost(self._io, self._call, trial.destination) if trial.asked else None
        trial.ended(self._io.now(), overtaken=True, cost=cost)
