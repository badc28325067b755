"""Backups: the same model elsewhere, which has whatever it does not say from the one that it stands in for."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import TYPE_CHECKING, Any

from ..engine.destination import Destination
from ..values.secret import Origin
from .addresses import handed_parameters
from .wiring import hashable

if TYPE_CHECKING:
    from .destinations import Destinations

MOST = 64
"""So many are remembered, with their tokens: those used last."""


class Heirs:
    """The heirs of one client's destinations."""

    def __init__(self, destinations: Destinations) -> None:
        self._destinations = destinations
        self._known: dict[tuple[Any, ...], Destinations] = {}
        self._lock = Lock()

    def find(self, name: str | None, options: Mapping[str, Any], field: str, origin: Origin = Origin.ARGUMENT) -> Destination:
        """The target that ``name`` names with ``options`` of its own (``BackupOptions``)."""
        return self.of(name, options, field, origin).find(name, field)

    def of(self, name: str | None, options: Mapping[str, Any], field: str, origin: Origin = Origin.ARGUMENT) -> Destinations:
        """Where ``name`` is found with ``options``. ``origin``: whose word they are."""
        said = (name, origin, *((key, hashable(value)) for key, value in sorted(options.items())))
        with self._lock:
            heir = self._known.pop(said, None)
        if heir is None:
            heir = self._made(name, options, field, origin)
        with self._lock:
            self._known[said] = heir  # the last one used stands last
            if len(self._known) > MOST:
                del self._known[next(iter(self._known))]
        return heir

    def _made(self, name: str | None, options: Mapping[str, Any], field: str, origin: Origin) -> Destinations:
        """What was handed over for one provider goes to no other."""
        inherited = self._destinations.handed(name, field, options.get("base_url"))
        said = {**inherited, **options}
        if "parameters" in options:
            said["parameters"] = {**inherited.get("parameters", {}), **handed_parameters(options["parameters"])}
        return self._destinations.heir(name, said, origin if options.keys() & {"base_url", "parameters"} else None)
