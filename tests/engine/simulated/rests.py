"""Who wanted to be left alone, and whether he was: what every exchange had taught before, read again from outside."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from tests.engine.simulated.attempts import Made, remaining
from tests.engine.simulated.watching import SLACK, WatchedBreaker
from trunkline.engine.destination import Wire
from trunkline.engine.station import KEY_REST, LONGEST_REST, QUOTA_REST, REST
from trunkline.ports import INFINITY

if TYPE_CHECKING:
    from tests.engine.simulation import Scenario


class Notes:
    """What was learned: since when, and until when it holds."""

    def __init__(self, scenario: Scenario, made: Sequence[Made]) -> None:
        self.said: dict[Hashable, list[tuple[float, float]]] = defaultdict(list)
        self.guessed: dict[Hashable, list[tuple[float, float]]] = defaultdict(list)
        self.spent: dict[Hashable, list[tuple[float, float]]] = defaultdict(list)
        self.refused: dict[Hashable, list[tuple[float, float]]] = defaultdict(list)
        self.barred: dict[Hashable, list[tuple[float, float]]] = defaultdict(list)
        self.good: dict[Hashable, list[float]] = defaultdict(list)
        for one in made:
            if one.talk is not None and not one.attempt.overtaken:
                self._learn(one, one.talk.wire)
        for talk in scenario.io.talks:
            headers = talk.spoken.headers
            if talk.headed < INFINITY and talk.reply.status == 200 and headers.get("x-ratelimit-remaining-requests") == "0":
                seconds = float(headers["x-ratelimit-reset-requests"].removesuffix("s"))
                self.said[talk.station].append((talk.headed, talk.headed + min(seconds, LONGEST_REST)))

    def _learn(self, one: Made, wire: Wire) -> None:
        at, error, wait = one.ended, one.attempt.error, one.attempt.retry_after
        if error is None:
            self.good[account(wire)].append(at)
        elif error == "RateLimitError":
            if wait is None:
                self.guessed[wire.station].append((at, at + REST))
            else:
                self.said[wire.station].append((at, at + min(wait, LONGEST_REST)))
        elif error == "QuotaError":
            self.spent[account(wire)].append((at, at + (QUOTA_REST if wait is None else wait)))
        elif error == "AuthenticationError":
            self.refused[account(wire)].append((at, INFINITY))
            self.barred[account(wire)].append((at, at + KEY_REST))

    def holds(self, notes: list[tuple[float, float]], now: float, good: Sequence[float] = ()) -> bool:
        """Whether one of them was surely known at ``now``, and surely held then. ``good``: when the opposite was learned."""
        return any(
            since < now - SLACK and until > now + SLACK and not any(since - SLACK <= at <= now + SLACK for at in good)
            for since, until in notes
        )

    def blameless(self, wire: Wire) -> bool:
        """Whether nothing was ever said against it."""
        breaker = wire.station.breaker
        clear = not isinstance(breaker, WatchedBreaker) or breaker.told["failed"] == 0
        noted = (self.said[wire.station], self.guessed[wire.station], self.spent[account(wire)], self.refused[account(wire)])
        return clear and not any(noted)


def account(wire: Wire) -> Hashable:
    return wire.target.provider, wire.target.key


def check_rests(scenario: Scenario, made: Sequence[Made]) -> None:
    """Whoever wants to be left alone is left alone while another may be asked, and waited for where he said how long; a key that was
    refused is not shown again while another is good."""
    if not scenario.strict:
        return
    notes = Notes(scenario, made)
    tried: dict[int, set[Wire | None]] = defaultdict(set)
    for one in made:
        tried[one.caller.number].add(one.wire)

    def left(one: Made, error: str) -> list[Wire]:
        """Who may still be asked: of a race, the second may have failed before the first."""
        others = remaining(one.caller, one.wire, error) if one.wire is not None else []
        raced = tried[one.caller.number] if one.caller.call.hedge is not None else set()
        return [other for other in others if raced.isdisjoint(other.ring or (other,))]

    for one in made:
        if one.talk is None:
            continue
        wire, begun = one.talk.wire, one.caller.began + one.attempt.at
        good = notes.good[account(wire)]
        others = left(one, "RateLimitError")
        said, guessed = notes.holds(notes.said[wire.station], begun), notes.holds(notes.guessed[wire.station], begun)
        if said or guessed:
            assert not others, (
                f"{wire} was asked while it wanted to be left alone, and {others} could have been (call {one.caller.number})"
            )
        if notes.holds(notes.said[wire.station], one.talk.sent):
            assert one.caller.retries == 0, f"{wire} was asked before the moment that it had named (call {one.caller.number})"
        shown = [(since, since + KEY_REST) for since, _ in notes.refused[account(wire)]]
        if notes.holds(shown, begun, good):
            others = left(one, "AuthenticationError")
            assert not others, (
                f"a key was shown that had been refused, and {others} could have been asked (call {one.caller.number})"
            )
        elif notes.holds(notes.spent[account(wire)], begun, good):
            others = left(one, "QuotaError")
            assert not others, f"{wire} was asked, whose quota was gone, and {others} could have been (call {one.caller.number})"
        limited = any(
            attempt.error in ("RateLimitError", "QuotaError") for attempt in one.caller.attempts
        )  # keys may share a quota
        if not one.retry and notes.holds(notes.barred[account(wire)], begun, good):
            others = left(one, "AuthenticationError")
            assert not others, f"{wire} was asked, whose key was refused, and {others} could have been (call {one.caller.number})"
        if not one.retry and not limited and notes.holds(notes.refused[account(wire)], begun, good):
            better = [each for each in wire.ring if notes.blameless(each)]
            assert not better, f"a key of {wire} was shown that had been refused (call {one.caller.number})"
