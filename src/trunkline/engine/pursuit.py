"""Over targets and tries to the first success. Read it top to bottom."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from ..policy.retry import Fallback, Raise, Retry, judge
from ..ports import IO, Deadlines
from ..values.errors import (
    AllTargetsFailedError,
    AuthenticationError,
    CircuitOpenError,
    ClosedByCallerError,
    ProviderError,
    TrunklineError,
    UsageError,
)
from . import backend
from .admission import admit
from .attempt import deadlines, late
from .call import Call, dress
from .course import Course
from .destination import Destination, Own
from .hedging import Race, delay_of
from .settlement import Settlement
from .trial import Trial

T = TypeVar("T")
Attempt = Callable[[IO, Call, Trial, Deadlines], Awaitable[T]]
"""One try of one target, once it may go."""


async def pursue(io: IO, call: Call, settlement: Settlement, attempt: Attempt[T], course: Course) -> tuple[Trial, T]:
    """The first success over the targets of ``course`` and their retries, and the try that brought it."""
    errors: list[ProviderError] = []
    policy = call.limits.retry

    def spare(error: ProviderError) -> bool:
        return course.after(error, io.now()) is not None

    async def run(trial: Trial) -> T:
        await admit(io, call, trial, spare if trial.destination is course.at else _always)  # a second one waits for nothing
        return await attempt(io, call, trial, deadlines(call, settlement.until, course.next is not None))

    while True:
        destination = settlement.destination = course.at
        tried, renewed, waited = 0, False, 0.0
        before = ProviderError()
        while True:
            began = io.now()
            if began >= settlement.until:
                raise _final(errors, late(call, destination), settlement)
            trial = Trial(settlement, destination, began, waited, again=tried > 0)
            own: Exception | None = None
            race: Race | None = None
            try:
                if call.hedge is None or errors or tried or (delay := delay_of(call, trial)) is None:
                    return trial, await run(trial)
                race = Race(io, call, settlement, course)
                return await race.run(trial, delay, run)
            except ProviderError as error:
                failed = error
            except Exception as error:  # noqa: BLE001 - an object of the user's own may raise anything; what is not its is raised on
                own, failed = error, as_provider_error(error, destination, bool(errors))
            dress(failed, destination, call)
            if tried and isinstance(failed, CircuitOpenError):  # its own failures have opened it: they are what is to be told
                trial.released()
                failed, tried = before, policy.retries
            before = failed
            if isinstance(failed, ClosedByCallerError) or settlement.settled:  # the caller has ended it, from elsewhere
                raise failed
            now = io.now()
            trial.ended(now, error=failed)
            if race is not None and race.failed is not None:
                errors.append(race.failed)
            refused = isinstance(failed, AuthenticationError) or failed.status == 401
            if refused and not renewed and destination.renews(trial.proof):
                renewed = True  # a token that is not taken any more is no reason to give up
                continue
            other = course.after(failed, now)
            left = settlement.until - now
            verdict = judge(failed, tried=tried, another=other is not None, remaining=left, policy=policy, uniform=io.uniform)
            if isinstance(verdict, Retry) and not trial.station.may_retry():
                verdict = Raise() if other is None else Fallback()
            if isinstance(verdict, Raise) or (isinstance(verdict, Fallback) and other is None):
                raise own if own is not None and not errors else _final(errors, failed, settlement)
            if isinstance(verdict, Fallback):
                assert other is not None
                if other not in course.siblings:  # another key is the same target
                    errors.append(failed)
                course.move(other, now)
                break
            waited = verdict.after
            if waited > 0.0:
                await io.sleep(waited)
            tried += 1


def _always(error: ProviderError) -> bool:
    return True


def as_provider_error(error: Exception, destination: Destination, later: bool) -> ProviderError:
    """What an object of the user's own raised; or, on ``later`` targets, that this one cannot be asked. Anything else is
    raised."""
    if isinstance(destination, Own) and not isinstance(error, TrunklineError):
        return backend.raised(destination, error)
    if later and isinstance(error, UsageError):
        refused = ProviderError(f"not asked: {error.message}")
        refused.__cause__ = error
        return refused
    raise error


def _final(earlier: list[ProviderError], error: ProviderError, settlement: Settlement) -> ProviderError:
    if earlier:
        error = AllTargetsFailedError(f"{len(earlier) + 1} targets failed", errors=(*earlier, error))
    error.attempts = tuple(settlement.attempts)
    return error
