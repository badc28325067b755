"""The blocking client's way to finish a coroutine: one ``send``, no event loop, no thread."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from ..values.errors import UsageError

T = TypeVar("T")


def run_blocking(coro: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine all of whose awaits end at a blocking port, so that it never suspends.

    Raises what the coroutine raises, and ``UsageError`` naming it if it does suspend (somebody awaited something
    asynchronous, ``asyncio.sleep`` say, in a blocking client).
    """
    try:
        coro.send(None)
    except StopIteration as done:
        value: T = done.value
        return value
    name = getattr(coro, "__qualname__", type(coro).__name__)
    coro.close()
    raise UsageError(f"{name} waited for something asynchronous inside a blocking client; use AsyncClient for it")
