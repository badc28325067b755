"""What must stand still while this process forks: no thread may be inside a store just then."""

from __future__ import annotations

import os
import sys
from threading import RLock
from typing import ClassVar
from weakref import WeakSet

_known: WeakSet[Still] = WeakSet()
_held: list[Still] = []
_forking = RLock()


class Still:
    """A lock that is held over every fork of this process, so that the child finds what it guards whole, and free.

    It can be taken twice by one thread: the garbage collector may settle a call, and so append, in whatever thread has it.
    ``order``: who holds one of a lower order may take one of a higher, never the other way round.
    """

    order: ClassVar[int] = 1

    def __init__(self) -> None:
        self.lock: RLock = RLock()
        _known.add(self)

    def hold(self) -> None:
        """Before the fork, in the thread that forks."""
        self.lock.acquire()

    def let_go(self, *, child: bool) -> None:
        """After it, in the parent and in the child."""
        self.lock.release()


def _before() -> None:
    _forking.acquire()
    for what in sorted(_known, key=lambda what: what.order):
        what.hold()
        _held.append(what)


def _after(*, child: bool) -> None:
    while _held:
        _held.pop().let_go(child=child)
    _forking.release()


if sys.platform != "win32":
    os.register_at_fork(before=_before, after_in_parent=lambda: _after(child=False), after_in_child=lambda: _after(child=True))
