"""Tools: what may be called, what must be, and names that the wire does not take."""

from __future__ import annotations

import pytest

from tests.dialects.openai_chat.judge import context, encode, losses
from trunkline.dialects.openai_chat import DIALECT
from trunkline.values.errors import UsageError
from trunkline.values.message import CacheMark, Message, Text, ToolCall, ToolResult
from trunkline.values.model import Quirks
from trunkline.values.request import CustomTool, HostedTool, Tool, ToolChoice
from trunkline.wire.http import HttpReply

SCHEMA = {"type": "object", "properties": {}}
CLOSED = {**SCHEMA, "required": [], "additionalProperties": False}


def function(name):
    return {"type": "function", "function": {"name": name}}


@pytest.mark.parametrize(
    ("tool", "wire"),
    [
        (Tool("t"), function("t")),
        (Tool("t", "d", CLOSED, strict=True),
            {"type": "function", "function": {"name": "t", "description": "d", "parameters": CLOSED, "strict": True}}),
        (Tool("t", strict=False), {"type": "function", "function": {"name": "t", "strict": False}}),
        (CustomTool("c"), {"type": "custom", "custom": {"name": "c"}}),
        (CustomTool("c", "d", "regex", "a+"), {"type": "custom", "custom": {
            "name": "c", "description": "d", "format": {"type": "grammar", "grammar": {"syntax": "regex", "definition": "a+"}}}}),
    ],
)  # fmt: skip
def test_each_tool(tool, wire):
    body, encoded = encode(tools=(tool,))
    assert body["tools"] == [wire]
    assert encoded.warnings == ()


def test_fields_of_a_tool_that_only_one_server_knows():
    body, _ = encode(tools=(Tool("t", extra={"function": {"x": 1}, "y": 2}),), judged=False)
    assert body["tools"] == [{"type": "function", "function": {"name": "t", "x": 1}, "y": 2}]


def test_web_search_is_an_option_here():
    place = {"type": "approximate", "city": "Oslo", "country": None}
    body, encoded = encode(
        tools=(HostedTool("web_search_preview", options={"search_context_size": "low", "user_location": place, "z": 1}),)
    )
    assert "tools" not in body
    assert body["web_search_options"] == {
        "search_context_size": "low",
        "user_location": {"type": "approximate", "approximate": {"city": "Oslo"}},
    }
    assert losses(encoded) == [("dropped", "tools.web_search_preview.z")]


def test_other_hosted_tools_are_dropped():
    body, encoded = encode(tools=(HostedTool("code_interpreter"), Tool("t", cache=CacheMark())))
    assert body["tools"] == [function("t")]
    assert losses(encoded) == [("dropped", "tools.code_interpreter"), ("dropped", "cache")]


@pytest.mark.parametrize(
    ("choice", "wire"),
    [
        (ToolChoice("auto"), "auto"),
        (ToolChoice("none"), "none"),
        (ToolChoice("required"), "required"),
        (ToolChoice("tool", ("t",)), function("t")),
        (ToolChoice("tool", ("c",), ("c",)), {"type": "custom", "custom": {"name": "c"}}),
        (ToolChoice("auto", ("t",)), {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [function("t")]}}),
        (ToolChoice("required", ("t", "c"), ("c",)), {"type": "allowed_tools", "allowed_tools": {
            "mode": "required", "tools": [function("t"), {"type": "custom", "custom": {"name": "c"}}]}}),
    ],
)  # fmt: skip
def test_choices(choice, wire):
    body, encoded = encode(tools=(Tool("t"), CustomTool("c")), tool_choice=choice)
    assert body["tool_choice"] == wire
    assert encoded.warnings == ()


@pytest.mark.parametrize(
    ("quirks", "choice", "wire", "lost"),
    [
        ({"required_tool_choice": "any"}, ToolChoice("required"), "any", []),
        ({"tool_choice_auto_only": True}, ToolChoice("required"), "auto", [("approximated", "tool_choice")]),
        ({"tool_choice_auto_only": True}, ToolChoice("none"), "none", []),
        ({"no_forced_tool": True}, ToolChoice("tool", ("t",)), "auto", [("approximated", "tool_choice")]),
    ],
)
def test_choices_that_an_endpoint_does_not_know(quirks, choice, wire, lost):
    body, encoded = encode(aim=Quirks(**quirks), judged=False, tools=(Tool("t"),), tool_choice=choice)
    assert (body["tool_choice"], losses(encoded)) == (wire, lost)


