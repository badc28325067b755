"""SDKs and programs that others wrote talk to the simulator, unmodified.

``make test-real`` installs them into ``.venv-real``. Each runs once and prints what it saw; ``scenarios.py`` says what that must be,
``table.py`` where one differs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.real.conftest import Run
from tests.real.programs import Program
from tests.real.scenarios import CASES, MODELS, Case
from tests.real.table import PROGRAMS
from trunkline.sim import Recorded

Ran = Callable[[Program], Run]
VERSIONS = {"anthropic-python": ("2026-10-21", "authorization"), "litellm-anthropic": ("2023-06-01", "x-api-key")}


def _of(*names: str) -> list[Any]:
    """Every program with each of these scenarios that it has."""
    return [
        pytest.param(program, name, id=f"{program.name}-{name}") for program in PROGRAMS for name in names if program.has(name)
    ]


@pytest.mark.parametrize(("program", "name"), _of(*CASES))
def test_it_runs_on_the_simulator(program: Program, name: str, ran: Ran) -> None:
    run, case = ran(program), CASES[name]
    saw, asked = run.saw[name], run.about(name)
    if case.error is None:
        assert "error" not in saw, saw["error"]
    else:
        _judge_error(program, name, saw["error"], asked[-1])
    _judge_answer(program, name, case, saw)
    _judge_requests(program, name, case, asked)


def _judge_answer(program: Program, name: str, case: Case, saw: dict[str, Any]) -> None:
    wanted = case.shows
    if case.finish is not None and case.error is None:
        wanted = {"finish": program.finish} | wanted
    wanted = {key: program.differs(name).get(key, value) for key, value in wanted.items() if key not in program.hidden(name)}
    assert {key: saw.get(key) for key in wanted} == wanted


def _judge_error(program: Program, name: str, error: dict[str, Any], asked: Recorded) -> None:
    status = CASES[name].error
    assert status is not None
    assert program.error_class(name, status) in error["classes"], error
    if status and "status" not in program.hidden(name):
        assert error["status"] == program.differs(name).get("status", status), error
    if name == "error-429" and "retry-after" not in program.hidden(name):
        assert error["retry_after"] == "7", error
    if error.get("request_id"):
        assert error["request_id"] == asked.request_id


def _judge_requests(program: Program, name: str, case: Case, asked: tuple[Recorded, ...]) -> None:
    assert tuple(one.status for one in asked) == program.differs(name).get("statuses", case.statuses)
    assert {str(warning) for one in asked for warning in one.warnings} == set(program.differs(name).get("warnings", ()))
    assert {one.dialect for one in asked} == {program.dialect}
    case.asks(asked)
    counts = [one.http.headers.get("x-stainless-retry-count") for one in asked]
    if name.startswith("retry") and "retry-count" not in program.hidden(name):
        assert counts == [str(n) for n in range(len(counts))]


@pytest.mark.parametrize(
    ("program", "version", "key"),
    [pytest.param(program, *told, id=program.name) for program in PROGRAMS for told in [VERSIONS.get(program.name, ())] if told],
)
def test_both_versions_and_both_ways_to_show_a_key_are_served(program: Program, version: str, key: str, ran: Ran) -> None:
    asked = ran(program).asked
    assert {one.http.headers.get("anthropic-version") for one in asked} == {version}
    assert all(one.http.headers.get(key) for one in asked)


@pytest.mark.parametrize(("program", "name"), _of("models"))
def test_it_lists_the_models(program: Program, name: str, ran: Ran) -> None:
    assert ran(program).saw[name] == {"output": list(MODELS)}


@pytest.mark.parametrize(("program", "name"), _of("count"))
def test_it_counts_tokens(program: Program, name: str, ran: Ran) -> None:
    run = ran(program)
    (asked,) = run.about(name)
    assert run.saw[name]["output"] > 0
    assert asked.operation == "count_tokens"
