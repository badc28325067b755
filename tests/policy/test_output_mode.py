"""Which way a target is held to a schema."""

from __future__ import annotations

from typing import Any

import pytest

from trunkline.dialects.known import ASKED
from trunkline.policy.output_mode import PROTOCOLS, has_plain_json, is_crowded, is_object, output_mode
from trunkline.values.media import Data
from trunkline.values.message import File, Message
from trunkline.values.model import Quirks
from trunkline.values.request import HostedTool, OutputFormat, ReasoningOptions, Request, Tool, ToolChoice

OBJECT: dict[str, Any] = {"type": "object", "properties": {}}
REQUEST = Request(model="m", messages=())
S, T = ("structured_output",), ("tools",)


def mode(dialect: str = "openai-chat", abilities: Any = None, schema: Any = None, request: Any = None, **quirks: Any) -> str:
    asked = Request(model="m", messages=(), output=OutputFormat(schema or OBJECT), **(request or {}))
    return output_mode(asked, dialect, Quirks(**quirks), abilities)


def test_every_dialect_has_its_row() -> None:
    assert set(PROTOCOLS) == set(ASKED)


@pytest.mark.parametrize("dialect", ["openai-chat", "openai-responses", "gemini", "cohere", "ollama", "claude-cli", "unheard-of"])
def test_of_whom_nothing_is_known_takes_a_schema(dialect: str) -> None:
    assert mode(dialect) == "native"
    assert mode(dialect, thinking="enabled") == "native"


@pytest.mark.parametrize(
    ("dialect", "thinking", "expected"),
    [
        ("anthropic-messages", None, "native"), ("anthropic-messages", "adaptive", "native"), ("anthropic-messages", "always", "native"),
        ("anthropic-messages", "enabled", "tool"), ("anthropic-messages", "none", "tool"),
        ("bedrock-converse", None, "tool"), ("bedrock-converse", "adaptive", "native"), ("bedrock-converse", "always", "native"),
        ("bedrock-converse", "enabled", "tool"), ("bedrock-converse", "none", "tool"),
    ],
)  # fmt: skip
def test_elder_models_take_none(dialect: str, thinking: Any, expected: str) -> None:
    assert mode(dialect, thinking=thinking) == expected
    assert mode(dialect, (*S, *T), thinking=thinking) == "native"
    assert mode(dialect, T, thinking=thinking) == ("instruction" if thinking == "always" else "tool")


TREE = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Tree"}}}
RECURSIVE = {"$ref": "#/$defs/Tree", "$defs": {"Tree": TREE}}
OPEN = {"type": "object", "properties": {"counts": {"type": "object", "additionalProperties": {"type": "integer"}}}}


@pytest.mark.parametrize("schema", [RECURSIVE, OPEN])
def test_what_a_field_cannot_say_is_said_by_a_tool(schema: Any) -> None:
    for dialect in ("anthropic-messages", "bedrock-converse"):
        assert mode(dialect, (*S, *T), schema) == "tool"
        assert mode(dialect, (*S, *T), schema, thinking="always") == "instruction"
    assert mode("openai-chat", (*S, *T), schema) == "native"


def test_a_quirk_counts_more_than_an_ability() -> None:
    assert mode(abilities=T) == "tool"
    assert mode(abilities=T, no_response_format=False) == "native"
    assert mode(abilities=(*S, *T), no_response_format=True) == "tool"
    assert mode(abilities=(*S, *T), json_object_only=True, no_response_format=False) == "tool"


@pytest.mark.parametrize("flag", ["no_tools", "no_forced_tool", "tool_choice_auto_only"])
def test_who_cannot_be_forced_is_told(flag: str) -> None:
    assert mode(no_response_format=True) == "tool"
    flags: Any = {flag: True}
    assert mode(no_response_format=True, **flags) == "instruction"


def test_who_calls_no_tools_is_told() -> None:
    assert mode(abilities=()) == "instruction"
    assert mode("ollama", no_response_format=True) == mode("claude-cli", no_response_format=True) == "instruction"
    assert mode("cohere", no_response_format=True) == "tool"


@pytest.mark.parametrize(
    ("reasoning", "expected"),
    [
        (None, "tool"), (ReasoningOptions(effort="low"), "instruction"), (ReasoningOptions(effort="none"), "tool"),
        (ReasoningOptions(enabled=False), "tool"), (ReasoningOptions(enabled=True), "instruction"),
        (ReasoningOptions(budget=0), "tool"), (ReasoningOptions(budget=1), "instruction"),
    ],
)  # fmt: skip
def test_claude_is_not_forced_while_it_thinks(reasoning: Any, expected: str) -> None:
    for dialect in ("anthropic-messages", "bedrock-converse"):
        assert mode(dialect, request={"reasoning": reasoning}, no_response_format=True) == expected
    assert mode("openai-chat", request={"reasoning": reasoning}, no_response_format=True) == "tool"
    assert mode("openai-chat", thinking="always", no_response_format=True) == "tool"


