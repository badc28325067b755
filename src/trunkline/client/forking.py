"""From a route to the group that the engine asks: its names found, its cycles refused, each made once."""

from __future__ import annotations

from functools import partial
from threading import Lock
from typing import TYPE_CHECKING

from ..engine.destination import Destination
from ..engine.fork import Fork, Member
from ..providers.table import TABLE
from ..values.errors import UsageError
from ..values.secret import Origin
from .model_names import provider_of
from .routes import Route
from .trust import at_place, placed

if TYPE_CHECKING:
    from .destinations import Destinations

MOST = 256
"""So many groups are remembered, with their turns and figures: those made last."""


class Forks:
    """The groups of one client's routes."""

    def __init__(self, destinations: Destinations) -> None:
        self._destinations = destinations
        self._known: dict[Route, Fork] = {}
        self._lock = Lock()

    def of(self, route: Route, within: tuple[Route, ...] = ()) -> Fork:
        """The group of ``route``; ``within``: the routes in which it stands."""
        if route in within:
            circle = " > ".join(str(each) for each in (*within[within.index(route) :], route))
            raise UsageError(f"a route that leads to itself: {circle}", field=within[-1].field("targets"))
        found = self._known.get(route)
        if found is None:
            made = self._made(route, within)
            with self._lock:
                found = self._known.setdefault(route, made)
                if len(self._known) > MOST:
                    del self._known[next(iter(self._known))]
        return found

    def _made(self, route: Route, within: tuple[Route, ...]) -> Fork:
        self._refuse_disguise(route)
        members = [self._member(route, number, (*within, route)) for number in range(len(route.listed))]
        return Fork(str(route), _told_apart(members), strategy=route.strategy, bounds=route.bounds, choose=route.choose)

    def _refuse_disguise(self, route: Route) -> None:
        """Whoever names a model means it: a file that came with somebody's work does not lead him elsewhere."""
        name = route.name
        if route.origin is Origin.PROJECT and name is not None:
            catalog = self._destinations.settings.catalog
            if any(catalog.find(row.name, name) for row in TABLE):
                raise UsageError("a project's file may not give a model's name to a route", field=route.field())

    def _member(self, route: Route, number: int, within: tuple[Route, ...]) -> Member:
        listed = route.listed[number]
        inner = self._destinations.route(listed.model) if listed.model is not None else None
        if inner is None:
            to = self._target(route, number)
            shown = listed.model if isinstance(listed.model, str) else f"{to.provider}/{to.model}" if to.model else to.provider
            return Member(shown, to, listed.weight, listed.condition)
        if listed.options:
            field = route.field(f"targets[{number}]")
            raise UsageError("a route takes no options but its weight and conditions", field=field)
        return Member(str(inner), self.of(inner, within), listed.weight, listed.condition)

    def _target(self, route: Route, number: int) -> Destination:
        """A single target. It has whatever it does not say from the first of the route, where both are of one provider, else from
        the client."""
        listed, lead = route.listed[number], route.listed[0]
        at = f"targets[{number}].model" if listed.options else f"targets[{number}]"
        name = lead.model if listed.model is None else listed.model
        if listed.model is None and (not isinstance(name, str) or self._destinations.route(name) is not None):
            raise UsageError("the first target is no model that this could stand in for", field=route.field(at))
        if not isinstance(name, str):
            return self._destinations.find(name, route.field(at))
        source = self._destinations
        if number and lead.options and isinstance(lead.model, str) and self._are_kin(lead.model, name, route.field(at)):
            source = source.heirs.of(lead.model, lead.options, route.field("targets[0].model"), route.origin)
        elif not listed.options:
            return at_place(route.field(at), partial(source.find, name, route.field(at)))
        try:
            return source.heirs.find(name, listed.options, route.field(at), route.origin)
        except UsageError as error:
            if error.field in (None, route.field(at)):
                raise
            raise placed(error, route.field(f"targets[{number}].{error.field}")) from None

    def _are_kin(self, one: str, other: str, field: str) -> bool:
        """Whether both are of one provider."""
        first, second = (provider_of(name, field, lambda: self._destinations.settings.catalog) for name in (one, other))
        return first == second


def _told_apart(members: list[Member]) -> list[Member]:
    """Each of a name of its own: a second ``provider/model`` is ``provider/model#2``."""
    seen: dict[str, int] = {}
    apart = []
    for member in members:
        seen[member.name] = seen.get(member.name, 0) + 1
        count = seen[member.name]
        apart.append(member if count == 1 else member._replace(name=f"{member.name}#{count}"))
    return apart
