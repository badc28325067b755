"""So many requests and tokens within any stretch of a period: when the next request may go."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from math import inf
from operator import attrgetter

import msgspec

from ..values import expect
from ..values.errors import UsageError

_FORMS = "a RateLimit, a number of requests per minute, or a mapping of requests, tokens, period"
_LONGEST = 1e9  # seconds
_FORGOTTEN = 512  # bookings of the past that may lie about before they are swept out together
_NUMBER = attrgetter("number")


class _Requests(msgspec.Struct, frozen=True):
    requests: int | None = None


class RateLimit(_Requests, frozen=True, kw_only=True):
    """At most ``requests`` and ``tokens`` (prompt and answer together) within any ``period`` seconds; None: no such limit.

    Raises ``UsageError`` for a limit below 1, for none at all, and for a period that is not above 0.
    """

    tokens: int | None = None
    period: float = 60.0

    def __post_init__(self) -> None:
        _check(self.requests, self.tokens, self.period, "rate_limit")


def as_rate_limit(value: object, field: str = "rate_limit") -> RateLimit:
    """The limit that an option says: a ``RateLimit``, requests per minute, or a mapping of its fields.

    Anything else is a ``UsageError`` that names the ``field``.
    """
    if isinstance(value, RateLimit):
        return value
    if isinstance(value, Mapping):
        expect.only(value, field, RateLimit.__struct_fields__)
        limit = {"requests": None, "tokens": None, "period": 60.0, **value}
        _check(limit["requests"], limit["tokens"], limit["period"], field)
        return RateLimit(**limit)
    if not isinstance(value, int):
        expect.wrong(field, value, _FORMS)
    return RateLimit(expect.whole(value, field, 1))


def _check(requests: object, tokens: object, period: object, at: str) -> None:
    if requests is None and tokens is None:
        raise UsageError("limits nothing", field=at, allowed="requests, tokens, or both")
    if requests is not None:
        expect.whole(requests, f"{at}.requests", 1)
    if tokens is not None:
        expect.whole(tokens, f"{at}.tokens", 1)
    if not isinstance(period, int | float) or isinstance(period, bool) or not 0 < period <= _LONGEST:
        expect.wrong(f"{at}.period", period, f"seconds above 0, up to {_LONGEST:g}", "not a time")


class Reservation(msgspec.Struct, eq=False):
    """Leave to go at the moment ``at``, with so many ``tokens``. Only the window that gave it changes it."""

    at: float
    tokens: int
    number: int
    cancelled: bool = False


class RateWindow:
    """The log of what may go when under one limit. It is told ``now`` (seconds, monotonic), and is not safe among threads.

    A booking counts from its moment ``at`` until before ``at + period``. At no moment do more bookings count than ``requests``,
    nor more tokens than ``tokens``, as far as they were known when the last of them was booked; computed with the very float
    ``at + period``, so that it holds exactly.

    First come, first served: no booking goes before an earlier one that is still there. A place that is cancelled is free
    again for those who come later, as far as that order leaves it to them: the last places wholly, one before a booking that
    stays not (nobody moves up). A clock that goes back is taken to stand still.

    ``reserve`` costs O(1) amortised, with tokens as many steps more as bookings must leave to make room; ``cancel`` a search.
    """

    __slots__ = ("_first", "_gone", "_held", "_log", "_most_tokens", "_number", "_period", "_requests", "_seen", "limit")

    def __init__(self, limit: RateLimit) -> None:
        self.limit: RateLimit = limit
        self._requests = limit.requests
        self._most_tokens = limit.tokens
        self._period = limit.period
        self._log: list[Reservation] = []  # by number, and so by moment; nothing cancelled
        self._gone = 0  # so many at the front of the log count no more at _seen
        self._seen = -inf
        self._number = 0
        # Those that counted at the last booking's moment are log[_first:], with so many tokens _held. Where no tokens are
        # limited, nobody asks, and _first stays 0.
        self._first = 0
        self._held = 0

    def reserve(self, now: float, tokens: int = 0, latest: float = inf, earliest: float = -inf) -> Reservation | float:
        """Book the first moment from ``now``, and from ``earliest``, on at which a request with so many ``tokens`` may go.

        A number, with nothing booked: the seconds that it would have to wait, where that is later than the moment ``latest``;
        infinity where it can never fit, having more tokens than a period allows.
        """
        if self._most_tokens is not None and tokens > self._most_tokens:
            return inf
        log = self._log
        floor = at = max(self._floor(now), earliest)
        if self._requests is not None and len(log) >= self._requests:
            at = max(at, log[-self._requests].at + self._period)
        first = held = 0
        if self._most_tokens is not None:
            self._weigh(floor)
            at, first, held = self._room(at, tokens, self._most_tokens)
        if at > latest:
            return at - now
        booked = Reservation(at, tokens, self._number + 1)
        # Ctrl-C comes after a call, never between assignments: either all of this happens, or nothing.
        self._number, self._first, self._held = booked.number, first, held + tokens
        log.append(booked)
        if self._gone >= _FORGOTTEN:
            self._sweep()
        return booked

    def cancel(self, reservation: Reservation) -> None:
        """Take back what never went; whatever is no more in the log, or was taken back before, is left alone."""
        log = self._log
        place = bisect_left(log, reservation.number, self._gone, key=_NUMBER)
        if place == len(log) or log[place] is not reservation:
            return
        reservation.cancelled = True
        del log[place]
        if place < self._first:
            self._first -= 1
        else:
            self._held -= reservation.tokens

    def correct(self, reservation: Reservation, tokens: int) -> None:
        """Say what it really took, more or less. What is booked stays where it is; what is booked from now on goes by it."""
        if reservation.cancelled:
            return
        log = self._log
        if self._first < len(log) and reservation.number >= log[self._first].number:
            self._held += tokens - reservation.tokens
        reservation.tokens = tokens

    def used(self, now: float) -> tuple[int, int]:
        """How many requests count at this moment, and how many tokens; what is booked for later does not."""
        counting = [booked.tokens for booked in self._log[self._gone :] if booked.at <= now < booked.at + self._period]
        return len(counting), sum(counting)

    def _floor(self, now: float) -> float:
        """The moment before which nothing more is booked. What counts no more by ``now`` is forgotten."""
        log = self._log
        if now > self._seen:
            self._seen = now
            while self._gone < len(log) and log[self._gone].at + self._period <= now:
                self._gone += 1
        return log[-1].at if log and log[-1].at > self._seen else self._seen

    def _room(self, at: float, tokens: int, most: int) -> tuple[float, int, int]:
        """From which moment on ``tokens`` fit; which is the first that counts then; and what those that count hold."""
        log, first, held = self._log, self._first, self._held
        while first < len(log) and ((leaves := log[first].at + self._period) <= at or held + tokens > most):
            at = max(at, leaves)
            held -= log[first].tokens
            first += 1
        return at, first, held

    def _weigh(self, floor: float) -> None:
        """Bring ``_first`` and ``_held`` to what counts at the moment ``floor``: later than before, or, where the last booking
        was cancelled, earlier."""
        log, period = self._log, self._period
        while self._first > self._gone and log[self._first - 1].at + period > floor:
            self._first, self._held = self._first - 1, self._held + log[self._first - 1].tokens
        while self._first < len(log) and log[self._first].at + period <= floor:
            self._first, self._held = self._first + 1, self._held - log[self._first].tokens

    def _sweep(self) -> None:
        """Drop what is forgotten, once it is half of the log: each booking is moved about once."""
        if 2 * self._gone >= len(self._log):
            first = max(0, self._first - self._gone)
            del self._log[: self._gone]
            self._first, self._gone = first, 0
