"""Options of the long runs, and what they have to tell."""

from __future__ import annotations

from pathlib import Path

import pytest

FOLDER = Path(__file__).parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--minutes", type=float, default=10.0, help="how long each long run takes")
    parser.addoption("--seed", type=int, default=20261120, help="where chance begins")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A long run may take as long as it was told to, and a while more on a machine that is busy; only then it hangs."""
    for item in items:
        if item.path.parent == FOLDER:
            item.add_marker(pytest.mark.timeout(60 * config.getoption("--minutes") + 300))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The figures of each run, from whichever process it ran in."""
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            if name == "told":
                terminalreporter.write_line(str(value))
