"""Asynchronous iterators that may be awaited first, as coroutines that return one are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator, Iterable
from contextlib import nullcontext
from typing import Any, Self, TypeVar

from ...backends import Translated

T = TypeVar("T")
U = TypeVar("U")


class Pieces(Translated[T, U]):
    """What ``items`` become by ``words``. ``last`` gives what is to be said once they have ended."""

    def __init__(
        self,
        items: AsyncIterator[T],
        words: Callable[[T], Iterable[U]],
        last: Callable[[], Iterable[U]] = tuple,
    ) -> None:
        super().__init__(items, words, nullcontext)
        self._last: Callable[[], Iterable[U]] | None = last

    async def __anext__(self) -> U:
        try:
            return await super().__anext__()
        except StopAsyncIteration:
            last, self._last = self._last, None
            if last is not None:
                self._ready = list(last())
            if not self._ready:
                raise
            return self._ready.pop(0)

    def __await__(self) -> Generator[Any, None, Self]:
        yield from ()
        return self
