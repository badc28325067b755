"""A target that keeps failing is left alone for a while, and then asked by one call at a time: the circuit breaker."""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import Literal

import msgspec

from ..values import expect

State = Literal["closed", "open", "half_open"]

_SLICES = 20  # of a window: what its results are counted in
_LONG_AGO = float("-inf")


class BreakerPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """When a target is left alone: after ``failures`` in a row, or when of at least ``least`` results within ``window`` seconds
    a share of ``rate`` or more failed. It is left alone for ``pause`` seconds, and twice as long each time that the one call
    which then tries it fails too, up to ``longest`` seconds.

    Raises ``UsageError``: counts are whole numbers from 1 on, ``0 < rate <= 1``, seconds above 0, ``longest >= pause``.
    """

    failures: int = 5
    rate: float = 0.5
    least: int = 20
    window: float = 60.0
    pause: float = 10.0
    longest: float = 120.0

    def __post_init__(self) -> None:
        expect.whole(self.failures, "breaker.failures", 1)
        if expect.number(self.rate, "breaker.rate", 0, 1) == 0:
            expect.wrong("breaker.rate", self.rate, "a number above 0 up to 1", "out of range")
        expect.whole(self.least, "breaker.least", 1)
        for name in ("window", "pause"):
            seconds = getattr(self, name)
            if expect.number(seconds, f"breaker.{name}") <= 0:
                expect.wrong(f"breaker.{name}", seconds, "a number above 0", "out of range")
        expect.number(self.longest, "breaker.longest", self.pause)


class Leave(Enum):
    """Whether one attempt may go: ``GO``; ``PROBE``: it may, alone, and what comes of it must be told; ``NO``."""

    GO = "go"
    PROBE = "probe"
    NO = "no"


_GO, _PROBE, _NO = Leave.GO, Leave.PROBE, Leave.NO  # a member is looked up on its class in ten times the time


class Breaker:
    """Told of each attempt's end, says who may go. ``now`` is seconds of a monotonic clock; not thread-safe by itself.

    Closed: all go. Open: nobody does until the pause is over. Half open: one probe at a time; where it succeeds, all is
    forgotten and the breaker closed, where it fails, open again. A ``PROBE`` ends in exactly one of ``succeeded``, ``failed`` and
    ``released``: until then nobody else goes. Whatever else is told is ignored unless the breaker is closed: attempts that had
    gone before it opened say nothing about now.

    The share is looked at when a failure is told. Results are counted in slices that begin with a result and last a twentieth
    of the window, and are forgotten a slice at a time: what counts is all of the last 19/20 of the window, and nothing that is
    as old as the window.
    """

    __slots__ = ("_bad", "_begun", "_good", "_past", "_pause", "_policy", "_probing", "_row", "_tripped", "_turn", "_until")
    _bad: int
    _begun: float
    _good: int
    _pause: float
    _probing: bool
    _row: int
    _tripped: bool
    _turn: float
    _until: float

    def __init__(self, policy: BreakerPolicy) -> None:
        self._policy = policy
        self._past: deque[tuple[float, int, int]] = deque()  # slices: when begun, successes, failures
        self._reset()

    def admit(self, now: float) -> Leave:
        """Whether an attempt may go at ``now``. A ``PROBE`` is taken by asking."""
        if not self._tripped:
            return _GO
        if self._probing or now < self._until:
            return _NO
        self._probing = True
        return _PROBE

    def wait(self, now: float) -> float:
        """Seconds until an attempt may go, 0 where one may; the first pause where a probe is under way, for nobody knows."""
        return self._policy.pause if self._probing else max(0.0, self._until - now)

    def state(self, now: float) -> State:
        """Open turns to half open by itself, when the pause is over."""
        if not self._tripped:
            return "closed"
        return "half_open" if self._probing or now >= self._until else "open"

    def succeeded(self, leave: Leave, now: float) -> None:
        """An attempt that had ``leave`` ended well, or in an error that is no fault of the target."""
        if leave is _GO:
            if not self._tripped:
                self._row = 0
                if now >= self._turn:
                    self._begin_slice(now)
                self._good += 1
        elif leave is _PROBE and self._probing:
            self._reset()

    def failed(self, leave: Leave, now: float) -> None:
        """An attempt that had ``leave`` failed, and the target is to blame."""
        if leave is _GO:
            if not self._tripped:
                self._count_failure(now)
        elif leave is _PROBE and self._probing:
            self._open(now, min(2 * self._pause, self._policy.longest))

    def released(self, leave: Leave, now: float) -> None:
        """An attempt that had ``leave`` never went, or was ended by the caller: nothing is known, and a probe is free again."""
        if leave is _PROBE:
            self._probing = False

    def _count_failure(self, now: float) -> None:
        self._row += 1
        if now >= self._turn:
            self._begin_slice(now)
        self._bad += 1
        if self._row >= self._policy.failures or self._share_reached(now):
            self._open(now, self._policy.pause)

    def _share_reached(self, now: float) -> bool:
        self._forget(now)
        bad = self._bad + sum(failures for _, _, failures in self._past)
        results = bad + self._good + sum(successes for _, successes, _ in self._past)
        # A quotient is rounded as the rate was: 3 of 30 are 0.1, while 0.1 * 30 is more than 3.
        return results >= self._policy.least and bad / results >= self._policy.rate

    def _begin_slice(self, now: float) -> None:
        self._past.append((self._begun, self._good, self._bad))
        self._forget(now)
        self._begun, self._turn = now, now + self._policy.window / _SLICES
        self._good = self._bad = 0

    def _forget(self, now: float) -> None:
        past, window = self._past, self._policy.window
        while past and now - past[0][0] >= window:
            past.popleft()

    def _open(self, now: float, pause: float) -> None:
        self._tripped, self._probing = True, False
        self._pause, self._until = pause, now + pause

    def _reset(self) -> None:
        self._tripped = self._probing = False
        self._pause, self._until = self._policy.pause, _LONG_AGO
        self._row = self._good = self._bad = 0
        self._begun = self._turn = _LONG_AGO
        self._past.clear()
