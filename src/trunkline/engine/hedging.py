"""Two targets at once: the second is asked where the first has said nothing for a while, and whoever begins first answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NoReturn, TypeVar

from ..policy.retry_budget import RetryBudget
from ..ports import IO
from ..values.errors import ProviderError
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
        self._over, self._second_over, self._never = io.signal(), io.signal(), io.signal()
        self._second: Trial | None = None
        self.failed: ProviderError | None = None

    async def run(self, first: Trial, delay: float, run: Callable[[Trial], Awaitable[T]]) -> tuple[Trial, T]:
        """The answer, and the try that brought it. Raises what the first target failed with, where the second did not answer
        either."""
        won, result = await self._io.first([self._lead(first, run), self._chase(first, delay, run)])
        self._settlement.destination = won.destination
        for trial in (first, self._second):
            if trial is not None and trial is not won:
                await self._overtaken(trial)
        return won, result

    async def _lead(self, first: Trial, run: Callable[[Trial], Awaitable[T]]) -> tuple[Trial, T]:
        try:
            result = await run(first)
        except Exception:
            self._over.set()
            if self._second is not None and await self._second_over.wait() and self.failed is None:
                await self._for_ever()  # the other has answered
            raise
        self._over.set()
        return first, result

    async def _chase(self, first: Trial, delay: float, run: Callable[[Trial], Awaitable[T]]) -> tuple[Trial, T]:
        if await self._over.wait(delay) or not self._may(first):
            await self._for_ever()
        destination = self._course.next
        other = first.destination if destination is None else destination.in_turn(self._io.now())
        self._second = trial = Trial(self._settlement, other, self._io.now())
        try:
            result = await run(trial)
        except Exception as error:  # noqa: BLE001 - it matters to nobody but where the first fails too
            self._note(trial, other, error)
            self._second_over.set()
            await self._for_ever()
        self._second_over.set()
        return trial, result

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

    def _note(self, trial: Trial, other: Destination, error: Exception) -> None:
        from .pursuit import as_provider_error  # it stands above

        self.failed = failed = error if isinstance(error, ProviderError) else as_provider_error(error, other, True)
        dress(failed, other, self._call)
        trial.ended(self._io.now(), error=failed)
        if self._course.next is not None:
            self._course.drop()

    async def _overtaken(self, trial: Trial) -> None:
        """Closes the one that was not needed, and books what it may cost: its prompt was read."""
        source = trial.source
        if source is not None:
            await source.close()
        cost = estimated_cost(self._io, self._call, trial.destination) if trial.asked else None
        trial.ended(self._io.now(), overtaken=True, cost=cost)
