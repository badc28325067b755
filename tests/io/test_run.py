from __future__ import annotations

import asyncio
from typing import Any

import pytest

from trunkline.io.run import run_blocking
from trunkline.values.errors import UsageError


async def leaf(value: int) -> int:
    return value


async def nested(value: int) -> int:
    return await leaf(await leaf(value)) + 1


def test_gives_the_result_of_nested_coroutines() -> None:
    assert run_blocking(nested(1)) == 2


def test_raises_what_the_coroutine_raises() -> None:
    async def fails() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        run_blocking(fails())


def test_a_coroutine_that_suspends_is_named_and_closed() -> None:
    cleaned = []

    async def waits_for_a_loop() -> None:
        try:
            await asyncio.sleep(0)
        finally:
            cleaned.append(True)

    with pytest.raises(UsageError, match="waits_for_a_loop"):
        run_blocking(waits_for_a_loop())
    assert cleaned


def test_works_inside_a_running_loop() -> None:
    async def main() -> Any:
        return run_blocking(nested(2))

    assert asyncio.run(main()) == 3
