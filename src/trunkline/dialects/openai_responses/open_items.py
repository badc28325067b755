"""The items of a stream that are being written, however many: each step costs the same."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush

from .growing import Growing


class OpenItems:
    """Items by their place in the output. ``first``: the lowest place; ``last``: the latest of a kind."""

    __slots__ = ("_by_id", "_by_kind", "_ids", "_items", "_places")

    def __init__(self) -> None:
        self._items: dict[int, Growing] = {}
        self._ids: dict[int, str] = {}
        self._by_id: dict[tuple[str, str], dict[int, None]] = {}
        self._by_kind: dict[str, dict[int, None]] = {}
        self._places: list[int] = []  # a heap, in which those that are closed stay until they are on top

    def __contains__(self, index: int) -> bool:
        return index in self._items

    def __iter__(self) -> Iterator[int]:
        """The places, the lowest first."""
        return iter(sorted(self._items))

    def get(self, index: int) -> Growing | None:
        return self._items.get(index)

    def begin(self, index: int, item: Growing, item_id: str) -> None:
        """``item_id`` is empty where none was said."""
        self._items[index], self._ids[index] = item, item_id
        self._by_id.setdefault((item.kind, item_id), {})[index] = None
        self._by_kind.setdefault(item.kind, {})[index] = None
        heappush(self._places, index)

    def close(self, index: int) -> Growing | None:
        item = self._items.pop(index, None)
        if item is not None:
            del self._by_kind[item.kind][index]
            named = item.kind, self._ids.pop(index)
            del self._by_id[named][index]
            if not self._by_id[named]:
                del self._by_id[named]
        return item

    @property
    def first(self) -> int | None:
        while self._places and self._places[0] not in self._items:
            heappop(self._places)
        return self._places[0] if self._places else None

    def last(self, kind: str) -> Growing | None:
        index = next(reversed(self._by_kind.get(kind, {})), None)
        return None if index is None else self._items[index]

    def find(self, kind: str, item_id: str) -> int | None:
        """Where the item of that kind and id stands, or one of that kind that did not say its id."""
        return next((next(iter(found)) for name in (item_id, "") if (found := self._by_id.get((kind, name)))), None)
