"""Which call an answer is to. Older models and many programs give no ids: names and order tell (gemini §5)."""

from __future__ import annotations

from collections import deque

from ..pieces import made_up_id


class Calls:
    """The calls of a conversation, as they come by."""

    __slots__ = ("_hosted", "_known", "_made", "_named", "_open", "_order")

    def __init__(self) -> None:
        self._open: dict[str, str] = {}
        """Name by id of the calls that have no answer yet; the same in order, of each name and of all."""
        self._named: dict[str, deque[str]] = {}
        self._order: deque[str] = deque()
        self._known: set[str] = set()
        self._made = 0
        self._hosted: list[str] = []

    def _new(self) -> str:
        self._made += 1
        return made_up_id(self._made - 1)

    def called(self, id: str | None, name: str) -> str:
        """The id of a call: its own, or one that is made up, the same every time."""
        id = id or self._new()
        self._open[id] = name
        self._named.setdefault(name, deque()).append(id)
        self._order.append(id)
        self._known.add(id)
        return id

    def answered(self, id: str | None, name: str) -> str:
        """The id of the call that this answers: the one with the id; else the first of that name; else the first without an
        answer, where there is no id either."""
        if id is not None and id in self._known:
            self._open.pop(id, None)
            return id
        found = self._first(self._named.get(name))
        if found is None and id is None:
            found = self._first(self._order)
        if found is None:
            return id or self._new()
        del self._open[found]
        return found

    def _first(self, ids: deque[str] | None) -> str | None:
        """The first that has no answer yet."""
        while ids and ids[0] not in self._open:
            ids.popleft()
        return ids[0] if ids else None

    def hosted(self, id: str | None) -> str:
        """The id of a call of the provider's own tool."""
        self._hosted.append(id or self._new())
        return self._hosted[-1]

    def shown(self, id: str | None) -> str:
        """The id of the call of the provider's own tool that this is the result of: its own, or the last one's."""
        return id or (self._hosted[-1] if self._hosted else self._new())
