"""Tools and the choice among them."""

from __future__ import annotations

import pytest

from tests.dialects.openai_responses.judge import encode, losses, target
from trunkline.values.errors import UsageError
from trunkline.values.message import CacheMark
from trunkline.values.model import Quirks
from trunkline.values.request import CustomTool, HostedTool, Tool, ToolChoice

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
WEATHER = Tool("weather", "Tells the weather", SCHEMA)
SQL = CustomTool("sql", "Runs it", "lark", "start: /a/")
SEARCH = HostedTool("web_search", options={"search_context_size": "low"})
MCP = HostedTool("mcp", options={"server_label": "docs", "server_url": "https://a"})


def test_tools():
    inner = {"type": "function", "name": "f", "parameters": SCHEMA, "strict": False}
    space = HostedTool("namespace", "geo", {"description": "Places", "tools": [inner]})
    closed = {**SCHEMA, "required": list(SCHEMA["properties"]), "additionalProperties": False}
    later = Tool("later", parameters=closed, strict=True, extra={"defer_loading": True})
    body, encoded = encode("hi", tools=(WEATHER, SQL, SEARCH, MCP, space, later, Tool("bare")))
    function = {"type": "function", "name": "weather", "parameters": SCHEMA, "strict": None, "description": "Tells the weather"}
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: /a/"}
    assert body["tools"] == [
        function,
        {"type": "custom", "name": "sql", "description": "Runs it", "format": grammar},
        {"type": "web_search", "search_context_size": "low"},
        {"type": "mcp", "server_label": "docs", "server_url": "https://a"},
        {"type": "namespace", "name": "geo", "description": "Places", "tools": [inner]},
        {"type": "function", "name": "later", "parameters": closed, "strict": True, "defer_loading": True},
        {"type": "function", "name": "bare", "parameters": None, "strict": None},
    ]
    assert encoded.warnings == ()


@pytest.mark.parametrize(
    ("choice", "wire"),
    [
        (ToolChoice("auto"), "auto"),
        (ToolChoice("none"), "none"),
        (ToolChoice("required"), "required"),
        (ToolChoice("tool", ("weather",)), {"type": "function", "name": "weather"}),
        (ToolChoice("tool", ("sql",)), {"type": "custom", "name": "sql"}),
        (ToolChoice("tool", ("web_search_preview",)), {"type": "web_search_preview"}),
        (ToolChoice("tool", ("docs",)), {"type": "mcp", "server_label": "docs"}),
        (
            ToolChoice("auto", ("weather", "sql", "docs")),
            {
                "type": "allowed_tools", "mode": "auto",
                "tools": [{"type": "function", "name": "weather"}, {"type": "custom", "name": "sql"}, {"type": "mcp", "server_label": "docs"}],
            },
        ),
    ],
)  # fmt: skip
def test_choices(choice, wire):
    tools = (WEATHER, SQL, HostedTool("web_search_preview"), MCP)
    body, encoded = encode("hi", tools=tools, tool_choice=choice, parallel_tool_calls=False)
    assert (body["tool_choice"], body["parallel_tool_calls"]) == (wire, False)
    assert encoded.warnings == ()


def test_a_choice_needs_tools_and_a_name():
    assert losses(encode("hi", tool_choice=ToolChoice("required"))[1]) == [("dropped", "tool_choice")]
    assert encode("hi", tool_choice=ToolChoice("none"))[1].warnings == ()
    with pytest.raises(UsageError):
        encode("hi", tools=(WEATHER,), tool_choice=ToolChoice("tool"))


@pytest.mark.parametrize("quirks", [Quirks(tool_choice_auto_only=True), Quirks(no_forced_tool=True)])
def test_a_choice_that_cannot_be_forced(quirks):
    body, encoded = encode("hi", aim=target(quirks), tools=(WEATHER,), tool_choice=ToolChoice("required"))
    assert body["tool_choice"] == "auto"
    assert losses(encoded) == [("approximated", "tool_choice")]


def test_a_choice_limited_by_sending_less():
    aim = target(Quirks(no_allowed_tools=True))
    body, encoded = encode("hi", aim=aim, tools=(WEATHER, SQL, SEARCH), tool_choice=ToolChoice("required", ("web_search",)))
    assert (body["tools"], body["tool_choice"]) == ([{"type": "web_search", "search_context_size": "low"}], "required")
    assert losses(encoded) == [("approximated", "tool_choice.names")]


def test_what_an_endpoint_does_not_take_is_told():
    aim = target(Quirks(no_strict=True, no_parallel_tool_calls=True))
    tool = Tool("f", parameters=SCHEMA, strict=True, cache=CacheMark())
    body, encoded = encode("hi", aim=aim, judged=False, tools=(tool,), parallel_tool_calls=True)
    assert body["tools"] == [{"type": "function", "name": "f", "parameters": SCHEMA}]
    assert losses(encoded) == [("dropped", "tools.strict"), ("dropped", "cache"), ("dropped", "parallel_tool_calls")]
    body, encoded = encode("hi", aim=target(Quirks(no_tools=True)), tools=(WEATHER,))
    assert "tools" not in body
    assert losses(encoded) == [("dropped", "tools")]


def test_strange_names_are_renamed_and_never_to_one_that_there_is():
    body, encoded = encode("hi", tools=(Tool("a.b"), Tool("a_b"), Tool("x" * 70)))
    names = [tool["name"] for tool in body["tools"]]
    assert names == ["a_b_2", "a_b", "x" * 64]
    assert encoded.context.tool_names == {"a_b_2": "a.b", "x" * 64: "x" * 70}
