"""Stores of both kinds, on a clock that the test moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from trunkline import MemoryStore, SQLiteStore


class Wall:
    """Unix seconds, as the test wants them."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, path: Path, wall: Wall) -> Iterator[MemoryStore | SQLiteStore]:
    with MemoryStore(wall=wall) if request.param == "memory" else SQLiteStore(path, wall=wall) as made:
        yield made


@pytest.fixture
def opened(path: Path, wall: Wall) -> Iterator[Callable[..., SQLiteStore]]:
    """Makes stores on the file ``path``, and closes them after the test, without waiting for what cannot be written."""
    made: list[SQLiteStore] = []

    def make(**options: object) -> SQLiteStore:
        made.append(SQLiteStore(path, **{"wall": wall, **options}))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        one.close(0.0)
