"""A function of the user's own in a thread of its own, which is left to itself when its time is up."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import TypeVar

from ..ports import Signal
from .faults import ended_waiting

T = TypeVar("T")


async def apart(function: Callable[[], T], signal: Signal, seconds: float) -> T:
    """See ``IO.apart``."""
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(function())
        except BaseException as error:  # noqa: BLE001 - handed over, and raised where it is waited for
            errors.append(error)
        signal.set()

    threading.Thread(target=copy_context().run, args=(run,), name="trunkline-apart", daemon=True).start()
    if not await signal.wait(seconds):
        raise TimeoutError
    if errors:
        raise errors.pop()
    if not results:
        raise ended_waiting()
    return results[0]
