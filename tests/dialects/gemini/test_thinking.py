"""How much to think: a budget for some models, a level for others, never both."""

from __future__ import annotations

from typing import Any

import pytest

from tests.dialects.gemini.judge import encode, target, told
from trunkline.values.request import ReasoningOptions

BUDGET: dict[str, Any] = {"thinking_config": "budget"}
LEVEL: dict[str, Any] = {"thinking_config": "level", "efforts": ("low", "medium", "high")}
ALWAYS: dict[str, Any] = {"thinking_config": "budget", "thinking": "always"}


@pytest.mark.parametrize(
    ("quirks", "asked", "config", "warned"),
    [
        ({}, {"effort": "high"}, {"thinkingLevel": "HIGH"}, []),
        ({}, {"budget": 99}, {"thinkingBudget": 99}, []),
        ({}, {"enabled": True}, {"thinkingBudget": -1}, []),
        ({}, {"enabled": False}, {"thinkingBudget": 0}, []),
        ({}, {"effort": "high", "budget": 99}, {"thinkingBudget": 99}, ["dropped reasoning.effort"]),
        ({}, {"effort": "max"}, {"thinkingLevel": "XHIGH"}, ["approximated reasoning.effort"]),
        ({}, {"show": "summarized"}, {"includeThoughts": True}, []),
        ({}, {"show": "omitted", "budget": 9}, {"thinkingBudget": 9, "includeThoughts": False}, []),
        ({}, {"show": "updates"}, {"includeThoughts": True}, ["approximated reasoning.show"]),
        ({}, {}, None, []),
        (BUDGET, {"effort": "medium"}, {"thinkingBudget": 8192}, ["approximated reasoning.effort"]),
        (BUDGET, {"effort": "none"}, {"thinkingBudget": 0}, []),
        (BUDGET, {"budget": 0}, {"thinkingBudget": 0}, []),
        (BUDGET, {"budget": 5, "effort": "low"}, {"thinkingBudget": 5}, ["dropped reasoning.effort"]),
        (ALWAYS, {"effort": "none"}, None, ["approximated reasoning"]),
        (LEVEL, {"effort": "high"}, {"thinkingLevel": "HIGH"}, []),
        (LEVEL, {"effort": "minimal"}, {"thinkingLevel": "LOW"}, ["approximated reasoning.effort"]),
        (LEVEL, {"effort": "max"}, {"thinkingLevel": "HIGH"}, ["approximated reasoning.effort"]),
        (LEVEL, {"budget": 5000}, {"thinkingLevel": "MEDIUM"}, ["approximated reasoning.budget"]),
        (LEVEL, {"budget": 10**6}, {"thinkingLevel": "HIGH"}, ["approximated reasoning.budget"]),
        (LEVEL, {"budget": 5, "effort": "low"}, {"thinkingLevel": "LOW"}, ["dropped reasoning.budget"]),
        (LEVEL, {"enabled": True}, None, []),
        (LEVEL, {"enabled": False}, {"thinkingLevel": "LOW"}, ["approximated reasoning"]),
        ({"thinking": "none"}, {"effort": "high"}, None, ["dropped reasoning"]),
        ({"thinking": "none"}, {"effort": "none"}, None, []),
    ],
)
def test_thinking(quirks, asked, config, warned):
    body, encoded = encode(reasoning=ReasoningOptions(**asked), to=target(**quirks))
    assert body.get("generationConfig", {}).get("thinkingConfig") == config
    assert told(encoded.warnings) == warned
