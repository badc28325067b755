"""Tools and the choice among them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.dialects.gemini.judge import encode, target, told
from trunkline.values.message import CacheMark
from trunkline.values.request import CustomTool, HostedTool, Tool, ToolChoice

F, G = Tool("f"), Tool("g")


def mode(choice: ToolChoice, *tools: Tool, **quirks: Any) -> tuple[Any, list[str]]:
    body, encoded = encode(tools=tools or (F, G), tool_choice=choice, to=target(**quirks))
    return body.get("toolConfig", {}).get("functionCallingConfig"), told(encoded.warnings)


def test_functions_stand_together_and_hosted_tools_each_alone():
    closed = {"type": "object", "properties": {}, "additionalProperties": False}
    body, encoded = encode(
        tools=(
            Tool("f", "does", {"type": "object", "properties": {"a": {"type": ["string", "null"]}}}),
            HostedTool("googleSearch"),
            Tool("g", parameters=closed, extra={"behavior": "NON_BLOCKING"}),
            HostedTool("codeExecution"),
            HostedTool("mcpServers", options={"mcpServers": [{"name": "m"}]}),
        )
    )
    assert body["tools"] == [
        {"functionDeclarations": [
            {"name": "f", "description": "does",
             "parameters": {"type": "OBJECT", "properties": {"a": {"type": "STRING", "nullable": True}}}},
            {"name": "g", "parametersJsonSchema": closed, "behavior": "NON_BLOCKING"},
        ]},
        {"googleSearch": {}}, {"codeExecution": {}}, {"mcpServers": [{"name": "m"}]},
    ]  # fmt: skip
    assert encoded.warnings == ()


def test_hosted_tools_of_other_protocols():
    body, encoded = encode(
        tools=(
            HostedTool("web_search_20250305", "web_search", {"max_uses": 3}),
            HostedTool("code_interpreter"),
            HostedTool("web_fetch_20250910"),
            HostedTool("computer_20250124", "computer"),
            HostedTool("code_execution"),
        )
    )
    assert body["tools"] == [{"googleSearch": {}}, {"codeExecution": {}}, {"urlContext": {}}, {"code_execution": {}}]
    assert told(encoded.warnings) == [
        "approximated tools.web_search_20250305", "approximated tools.code_interpreter", "approximated tools.web_fetch_20250910",
        "dropped tools.computer_20250124",
    ]  # fmt: skip


def test_a_tool_with_plain_input_is_a_function_with_one_argument():
    body, encoded = encode(tools=(CustomTool("grep", "finds", "regex", "[a-z]+"),))
    (tool,) = body["tools"][0]["functionDeclarations"]
    assert tool["parameters"]["required"] == ["input"]
    assert "[a-z]+" in tool["parameters"]["properties"]["input"]["description"]
    assert told(encoded.warnings) == ["approximated tools.custom"]


def test_names():
    body, encoded = encode(tools=(Tool("a b"), Tool("a_b"), Tool("9"), Tool("ns.f:g-h"), Tool("x" * 200), Tool("")))
    names = [tool["name"] for tool in body["tools"][0]["functionDeclarations"]]
    assert names == ["a_b_2", "a_b", "_9", "ns.f:g-h", "x" * 120, "tool"]
    assert encoded.context.tool_names == {"a_b_2": "a b", "_9": "9", "x" * 120: "x" * 200, "tool": ""}
    assert told(encoded.warnings) == ["renamed tools.name"]


def test_what_a_tool_cannot_have():
    _, encoded = encode(tools=(Tool("f", strict=True, cache=CacheMark()), Tool("g", strict=False)))
    assert told(encoded.warnings) == ["dropped tools.strict", "dropped cache"]


@pytest.mark.parametrize(
    ("choice", "config"),
    [
        (ToolChoice("auto"), {"mode": "AUTO"}),
        (ToolChoice("none"), {"mode": "NONE"}),
        (ToolChoice("required"), {"mode": "ANY"}),
        (ToolChoice("tool", ("f",)), {"mode": "ANY", "allowedFunctionNames": ["f"]}),
        (ToolChoice("required", ("f", "g")), {"mode": "ANY", "allowedFunctionNames": ["f", "g"]}),
        (ToolChoice("auto", ("f",)), {"mode": "VALIDATED", "allowedFunctionNames": ["f"]}),
        (ToolChoice("none", ("f",)), {"mode": "NONE"}),
    ],
)
def test_choice(choice, config):
    assert mode(choice) == (config, [])


def test_choices_that_cannot_be_made():
    assert mode(ToolChoice("required"), no_forced_tool=True) == ({"mode": "AUTO"}, ["approximated tool_choice"])
    body, encoded = encode(tools=(F, G), tool_choice=ToolChoice("auto", ("f",)), to=target(no_allowed_tools=True))
    assert [tool["name"] for tool in body["tools"][0]["functionDeclarations"]] == ["f"]
    assert body["toolConfig"] == {"functionCallingConfig": {"mode": "AUTO"}}
    assert told(encoded.warnings) == ["approximated tool_choice.names"]
    assert told(encode(tool_choice=ToolChoice("required"))[1].warnings) == ["dropped tool_choice"]
    assert encode(tool_choice=ToolChoice("none"))[1].warnings == ()