@pytest.mark.parametrize(
    ("choice", "expected"), [("auto", "tool"), ("none", "tool"), ("required", "tool"), ("tool", "instruction")]
)
def test_another_forced_tool_goes_first(choice: Any, expected: str) -> None:
    request = {"tool_choice": ToolChoice(choice, ("f",) if choice == "tool" else ())}
    assert mode(request=request, no_response_format=True) == expected
    assert mode(request=request) == "native"


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (OBJECT, True), ({"properties": {"a": {}}}, True), ({"type": "array", "properties": {}}, False), ({"anyOf": [OBJECT]}, False),
        ({"$ref": "#/$defs/a", "$defs": {"a": OBJECT}}, True), ({"$ref": "#/definitions/a", "definitions": {"a": OBJECT}}, True),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}}, False), ({"$ref": "#/$defs/a"}, False),
    ],
)  # fmt: skip
def test_arguments_are_objects(schema: Any, expected: bool) -> None:
    assert is_object(schema) is expected
    assert mode(schema=schema, no_response_format=True) == ("tool" if expected else "instruction")


def test_plain_json_beside_the_words() -> None:
    for dialect, has in (("openai-chat", True), ("gemini", True), ("ollama", True), ("cohere", True), ("unheard-of", True),
                         ("openai-responses", True), ("anthropic-messages", False), ("bedrock-converse", False), ("claude-cli", False)):  # fmt: skip
        for quirks in (Quirks(), Quirks(json_object_only=True), Quirks(thinking_config="budget")):
            assert has_plain_json(REQUEST, dialect, quirks) is has
        assert not has_plain_json(REQUEST, dialect, Quirks(no_response_format=True))


@pytest.mark.parametrize("dialect", ["gemini", "openai-chat"])
def test_gemini_2_takes_no_schema_beside_tools(dialect: str) -> None:
    """400: "Function calling with a response mime type: 'application/json' is unsupported"."""
    alone = dialect == "gemini"
    functions: dict[str, Any] = {"tools": (Tool("f"),)}
    hosted: dict[str, Any] = {"tools": (Tool("f"), HostedTool("google_search"))}
    for config, crowded in (("budget", alone), ("level", False), (None, False)):
        quirks: dict[str, Any] = {"thinking_config": config}
        assert mode(dialect, **quirks) == "native"
        assert mode(dialect, request=functions, **quirks) == ("tool" if crowded else "native")
        assert mode(dialect, request=hosted, **quirks) == ("instruction" if crowded else "native")
        asked = Request(model="m", messages=(), **functions)
        assert has_plain_json(asked, dialect, Quirks(**quirks)) is not crowded
    assert mode("openai-chat", request=hosted, no_response_format=True) == "tool"


def test_cohere_takes_none_beside_tools_and_documents() -> None:
    """The reference of ``response_format``: not in combination with ``documents`` or ``tools``."""
    document = Message.user("x", File(Data(b"x", "text/plain")))
    plain: dict[str, Any] = {"messages": (Message.user("x"),)}
    beside: tuple[tuple[dict[str, Any], str], ...] = (
        (plain, "native"),
        ({**plain, "tools": (Tool("f"),)}, "tool"),
        ({"messages": (Message.user("x"), document)}, "instruction"),
        ({"messages": (document,), "tools": (Tool("f"),)}, "tool"),
    )
    for more, expected in beside:
        for schema in (OBJECT, None):
            asked = Request(model="m", output=OutputFormat(schema), **more)
            crowded = expected != "native"
            assert is_crowded(asked, "cohere", Quirks()) is crowded
            assert has_plain_json(asked, "cohere", Quirks()) is not crowded
            assert output_mode(asked, "cohere", Quirks(), None) == (expected if schema or not crowded else "instruction")
            for dialect in ("openai-chat", "gemini", "unheard-of"):
                assert not is_crowded(asked, dialect, Quirks())


def test_hosts_that_take_none_beside_tools() -> None:
    """400: "json mode cannot be combined with tool/function calling"."""
    beside: dict[str, Any] = {"tools": (Tool("f"),)}
    for flag, expected in ((True, "tool"), (False, "native"), (None, "native")):
        assert mode(request=beside, format_alone=flag) == expected
        assert mode(format_alone=flag) == "native"
        assert has_plain_json(Request(model="m", messages=(), **beside), "openai-chat", Quirks(format_alone=flag)) is (
            flag is not True
        )
