"""A stream on its way: events in batches, the reply that they fold to, and one end whatever ends it."""

from __future__ import annotations

from typing import Any

import msgspec

from ..dialects.error_body import request_id_of
from ..policy.retry import Retry, judge
from ..policy.tokens import estimate_tokens
from ..ports import IO, Deadlines
from ..values.errors import ClosedByCallerError, DeadlineError, DeadlinePhase, ProviderError, StreamInterruptedError, UsageError
from ..values.events import Event, Moved, ReasoningDelta, TextDelta, ToolCallDelta, UsageUpdate, Warned
from ..values.fold import Fold, unfold
from ..values.response import Response, Usage, Warning
from . import backend
from .call import Call, dress, said, without_key
from .carrying_on import Continuation, added, can_carry_on, continued
from .charges import ESTIMATED, charge, estimated_usage, tokens_said
from .course import Course
from .destination import Destination, Own
from .engine import Answer, conclude, course_of, fail, finished, prepare, stood_in
from .pursuit import pursue
from .settlement import Settlement, called
from .source import Source, Told, WireSource
from .trial import Trial

CLOSED = "the stream was closed while it was being read"
GRACE = 5.0
"""Seconds from the first event on before the speed of a stream is looked at."""
MOST_MOVES = 8
"""So often a stream is carried on by another target, and then no more."""
_WORDS = (TextDelta, ReasoningDelta)


