"""Each program runs once, on a simulator of its own, while tests that need none of them go on; the tests judge what it printed and
what the simulator was asked."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.real.programs import Program
from tests.real.scenarios import CASES, KEY, scenario, topic
from trunkline.sim import Recorded, Simulator


class Run:
    """What a program saw, and what it asked, by scenario."""

    def __init__(self, saw: dict[str, Any], asked: tuple[Recorded, ...]) -> None:
        self.saw = saw
        self.asked = asked

    def about(self, name: str) -> tuple[Recorded, ...]:
        return tuple(one for one in self.asked if one.request is not None and topic(one.request) == name)


@pytest.fixture(scope="session", autouse=True)
def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Run]]]:
    """The runs of all programs that the chosen tests are about; they start at once, as many as there are cores."""
    chosen = [getattr(item, "callspec", None) for item in request.session.items]
    programs = {call.params["program"].name: call.params["program"] for call in chosen if call and "program" in call.params}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield {name: pool.submit(_run, program, tmp_path_factory.mktemp(name)) for name, program in programs.items()}
        pool.shutdown(cancel_futures=True)


@pytest.fixture
def ran(runs: dict[str, Future[Run]]) -> Callable[[Program], Run]:
    """What came of a program's run; raises what ended it."""
    return lambda program: runs[program.name].result()


def _run(program: Program, home: Path) -> Run:
    names = [name for name in (*CASES, "models", "count") if program.has(name)]
    with Simulator(scenario(names), keys=[KEY]) as sim:
        return Run(program.run(sim.base_url(program.dialect), names, home), sim.requests)