def test_a_choice_without_tools_is_dropped():
    body, encoded = encode(tool_choice=ToolChoice("required"))
    assert "tool_choice" not in body
    assert losses(encoded) == [("dropped", "tool_choice")]


def test_a_forced_tool_has_a_name():
    with pytest.raises(UsageError, match="tool_choice"):
        encode(tools=(Tool("t"),), tool_choice=ToolChoice("tool"))


def test_endpoints_without_tools():
    body, encoded = encode(aim=Quirks(no_tools=True), tools=(Tool("t"),), tool_choice=ToolChoice("auto"))
    assert body.keys() == {"model", "messages"}
    assert losses(encoded) == [("dropped", "tools")]


def test_no_strict_and_no_parallel():
    quirks = Quirks(no_strict=True, no_parallel_tool_calls=True)
    body, encoded = encode(aim=quirks, tools=(Tool("t", strict=True),), parallel_tool_calls=True)
    assert body["tools"] == [function("t")]
    assert "parallel_tool_calls" not in body
    assert losses(encoded) == [("dropped", "tools.strict"), ("dropped", "parallel_tool_calls")]


def test_names_are_renamed_and_found_again():
    tools = (Tool("a.b"), Tool("a_b"), Tool("a/b"), Tool("x" * 80), Tool("é"))
    call = ToolCall("c1", "a.b", "{}")
    history = (Message.user("hi"), Message.assistant(call), Message.tool(ToolResult("c1", (Text("ok"),))))
    body, encoded = encode(*history, tools=tools, tool_choice=ToolChoice("tool", ("a.b",)))
    names = [tool["function"]["name"] for tool in body["tools"]]
    assert len(set(names)) == 5
    assert names[1] == "a_b"
    assert body["messages"][1]["tool_calls"][0]["function"]["name"] == names[0] == body["tool_choice"]["function"]["name"]
    assert losses(encoded) == [("renamed", "tools.name")]
    reply = b'{"choices":[{"message":{"tool_calls":[{"id":"1","type":"function","function":{"name":"%s","arguments":""}}]}}]}'
    for tool, name in zip(tools, names, strict=True):
        response = DIALECT.decode_response(HttpReply(200, body=reply % name.encode()), encoded.context)
        assert response.tool_calls[0].name == tool.name


def test_ids_of_nine_letters():
    call, fits = ToolCall("call_0123456789", "t"), ToolCall("abcDEF123", "t")
    answers = Message.tool(ToolResult(call.id, (Text("1"),)), ToolResult(fits.id, (Text("2"),)))
    body, encoded = encode(Message.user("hi"), Message.assistant(call, fits), answers, aim=Quirks(tool_id_format="alnum9"))
    first, second = [item["id"] for item in body["messages"][1]["tool_calls"]]
    assert len(first) == 9
    assert first.isalnum()
    assert second == fits.id
    assert [message["tool_call_id"] for message in body["messages"][2:]] == [first, second]
    assert encoded.context == context(encoded.context.target, call_ids={first: call.id})
    assert losses(encoded) == [("renamed", "tool_call.id")]


@pytest.mark.parametrize("mode", ["auto", "required"])
def test_only_allowed_tools_are_sent_where_the_choice_cannot_be_said(mode):
    tools, choice = (Tool("f"), Tool("g"), Tool("h")), ToolChoice(mode, ("f", "h"))
    body, encoded = encode(aim=Quirks(no_allowed_tools=True), tools=tools, tool_choice=choice)
    assert ([tool["function"]["name"] for tool in body["tools"]], body["tool_choice"]) == (["f", "h"], mode)
    assert losses(encoded) == [("approximated", "tool_choice.names")]
    body, encoded = encode(aim=Quirks(no_allowed_tools=True), tools=tools, tool_choice=ToolChoice("tool", ("g",)))
    assert (len(body["tools"]), encoded.warnings) == (3, ())
