"""Tools and the choice among them."""

from __future__ import annotations

import pytest

from tests.dialects.anthropic_messages.judge import encode, losses, target
from trunkline.values.message import CacheMark, Message, ToolCall
from trunkline.values.model import Quirks
from trunkline.values.request import CustomTool, HostedTool, Tool, ToolChoice

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
CLOSED = {**SCHEMA, "additionalProperties": False}
F, G = Tool("f"), Tool("g")


def test_function():
    tool = Tool(
        "f", "does", CLOSED, strict=True, cache=CacheMark(), extra={"eager_input_streaming": True, "input_examples": [{"a": "b"}]}
    )
    body, encoded = encode(tools=(tool,))
    assert body["tools"] == [
        {
            "name": "f",
            "description": "does",
            "input_schema": CLOSED,
            "strict": True,
            "eager_input_streaming": True,
            "input_examples": [{"a": "b"}],
            "cache_control": {"type": "ephemeral"},
        }
    ]
    assert encoded.warnings == ()


@pytest.mark.parametrize("parameters", [None, {}])
def test_function_without_parameters(parameters):
    assert encode(tools=(Tool("f", parameters=parameters),))[0]["tools"] == [
        {"name": "f", "input_schema": {"type": "object", "properties": {}}}
    ]


def test_the_schema_of_a_function_says_object():
    body, _ = encode(tools=(Tool("f", parameters={"properties": {}}),))
    assert body["tools"][0]["input_schema"] == {"type": "object", "properties": {}}


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("web_search_20250305", "web_search"),
        ("web_fetch_20250910", "web_fetch"),
        ("code_execution_20250825", "code_execution"),
        ("bash_20250124", "bash"),
        ("text_editor_20250124", "str_replace_editor"),
        ("text_editor_20250728", "str_replace_based_edit_tool"),
        ("memory_20250818", "memory"),
        ("tool_search_tool_regex_20251119", "tool_search_tool_regex"),
        ("tool_search_tool_bm25_20251119", "tool_search_tool_bm25"),
    ],
)
def test_hosted_tools_have_the_name_that_goes_with_their_type(kind, name):
    body, _ = encode(tools=(HostedTool(kind, cache=CacheMark("1h")),))
    assert body["tools"] == [{"type": kind, "name": name, "cache_control": {"type": "ephemeral", "ttl": "1h"}}]


def test_hosted_tool_with_options_and_without_a_name():
    tool = HostedTool("web_search_20250305", options={"max_uses": 2, "allowed_domains": ["a.org"]})
    assert encode(tools=(tool,))[0]["tools"] == [
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 2, "allowed_domains": ["a.org"]}
    ]
    tool = HostedTool("mcp_toolset", options={"mcp_server_name": "s"})
    assert encode(tools=(tool,), judged=False)[0]["tools"] == [{"type": "mcp_toolset", "mcp_server_name": "s"}]
    assert encode(tools=(HostedTool("browser_toolset_20260801"),), judged=False)[0]["tools"] == [
        {"type": "browser_toolset_20260801"}
    ]


def test_tool_with_plain_input_becomes_a_function():
    body, encoded = encode(tools=(CustomTool("sql", "runs", "lark", "start: X"),))
    assert body["tools"] == [
        {
            "name": "sql",
            "description": "runs",
            "input_schema": {
                "type": "object",
                "properties": {"input": {"type": "string", "description": "Must obey this lark grammar:\nstart: X"}},
                "required": ["input"],
            },
        }
    ]
    assert losses(encoded) == [("approximated", "tools.custom")]
    assert encoded.context.custom_tools == ("sql",)


def test_names_that_the_protocol_refuses():
    body, encoded = encode(
        Message.user("hi"),
        Message.assistant(ToolCall("t", "a.b")),
        Message.user("ok"),
        tools=(Tool("a.b"), Tool("a:b"), Tool("é" * 200), CustomTool("s ql")),
        tool_choice=ToolChoice("tool", ("a:b",)),
    )
    names = [tool["name"] for tool in body["tools"]]
    assert len(set(names)) == 4
    assert {encoded.context.tool_names[name] for name in names} == {"a.b", "a:b", "é" * 200, "s ql"}
    assert encoded.context.tool_names[body["tool_choice"]["name"]] == "a:b"
    assert encoded.context.tool_names[body["messages"][1]["content"][0]["name"]] == "a.b"
    assert encoded.context.custom_tools == (names[3],)
    assert ("renamed", "tools.name") in losses(encoded)


@pytest.mark.parametrize(
    ("choice", "parallel", "sent"),
    [
        (None, None, None),
        (None, True, None),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        (ToolChoice("auto"), None, {"type": "auto"}),
        (ToolChoice("auto"), False, {"type": "auto", "disable_parallel_tool_use": True}),
        (ToolChoice("none"), None, {"type": "none"}),
        (ToolChoice("none"), False, {"type": "none"}),
        (ToolChoice("required"), None, {"type": "any"}),
        (ToolChoice("required"), False, {"type": "any", "disable_parallel_tool_use": True}),
        (ToolChoice("required", ("g",)), None, {"type": "tool", "name": "g"}),
        (ToolChoice("tool", ("f",)), False, {"type": "tool", "name": "f", "disable_parallel_tool_use": True}),
    ],
)
def test_choice(choice, parallel, sent):
    body, encoded = encode(tools=(F, G), tool_choice=choice, parallel_tool_calls=parallel)
    assert body.get("tool_choice") == sent
    assert len(body["tools"]) == 2
    assert encoded.warnings == ()


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (ToolChoice("auto", ("g", "f")), "auto"),
        (ToolChoice("required", ("f", "g")), "any"),
        (ToolChoice("tool", ("f", "g")), "any"),
    ],
)
def test_a_choice_limited_to_some_tools(choice, sent):
    body, encoded = encode(tools=(F, G, Tool("h")), tool_choice=choice)
    assert [tool["name"] for tool in body["tools"]] == ["f", "g"]
    assert body["tool_choice"]["type"] == sent
    assert losses(encoded) == [("approximated", "tool_choice.names")]


def test_a_call_cannot_be_forced_everywhere():
    for choice in (ToolChoice("required"), ToolChoice("tool", ("f",))):
        body, encoded = encode(tools=(F,), tool_choice=choice, aim=target(Quirks(no_forced_tool=True)))
        assert body["tool_choice"] == {"type": "auto"}
        assert losses(encoded) == [("approximated", "tool_choice")]


def test_a_choice_without_tools():
    body, encoded = encode(tool_choice=ToolChoice("required"))
    assert "tool_choice" not in body
    assert losses(encoded) == [("dropped", "tool_choice")]
    assert encode(tool_choice=ToolChoice("none"))[1].warnings == ()


def test_models_that_lack_something():
    body, encoded = encode(tools=(F,), aim=target(Quirks(no_tools=True)))
    assert "tools" not in body
    assert losses(encoded) == [("dropped", "tools")]
    body, encoded = encode(tools=(Tool("f", strict=True),), aim=target(Quirks(no_strict=True)))
    assert "strict" not in body["tools"][0]
    assert losses(encoded) == [("dropped", "tools.strict")]
    body, encoded = encode(tools=(F,), parallel_tool_calls=False, aim=target(Quirks(no_parallel_tool_calls=True)))
    assert "tool_choice" not in body
    assert losses(encoded) == [("dropped", "parallel_tool_calls")]
