"""What the marker ``trunkline_scenario`` says of a test's simulator."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import pytest

from ..sim.scenario import Rule, Scenario
from ..values.errors import UsageError
from ..values.expect import kind_of

_ALLOWED = "rules, a list of them, one Scenario, or one path of a YAML file"


def simulator_arguments(node: pytest.Item) -> tuple[Scenario | tuple[Rule, ...] | Path | None, dict[str, Any]]:
    """The scenario and the options of the nearest marker. Raises ``UsageError`` for what is no scenario."""
    mark = node.get_closest_marker("trunkline_scenario")
    if mark is None:
        return None, {"speed": math.inf}
    options = {"speed": math.inf, **mark.kwargs}
    if all(isinstance(item, Rule) for item in mark.args):
        return mark.args or None, options
    if len(mark.args) > 1:
        raise UsageError("several things, not all of them rules", field="trunkline_scenario", allowed=_ALLOWED)
    [given] = mark.args
    if isinstance(given, list | tuple) and all(isinstance(item, Rule) for item in given):
        return tuple(given), options
    if isinstance(given, str | os.PathLike):
        return node.path.parent / given, options
    if not isinstance(given, Scenario):
        raise UsageError("no scenario", field="trunkline_scenario", got=kind_of(given), allowed=_ALLOWED)
    return given, options
