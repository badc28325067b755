"""The client's hold on the world: made when first needed, shared by the clients that ``with_options`` makes."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from ..ports import IO
from ..values.errors import UsageError
from ..values.expect import kind_of
from .forked import begins_anew


class Port:
    """The ``IO`` that was handed over, or one that is made on the first ``get``. Raises ``UsageError`` for what is none, and for
    one of the other client's kind."""

    __slots__ = ("__weakref__", "_io", "_lock", "_make")

    def __init__(self, io: IO | None, make: Callable[[], IO], *, blocking: bool) -> None:
        if io is not None and not callable(getattr(io, "new_id", None)):
            raise UsageError("no IO port", field="io", got=kind_of(io), allowed="an object with what ports.IO names, or None")
        if io is not None and (kind := getattr(io, "blocking", None)) is not blocking:
            kinds = "blocking=True for Client, blocking=False for AsyncClient"
            raise UsageError("of the other client's kind", field="io", got=f"blocking={kind is True}", allowed=kinds)
        self._io, self._make = io, make
        self._lock = Lock()
        begins_anew(self)

    def forget(self) -> None:
        """After a fork, in the child."""
        self._lock = Lock()

    def get(self) -> IO:
        if self._io is None:
            with self._lock:
                if self._io is None:
                    self._io = self._make()
        return self._io

    @property
    def opened(self) -> IO | None:
        return self._io
