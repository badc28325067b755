"""How much of a conversation is sent: the newest turns, whole, within a limit of turns, of tokens, or of both."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Generic, TypeVar

from ..values import expect

T = TypeVar("T")
_BATCHED = 8
"""With as many turns and more a quarter of them goes at once, so that what is sent begins the same for a while and a provider's
cache of it holds; with fewer exactly the oldest."""


class ContextWindow(Generic[T]):
    """A conversation's messages, of whatever type, and those of them that are sent.

    A turn is a message that ``begins`` one and all up to the next. ``max_turns`` counts the one under way, ``max_tokens`` is of
    all that is sent. Beyond a limit the oldest turns are left out: of turns ``at_once`` (None: a quarter of ``max_turns``; one,
    where that is below 8), of tokens until three quarters are used. The last turn always stays, and so does what is pinned;
    a call of a tool and its results are never parted, wherever the results stand. What is sent follows from what was added
    alone: after ``cut`` it is what it was before.

    ``head`` comes first whatever is left out. Adding and sending take time that does not grow with what is left out.
    """

    def __init__(self, max_turns: int | None = None, max_tokens: int | None = None, *, at_once: int | None = None) -> None:
        self.max_turns: int | None = None if max_turns is None else expect.whole(max_turns, "max_turns", 1)
        self.max_tokens: int | None = None if max_tokens is None else expect.whole(max_tokens, "max_tokens", 1)
        quarter = max_turns // 4 if max_turns is not None and max_turns >= _BATCHED else 1
        self._at_once = quarter if at_once is None else expect.whole(at_once, "at_once", 1, max_turns)
        self.items: list[T] = []
        self.begins: list[int] = []
        """Where turns begin."""
        self.pins: list[int] = []
        """Where the pinned ones are."""
        self._head: Sequence[T] = ()
        self._head_tokens = 0
        self._sums = [0]  # of the tokens of the items before
        self._firsts: list[int] = []  # which was the first that was sent, once this one had been added
        self._oldest = 0  # of the turns that are sent
        self._calls: dict[str, tuple[int, ...]] = {}
        self._tools: dict[int, tuple[str, ...]] = {}  # who calls, or answers calls; and the ids of what it calls
        self._joined: dict[int, list[int]] = {}  # turns that are none any more, by the result that made one of them
        self._loose: list[int] = []  # those of them that are not pinned
        self._pin_sums = [0]  # as `_sums`, of the pinned items, as far as they were needed; a pin forgets those behind it
        self._sent: list[T] | None = None

    @property
    def first(self) -> int:
        """From where on everything is sent."""
        return self.begins[self._oldest] if self.begins else 0

    @property
    def turns(self) -> int:
        """How many of them are sent."""
        return len(self.begins) - self._oldest

    @property
    def tokens(self) -> int:
        """Of all that is sent."""
        return self._size(self._oldest) if self.begins else self._head_tokens

    def sent(self) -> tuple[T, ...]:
        """The head, what is pinned among what is left out, and the rest."""
        if self._sent is None:
            first = self.first
            self._sent = [*self._head, *map(self.items.__getitem__, self._pins_before(first)), *self.items[first:]]
        return tuple(self._sent)

    def lead(self, head: Sequence[T], tokens: int) -> None:
        """What comes first from now on."""
        self._head, self._head_tokens, self._sent = head, tokens, None

    def add(
        self,
        item: T,
        *,
        begins: bool = False,
        tokens: int = 0,
        calls: Sequence[str] = (),
        answers: Sequence[str] = (),
        pinned: bool = False,
    ) -> None:
        """One more message: how many ``tokens`` it is, the ids of the tools' ``calls`` that it makes, and that it ``answers``."""
        place, first = len(self.items), self.first
        self.items.append(item)
        self._sums.append(self._sums[-1] + tokens)
        if begins or not place:
            self.begins.append(place)
        callers = [self._calls[id][-1] for id in answers if id in self._calls]
        if callers:
            self._join(place, min(callers))
        if calls or answers:
            self._tools[place] = tuple(calls)
            self._loose.append(place)
            for id in calls:
                self._calls[id] = (*self._calls.get(id, ()), place)
        if pinned or any(_holds(self.pins, caller) for caller in callers):
            self.pin(place)
        self._fit()
        self._firsts.append(self.first)
        if self._sent is not None and self.first == first:
            self._sent.append(item)
        else:
            self._sent = None

    def pin(self, place: int) -> None:
        """From now on it is always sent, in its place; with the calls and results of its turn, if it is one of them."""
        places: Sequence[int] = (place,)
        start = end = 0
        if place in self._tools:
            turn = bisect_right(self.begins, place) - 1
            start = bisect_left(self._loose, self.begins[turn])
            end = bisect_left(self._loose, self.begins[turn + 1]) if turn + 1 < len(self.begins) else len(self._loose)
            places = self._loose[start:end]
        for one in places:
            at = bisect_left(self.pins, one)
            if self.pins[at : at + 1] != [one]:
                self.pins.insert(at, one)
                del self._pin_sums[at + 1 :]
        del self._loose[start:end]
        if place < self.first:
            self._sent = None

    def cut(self, length: int) -> None:
        """Forgets all but the first ``length`` messages, as though the others had never been said."""
        for place in range(len(self.items) - 1, length - 1, -1):
            while self.begins and self.begins[-1] >= place:
                self.begins.pop()
            self.begins += [turn for turn in self._joined.pop(place, ()) if turn > self.begins[-1]]
            for id in self._tools.pop(place, ()):
                self._calls[id] = tuple(caller for caller in self._calls.get(id, ()) if caller < place)
                if not self._calls[id]:
                    del self._calls[id]
        for places in (self.begins, self.pins, self._loose):
            del places[bisect_left(places, length) :]
        del self.items[length:], self._sums[length + 1 :], self._firsts[length:]
        self._oldest = bisect_left(self.begins, self._firsts[-1]) if self._firsts else 0
        self._sent = None

    def copy(self) -> ContextWindow[T]:
        """The same, to be gone on with in another way."""
        other = ContextWindow[T](self.max_turns, self.max_tokens, at_once=self._at_once)
        for name in ("items", "begins", "pins", "_sums", "_firsts", "_calls", "_tools", "_joined", "_loose", "_pin_sums"):
            setattr(other, name, getattr(self, name).copy())
        other._head, other._head_tokens, other._oldest = self._head, self._head_tokens, self._oldest
        return other

    def _join(self, place: int, caller: int) -> None:
        """A result at ``place`` belongs to the turn of ``caller``, and so does all between them."""
        turn = bisect_right(self.begins, caller)
        if turn < len(self.begins):
            self._joined[place] = self.begins[turn:]
            del self.begins[turn:]
        self._oldest = min(self._oldest, turn - 1)

    def _fit(self) -> None:
        """Leaves out what is too much."""
        last, oldest = len(self.begins) - 1, self._oldest
        if self.max_turns is not None and last - oldest >= self.max_turns:
            oldest = last - self.max_turns + self._at_once
        if self.max_tokens is not None and self._size(oldest) > self.max_tokens:
            while oldest < last and self._size(oldest) > self.max_tokens * 3 // 4:
                oldest += 1
        self._oldest = oldest

    def _size(self, oldest: int) -> int:
        first = self.begins[oldest]
        for place in self.pins[len(self._pin_sums) - 1 :]:
            self._pin_sums.append(self._pin_sums[-1] + self._sums[place + 1] - self._sums[place])
        return self._head_tokens + self._sums[-1] - self._sums[first] + self._pin_sums[bisect_left(self.pins, first)]

    def starts(self, place: int) -> bool:
        """Whether a turn begins there."""
        return _holds(self.begins, place)

    def _pins_before(self, first: int) -> list[int]:
        return self.pins[: bisect_left(self.pins, first)]


def _holds(places: Sequence[int], place: int) -> bool:
    n = bisect_left(places, place)
    return n < len(places) and places[n] == place
