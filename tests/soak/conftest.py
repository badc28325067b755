"""Options of the long runs, and what they have to tell."""

from __future__ import annotations

from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
DOCUMENT = FOLDER.parents[1] / "docs" / "soak.md"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--minutes", type=float, default=10.0, help="how long each long run takes")
    parser.addoption("--seconds", type=float, default=60.0, help="how long many streams at once are kept up")
    parser.addoption("--streams", type=int, default=2_000, help="how many asynchronous streams at once")
    parser.addoption("--threads", type=int, default=200, help="how many threads with blocking streams")
    parser.addoption(
        "--scenarios", type=int, default=50_000, help="how many simulated scenarios are played, on both ports together"
    )
    parser.addoption("--write", action="store_true", help="add the figures of runs that passed to docs/soak.md")
    parser.addoption("--seed", type=int, default=20261120, help="where chance begins")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A long run may take as long as it was told to, and a while more on a machine that is busy; only then it hangs."""
    for item in items:
        if item.path.parent == FOLDER:
            item.add_marker(pytest.mark.timeout(60 * config.getoption("--minutes") + config.getoption("--seconds") + 300))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The figures of each run, from whichever process it ran in."""
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            if name == "told":
                terminalreporter.write_line(str(value))
            if name == "row" and terminalreporter.config.getoption("--write"):
                with DOCUMENT.open("a", encoding="utf-8") as document:
                    document.write(f"{value}\n")
