"""Schemas and arguments through every dialect: what changes in meaning is told, and what is hostile ends in a value or an error of ours."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from tests.laws.wires import arrived, target
from trunkline.dialects.known import ASKED, DIALECTS, client_half_of, dialect_of
from trunkline.values.errors import UsageError
from trunkline.values.function_schema import function_tool
from trunkline.values.message import Message, Text, ToolCall, ToolResult
from trunkline.values.request import OutputFormat, Request, Tool

TEXT, NUMBER = {"type": "string"}, {"type": "integer", "minimum": 1, "maximum": 9}


def opened(*required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


SCHEMAS: dict[str, dict[str, Any]] = {
    "plain": opened("a", a=TEXT, b=NUMBER),
    "constant": opened(a={"const": "x"}, b={"enum": [1, "x", None]}),
    "nullable": opened("a", a={"type": ["string", "null"]}, b={"anyOf": [NUMBER, {"type": "null"}]}),
    "defined": {**opened("a", a={"$ref": "#/$defs/A", "description": "d"}), "$defs": {"A": opened("b", b=TEXT)}},
    "recursive": {**opened(a={"$ref": "#/$defs/A"}), "$defs": {"A": opened(a={"$ref": "#/$defs/A"}, b=TEXT)}},
    "closed": {**opened("a", a={"type": "array", "items": NUMBER, "maxItems": 2}), "additionalProperties": False},
    "a map": opened(a={"type": "object", "additionalProperties": TEXT}),
    "formats": opened(a={**TEXT, "pattern": "^x", "minLength": 2}, b={"type": "array", "uniqueItems": True, "items": {}}),
    "alternatives": {"anyOf": [opened("a", a=TEXT), opened("b", b=NUMBER)]},
    "conditions": opened(a={"not": TEXT}, b={"allOf": [NUMBER, {"multipleOf": 2}]}),
}
VALUES: list[Any] = [
    {}, {"a": "x"}, {"a": "xy", "b": 5}, {"a": None, "b": None}, {"a": 1, "b": "x"}, {"a": {"b": "x"}}, {"a": {"b": 1}},
    {"a": [1, 2]}, {"a": [1, 2, 3]}, {"a": [0]}, {"b": [1, 1]}, {"b": 10}, {"b": 3}, {"c": 1, "a": "x"}, {"a": {"a": {"b": "x", "a": 1}}},
]  # fmt: skip


def meaning(schema: Any) -> list[bool]:
    judge = jsonschema.Draft202012Validator(schema or {})
    return [judge.is_valid(value) for value in VALUES]


@pytest.mark.parametrize("strict", [None, True])
@pytest.mark.parametrize("name", SCHEMAS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_a_schema_means_changes_only_with_a_warning(dialect: str, name: str, strict: bool | None) -> None:
    schema, half = SCHEMAS[name], dialect_of(dialect)
    request = Request(model="m", messages=(Message.user("hi"),), tools=(Tool("t", parameters=schema, strict=strict),))
    encoded = half.encode_request(request, target(dialect))
    (tool,) = half.decode_request(arrived(dialect, encoded.wire)).request.tools
    assert isinstance(tool, Tool)
    told = [warning.field for warning in encoded.warnings]
    if "tools.parameters" not in told:
        assert meaning(tool.parameters) == meaning(schema)
    assert not told or all(field in ("tools.parameters", "tools.strict") for field in told)


def deep(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = TEXT
    for _ in range(levels):
        schema = {"type": "array", "items": schema}
    return opened(a=schema)


BESIDE = {"description": "d"}
HOSTILE = {
    "laughs": {**opened(a={"$ref": "#/$defs/0"}), "$defs": {**{str(n): {"anyOf": [{"$ref": f"#/$defs/{n + 1}", **BESIDE}] * 10} for n in range(60)}, "60": TEXT}},
    "root laughs": {"$ref": "#/$defs/0", "$defs": {**{str(n): {"allOf": [{"$ref": f"#/$defs/{n + 1}"}] * 10} for n in range(60)}, "60": opened()}},
    "loops": {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/B"}, "B": {"$ref": "#/$defs/A"}}},
    "itself": {**opened(a={"$ref": "#", **BESIDE}, b={"$ref": "https://example.com/x"}), "$defs": {"A": {}}},
    "deep": deep(190),
    "a giant enumeration": opened(a={"enum": [str(n) for n in range(50_000)]}),
    "many": opened(**{f"p{n}": {"$ref": "#/$defs/A"} for n in range(5000)}) | {"$defs": {"A": opened(b=TEXT)}},
    "none": {"type": 5, "properties": [1], "required": {"a": 1}, "anyOf": {"x": 1}, "$defs": [2], "enum": 3, "items": "x", "$ref": 7},
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("dialect", ASKED)
def test_hostile_schemas_are_sent_or_refused(dialect: str, name: str) -> None:
    for strict in (None, True):
        tool = Tool("t", parameters=HOSTILE[name], strict=strict)
        request = Request(
            model="m", messages=(Message.user("hi"),), tools=(tool,), output=OutputFormat(HOSTILE[name], strict=strict)
        )
        try:
            encoded = client_half_of(dialect).encode_request(request, target(dialect))
        except UsageError:
            continue
        body = getattr(encoded.wire, "body", b"") or b""
        assert len(body) < 5_000_000


ARGUMENTS = [
    "", "null", "[1]", '{"a":1,"a":2}', '{"a":NaN}', '{"a":1e999}', '{"a":"\\ud800"}', '{"a":"\ud800"}', '{"a":' * 300 + "1" + "}" * 300,
    '{"a":' * 10_000 + "1" + "}" * 10_000, "[" * 100_000, '{"a":"' + "x" * 2_000_000 + '"}', "{" + '"a":{},' * 50_000 + '"b":1}', '{"a":' + "9" * 5000 + "}",
]  # fmt: skip


@pytest.mark.parametrize("dialect", ASKED)
def test_a_model_that_wrote_hostile_arguments_can_be_answered(dialect: str) -> None:
    for written in ARGUMENTS:
        call = ToolCall("c", "t", written)
        answer = Message.tool(ToolResult("c", (Text("wrong"),), is_error=True, name="t"))
        said = (Message.user("hi"), Message.assistant(call), answer)
        request = Request(model="m", messages=said, tools=(Tool("t"),))
        try:
            encoded = client_half_of(dialect).encode_request(request, target(dialect))
        except UsageError:
            continue
        assert encoded.wire


def test_what_a_function_is_goes_to_every_dialect_without_a_loss() -> None:
    def weather(city: str, days: int = 3, where: list[str] | None = None) -> None:
        """Looks it up.

        Args:
            city: which
        """

    tool = function_tool(weather)
    for dialect in DIALECTS:
        half = dialect_of(dialect)
        encoded = half.encode_request(Request(model="m", messages=(Message.user("hi"),), tools=(tool,)), target(dialect))
        assert encoded.warnings == ()
        (there,) = half.decode_request(arrived(dialect, encoded.wire)).request.tools
        assert isinstance(there, Tool)
        assert meaning(there.parameters) == meaning(tool.parameters)
