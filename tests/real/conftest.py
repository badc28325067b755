"""Each program runs once, on a simulator of its own; the tests judge what it printed and what the simulator was asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.real.programs import Program
from tests.real.scenarios import CASES, scenario, topic
from trunkline.sim import Recorded, Simulator


class Run:
    """What a program saw, and what it asked, by scenario."""

    def __init__(self, saw: dict[str, Any], asked: tuple[Recorded, ...]) -> None:
        self.saw = saw
        self.asked = asked

    def about(self, name: str) -> tuple[Recorded, ...]:
        return tuple(one for one in self.asked if one.request is not None and topic(one.request) == name)


@pytest.fixture(scope="session")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Program], Run]:
    """Runs a program, unless it has run: one that fails is not tried again."""
    runs: dict[str, Run | BaseException] = {}

    def run(program: Program) -> Run:
        if program.name not in runs:
            try:
                runs[program.name] = _run(program, tmp_path_factory.mktemp(program.name))
            except BaseException as error:  # pytest's own way of skipping is one
                runs[program.name] = error
        found = runs[program.name]
        if isinstance(found, BaseException):
            raise found
        return found

    return run


def _run(program: Program, home: Path) -> Run:
    names = [name for name in (*CASES, "models", "count") if program.has(name)]
    with Simulator(scenario(names)) as sim:
        return Run(program.run(sim.base_url(program.dialect), names, home), sim.requests)
