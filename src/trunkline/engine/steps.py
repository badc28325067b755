"""The turns of a run, and the one reply that they add up to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from ..values.message import Message, ToolResult
from ..values.response import Attempt, Response, Step, Timings, Usage, Warning


class Steps:
    """What was said so far in a run that began at ``began``."""

    __slots__ = ("_at", "_began", "_steps")

    def __init__(self, began: float) -> None:
        self._began = began
        self._steps: list[Step] = []
        self._at: list[float] = []

    @classmethod
    def of(cls, steps: Sequence[Step]) -> Steps:
        """Those that an error tells of."""
        made = cls(0.0)
        made._steps, made._at = list(steps), [0.0] * len(steps)
        return made

    def __len__(self) -> int:
        return len(self._steps)

    @property
    def all(self) -> tuple[Step, ...]:
        return tuple(self._steps)

    def add(self, response: Response, began: float, results: Sequence[ToolResult] = (), correction: str | None = None) -> Step:
        """One more turn, which began at ``began``."""
        step = Step(response=response, results=tuple(results), correction=correction)
        self._steps.append(step)
        self._at.append(began - self._began)
        return step

    def whole(self, last: Response, began: float, now: float) -> Response:
        """``last`` (which began at ``began``) as the reply of all of them."""
        if not self._steps:
            return last
        return self._summed(last, [*(step.response for step in self._steps), last], [*self._at, began - self._began], now)

    def so_far(self, now: float) -> Response:
        """The same between two turns: nothing has come of the next one."""
        nothing = Response(message=Message.assistant(), partial=True)
        return self._summed(nothing, [step.response for step in self._steps], self._at, now) if self._steps else nothing

    def _summed(self, last: Response, replies: list[Response], at: list[float], now: float) -> Response:
        costs = [reply.cost for reply in replies]
        took = now - self._began
        first = replies[0].timings
        return msgspec.structs.replace(
            last,
            steps=(*self._steps, *last.steps),
            usage=total(reply.usage for reply in replies),
            cost=None if None in costs else sum(filter(None, costs), Decimal(0)),
            reported_cost=_reported(replies),
            latency=took,
            timings=Timings(head=first.head, first_event=first.first_event, end=took),
            attempts=_attempts(replies, at),
            warnings=_distinct(warning for reply in replies for warning in reply.warnings),
        )


def total(usages: Iterable[Usage]) -> Usage:
    """The sum, figure by figure; one that somebody did not say is not known of all."""
    known = list(usages)
    sums: dict[str, Any] = {}
    for name in Usage.__struct_fields__:
        figures = [getattr(usage, name) for usage in known]
        if name != "raw" and None not in figures:
            sums[name] = sum(figures)
    return Usage(**sums)


def _reported(replies: list[Response]) -> Decimal | None:
    costs = [reply.reported_cost for reply in replies]
    return None if None in costs else sum(filter(None, costs), Decimal(0))


def _attempts(replies: list[Response], at: list[float]) -> tuple[Attempt, ...]:
    """All tries, each with its time from the start of the run."""
    return tuple([
        msgspec.structs.replace(attempt, at=attempt.at + since)
        for reply, since in zip(replies, at, strict=True)
        for attempt in reply.attempts
    ])  # fmt: skip


def _distinct(warnings: Iterable[Warning]) -> tuple[Warning, ...]:
    return tuple(dict.fromkeys(warnings))
