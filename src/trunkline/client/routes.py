"""Several models under one name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..values.errors import UsageError
from .trust import bare

if TYPE_CHECKING:  # every client knows this module, few have a route
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

    from ..engine.fork import Choose
    from ..policy.routing import Bounds, Strategy
    from ..values.model import Ability
    from ..values.secret import Origin
    from .options import ModelName
    from .route_targets import Listed


class Route:
    """Several models that stand where a model's name may: ``Client(Route([...]))``, ``model=``, ``fallbacks``, in another route.
    Each call takes those that are fit for its request, and asks one after another until one answers (``docs/routes.md``).

    ``targets``: models' names, routes (``Route``, or the name of one in a configuration file), objects of your own, and mappings
    of ``BackupOptions`` (``model`` and how it is reached; what is not said is as for the first target), which may say
    besides: ``weight`` (its share; 1), ``above`` and ``up_to`` (it is for prompts of more than, and of up to, so many tokens,
    roughly), ``needs`` (it is for requests that need all of these).

    ``strategy``: ``ordered`` (as written), ``weighted``, ``round_robin``, ``least_in_flight``, ``fastest`` (to the first token),
    ``cheapest`` (by the catalog). Whatever the request needs and the catalog knows a model to lack leaves it out; so do ``needs``
    (abilities as in ``Model.abilities``), ``regions`` (by how their names begin) and the highest prices (USD per million
    tokens), the latter two also where nobody knows. ``choose(request, names)`` gives the name that is asked first, a list of
    those that are asked alone, or None; with ``AsyncClient`` it may be a coroutine function. ``name``: how errors call the route.

    Nothing is read or sent for it. Raises ``UsageError``.
    """

    def __init__(
        self,
        targets: Sequence[ModelName | Mapping[str, Any]],
        *,
        strategy: Strategy = "ordered",
        needs: Sequence[Ability] = (),
        regions: Sequence[str] = (),
        max_input_price: float | Decimal | None = None,
        max_output_price: float | Decimal | None = None,
        choose: Choose | None = None,
        name: str | None = None,
    ) -> None:
        from . import route_targets as checked

        try:
            self.listed: tuple[Listed, ...] = checked.listed(targets)
        except UsageError as error:
            del targets  # they may hold keys
            raise bare(error) from None
        self.name: str | None = checked.name(name)
        self.strategy: Strategy = checked.strategy(strategy)
        self.bounds: Bounds = checked.bounds(needs, regions, max_input_price, max_output_price)
        self.choose: Choose | None = checked.function(choose)
        self.file: str | None = None
        """The configuration file that it stands in."""
        self.origin: Origin = checked.HANDED

    def field(self, of: str = "") -> str:
        """How errors name it, or something ``of`` it: by its place in a file, where it has one."""
        if self.file is None:
            return of or "model"
        return f"routes.{self.name}{'.' if of else ''}{of} ({self.file})"

    def check(self, blocking: bool) -> None:
        """Refuses what cannot work in a blocking client: functions and objects that are asynchronous."""
        from .route_targets import check

        check(self, blocking)

    @property
    def shown(self) -> str:
        """Its strategy and its targets, in a line."""
        return f"{self.strategy}: {', '.join(each.shown for each in self.listed)}"

    def __str__(self) -> str:
        """Its name."""
        return self.name or "the route"

    def __repr__(self) -> str:
        if "origin" not in vars(self):  # a traceback may show one whose arguments were refused
            return "Route(not made)"
        return f"Route({self.name or 'unnamed'}, {self.shown})"
