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
    DeadlineError,
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
from .media import fitted
from .settlement import Settlement
from .trial import Trial

T = TypeVar("T")
Attempt = Callable[[IO, Call, Trial, Deadlines], Awaitable[T]]
"""One try of one target, once it may go."""


async def pursue(io: IO, call: Call, settlement: Settlement, attempt: Attempt[T], course: Course) -> tuple[Trial, T]:
    """The first success over the targets of ``course`` and their retries, and the try that brought it."""
    errors: list[ProviderError] = []

    def spare(error: ProviderError) -> bool:
        return (course.sibling(error, io.now()) or course.after(error)) is not None

    async def run(trial: Trial) -> T:
        fit = call if call.media is None else await fitted(io, call, trial.destination, settlement.until)
        await admit(io, fit, trial, spare if trial.destination is course.at else _always)  # a second one waits for nothing
        return await attempt(io, fit, trial, deadlines(call, settlement.until, course.next is not None))

    while True:
        destination = settlement.destination = course.at
        tried, renewed, waited = 0, False, 0.0
        before: ProviderError | None = None
        while True:
            began = io.now()
            if began >= settlement.until:
                raise _final(errors, late(call, destination), settlement)
            trial = Trial(settlement, destination, began, waited, again=tried > 0 or renewed)
            race: Race | None = None
            try:
                if call.hedge is None or errors or tried or (delay := delay_of(call, trial)) is None:
                    return trial, await run(trial)
                race = Race(io, call, settlement, course)
                return await race.run(trial, delay, run)
            except Exception as error:  # noqa: BLE001 - an object of the user's own may raise anything; what is not its is raised on
                raised, failed = error, as_provider_error(error, destination, bool(errors) or _spared(call, trial, course))
            dress(failed, destination, call)
            if isinstance(failed, ClosedByCallerError) or settlement.settled:  # the caller has ended it, from elsewhere
                raise failed
            shut = isinstance(failed, CircuitOpenError) and not trial.asked
            if shut and before is not None:  # what it has failed with before is to be told
                trial.released()
                raised = failed = before
            before, now = failed, io.now()
            trial.ended(now, error=failed)
            if race is not None and race.failed is not None:
                errors.append(race.failed)
            if _refused(failed) and not renewed and destination.renews(trial.proof):
                renewed = True  # a token that is not taken any more is no reason to give up
                continue
            if (sibling := course.sibling(failed, now)) is not None:
                course.move(sibling, now, failed)
                break
            other = course.after(failed)
            verdict = (other or Raise()) if shut else _judged(io, call, settlement, trial, failed, tried, other)
            if isinstance(verdict, Raise):
                if course.next is not None and isinstance(failed, DeadlineError) and failed.phase == "total":
                    failed.hint = _UNASKED
                raise _final(errors, failed, settlement) if raised is failed or errors else raised
            if not isinstance(verdict, Retry):
                errors.append(failed)
                course.move(verdict, now, failed)
                break
            waited = verdict.after
            if waited > 0.0:
                await io.sleep(waited)
            tried += 1


def _judged(
    io: IO, call: Call, settlement: Settlement, trial: Trial, failed: ProviderError, tried: int, other: Destination | None
) -> Retry | Raise | Destination:
    """What to do about ``failed``: try again, ask ``other``, or give up. ``tried``: how often it was tried again already."""
    now = io.now()
    left = settlement.until - now
    verdict = judge(failed, tried=tried, another=other is not None, remaining=left, policy=call.limits.retry, uniform=io.uniform)
    if isinstance(verdict, Retry):
        if trial.station.may_retry(now + verdict.after):
            return verdict
        verdict = Fallback()
        failed.hint = failed.hint if other is not None else _NO_RETRY
    return Raise() if isinstance(verdict, Raise) or other is None else other


_UNASKED = "Other targets were not asked: Timeout(first_byte=…) moves on from one that is silent (for streams first_token=… too)"
_NO_RETRY = "Not tried again: it fails too often just now for more retries (circuit breaker, retry budget)"


def _refused(error: ProviderError) -> bool:
    return isinstance(error, AuthenticationError) or error.status == 401


def _spared(call: Call, trial: Trial, course: Course) -> bool:
    """Whether a target was not asked for what it would make of the media, and another may take them."""
    return call.media is not None and not trial.asked and course.next is not None


def _always(error: ProviderError) -> bool:
    return True


def as_provider_error(error: Exception, destination: Destination, later: bool) -> ProviderError:
    """``error``; what an object of the user's own raised; or, on ``later`` targets, that this one cannot be asked. Anything else
    is raised."""
    if isinstance(error, ProviderError):
        return error
    if isinstance(destination, Own) and not isinstance(error, TrunklineError):
        return backend.raised(destination, error)
    if later and isinstance(error, UsageError):
        refused = ProviderError(f"not asked: {error.message}")
        refused.__cause__ = error
        return refused
    raise error


def _final(earlier: list[ProviderError], error: ProviderError, settlement: Settlement) -> ProviderError:
    if earlier:
        errors = (*earlier, error)
        waits = [each.retry_after for each in errors if each.retry_after is not None]
        soonest = min(waits) if waits else None
        error = AllTargetsFailedError(f"{len(errors)} targets failed", errors=errors, retry_after=soonest)
    error.attempts = tuple(settlement.attempts)
    return error
