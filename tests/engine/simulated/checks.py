"""What must hold in every scenario."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from tests.engine.simulated.attempts import Made, check_course, made_of
from tests.engine.simulated.callers import LAST_RESORT, Caller, HookError
from tests.engine.simulated.rests import check_rests
from tests.engine.simulated.watching import SLACK, WatchedBreaker, WatchedBudget, WatchedSlots, WatchedWindow
from tests.engine.simulated.world import Talk
from trunkline.engine.station import Gate, Station
from trunkline.values.errors import AllTargetsFailedError, ProviderError, StreamInterruptedError, UsageError
from trunkline.values.events import Finish, Moved, Start

if TYPE_CHECKING:
    from tests.engine.simulation import Scenario

MARKS = frozenset({
    "OverloadedError", "ServerError", "DeadlineError", "ConnectionRefusedByHostError", "ConnectionResetByHostError",
    "TruncatedBodyError", "StreamInterruptedError", "MalformedResponseError",
})  # fmt: skip
"""Errors that are marks against a target. (A conflict is one too, and has no class of its own.)"""


def check(scenario: Scenario) -> None:
    """Raises ``AssertionError`` with what does not hold."""
    talks: dict[int, list[Talk]] = defaultdict(list)
    for talk in scenario.io.talks:
        talks[talk.asked.number].append(talk)
    made: list[Made] = []
    for caller in scenario.callers:
        try:
            made += check_call(scenario, caller, talks[caller.number])
        except AssertionError as wrong:
            raise AssertionError(f"{wrong} (call {caller.number})") from wrong
    check_limits(scenario)
    check_stations(scenario, made)
    check_rests(scenario, made)
    check_leaks(scenario)


def check_call(scenario: Scenario, caller: Caller, talks: list[Talk]) -> list[Made]:
    check_end(caller)
    if (
        caller.call.hedge is not None and not scenario.strict
    ):  # branches that ran one after another: what was told is told apart there
        return []
    check_text(scenario, caller, talks)
    made = made_of(caller, talks, hedged=caller.call.hedge is not None)
    if caller.call.hedge is None:
        for one, other in pairwise(talks):
            assert one.shut <= other.sent, "nobody is asked beside another where no hedge was wanted"
        check_course(caller, made)
    for talk in talks:
        assert talk.sent < caller.until, "nobody is asked when the time is up"
        told = talk.asked_headers.get("trunkline-timeout-ms")
        if told is not None:
            assert talk.spoken.headers.get("trunkline-gateway") or talk.spoken.headers == {}, "only a gateway is told the time"
            assert abs(int(told) - (caller.until - talk.sent) * 1000.0) <= 1.0 + SLACK, "the time that is left travels on"
    return made


def check_end(caller: Caller) -> None:
    """Every call is settled exactly once, and ends in a result or one honest error before its deadline."""
    assert len(caller.ends) == 1, f"settled {len(caller.ends)} times"
    how, error, response = caller.ends[0].how, caller.error, caller.response
    assert caller.ended <= max(caller.until, caller.awake) + SLACK, (
        f"it ended {caller.ended - caller.until:.3f} s after its deadline"
    )
    if how == "end":
        assert error is None, f"it ended well, and raised {error!r}"
        assert response is not None, "a result"
        assert not response.partial, "and a whole one"
        assert response.attempts == tuple(caller.attempts), "the result tells all attempts"
        lost = [attempt.cost for attempt in caller.attempts if attempt.asked and (attempt.overtaken or attempt.interrupted)]
        assert response.cost is None or response.cost >= sum(cost for cost in lost if cost is not None), "all costs are counted"
        assert response.cost is None or None not in lost, "a cost that is not known in full is not told"
    elif how == "error":
        interrupted = isinstance(error, KeyboardInterrupt | asyncio.CancelledError) and caller.meddled  # while it ended
        assert interrupted or isinstance(error, ProviderError | HookError | UsageError), f"an error of ours, not {error!r}"
        if isinstance(error, ProviderError):
            assert error.attempts == tuple(caller.attempts), "the error tells all attempts"
        if isinstance(error, AllTargetsFailedError):
            assert len(error.errors) > 1, "several failed"
    elif how == "cancel":
        assert caller.meddled, "nobody cancelled it"
        assert isinstance(error, asyncio.CancelledError | KeyboardInterrupt), "what cancelled it is raised"
    else:
        assert how == ("collected" if caller.manner == "abandon" else "close"), how
        assert caller.manner in ("leave", "abandon") or caller.meddled, "nobody closed it"
    assert (
        caller.call.last_resort is not LAST_RESORT or how != "error" or caller.events or not isinstance(error, ProviderError)
    ), "there was an answer of last resort"


def check_text(scenario: Scenario, caller: Caller, talks: list[Talk]) -> None:
    """No event is lost or doubled: what was told is what the providers said, each going on where the one before broke off."""
    how, response = caller.ends[0].how, caller.response
    if response is not None and response.fallback:
        assert response.text == LAST_RESORT, "the answer of last resort, as it is"
        assert not caller.stream or caller.told == LAST_RESORT, "told once"
        return
    if caller.told.endswith(LAST_RESORT):
        assert LAST_RESORT.endswith(caller.told), "told alone"
        return
    overtaken = _overtaken(caller, talks)
    chain = [talk for talk in talks if talk.text and talk.number not in overtaken]
    if not caller.stream:
        if how == "end":
            assert response is not None
            assert response.text == _answer(caller, talks).text, "what the last one said, as it is"
        return
    so_far = ""
    for talk in chain:
        shown = talk.asked.shown or ""
        assert so_far.startswith(shown) and not so_far[len(shown) :].strip(), "who carries on is shown what was told"
        so_far += talk.new
    if how in ("end", "error") and caller.manner != "hook":
        assert caller.told == so_far, f"told {caller.told!r}, said {so_far!r}"
    else:
        assert so_far.startswith(caller.told), f"told {caller.told!r}, said {so_far!r}"
    if how == "end":
        assert response is not None
        assert response.text == caller.told, "the response is what was told"
        assert any(talk.spoken.whole for talk in talks), "somebody came to his end"
        assert sum(type(event) is Finish for event in caller.events) == 1, "one end"
    if isinstance(caller.error, StreamInterruptedError) and how == "error" and (caller.events or caller.error.partial):
        assert caller.error.partial is not None
        assert caller.error.partial.text == caller.told, "the error holds what was told"
    elif isinstance(caller.error, ProviderError) and how == "error":
        assert not caller.events, "an error of its own kind only where nobody has heard a word"
    moves = [event for event in caller.events if type(event) is Moved]
    assert len(moves) <= sum(attempt.interrupted for attempt in caller.attempts), "who takes over is told"
    if caller.events:
        starts = [n for n, event in enumerate(caller.events) if type(event) is Start]
        assert starts[:1] == [0], "it begins with its beginning"
        assert len(starts) == 1 + len(moves) or how != "end", "one beginning for each who spoke"


def _answer(caller: Caller, talks: Sequence[Talk]) -> Talk:
    """The exchange that brought the answer."""
    made = made_of(caller, list(talks), hedged=caller.call.hedge is not None)
    (found,) = [one.talk for one in made if one.talk is not None and one.attempt.error is None and not one.attempt.overtaken]
    return found


def _overtaken(caller: Caller, talks: Sequence[Talk]) -> set[int]:
    """The exchanges of tries that another was faster than."""
    if caller.call.hedge is None:
        return set()
    return {
        made.talk.number for made in made_of(caller, list(talks), hedged=True) if made.talk is not None and made.attempt.overtaken
    }


# -- limits ------------------------------------------------------------------------------------------------------------


def check_limits(scenario: Scenario) -> None:
    """No window of a user's limit is exceeded, and never more are under way than ``most``, counted from the exchanges' own moments."""
    for gate in scenario.family.gates():
        through = [talk for talk in scenario.io.talks if gate in talk.station.gates]
        spare = scenario.meddled
        if isinstance(gate.window, WatchedWindow):
            limit = gate.window.limit
            sent = sorted(talk.sent for talk in through)
            most = limit.requests
            if most is not None:
                for earlier, later in zip(sent, sent[most:], strict=False):
                    assert later - earlier >= limit.period - SLACK, f"more than {most} within {limit.period} s"
            booked = sorted(each.at for each in gate.window.booked)
            for moment in sent:  # in their order: each has a booking of its own
                while booked and booked[0] < moment - SLACK:
                    booked.pop(0)
                    spare -= 1
                assert booked and booked.pop(0) <= moment + SLACK, "each goes at its moment, which was booked"
            assert spare >= len(booked), "each booking is a request that went, or was taken back"
        if gate.slots is not None and scenario.strict:
            assert _at_once(through) <= gate.slots.concurrency.most, "more at once than are allowed"


def _at_once(talks: Sequence[Talk]) -> int:
    steps = sorted([(talk.shut, 0) for talk in talks] + [(talk.sent, 1) for talk in talks])
    most = now = 0
    for _, begins in steps:
        now += 1 if begins else -1
        most = max(most, now)
    return most


# -- targets -----------------------------------------------------------------------------------------------------------


def check_stations(scenario: Scenario, made: Sequence[Made]) -> None:
    """Each exchange had leave of its breaker, and told it once how it went; retries are within the budget."""
    sent, marks, unsure = Counter[Station](), Counter[Station](), Counter[Station]()
    retries = Counter[Station]()
    for talk in scenario.io.talks:
        sent[talk.station] += 1
    for one in made:
        if one.talk is None or one.attempt.overtaken:
            continue
        firm = one.attempt.error in MARKS and one.attempt.error != "DeadlineError"
        marks[one.talk.station] += firm
        unsure[one.talk.station] += one.attempt.error == "DeadlineError" or one.talk.spoken.kind == "conflict"
    for one in made:
        if one.talk is not None:
            retries[one.talk.station] += one.retry
    for station in scenario.family.stations.all():
        breaker, budget = station.breaker, station.budget
        if isinstance(breaker, WatchedBreaker):
            leaves = breaker.leaves["go"] + breaker.leaves["probe"]
            assert sent[station] <= leaves <= sent[station] + scenario.meddled, f"{leaves} leaves, {sent[station]} requests"
            assert breaker.told.total() == leaves, "each tells once how it went"
            assert not scenario.strict or marks[station] <= breaker.told["failed"] <= marks[station] + unsure[station], (
                f"{breaker.told['failed']} marks against {station.place}, where {marks[station]} to {marks[station] + unsure[station]} were due"
            )
        assert isinstance(budget, WatchedBudget)
        if not scenario.hedges:
            assert retries[station] <= budget.least + budget.share * sent[station] + SLACK, "too many retries"


# -- leaks -------------------------------------------------------------------------------------------------------------


def check_leaks(scenario: Scenario) -> None:
    """Nothing is left over: no slot, probe, booking, exchange, open try or task."""
    assert all(talk.closed for talk in scenario.io.talks), "every exchange is closed"
    assert scenario.tasks_left == 0, "no task is left"
    for caller in scenario.callers:
        assert caller.live is None or not caller.live._settlement.open, "no try is left open"
    for station in scenario.family.stations.all():
        assert station.in_flight == 0, "nobody is under way"
        assert not station._left, "nothing is left to be told"
        assert not isinstance(station.breaker, WatchedBreaker) or station.breaker.probes == 0, "no probe is out"
    for gate in scenario.family.gates():
        check_gate(gate)


def check_gate(gate: Gate) -> None:
    assert not gate._left, "nothing is left to be told"
    assert not gate.lock.locked(), "nobody holds its lock"
    if isinstance(gate.slots, WatchedSlots):
        assert (gate.slots.busy, gate.slots.waiting) == (0, 0), "every place is free"
