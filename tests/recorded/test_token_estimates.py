"""Estimates of recorded prompts, by fits that have not seen them: what docs/tokens.md tells of the families with many prompts."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from trunkline.policy.token_estimates import estimate
from trunkline.providers.token_families import families

ROOT = Path(__file__).resolve().parents[2]
MANY = 30
"""Distinct prompts."""


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tokens_tool", ROOT / "tools" / "tokens.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["tokens_tool"] = module
    spec.loader.exec_module(module)
    return module


def test_prompts_that_were_not_fitted_are_estimated_well(tool: ModuleType, corpus: Path) -> None:
    found = tool.sorted_out(*tool.read(corpus))
    stored = {family.name: family for family in families()}
    many = {name: family for name, family in found.items() if len(family.plain) >= MANY}
    assert {"o200k", "claude", "gemini"} <= many.keys()
    parents = {name: parent for name, parent, _, _ in tool.ROWS}
    for name, family in many.items():
        assert not parents[name], "a family with so many prompts leans on no other"
        off = [each[0] for each in tool.errors(name, tool.own_prior(name, tool.FIRST), family)]
        median, most = tool.quantile(off, 0.5), tool.quantile(off, 0.95)
        assert median < 0.08 and most < 0.25
        assert stored[name].prompts == len(off)
        assert stored[name].off[1] == round(most, 3)
    plain = [(stored[name], prompt) for name, family in found.items() for prompt in family.plain]
    within = [told.low <= prompt.tokens <= told.high for told, prompt in ((estimate(p.request, f), p) for f, p in plain)]
    assert sum(within) / len(within) > 0.93


def test_the_table_is_that_of_the_families(tool: ModuleType) -> None:
    text = (ROOT / "docs" / "tokens.md").read_text(encoding="utf-8")
    told = re.search(r"(?s)<!-- table -->\n(.*?)\n<!-- end -->", text)
    assert told is not None
    assert told[1] == tool.table(families())