class LiveStream:
    """The events of one call. Nothing is sent before ``open`` (which ``batch`` does by itself).

    Until the first batch is out, retries and other targets are free; after it a failure raises ``StreamInterruptedError`` with
    the partial reply, unless another target is to carry on. ``close`` and ``abort`` may be called at any time, ``abort`` from any
    thread.
    """

    __slots__ = (
        "_again", "_answered", "_call", "_carried", "_closed", "_course", "_first_at", "_fold", "_io", "_moves", "_opened",
        "_partial", "_patience", "_response", "_rested", "_settlement", "_source", "_stood_in", "_tokens", "_trial", "_warned",
    )  # fmt: skip

    def __init__(self, io: IO, call: Call) -> None:
        self._io, self._call = io, call
        self._settlement = Settlement(io, call)
        self._fold = Fold()
        self._course: Course | None = None
        self._source: Source | None = None
        self._trial: Trial | None = None
        self._response: Response | None = None
        self._partial: Any = None
        self._carried: Continuation | None = None
        self._opened = self._closed = self._warned = False
        self._stood_in: Response | None = None
        self._first_at: float | None = None
        self._tokens, self._patience = 0, 0.0
        """What has come of whoever answers, and how long has been waited for it since it began."""
        self._moves = self._again = self._answered = 0
        self._rested = 0.0

    @property
    def started(self) -> bool:
        return self._opened

    @property
    def ended(self) -> bool:
        return self._settlement.settled

    @property
    def response(self) -> Response:
        """The reply so far; whole once the stream has ended (``partial`` until then)."""
        return self._response or self._folded()

    @property
    def partial(self) -> Any:
        """What the output that was asked for says so far, from when it is first asked for on."""
        if self._partial is None and self._call.parse is not None:
            from ..values.output import partial_of  # few ask

            self._partial = partial_of(self._call.parse, self._fold.response().text)
        return None if self._partial is None else self._partial.value

    async def open(self) -> None:
        """Waits for the first events. Nothing happens where it has been closed already."""
        if self._opened or self._closed:
            return
        self._opened = True
        self._settlement.begin(self._io.now())
        try:
            self._call = await prepare(self._io, self._call)
            self._course = course_of(self._io, self._call)
            try:
                await self._reach(self._call)
            except ProviderError as error:
                await self._stand_in(error)
            if not self._call.carries_on:
                self._call, self._course = said(self._call), None  # which hold what was asked, and that may be long
                self._settlement.call = self._call
        except BaseException as error:
            await self._failed(error)
            raise

    async def _reach(self, call: Call) -> None:
        """Somebody's first events."""
        assert self._course is not None
        self._trial, self._source = await pursue(self._io, call, self._settlement, self._attempt, self._course)
        self._trial.first = now = self._io.now()
        self._tokens, self._patience = 0, 0.0
        if self._first_at is None:
            self._first_at = now

    async def _stand_in(self, error: ProviderError) -> None:
        """Your own answer, in place of one that nobody gave. Raises ``error`` where there is none."""
        self._stood_in = answer = await stood_in(self._io, self._call, self._settlement, error)
        destination = self._settlement.destination
        moved = Moved(_name(destination) if destination is not None else "", "fallback_answer", type(error).__name__)
        self._source = Told([moved, *unfold(answer)])

    async def _attempt(self, io: IO, call: Call, trial: Trial, limits: Deadlines) -> Source:
        to, patience = trial.destination, call.limits.first_token
        if self._carried is not None:
            trial.waited, self._rested = trial.waited + self._rested, 0.0
            call = msgspec.structs.replace(call, request=continued(call.request, self._fold.response().text, to.target))
        if patience is not None and not isinstance(to, Own):
            limits = msgspec.structs.replace(limits, until=min(limits.until, io.now() + patience))
        trial.source = source = self._source_of(io, call, trial, limits)
        try:
            if self._closed:  # from another thread, which has not seen this source
                raise StreamInterruptedError(CLOSED)
            await source.open()
        except DeadlineError as error:
            await source.close()
            raise self._told_apart(error, "first_token", patience) from None
        except BaseException:
            await source.close()
            raise
        if patience is not None:
            source.set_until(self._settlement.until)
        return source

    def _source_of(self, io: IO, call: Call, trial: Trial, limits: Deadlines) -> Source:
        to = trial.destination
        try:
            if not isinstance(to, Own):
                return WireSource(io, call, trial, to, limits)
            backend.check(to, io.blocking)
            return backend.BackendSource(io, to, call.request, limits)
        except UsageError as error:
            if self._carried is None:
                raise
            raise ProviderError(f"not asked: {error.message}") from error  # somebody else may carry on

    def _told_apart(self, error: DeadlineError, phase: DeadlinePhase, seconds: float | None) -> DeadlineError:
        """The error, named after the deadline that it is of: what is not the end of the whole call's time is this one."""
        if error.phase != "total" or seconds is None or self._io.now() >= self._settlement.until:
            return error
        told = DeadlineError(phase=phase, seconds=seconds)
        told.request_id = error.request_id
        return told

    async def batch(self) -> list[Event]:
        """What has arrived since; empty at the end."""
        if not self._opened:
            await self.open()
        source = self._source
        if source is None or self._settlement.settled:
            return []
        try:
            events = await self._read(source)
            if not events:
                await self._end(source)
                return events
            self._fold.add(events)
            if self._partial is not None:
                self._partial.feed("".join([e.text for e in events if type(e) is TextDelta and e.choice == 0]))
            if self._call.hooks.on_event is not None:
                for event in events:
                    await called(self._call.hooks.on_event(event))
        except BaseException as error:
            await self._failed(error)
            raise
        return events

    async def _read(self, source: Source) -> list[Event]:
        """The next events: of whoever answers, or of whoever carries on after him."""
        slowest, carried = self._call.limits.slowest, self._carried
        while True:
            events = await (source.batch() if slowest is None else self._hurried(source, slowest))
            if carried is not None and events:
                events = carried.events(events)
                if not events:
                    continue
            if events or source.error is None:
                return events
            if self._may_move(source.error) and (heir := self._heir(source.error)) is not None:
                return await self._move(source, source.error, heir)
            return [] if carried is None else carried.rest()

    async def _hurried(self, source: Source, slowest: float) -> list[Event]:
        """The next events; waits no longer than to the moment from which on the stream has been too slow. How long the reader
        takes is not the stream's fault."""
        began = self._io.now()
        source.set_until(min(self._settlement.until, began + max(GRACE, self._tokens / slowest) - self._patience))
        events = await source.batch()
        self._patience += self._io.now() - began
        self._tokens += sum(map(_tokens, events))
        if isinstance(source.error, DeadlineError):
            source.error = self._told_apart(source.error, "speed", self._patience)
        return events

    # --- after an interruption ----------------------------------------------------------------------------------------

    def _may_move(self, error: ProviderError) -> bool:
        """Whether another target may carry on."""
        if not self._call.carries_on or self._moves >= MOST_MOVES or self._settlement.settled or self._trial is None:
            return False
        if isinstance(error, ClosedByCallerError) or self._io.now() >= self._settlement.until:
            return False
        if self._fold.finished:  # the words are whole: only what follows them was lost
            return False
        return can_carry_on(self._call.request, self._fold.response())

    def _heir(self, error: ProviderError) -> Destination | None:
        """Who carries on: another target, else the same, as often as it may be tried again and after as long a wait."""
        course, trial = self._course, self._trial
        assert course is not None
        assert trial is not None
        other = course.sibling(error, self._io.now()) or course.after(error)
        if other is not None:
            return other
        io, policy = self._io, self._call.limits.retry
        left = self._settlement.until - io.now()
        verdict = judge(error, tried=self._again, another=False, remaining=left, policy=policy, uniform=io.uniform)
        if not isinstance(verdict, Retry) or not trial.station.may_retry(io.now() + verdict.after):
            return None
        self._again += 1
        self._rested = verdict.after
        return trial.destination

    async def _move(self, source: Source, error: ProviderError, heir: Destination) -> list[Event]:
        """Has the ``heir`` carry on: what is told of it."""
        trial, course = self._trial, self._course
        assert trial is not None
        assert course is not None
        self._moves += 1
        await source.close()
        partial, left = self._folded(), trial.destination
        dress(error, left, self._call)
        own, used = self._used(partial, left)
        trial.tokens = own.total_tokens
        trial.ended(self._io.now(), error=error, interrupted=True, cost=charge(self._io, self._call, left, own, partial))
        if self._rested > 0.0:
            await self._io.sleep(self._rested)
        if heir is not trial.destination:
            course.move(heir, self._io.now(), error)
        said_so_far = partial.text
        self._carried = Continuation(said_so_far, used, self._call.request, course.at.target)
        try:
            await self._reach(self._call)
        except ProviderError:  # its attempts tell why nobody could carry on
            self._source = source
            raise self._interrupted(error, partial) from error
        assert self._trial is not None
        to = self._trial.destination
        self._carried = Continuation(said_so_far, used, self._call.request, to.target)
        events: list[Event] = [] if used == partial.usage and partial.reported_cost is None else [UsageUpdate(used)]
        if ESTIMATED in own.raw and not self._warned:
            self._warned = True
            events.append(Warned(_ESTIMATED))
        return [*events, Moved(_name(left), _name(to), type(error).__name__)]

    def _used(self, partial: Response, left: Destination) -> tuple[Usage, Usage]:
        """The tokens of the one that broke off, and those of all up to here."""
        answered, carried, request = tokens_said(partial), self._carried, self._call.request
        if carried is None:
            own = used = estimated_usage(request, partial.usage, answered)
        else:
            own = estimated_usage(continued(request, carried.said, left.target), carried.usage, answered - self._answered)
            used = added(carried.before, own)
        self._answered = answered
        return own, used

    # --- the end ------------------------------------------------------------------------------------------------------

    async def _end(self, source: Source) -> None:
        """Closes the books: on the protocol's own end, or with what ended it early."""
        if source.error is not None:
            raise self._interrupted(source.error, self._folded()) from source.error
        await source.close()
        if self._stood_in is not None:
            self._response = await conclude(self._call, self._stood_in)
            self._settlement.settle("end", self._io.now(), self._response)
            return
        trial = self._trial
        assert trial is not None  # there is a source
        status = source.head.status if source.head is not None else None
        lost = self._call.warnings if isinstance(trial.destination, Own) else ()  # a wire's are among its events
        usage = None if self._carried is None else self._carried.usage
        response = finished(self._io, self._settlement, trial, Answer(self._folded(), lost, status, None, usage))
        if self._first_at is not None:
            first = self._first_at - self._settlement.began
            response = msgspec.structs.replace(response, timings=msgspec.structs.replace(response.timings, first_event=first))
        self._response = await conclude(self._call, response)
        self._settlement.settle("end", self._io.now(), self._response)

    def _folded(self) -> Response:
        response = self._fold.response()
        head = self._source.head if self._source is not None else None
        if head is None:
            return response
        return msgspec.structs.replace(response, headers=head.headers, request_id=request_id_of(head.headers))

    def _interrupted(self, error: ProviderError, partial: Response) -> StreamInterruptedError:
        """``error`` came after events had gone out: it says so, keeps the facts, and holds what came."""
        if isinstance(error, ClosedByCallerError):
            self._settlement.settle("close", self._io.now(), partial)
        if self._settlement.settled:
            return StreamInterruptedError(CLOSED, partial=partial)
        trial = self._trial
        if trial is not None:
            dress(error, trial.destination, self._call)
            trial.ended(self._io.now(), error=error)
            partial = without_key(partial, trial.destination)
        message = f"the stream was interrupted after its first events: {error.message or type(error).__name__}"
        return StreamInterruptedError(
            message,
            partial=partial,
            provider=error.provider,
            model=error.model,
            status=error.status,
            code=error.code,
            kind=error.kind,
            request_id=error.request_id,
            retry_after=error.retry_after,
            provider_message=error.provider_message,
            attempts=self._settlement.attempts,
        )

    async def _failed(self, error: BaseException) -> None:
        try:
            for source in self._under_way():
                await source.close()
        except BaseException:  # cancelled once more: it is settled, but no hook is awaited now
            self._settlement.settle("error" if isinstance(error, Exception) else "cancel", self._io.now(), error=error)
            raise
        await fail(self._io, self._call, self._settlement, error)

    @property
    def complete(self) -> bool:
        """Whether all has been handed out and only the end is not yet told: one more ``batch`` tells it, without waiting."""
        return self._source is not None and self._source.complete and not self._settlement.settled

    async def close(self) -> None:
        """Ends the stream; what has been read stays in ``response``. Idempotent."""
        sources = self._under_way()
        self._leave("close")
        for source in sources:
            await source.close()

    def abort(self, how: str) -> None:
        """Ends the stream at once, from any thread."""
        sources = self._under_way()
        if self._leave(how):
            for source in sources:
                source.abort()

    def _under_way(self) -> list[Source]:
        """Whatever is being read or opened."""
        opening = [trial.source for trial in tuple(self._settlement.open) if trial.source is not None]
        return opening if self._source is None or self._source in opening else [*opening, self._source]

    def _leave(self, how: str) -> bool:
        """Settles what the caller ends himself: nobody's fault."""
        self._closed = True
        if self._settlement.settled:
            return False
        return self._settlement.settle(how, self._io.now(), self._folded())


_ESTIMATED = Warning("approximated", "usage", "whoever was interrupted did not say what it used: that is estimated")


def _name(destination: Destination) -> str:
    return "/".join(filter(None, (destination.provider, destination.model)))


def _tokens(event: Event) -> int:
    if isinstance(event, _WORDS):
        return estimate_tokens(event.text)
    return estimate_tokens(event.arguments) if isinstance(event, ToolCallDelta) else 0
