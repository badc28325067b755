"""Options of the long runs."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--minutes", type=float, default=10.0, help="how long each long run takes")
    parser.addoption("--seed", type=int, default=20261120, help="where chance begins")
