"""Several targets of which each call takes those that are fit for it, in the order of a strategy."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from threading import Lock
from typing import NamedTuple

from ..policy.routing import (
    Bounds,
    Condition,
    Facts,
    Races,
    Speed,
    Strategy,
    Wanted,
    ascending,
    estimated_cost,
    objection,
    rotated,
    wanted,
    weighted,
)
from ..ports import IO
from ..values.errors import UsageError
from ..values.expect import kind_of
from ..values.model import Target
from ..values.request import Request
from .backend import check, declared_async
from .destination import Destination, Own, Sought, Turns, Wire
from .settlement import called
from .station import Station

Chosen = str | Sequence[str] | None
Choose = Callable[[Request, tuple[str, ...]], Chosen | Awaitable[Chosen]]
"""A function of the user's own. Of these names it gives the one that is asked first (the others follow), a list of those that are
asked and of no other, or None: whatever the strategy says."""


class Member(NamedTuple):
    """One of several: a target, or a group in its place. ``weight``: its share, where shares count."""

    name: str
    to: Destination | Fork
    weight: float = 1.0
    condition: Condition = Condition()


class _Fit(NamedTuple):
    """A member that may be asked, by its number, with those of its targets that may be, in their order. The first of them stands
    for it."""

    number: int
    member: Member
    targets: Sequence[Destination]


class Fork(Sought):
    """A group. For each call: who is fit for the request (conditions, ``Bounds``, what the catalog knows), the user's own choice
    among those, then the strategy; whoever had better not be asked now comes last. A group in a group stands in its place.

    ``members``: one at least, each of another name. ``target`` is what all targets have in common, where they are of one
    provider.
    """

    def __init__(
        self,
        name: str,
        members: Sequence[Member],
        *,
        strategy: Strategy = "ordered",
        bounds: Bounds = Bounds(),  # noqa: B008 - frozen
        choose: Choose | None = None,
    ) -> None:
        self.name: str = name
        self.members: tuple[Member, ...] = tuple(members)
        self.strategy: Strategy = strategy
        self._bounds = bounds
        self._choose = choose
        self._turns = Turns()
        self._races = Races(len(self.members))
        self._lock = Lock()
        self.target: Target = _in_common([member.to.target for member in self.members])
        self.provider: str = self.target.provider
        self.model: str = self.target.model

    def check(self, blocking: bool) -> None:
        """Raises ``UsageError`` where a function or an object of the user's own cannot answer this client."""
        if blocking and declared_async(self._choose):
            raise UsageError("a coroutine function", field="choose", allowed="a plain function here; AsyncClient takes both")
        for member in self.members:
            if isinstance(member.to, Own):
                check(member.to, blocking)
            elif isinstance(member.to, Fork):
                member.to.check(blocking)

    def leading(self) -> Destination:
        """The target that is written first, whatever is asked."""
        to = self.members[0].to
        return to.leading() if isinstance(to, Fork) else to

    async def found(self, io: IO, request: Request) -> Sequence[Destination]:
        """Those that are fit for ``request``, each once. ``UsageError`` says of every member why it is not."""
        targets, reasons = await self._search(io, request, wanted(request))
        if not targets:
            raise UsageError(f"no target of {self.name} is fit for this request: {'; '.join(reasons)}", field="model")
        return targets

    async def _search(self, io: IO, request: Request, need: Wanted) -> tuple[list[Destination], list[str]]:
        """The targets in their order; where there is none, of every member why."""
        fit, reasons = await self._fit(io, request, need)
        if not fit:
            return [], reasons
        first, others = await self._preferred(request, fit)
        order = [*first, *self._arranged(io, others, need)]
        once = dict.fromkeys(to for each in order for to in each.targets)
        now = io.now()
        return sorted(once, key=lambda to: _rest(to, now) > 0.0), []

    async def _fit(self, io: IO, request: Request, need: Wanted) -> tuple[list[_Fit], list[str]]:
        """Those that are fit; where only an estimate speaks against all, those of whom it may be wrong. And why the others are
        not."""
        at = io.wall()
        sure: list[_Fit] = []
        unsure: list[_Fit] = []
        reasons: list[str] = []
        for number, member in enumerate(self.members):
            unmet = member.condition.unmet(need)
            if unmet is not None:
                reasons.append(f"{member.name} {unmet.why}")
                continue
            targets: Sequence[Destination]
            if isinstance(member.to, Fork):
                targets, inner = await member.to._search(io, request, need)
                reasons += inner
            else:
                targets = (member.to,)
            judged = [(to, objection(_facts(to), need, self._bounds, at)) for to in targets]
            reasons += [f"{_name(member, to)} {against.why}" for to, against in judged if against is not None]
            if clear := [to for to, against in judged if against is None]:
                sure.append(_Fit(number, member, clear))
            elif doubtful := [to for to, against in judged if against is not None and not against.sure]:
                unsure.append(_Fit(number, member, doubtful))
        return sure or unsure, reasons

    async def _preferred(self, request: Request, fit: list[_Fit]) -> tuple[list[_Fit], list[_Fit]]:
        """Whom the user's own function puts first, and who follows."""
        if self._choose is None:
            return [], fit
        named = {each.member.name: each for each in fit}
        chosen: object = await called(self._choose(request, tuple(named)))
        if chosen is None:
            return [], fit
        names = (chosen,) if isinstance(chosen, str) else chosen
        if not isinstance(names, list | tuple) or not names:
            raise _no_choice(kind_of(chosen), named)
        for name in names:
            if not isinstance(name, str) or name not in named:
                raise _no_choice("another name" if isinstance(name, str) else kind_of(name), named)
        first = [named[name] for name in dict.fromkeys(names)]
        return first, [each for each in fit if each not in first] if isinstance(chosen, str) else []

    def _arranged(self, io: IO, fit: list[_Fit], need: Wanted) -> list[_Fit]:
        """By the strategy; those that had better not be asked now come last."""
        now = io.now()
        free = [each for each in fit if _rest(each.targets[0], now) <= 0.0]
        later = [each for each in fit if each not in free]
        waiting = ascending(self._figures(io, later, need))
        return [free[place] for place in self._places(io, free, need)] + [later[place] for place in waiting]

    def _places(self, io: IO, fit: list[_Fit], need: Wanted) -> list[int]:
        if self.strategy == "weighted":
            return weighted([each.member.weight for each in fit], io.uniform)
        if self.strategy == "round_robin" and fit:
            return rotated(len(fit), self._turns.next(len(fit)))
        if self.strategy == "fastest":
            now = io.now()
            runners = [(each.number, _speed(each.targets[0])) for each in fit]
            with self._lock:
                return self._races.order(runners, now)
        return ascending(self._figures(io, fit, need))

    def _figures(self, io: IO, fit: list[_Fit], need: Wanted) -> Sequence[float | Decimal | None]:
        """What the strategy goes by, the lowest first; None: nothing."""
        standing = [each.targets[0] for each in fit]
        if self.strategy == "least_in_flight":
            return [sum(station.in_flight for station in _stations(to)) for to in standing]
        if self.strategy == "fastest":
            return [_speed(to).average for to in standing]
        if self.strategy == "cheapest":
            at = io.wall()
            return [estimated_cost(to.record, need, at) for to in standing]
        return [None] * len(fit)

    def __repr__(self) -> str:
        return f"Fork({self.name}: {', '.join(member.name for member in self.members)})"


