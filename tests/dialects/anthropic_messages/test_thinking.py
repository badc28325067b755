"""Reasoning: by what each kind of model takes, and what it forbids beside it."""

from __future__ import annotations

import pytest

from tests.dialects.anthropic_messages.judge import encode, losses, target
from trunkline.values.message import Message, ProviderState, Reasoning, Text, ToolCall, ToolResult
from trunkline.values.model import Quirks
from trunkline.values.request import OutputFormat, ReasoningOptions, Tool, ToolChoice

ADAPTIVE, ENABLED, ALWAYS, NONE = (Quirks(thinking=mode) for mode in ("adaptive", "enabled", "always", "none"))
BUDGETED = Quirks(thinking="enabled", efforts=("low", "medium", "high"))
R = ReasoningOptions
TOLD = [("approximated", "reasoning")]


@pytest.mark.parametrize(
    ("quirks", "asked", "thinking", "effort", "told"),
    [
        (ADAPTIVE, R(effort="xhigh"), {"type": "adaptive"}, "xhigh", []),
        (ADAPTIVE, R(effort="minimal"), {"type": "adaptive"}, "low", [("approximated", "reasoning.effort")]),
        (ADAPTIVE, R(effort="none"), {"type": "disabled"}, None, []),
        (ADAPTIVE, R(enabled=True), {"type": "adaptive"}, None, []),
        (ADAPTIVE, R(enabled=False), {"type": "disabled"}, None, []),
        (ADAPTIVE, R(budget=2000), {"type": "adaptive"}, "low", [("approximated", "reasoning.budget")]),
        (ADAPTIVE, R(budget=9000), {"type": "adaptive"}, "high", [("approximated", "reasoning.budget")]),
        (ADAPTIVE, R(budget=10**6), {"type": "adaptive"}, "max", [("approximated", "reasoning.budget")]),
        (ADAPTIVE, R("high", 9000), {"type": "adaptive"}, "high", [("dropped", "reasoning.budget")]),
        (ADAPTIVE, R("high", show="summarized"), {"type": "adaptive", "display": "summarized"}, "high", []),
        (Quirks(thinking="adaptive", efforts=("low", "high")), R("max"), {"type": "adaptive"}, "high",
         [("approximated", "reasoning.effort")]),
        (ENABLED, R(budget=4000), {"type": "enabled", "budget_tokens": 4000}, None, []),
        (ENABLED, R(budget=10), {"type": "enabled", "budget_tokens": 1024}, None, [("approximated", "reasoning.budget")]),
        (ENABLED, R(effort="low"), {"type": "enabled", "budget_tokens": 2048}, None, TOLD),
        (ENABLED, R(enabled=True), {"type": "enabled", "budget_tokens": 8192}, None, TOLD),
        (ENABLED, R(effort="none"), {"type": "disabled"}, None, []),
        (ENABLED, R(budget=0), {"type": "disabled"}, None, []),
        (ENABLED, R("low", 4000), {"type": "enabled", "budget_tokens": 4000}, None, [("dropped", "reasoning.effort")]),
        (ENABLED, R(budget=4000, show="omitted"), {"type": "enabled", "budget_tokens": 4000, "display": "omitted"}, None, []),
        (BUDGETED, R("low", 4000), {"type": "enabled", "budget_tokens": 4000}, "low", []),
        (BUDGETED, R("medium"), {"type": "enabled", "budget_tokens": 8192}, "medium", []),
        (ALWAYS, R(effort="high"), None, "high", []),
        (ALWAYS, R(enabled=True), None, None, []),
        (ALWAYS, R(effort="none"), None, "low", TOLD),
        (ALWAYS, R(enabled=False), None, "low", TOLD),
        (ALWAYS, R(show="summarized"), {"type": "adaptive", "display": "summarized"}, None, []),
        (ALWAYS, R(show="shout"), None, None, [("dropped", "reasoning.show")]),
        (NONE, R(effort="high"), None, None, [("dropped", "reasoning")]),
        (NONE, R(effort="none"), None, None, []),
        (NONE, R(enabled=False), None, None, []),
        (Quirks(), R(effort="high"), {"type": "adaptive"}, "high", []),
        (Quirks(), R(budget=4000), {"type": "enabled", "budget_tokens": 4000}, None, []),
        (Quirks(), R(effort="none", show="omitted"), {"type": "disabled"}, None, [("dropped", "reasoning.show")]),
    ],
)  # fmt: skip
def test_how_thinking_is_asked_for(quirks, asked, thinking, effort, told):
    body, encoded = encode(reasoning=asked, aim=target(quirks))
    assert body.get("thinking") == thinking
    assert body.get("output_config") == (None if effort is None else {"effort": effort})
    assert losses(encoded) == told


