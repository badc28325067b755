"""Objects of the user's own that are equal are one target; all others are each its own."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from trunkline import Client, Request, Settings
from trunkline.values.errors import CircuitOpenError, ServerError


class Failing:
    """Equal to no other."""

    name = "failing"

    def generate(self, request: Request) -> str:
        raise ServerError("no")


@dataclass(frozen=True)
class Named(Failing):
    """Equal to those of the same number."""

    number: int


@dataclass
class Unhashable(Failing):
    number: int


@dataclass(frozen=True)
class Holding(Failing):
    """Frozen, and yet not hashable."""

    held: list[int] = field(default_factory=list)


def ask(llm: Client, backend: Failing) -> None:
    llm.generate("hi", model=backend, retries=0)


def test_equal_ones_share_a_circuit() -> None:
    with Client(settings=Settings({}), breaker={"failures": 2}) as llm:
        for _ in range(2):
            with pytest.raises(ServerError):
                ask(llm, Named(1))
        with pytest.raises(CircuitOpenError):
            ask(llm, Named(1))
        with pytest.raises(ServerError):
            ask(llm, Named(2))
        assert [(target.calls, target.circuit) for target in llm.status().targets] == [(2, "open"), (1, "closed")]


@pytest.mark.parametrize("kind", [Failing, lambda: Unhashable(1), Holding])
def test_others_are_each_a_target_of_its_own(kind: type[Failing]) -> None:
    with Client(settings=Settings({}), breaker={"failures": 2}) as llm:
        first, second = kind(), kind()
        for _ in range(2):
            with pytest.raises(ServerError):
                ask(llm, first)
        with pytest.raises(CircuitOpenError):
            ask(llm, first)
        with pytest.raises(ServerError):
            ask(llm, second)