def _no_choice(got: str, named: dict[str, _Fit]) -> UsageError:
    allowed = f"of {', '.join(named)} one, a list of some, or None"
    return UsageError("gave nobody who can be asked", field="choose", got=got, allowed=allowed)


def _stations(to: Destination) -> Sequence[Station]:
    """Of each of its keys."""
    return [wire.station for wire in to.ring] if isinstance(to, Wire) and to.ring else [to.station]


def _rest(to: Destination, now: float) -> float:
    """Seconds for which it had better not be asked, under any of its keys."""
    return min(station.blocked(now) for station in _stations(to))


def _speed(to: Destination) -> Speed:
    """What was measured last."""
    latest = max(_stations(to), key=lambda station: station.measured_at)
    return Speed(latest.latencies.average_first, latest.measured_at)


def _facts(to: Destination) -> Facts:
    quirks = to.target.quirks
    lacks = frozenset(word for word, lacking in (("tools", quirks.no_tools), ("vision", quirks.no_images)) if lacking)
    return Facts(record=to.record, region=to.target.region, lacks=lacks)


def _in_common(targets: Sequence[Target]) -> Target:
    """What can be said of whichever of them is asked."""
    first = targets[0]
    if any(target.owner != first.owner for target in targets):
        return Sought.target
    same = {name: getattr(first, name) for name in ("dialect", "model") if len({getattr(each, name) for each in targets}) == 1}
    return Target(same.get("dialect", ""), first.provider, same.get("model", ""), address=first.address)


def _name(member: Member, to: Destination) -> str:
    return f"{to.provider}/{to.model}" if isinstance(member.to, Fork) and to.model else member.name
