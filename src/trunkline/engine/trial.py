"""One try of one target: what it takes to begin, what it finds out, and its end, told exactly once."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from ..policy.breaker import Leave
from ..policy.rate_limit import Reservation
from ..policy.remaining import REMAINING, pause
from ..policy.verdicts import counts
from ..ports import Signal
from ..values.errors import CircuitOpenError, ConcurrencyLimitError, ProviderError, StreamInterruptedError, UsageError
from ..values.response import Attempt
from ..values.secret import Secret
from ..wire.http import Head
from ..wire.own_headers import GATEWAY
from .destination import Destination
from .station import LONGEST_REST, Gate, Station, Ticket

if TYPE_CHECKING:
    from .settlement import Settlement
    from .source import Source


class Trial:
    """``waited``: seconds that were waited before it. ``head``, ``first``: when the reply's head and its first event came.
    ``proof``: what it shows, where that may be refused and renewed. ``again``: the same target has been asked before.

    Whatever it takes stands here before it is taken, and giving it back may be said twice, by two threads, and after Ctrl-C broke
    in: the try is among the open ones of its call until all is given back.
    """

    __slots__ = ("_again", "_leave", "_over", "_settlement", "_told", "_went", "began", "bell", "destination", "first", "head",
                 "proof", "reserved", "source", "station", "tickets", "tokens", "waited")  # fmt: skip

    def __init__(
        self, settlement: Settlement, destination: Destination, now: float, waited: float = 0.0, *, again: bool = False
    ) -> None:
        self.destination: Destination = destination
        self.station: Station = destination.station
        self.began: float = now
        self.waited: float = waited
        self.head: float | None = None
        self.first: float | None = None
        self.proof: Secret | None = None
        self.tickets: list[tuple[Gate, Ticket]] = []
        self.reserved: list[tuple[Gate, Reservation]] = []
        self.bell: Signal | None = None
        """Wakes whoever sleeps before he may go: the call was ended."""
        self.tokens: int | None = None
        """What it took of a limit of tokens, once that is known."""
        self.source: Source | None = None
        """Where the events of a stream come from."""
        self._settlement = settlement
        self._again = again
        self._leave: Leave | None = None
        self._went = now
        self._told = self._over = False
        settlement.open.append(self)
        if settlement.settled:  # by another thread, which has not seen this try
            self._over = True

    @property
    def until(self) -> float:
        """When the whole call's time is up."""
        return self._settlement.until

    @property
    def asked(self) -> bool:
        """Whether it was let through."""
        return self._leave is not None

    def replied(self, head: Head, now: float, wall: float) -> None:
        """The reply's head is there."""
        self.head = now
        if not head.headers.has_any(_TELLING):
            return
        station = self.station
        if (wait := pause(head.headers, wall)) is not None and 200 <= head.status < 300:
            station.free_at = max(station.free_at, now + min(wait, LONGEST_REST))
        if head.headers.has_any(GATEWAY):
            station.gateway = True

    def enter(self, now: float) -> bool:
        """Goes, if nothing stands in the way; False: there is something to wait for, or an open circuit."""
        station = self.station
        if station.gates or station.free_at > now or station.rests_until > now or station.account.rests_until > now:
            return False
        return self.go(now)

    def go(self, now: float) -> bool:
        """Goes, once all has been waited for; False: the circuit is open. Raises as ``check`` does."""
        station = self.station
        if self._over:
            self.check()
        with station.lock:
            leave = _GO if station.breaker is None else station.breaker.admit(now)
            if leave is not _NO:
                self._leave, self._went = leave, now
                station.in_flight += 1
                station.calls += 1
                if not self._again:
                    station.budget.called()
        station.heed()
        if self._over:
            self.check()  # another thread may have ended it in between, and not have seen that it went
        return leave is not _NO

    def check(self) -> None:
        """Raises ``StreamInterruptedError`` where the call was ended meanwhile, from elsewhere; what was taken since is given
        back."""
        if self._over:
            self._give_back(0.0, None, neutral=True)
            raise StreamInterruptedError("the stream was closed before it was asked for")

    def ended(
        self,
        now: float,
        *,
        status: int | None = None,
        request_id: str | None = None,
        error: ProviderError | None = None,
        overtaken: bool = False,
        interrupted: bool = False,
        cost: Decimal | None = None,
    ) -> None:
        """Tells the station how it went, and writes the try down. Nothing happens where it has ended before."""
        unsaid = isinstance(error, _UNSAID) or isinstance(error and error.__cause__, UsageError)
        if not self._close(now, error, neutral=overtaken or unsaid):
            return
        if request_id is not None and self.destination.secret is not None:  # a provider may have quoted the key in it
            request_id = self.destination.secret.mask(request_id)
        target = self.destination.target
        self._settlement.attempted(
            Attempt(
                provider=target.provider,
                model=target.model,
                seconds=now - self.began,
                waited=self.waited,
                status=error.status if error is not None else status,
                error=_name(error) if error is not None else None,
                request_id=error.request_id if error is not None else request_id,
                retry_after=error.retry_after if error is not None else None,
                at=self.began - self._settlement.began,
                key=target.key,
                asked=self.asked,
                overtaken=overtaken,
                interrupted=interrupted,
                cost=cost,
            )
        )

    def released(self) -> None:
        """Ends it without a word: the caller has ended it, which says nothing of the target."""
        self._close(0.0, None, neutral=True)

    def _close(self, now: float, error: ProviderError | None, *, neutral: bool) -> bool:
        """Whether this is its end; if it has ended before, what was not yet given back is."""
        with self._settlement.lock:
            first, self._over = not self._over, True
        self._give_back(now, error, neutral=neutral)
        return first

    def _give_back(self, now: float, error: ProviderError | None, *, neutral: bool) -> None:
        if self._leave is not None and not self._told:
            self.station.tell(self._tell, now, error, neutral)
        for gate, ticket in self.tickets:
            gate.tell(gate.leave, ticket)
            if ticket.signal is not None:
                ticket.signal.set()
        for gate, reservation in self.reserved:
            gate.tell(self._settle, gate, reservation)
        if self.bell is not None:
            self.bell.set()
        with self._settlement.lock:
            if self in self._settlement.open:
                self._settlement.open.remove(self)

    def _tell(self, now: float, error: ProviderError | None, neutral: bool) -> None:
        """The lock is held."""
        station, leave, breaker = self.station, self._leave, self.station.breaker
        if self._told or leave is None:
            return
        if neutral:
            if breaker is not None:
                breaker.released(leave, now)
        else:
            if breaker is not None:
                failed = error is not None and counts(error, self.head is not None)
                (breaker.failed if failed else breaker.succeeded)(leave, now)
            if error is None:
                station.succeeded(now, None if self.first is None else self.first - self._went, now - self._went)
            else:
                station.heard(error, now)
                station.failures += 1
        station.in_flight -= 1
        self._told = True

    def _settle(self, gate: Gate, reservation: Reservation) -> None:
        """The lock is held."""
        assert gate.window is not None
        if self._leave is None:
            gate.window.cancel(reservation)
        elif self.tokens is not None:
            gate.window.correct(reservation, self.tokens)


_TELLING = (*REMAINING, *GATEWAY)
_GO, _NO = Leave.GO, Leave.NO  # a member is looked up on its class in ten times the time
_UNSAID = (CircuitOpenError, ConcurrencyLimitError)
"""Errors of somebody who has not been asked: an object of the user's own may raise them too."""


def _name(error: ProviderError) -> str:
    """Its class; where it only stands for an exception of the user's own, that one's."""
    stands_for = error.__cause__ if type(error) is ProviderError else None
    return type(stands_for or error).__name__
