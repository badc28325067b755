"""What threads wait for, and any thread may set."""

from __future__ import annotations

from ..ports import INFINITY
from .branches import Bell, Branches


class BlockingSignal:
    """See ``ports.Signal``. Ctrl-C arrives in a wait, and in a branch that is ended, and when
    the port is closed, it raises what ``sleep`` does."""

    __slots__ = ("_bells", "_branches", "_set")

    def __init__(self, branches: Branches) -> None:
        self._branches = branches
        self._set = False
        self._bells: set[Bell] = set()

    async def wait(self, seconds: float = INFINITY) -> bool:
        bell = Bell()
        self._bells.add(bell)
        try:
            if self._set:
                bell.put(None)
            self._branches.listen(bell, seconds)
        finally:
            self._bells.discard(bell)
        return self._set

    def set(self) -> None:
        # No lock: it may be called by a finalizer or a signal's handler, in the middle of `wait`.
        self._set = True
        for bell in list(self._bells):
            bell.put(None)
