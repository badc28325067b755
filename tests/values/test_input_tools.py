"""Tools, tool choice, output format and reasoning as callers say them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pydantic
import pytest

from trunkline.values.errors import UsageError
from trunkline.values.input_tools import to_output, to_reasoning, to_tool_choice, to_tools
from trunkline.values.message import CacheMark
from trunkline.values.request import CustomTool, HostedTool, OutputFormat, ReasoningOptions, Tool, ToolChoice

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
CANARY = "CANARY-7f3a"


def weather(city: str) -> str:
    """Look up the weather."""
    return city


async def news(topic: str) -> str:
    """Look up the news."""
    return topic


# ------------------------------------------------------------------------------------------------------------------- tools


@pytest.mark.parametrize(
    ("given", "ours"),
    [
        (Tool("f", "d", SCHEMA), Tool("f", "d", SCHEMA)),
        (
            {"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA, "strict": True}},
            Tool("f", "d", SCHEMA, True),
        ),
        ({"type": "function", "function": {"name": "f"}}, Tool("f")),
        ({"type": "function", "name": "f", "parameters": SCHEMA}, Tool("f", None, SCHEMA)),
        ({"name": "f", "input_schema": SCHEMA}, Tool("f", None, SCHEMA)),
        (
            {
                "type": "custom",
                "name": "f",
                "input_schema": SCHEMA,
                "cache_control": {"type": "ephemeral"},
                "defer_loading": True,
            },
            Tool("f", None, SCHEMA, None, CacheMark(), {"defer_loading": True}),
        ),
        ({"type": "custom", "custom": {"name": "f", "format": {"type": "text"}}}, CustomTool("f")),
        (
            {
                "type": "custom",
                "custom": {"name": "f", "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: x"}}},
            },
            CustomTool("f", None, "lark", "start: x"),
        ),
        ({"type": "custom", "name": "f", "description": "d"}, CustomTool("f", "d")),
        (
            {
                "type": "web_search_20250305",
                "name": "web_search",
                "max_uses": 3,
                "cache_control": {"type": "ephemeral", "ttl": "1h"},
            },
            HostedTool("web_search_20250305", "web_search", {"max_uses": 3}, CacheMark("1h")),
        ),
        ({"type": "web_search"}, HostedTool("web_search")),
    ],
)
def test_tools_in_every_shape(given: Any, ours: Any) -> None:
    before = copy.deepcopy(given)
    assert to_tools([given]) == (ours,)
    assert given == before


def test_functions_are_tools_and_their_schema_is_made_once() -> None:
    (sync, asynchronous) = to_tools((weather, news))
    assert (sync.name, asynchronous.name) == ("weather", "news")
    assert isinstance(sync, Tool)
    assert sync.parameters == {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    (again,) = to_tools([weather])
    assert isinstance(again, Tool)
    assert again.parameters is sync.parameters


def test_no_tools_are_no_tools() -> None:
    assert to_tools(None) == to_tools([]) == ()


def test_two_hosted_tools_without_names_are_fine() -> None:
    assert len(to_tools([{"type": "web_search"}, {"type": "code_interpreter"}])) == 2


def _deep(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels - 1):
        schema = {"items": schema}
    return schema


@pytest.mark.parametrize("levels", [201, 600, 10_000])
def test_schemas_too_deep_to_be_walked_are_refused(levels: int) -> None:
    assert to_tools([Tool("t", parameters=_deep(200))])
    for tool in (Tool("t", parameters=_deep(levels)), {"name": "t", "input_schema": _deep(levels)}):
        with pytest.raises(UsageError, match="too deep"):
            to_tools([tool])
    with pytest.raises(UsageError, match="too deep"):
        to_output(_deep(levels))


def _endless() -> dict[str, Any]:
    loop: dict[str, Any] = {}
    loop["properties"] = loop
    return loop


@pytest.mark.parametrize(
    ("tools", "field", "got"),
    [
        ("weather", "tools", "str"),
        (weather, "tools", "function"),
        ({"name": "f", "input_schema": {}}, "tools", "dict"),
        ([5], "tools[0]", "int"),
        ([weather, None], "tools[1]", "None"),
        ([Tool], "tools[0]", "the type Tool"),
        ([{}], "tools[0].type", "None"),
        ([{"name": CANARY}], "tools[0].type", "None"),
        ([{"type": "functoin", "function": {"name": "f"}}], "tools[0].type", "str"),
        ([{"type": 5}], "tools[0].type", "int"),
        ([{"type": "function"}], "tools[0].name", "None"),
        ([{"type": "function", "function": CANARY}], "tools[0].function", "str"),
        ([{"type": "function", "function": {"name": "a b"}}], "tools[0].name", None),
        ([{"type": "function", "function": {"name": "x" * 129}}], "tools[0].name", None),
        ([{"type": "function", "function": {"name": "f", "paramters": {}}}], "tools[0].function.paramters", None),
        ([{"type": "function", "function": {"name": "f", "parameters": CANARY}}], "tools[0].function.parameters", "str"),
        ([{"type": "function", "function": {"name": "f", "strict": "yes"}}], "tools[0].function.strict", "str"),
        ([{"type": "function", "function": {"name": "f", "parameters": {"a": [{"b": object()}]}}}], "tools[0].function.parameters.a[0].b", "object"),
        ([{"type": "function", "function": {"name": "f", "parameters": {"a": float("nan")}}}], "tools[0].function.parameters.a", "float"),
        ([{"type": "function", "function": {"name": "f", "parameters": {(5,): "a"}}}], "tools[0].function.parameters", "tuple"),
        ([Tool("f", None, {"a": bytes})], "tools[0].parameters.a", "the type bytes"),
        ([Tool("f", 5)], "tools[0].description", "int"),
        ([HostedTool("")], "tools[0].type", "str"),
        ([HostedTool("web_search", None, {"a": {1: object()}})], "tools[0].options.a", "int"),
        ([weather, weather], "tools[1].name", None),
        ([weather, {"name": "weather", "input_schema": {}}], "tools[1].name", None),
        ([lambda city: city], "tools[0].name", None),
        ([{"name": "f", "input_schema": {}, "cache": 5}], "tools[0].cache", None),
        ([{"type": "custom", "custom": {"name": "f", "format": {"type": "grammar", "grammar": {"syntax": "ebnf"}}}}], "tools[0].custom.format.grammar.syntax", "str"),
    ],
)  # fmt: skip
def test_bad_tools_are_refused(tools: Any, field: str, got: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        to_tools(tools)
    assert caught.value.field == field
    assert caught.value.allowed
    if got is not None:
        assert caught.value.got == got
    assert CANARY not in str(caught.value)


def test_parameters_without_end_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        to_tools([Tool("f", None, _endless())])
    assert (caught.value.field or "").startswith("tools[0].parameters")


def test_the_word_null_in_a_schema_is_no_number_that_json_lacks() -> None:
    schema = {"type": "object", "properties": {"a": {"type": ["string", "null"], "default": None, "x": "null"}}}
    assert to_tools([Tool("f", None, schema)])[0] == Tool("f", None, schema)


# ------------------------------------------------------------------------------------------------------------ tool choice


@pytest.mark.parametrize(
    ("choice", "ours"),
    [
        (None, None),
        (ToolChoice("auto"), ToolChoice("auto")),
        ("auto", ToolChoice("auto")),
        ("none", ToolChoice("none")),
        ("required", ToolChoice("required")),
        ("any", ToolChoice("required")),
        ("weather", ToolChoice("tool", ("weather",))),
        ("plain", ToolChoice("tool", ("plain",), ("plain",))),
        (weather, ToolChoice("tool", ("weather",))),
        (Tool("weather"), ToolChoice("tool", ("weather",))),
        ({"type": "auto"}, ToolChoice("auto")),
        ({"type": "any"}, ToolChoice("required")),
        ({"type": "tool", "name": "f"}, ToolChoice("tool", ("f",))),
        ({"type": "function", "function": {"name": "f"}}, ToolChoice("tool", ("f",))),
        ({"type": "function", "name": "f"}, ToolChoice("tool", ("f",))),
        ({"type": "custom", "custom": {"name": "f"}}, ToolChoice("tool", ("f",), ("f",))),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "required",
                    "tools": [{"type": "function", "function": {"name": "f"}}, {"type": "custom", "custom": {"name": "g"}}],
                },
            },
            ToolChoice("required", ("f", "g"), ("g",)),
        ),
    ],
)
def test_tool_choice_in_every_shape(choice: Any, ours: Any) -> None:
    assert to_tool_choice(choice, to_tools([weather, CustomTool("plain")])) == ours


@pytest.mark.parametrize(
    ("choice", "field"),
    [
        ("requird", "tool_choice"),
        (CANARY, "tool_choice"),
        (5, "tool_choice"),
        (True, "tool_choice"),
        ({}, "tool_choice.type"),
        ({"type": CANARY}, "tool_choice.type"),
        ({"type": "tool"}, "tool_choice.name"),
        ({"type": "auto", "name": "f"}, "tool_choice.name"),
        ({"type": "auto", "disable_parallel_tool_use": True}, "tool_choice.disable_parallel_tool_use"),
        ({"type": "function", "function": {}}, "tool_choice.function.name"),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "none", "tools": []}}, "tool_choice.allowed_tools.mode"),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "tool", "name": "f"}]}}, "tool_choice.allowed_tools.tools[0].type"),
    ],
)  # fmt: skip
def test_bad_tool_choice_is_refused(choice: Any, field: str) -> None:
    with pytest.raises(UsageError) as caught:
        to_tool_choice(choice, to_tools([weather]))
    assert caught.value.field == field
    assert CANARY not in str(caught.value)


# ----------------------------------------------------------------------------------------------------------------- output


@dataclass
class Point:
    x: int


STRICT = {
    "title": "Point",
    "type": "object",
    "properties": {"x": {"type": "integer"}},
    "required": ["x"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("output", "ours"),
    [
        (None, None),
        (OutputFormat(), OutputFormat()),
        ("json", OutputFormat()),
        ({"type": "json_object"}, OutputFormat()),
        ({"type": "text"}, None),
        (SCHEMA, OutputFormat(SCHEMA)),
        (
            {"type": "json_schema", "json_schema": {"name": "n", "description": "d", "schema": SCHEMA, "strict": True}},
            OutputFormat(SCHEMA, "n", "d", True),
        ),
        ({"type": "json_schema", "schema": SCHEMA}, OutputFormat(SCHEMA)),
    ],
)
def test_output_that_is_not_parsed(output: Any, ours: Any) -> None:
    assert to_output(output) == (ours, None)


def test_a_type_is_asked_for_strictly_and_parsed() -> None:
    form, kind = to_output(Point)
    assert kind is Point
    assert form is not None
    assert (form.name, form.strict) == ("Point", "if_known")
    assert form.schema is not None
    assert {key: form.schema[key] for key in STRICT} == STRICT


def test_a_type_beyond_the_strict_subset_is_asked_for_as_it_is() -> None:
    form, _ = to_output(dict[str, int])
    assert form == OutputFormat({"type": "object", "additionalProperties": {"type": "integer"}}, "dict")


@pytest.mark.parametrize(
    ("output", "field"),
    [
        (CANARY, "output"),
        (5, "output"),
        (object, "output"),
        (object(), "output"),
        ({}, "output"),
        ({"type": "json_schema"}, "output.json_schema"),
        ({"type": "json_schema", "json_schema": {"name": "n"}}, "output.json_schema.schema"),
        ({"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strct": True}}, "output.json_schema.strct"),
        ({"type": "object", "properties": {"a": object()}}, "output.properties.a"),
    ],
)
def test_bad_output_is_refused(output: Any, field: str) -> None:
    with pytest.raises(UsageError) as caught:
        to_output(output)
    assert caught.value.field == field
    assert caught.value.allowed
    assert CANARY not in str(caught.value)


class _Plain: ...


class _Uncallable(pydantic.BaseModel):
    what: Callable[[], int]


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (
            _Plain,
            r"^output: a type without a JSON Schema \(no JSON Schema is known for this type\); got the type _Plain; allowed: a type, ",
        ),
        (list[_Plain], r"^output: a type without a JSON Schema \(no JSON Schema is known for this type\); got GenericAlias"),
        (
            _Uncallable,
            r"^output: a type without a JSON Schema \(Cannot generate a JsonSchema for core_schema.CallableSchema\); got ",
        ),
        (pydantic.BaseModel, r"^output: a type without a JSON Schema \(model_json_schema\(\) must be called on a subclass"),
        (5, "^output: nothing that a reply could be; got int"),
    ],
)
def test_a_type_that_no_schema_says_tells_why(output: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        to_output(output)


# -------------------------------------------------------------------------------------------------------------- reasoning


@pytest.mark.parametrize(
    ("reasoning", "ours"),
    [
        (None, None),
        (ReasoningOptions("low"), ReasoningOptions("low")),
        ("high", ReasoningOptions("high")),
        (2048, ReasoningOptions(budget=2048)),
        (True, ReasoningOptions(enabled=True)),
        (False, ReasoningOptions(enabled=False)),
        ({"effort": "low", "show": "summarized"}, ReasoningOptions("low", show="summarized")),
    ],
)
def test_reasoning_in_every_shape(reasoning: Any, ours: Any) -> None:
    assert to_reasoning(reasoning) == ours


@pytest.mark.parametrize(
    ("reasoning", "field"),
    [
        (CANARY, "reasoning"),
        (-1, "reasoning"),
        (1.5, "reasoning"),
        ({"effort": CANARY}, "reasoning.effort"),
        ({"budget": "1024"}, "reasoning.budget"),
        ({"enabled": 1}, "reasoning.enabled"),
        ({"show": 1}, "reasoning.show"),
        ({"efort": "low"}, "reasoning.efort"),
    ],
)
def test_bad_reasoning_is_refused(reasoning: Any, field: str) -> None:
    with pytest.raises(UsageError) as caught:
        to_reasoning(reasoning)
    assert caught.value.field == field
    assert CANARY not in str(caught.value)
