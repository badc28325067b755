"""What a schema asks for is filled so that the schema takes it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from trunkline.sim.schema_filler import fill

NODE = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}},
            "required": ["name", "next"],
        }
    },
    "$ref": "#/$defs/node",
}


@pytest.mark.parametrize(
    "schema, value",
    [
        ({}, "simulated"),
        ({"type": "string"}, "simulated"),
        ({"type": "integer"}, 0),
        ({"type": "number", "minimum": 0.5}, 0.5),
        ({"type": "integer", "minimum": 3, "multipleOf": 5}, 5),
        ({"type": "integer", "maximum": -3}, -3),
        ({"type": "integer", "exclusiveMinimum": 0}, 1),
        ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, 0.5),
        ({"type": "boolean"}, False),
        ({"type": "null"}, None),
        ({"type": ["null", "integer"]}, 0),
        ({"enum": ["a", "b"]}, "a"),
        ({"const": 7}, 7),
        ({"type": "string", "minLength": 12}, "simulated..."),
        ({"type": "string", "maxLength": 3}, "sim"),
        ({"type": "string", "format": "date"}, "2026-01-01"),
        ({"type": "string", "format": "decimal"}, "0"),
        ({"type": "string", "contentEncoding": "base64"}, "c2lt"),
        ({"type": "array", "items": {"type": "integer"}}, []),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 2, "uniqueItems": True}, [0, 1]),
        ({"type": "array", "items": {"type": "string"}, "minItems": 2}, ["simulated", "simulated1"]),
        ({"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}]}, [0, "simulated"]),
        ({"type": "object", "properties": {"a": {"type": "integer"}, "b": {}}, "required": ["a"]}, {"a": 0}),
        ({"properties": {"a": {"type": "integer"}}, "required": ["a"]}, {"a": 0}),
        ({"type": "object", "minProperties": 1, "additionalProperties": {"type": "integer"}}, {"simulated_0": 0}),
        ({"allOf": [{"properties": {"a": {"const": 1}}, "required": ["a"]}, {"properties": {"b": {"const": 2}}, "required": ["b"]}]},
         {"a": 1, "b": 2}),
        ({"oneOf": [{"type": "integer"}, {"type": "string"}]}, 0),
        ({"type": "object", "properties": {"a": {"const": 1}}, "anyOf": [{"required": ["a"]}, {}]}, {"a": 1}),
        (NODE, {"name": "simulated", "next": {"name": "simulated", "next": None}}),
        ({"definitions": {"a/b": {"const": 3}}, "$ref": "#/definitions/a~1b"}, 3),
    ],
)  # fmt: skip
def test_the_smallest_value(schema: dict[str, Any], value: Any) -> None:
    assert fill(schema) == value


@pytest.mark.parametrize(
    "pattern",
    [r"^[A-Z]{3}-\d{4}$", r"\d+", r"^(a|b)c?\1$", r"^[^aA]$", r"^\w+@\w+\.com$", r"^.{5,}$", "x(?:yz){2}", r"^\S\s\D$", r"^\W$"],
)
def test_a_pattern_is_obeyed(pattern: str) -> None:
    text = fill({"type": "string", "pattern": pattern})
    assert re.search(pattern, text)


def test_what_cannot_be_filled_is_given_up() -> None:
    endless = {
        "$defs": {"a": {"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}, "required": ["a"]}},
        "$ref": "#/$defs/a",
    }
    assert fill(endless) is None
    assert fill({"type": "string", "pattern": "(?=x)y"}) == "simulated"
    assert fill({"type": "string", "pattern": "("}) == "simulated"
