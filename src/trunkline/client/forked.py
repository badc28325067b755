"""After a fork, in the child: whoever was under way, and whoever held a lock, stayed with the parent."""

from __future__ import annotations

import os
import sys
from typing import Protocol
from weakref import WeakSet


class Forgets(Protocol):
    """What a child of this process begins anew."""

    def forget(self) -> None: ...


_known: WeakSet[Forgets] = WeakSet()


def begins_anew(what: Forgets) -> None:
    """From now on ``what`` is told of a fork, in the child."""
    _known.add(what)


def _after_fork() -> None:
    for what in list(_known):
        what.forget()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_after_fork)