def test_the_least_that_a_model_may_think():
    aim = target(Quirks(thinking="always", least_thinking="between_tools"))
    for asked in (R("none"), R(enabled=False)):
        body, encoded = encode(reasoning=asked, aim=aim, judged=False, temperature=0.5)
        assert body["thinking"] == {"type": "between_tools"}
        assert "output_config" not in body
        assert losses(encoded) == [("approximated", "reasoning"), ("dropped", "temperature")]
    assert encode(reasoning=R("low"), aim=aim)[0]["output_config"] == {"effort": "low"}


def test_updates_need_a_beta():
    body, encoded = encode(reasoning=R("high", show="updates"), aim=target(ADAPTIVE), judged=False)
    assert body["thinking"] == {"type": "adaptive", "display": "updates"}
    assert dict(encoded.wire.headers)["anthropic-beta"] == "thinking-display-updates-2026-08-18"


@pytest.mark.parametrize(
    ("budget", "asked", "most", "budget_sent", "limit", "told"),
    [
        (4000, None, 64_000, 4000, 8192, []),
        (8000, None, 64_000, 8000, 12_096, []),
        (50_000, None, 64_000, 50_000, 54_096, []),
        (50_000, None, None, 50_000, 54_096, []),
        (63_000, None, 64_000, 63_000, 64_000, []),
        (64_000, None, 64_000, 32_000, 64_000, [("approximated", "reasoning.budget")]),
        (4000, 5000, 64_000, 4000, 5000, []),
        (4000, 4000, 64_000, 2000, 4000, [("approximated", "reasoning.budget")]),
        (4000, 1500, 64_000, 1024, 1500, [("approximated", "reasoning.budget")]),
        (4000, 1024, 64_000, None, 1024, [("dropped", "reasoning")]),
    ],
)
def test_the_budget_is_smaller_than_the_limit(budget, asked, most, budget_sent, limit, told):
    body, encoded = encode(reasoning=R(budget=budget), max_tokens=asked, aim=target(ENABLED, max_output=most))
    assert body["max_tokens"] == limit
    assert body.get("thinking", {}).get("budget_tokens") == budget_sent
    assert losses(encoded) == told


@pytest.mark.parametrize(("quirks", "asked"), [(ADAPTIVE, R(effort="low")), (ENABLED, R(budget=2000)), (ALWAYS, None)])
def test_what_thinking_forbids(quirks, asked):
    body, encoded = encode(reasoning=asked, temperature=0.5, top_p=0.9, top_k=3, aim=target(quirks))
    assert not {"temperature", "top_p", "top_k"} & set(body)
    assert losses(encoded) == [("dropped", "temperature"), ("dropped", "top_p"), ("dropped", "top_k")]
    assert encode(reasoning=asked, temperature=1, aim=target(quirks))[0]["temperature"] == 1
    assert encode(reasoning=asked, top_p=0.95, aim=target(quirks))[0]["top_p"] == 0.95
    body, encoded = encode(reasoning=asked, tools=(Tool("t"),), tool_choice=ToolChoice("required"), aim=target(quirks))
    assert body["tool_choice"] == {"type": "auto"}
    assert losses(encoded) == [("approximated", "tool_choice")]


def test_what_is_allowed_while_thinking_is_off():
    off = {"reasoning": R(enabled=False), "aim": target(ADAPTIVE)}
    body, encoded = encode(temperature=0.5, tools=(Tool("t"),), tool_choice=ToolChoice("required"), **off)
    assert (body["temperature"], body["tool_choice"], encoded.warnings) == (0.5, {"type": "any"}, ())


def test_effort_and_format_share_a_field():
    schema = {"type": "object", "additionalProperties": False}
    body, _ = encode(reasoning=R(effort="max"), output=OutputFormat(schema), aim=target(ADAPTIVE))
    assert body["output_config"] == {"format": {"type": "json_schema", "schema": schema}, "effort": "max"}


def test_thinking_does_not_begin_in_the_midst_of_a_tool_loop():
    asked = {"reasoning": R(budget=2000), "aim": target(ENABLED), "temperature": 0.5}
    thought = Reasoning("hm", state=ProviderState("anthropic-messages", b'{"type":"thinking","thinking":"hm","signature":"s"}'))
    call, answer = ToolCall("c", "t"), Message.tool(ToolResult("c", (Text("r"),)))
    body, encoded = encode("q", Message.assistant("a", call), answer, **asked)
    assert ("thinking" in body, body["temperature"]) == (False, 0.5)
    assert losses(encoded) == [("dropped", "reasoning")]
    for turns in (
        ("q", Message.assistant(thought, call), answer),
        ("q", Message.assistant("a", call), answer, Message.assistant("b"), "p"),
        ("q", Message.assistant("a"), "p"),
    ):
        body, encoded = encode(*turns, **asked)
        assert body["thinking"]["type"] == "enabled"
        assert losses(encoded) == [("dropped", "temperature")]
