"""How often each outcome and each feature came about, so that a draw which has lost one is noticed."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

from tests.engine.simulated.callers import Noted
from tests.engine.simulated.watching import WatchedBreaker, WatchedBudget, WatchedSlots, WatchedWindow
from trunkline.values.events import Moved

if TYPE_CHECKING:
    from tests.engine.simulation import Scenario

RARE = 200
"""One in so many scenarios has at least one of each of these."""
EITHER = frozenset({
    "end", "error", "close", "cancel", "collected", "retry", "another key", "another target", "not asked", "fallback answer",
    "carried on by another", "carried on by the same", "carried on twice", "AllTargetsFailedError", "StreamInterruptedError",
    "CircuitOpenError", "DeadlineError", "RateLimitError", "QuotaError", "AuthenticationError", "ContextLengthError",
    "ContentFilterError", "InvalidRequestError", "OverloadedError", "ServerError", "ConnectionRefusedByHostError", "ConnectionResetByHostError",
    "TruncatedBodyError", "MalformedResponseError", "NotFoundError", "PermissionDeniedError", "UsageError",
    "opened", "half open", "closed", "budget refused", "booked", "window refused", "slot in", "waited", "priced", "told a gateway", "prefilled", "instructed",
    "overtaken", "key of a pool", "group",
})  # fmt: skip
ASYNC = EITHER | {"slot queued", "slot full", "woken", "many", "ConcurrencyLimitError", "second failed"}


def tally(scenario: Scenario) -> Counter[str]:
    """What came about in a scenario, each counted once."""
    seen: set[str] = set()
    for caller in scenario.callers:
        seen.add(caller.ends[0].how)
        seen |= {type(caller.error).__name__} if caller.error is not None else set()
        attempts = caller.attempts
        seen |= {attempt.error for attempt in attempts if attempt.error is not None}
        for one, other in pairwise(attempts):
            same = (one.provider, one.model) == (other.provider, other.model)
            again = "retry" if one.key == other.key else "another key"
            seen.add(again if same else "another target")
        for feature, there in (
            ("not asked", any(not attempt.asked for attempt in attempts)),
            ("overtaken", any(attempt.overtaken for attempt in attempts)),
            (
                "second failed",
                caller.call.hedge is not None and len(attempts) > 1 and not any(attempt.overtaken for attempt in attempts),
            ),
            ("waited", any(attempt.waited for attempt in attempts)),
            ("fallback answer", caller.response is not None and caller.response.fallback),
            ("priced", caller.response is not None and caller.response.cost is not None),
            ("key of a pool", any((attempt.key or "").endswith("2") for attempt in attempts)),
            ("group", any(isinstance(planned, Noted) for planned in caller.plan)),
            ("many", len(scenario.callers) >= 40),
        ):
            if there:
                seen.add(feature)
        moves = [event for event in caller.events if type(event) is Moved and event.to != "fallback_answer"]
        seen |= {"carried on by the same" if move.from_ == move.to else "carried on by another" for move in moves}
        if len(moves) >= 2:
            seen.add("carried on twice")
    return Counter(seen | _of_machines(scenario))


def _of_machines(scenario: Scenario) -> set[str]:
    seen: set[str] = set()
    for talk in scenario.io.talks:
        if "trunkline-timeout-ms" in talk.asked_headers:
            seen.add("told a gateway")
        if talk.asked.shown:
            seen.add("prefilled" if talk.asked.prefilled else "instructed")
    for station in scenario.family.stations.all():
        if isinstance(station.breaker, WatchedBreaker):
            seen |= set(station.breaker.moves)
        if isinstance(station.budget, WatchedBudget) and station.budget.refused:
            seen.add("budget refused")
    for gate in scenario.family.gates():
        if isinstance(gate.window, WatchedWindow):
            seen |= {"booked"} if gate.window.booked else set()
            seen |= {"window refused"} if gate.window.refused else set()
        if isinstance(gate.slots, WatchedSlots):
            seen |= {entry if entry == "woken" else f"slot {entry}" for entry in gate.slots.entries}
    return seen


def missing(seen: Counter[str], scenarios: int, port: str) -> dict[str, int]:
    """What came about too seldom."""
    due = EITHER if port == "blocking" else ASYNC
    return {name: seen[name] for name in sorted(due) if seen[name] * RARE < scenarios}
