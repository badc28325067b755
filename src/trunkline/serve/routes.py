"""Which dialect and which operation a request means."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from ..dialects.dialect import Operation, Route, ServerHalf
from ..values.errors import UsageError
from ..values.headers import Headers

_OPEN = {"{model}": "(.+)", "{}": "[^/]+"}


class Match(msgspec.Struct, frozen=True):
    """What a request asks for, and of whom. ``model`` is there for ``MODEL``."""

    half: ServerHalf
    operation: Operation
    model: str | None = None


class Missed(msgspec.Struct, frozen=True):
    """No operation. ``allow``: the methods that this path does take (none: no such path). ``half`` has the words for it."""

    half: ServerHalf
    allow: tuple[str, ...] = ()


class Routes:
    """The paths of several dialects. Raises ``UsageError`` where there is none."""

    def __init__(self, halves: Sequence[ServerHalf]) -> None:
        if not halves:
            raise UsageError("a server needs a dialect to speak", field="halves")
        self._halves = tuple(halves)
        self._fixed: dict[str, list[tuple[ServerHalf, Route]]] = {}
        self._open: list[tuple[re.Pattern[str], ServerHalf, Route]] = []
        for half in halves:
            for route in half.routes:
                if "{" in route.path:
                    self._open.append((_pattern(route.path), half, route))
                else:
                    self._fixed.setdefault(route.path, []).append((half, route))

    def find(self, method: str, path: str, headers: Headers) -> Match | Missed:
        """The operation that ``method`` and ``path`` (decoded; a slash at its end says nothing) mean. HEAD is read as GET."""
        path = path.rstrip("/") or "/"
        found: list[tuple[ServerHalf, Route, str | None]] = [(half, route, None) for half, route in self._fixed.get(path, ())]
        found = found or [
            (half, route, said[1] if pattern.groups else None)
            for pattern, half, route in self._open
            if (said := pattern.fullmatch(path))
        ]
        method = "GET" if method == "HEAD" else method
        fitting = {half.id: Match(half, route.operation, rest) for half, route, rest in found if route.method == method}
        if fitting:
            return fitting[self._marked([match.half for match in fitting.values()], headers).id]
        if found:
            half = self._marked([half for half, _, _ in found], headers)
            return Missed(half, tuple(sorted({route.method for _, route, _ in found} | self._heads(found))))
        return Missed(self.speaker(path, headers))

    def speaker(self, path: str, headers: Headers) -> ServerHalf:
        """The dialect whose paths are most like this one."""
        nearness = [max((_in_common(path, route.path) for route in half.routes), default=0) for half in self._halves]
        nearest = [half for half, near in zip(self._halves, nearness, strict=True) if near == max(nearness)]
        return self._marked(nearest, headers)

    @staticmethod
    def _heads(found: Sequence[tuple[ServerHalf, Route, str | None]]) -> set[str]:
        return {"HEAD"} if any(route.method == "GET" for _, route, _ in found) else set()

    @staticmethod
    def _marked(halves: Sequence[ServerHalf], headers: Headers) -> ServerHalf:
        """The one whose marks are among ``headers``; else the first that has none; else the first."""
        if len(halves) == 1:
            return halves[0]
        marked = [half for half in halves if headers.first(half.marks) is not None]
        return (marked or [half for half in halves if not half.marks] or halves)[0]


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile("".join(_OPEN.get(piece) or re.escape(piece) for piece in re.split(r"(\{\w*\})", path)), re.DOTALL)


def _in_common(one: str, other: str) -> int:
    """How many segments two paths begin with in common."""
    count = 0
    for a, b in zip(one.split("/")[1:], other.split("/")[1:], strict=False):
        if a != b:
            break
        count += 1
    return count
