"""So many at once, and a fair queue for the rest."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from typing import Generic, Literal, TypeVar

import msgspec

from ..values import expect

_LONGEST = 1e9  # seconds
_FORMS = "a Concurrency, a number of calls at once, or a mapping of most, queue, wait"

Ticket = TypeVar("Ticket", bound=Hashable)
Entry = Literal["in", "queued", "full"]


class Concurrency(msgspec.Struct, frozen=True):
    """At most ``most`` requests at once; ``queue`` more wait their turn, up to ``wait`` seconds (None: as long as their deadline
    allows).

    Raises ``UsageError`` for ``most`` below 1, a ``queue`` below 0 and a ``wait`` that is not above 0.
    """

    most: int
    queue: int = 1_000
    wait: float | None = None

    def __post_init__(self) -> None:
        _check(self.most, self.queue, self.wait, "concurrency")


def as_concurrency(value: object, field: str = "concurrency") -> Concurrency:
    """What an option says: a ``Concurrency``, a number of calls at once, or a mapping of its fields.

    Anything else is a ``UsageError`` that names the ``field``.
    """
    if isinstance(value, Concurrency):
        return value
    if isinstance(value, Mapping):
        expect.only(value, field, Concurrency.__struct_fields__)
        given = {"most": None, "queue": 1_000, "wait": None, **value}
        _check(given["most"], given["queue"], given["wait"], field)
        return Concurrency(**given)
    if not isinstance(value, int):
        expect.wrong(field, value, _FORMS)
    return Concurrency(expect.whole(value, field, 1))


def _check(most: object, queue: object, wait: object, at: str) -> None:
    expect.whole(most, f"{at}.most", 1)
    expect.whole(queue, f"{at}.queue", 0)
    if wait is not None and (not isinstance(wait, int | float) or isinstance(wait, bool) or not 0 < wait <= _LONGEST):
        expect.wrong(f"{at}.wait", wait, f"seconds above 0, up to {_LONGEST:g}, or None", "not a time")


class Slots(Generic[Ticket]):
    """Who is in and who waits, in the order of coming. It never waits itself, and is not safe among threads.

    A slot that is given back goes to the one that waits longest, never to one that comes later: while anybody waits, all slots
    are taken. A ticket is any hashable object but None.
    """

    __slots__ = ("_inside", "_queue", "concurrency")

    def __init__(self, concurrency: Concurrency) -> None:
        self.concurrency: Concurrency = concurrency
        self._inside: set[Ticket] = set()
        self._queue: OrderedDict[Ticket, None] = OrderedDict()  # gives its first in O(1), which a dict does not

    @property
    def busy(self) -> int:
        """How many are in."""
        return len(self._inside)

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._queue)

    def enter(self, ticket: Ticket) -> Entry:
        """Take a slot, or a place in the queue; ``full``: neither is free, and nothing is taken. A ticket that has either already
        is told which."""
        if ticket in self._inside:
            return "in"
        if len(self._inside) < self.concurrency.most and not self._queue:
            self._inside.add(ticket)
            return "in"
        if ticket in self._queue:
            return "queued"
        if len(self._queue) >= self.concurrency.queue:
            return "full"
        self._queue[ticket] = None
        return "queued"

    def leave(self, ticket: Ticket) -> Ticket | None:
        """Give back whatever the ticket has: a slot, a place in the queue, or nothing (any more).

        The ticket that has the slot now comes back, to be woken; None: nobody is to be woken. Where Ctrl-C broke in, saying it
        again finishes it, and ``enter`` tells the ticket that was not woken that it is in.
        """
        inside, queue = self._inside, self._queue
        inside.discard(ticket)
        queue.pop(ticket, None)
        if not queue:
            return None
        heir = next(iter(queue))
        if len(inside) >= self.concurrency.most and heir not in inside:
            return None
        inside.add(heir)
        del queue[heir]
        return heir
