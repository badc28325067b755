"""What is wrong with a JSON value, told by its place."""

from __future__ import annotations

from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import given, strategies as st

from tests.strategies import json_values
from trunkline.values.schema_check import faults
from trunkline.values.strict_schema import strict_schema

KINDS = ["object", "array", "string", "integer", "number", "boolean", "null"]


@pytest.mark.parametrize(
    ("schema", "value", "found"),
    [
        ({"type": "integer"}, "x", [("$", "must be integer, and is string")]),
        ({"type": "integer"}, True, [("$", "must be integer, and is boolean")]),
        ({"type": "integer"}, 1.0, []), ({"type": "integer"}, 1.5, [("$", "must be integer, and is number")]),
        ({"type": ["integer", "null"]}, [], [("$", "must be integer or null, and is array")]),
        ({"type": "date"}, 1, []), ({"items": False}, [1], [("$[0]", "nothing may stand here")]), ({"items": True}, [1], []),
        ({"enum": ["a", 1]}, True, [("$", 'must be one of ["a",1]')]), ({"enum": ["a", 1]}, 1, []),
        ({"const": False}, 0, [("$", "must be one of [false]")]), ({"const": 5}, 5, []),
        ({"enum": ["x" * 400]}, 1, [("$", 'must be one of ["' + "x" * 298 + "…")]),
        ({"minimum": 1}, 0, [("$", "must be at least 1")]), ({"minimum": 1}, 1, []), ({"minimum": 1}, "", []),
        ({"maximum": 1}, 2, [("$", "must be at most 1")]), ({"maximum": 1}, 1, []), ({"maximum": 1}, True, []),
        ({"exclusiveMinimum": 1}, 1, [("$", "must be more than 1")]), ({"exclusiveMinimum": 1}, 2, []),
        ({"exclusiveMaximum": 1}, 1, [("$", "must be less than 1")]), ({"exclusiveMaximum": 1}, 0, []),
        ({"minLength": 2}, "a", [("$", "must have at least 2 characters")]), ({"minLength": 2}, "ab", []),
        ({"maxLength": 2}, "abc", [("$", "must have at most 2 characters")]), ({"maxLength": 2}, "ab", []),
        ({"minItems": 1}, [], [("$", "must have at least 1 items")]), ({"minItems": 1}, [1], []), ({"minItems": 1}, {}, []),
        ({"maxItems": 1}, [1, 2], [("$", "must have at most 1 items")]), ({"maxItems": 1}, [1], []),
        ({"minProperties": 1}, {}, [("$", "must have at least 1 keys")]), ({"minProperties": 1}, {"a": 1}, []),
        ({"maxProperties": 0}, {"a": 1}, [("$", "must have at most 0 keys")]), ({"maxProperties": 1}, {"a": 1}, []),
        ({"minimum": True}, 0, []),
        ({"required": ["a", "b"]}, {"a": 1}, [("$", "the key 'b' is missing")]), ({"required": ["a"]}, [], []),
        ({"properties": {"a": {"type": "null"}}}, {"a": 1, "b": 2}, [("$.a", "must be null, and is integer")]),
        ({"properties": {"a": {}}, "additionalProperties": False}, {"b": 2}, [("$", 'there is no key "b"')]),
        ({"additionalProperties": False, "patternProperties": {"b": {}}}, {"b": 2}, []),
        ({"additionalProperties": {"type": "string"}}, {"b": 2}, [("$.b", "must be string, and is integer")]),
        ({"items": {"type": "string"}}, ["a", 2], [("$[1]", "must be string, and is integer")]),
        ({"prefixItems": [{"type": "string"}], "items": {"type": "null"}}, [1, 2], [
            ("$[0]", "must be string, and is integer"), ("$[1]", "must be null, and is integer"),
        ]),
        ({"prefixItems": [{}]}, [1, 2], []),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, 1, [("$", "fits none of the 2 alternatives (anyOf)")]),
        ({"oneOf": [{"type": "string"}, {"type": "object", "required": ["a"]}]}, {}, [("$", "the key 'a' is missing")]),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, None, []),
        ({"allOf": [{"type": "integer"}, {"minimum": 3}]}, 2, [("$", "must be at least 3")]),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"type": "null"}}}, 1, [("$", "must be null, and is integer")]),
        ({"$ref": "#/definitions/a", "definitions": {"a": {"type": "null"}}}, 1, [("$", "must be null, and is integer")]),
        ({"$ref": "#/$defs/b"}, 1, []),
        ({"type": "object", "properties": {"a": {"$ref": "#"}}}, {"a": {"a": 1}}, [("$.a.a", "must be object, and is integer")]),
        ({"anyOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"type": "object", "required": ["x"]}}}, {}, [("$", "the key 'x' is missing")]),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}, 1, [("$", "less deeply nested")]),
        ({"anyOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}]}}}, 1, []),
    ],
)  # fmt: skip
def test_it_is_told_where_and_what(schema: Any, value: Any, found: list[tuple[str, str]]) -> None:
    assert faults(value, schema) == found


def test_no_more_than_asked_for() -> None:
    schema = {"items": {"type": "string"}}
    assert len(faults([1] * 20, schema)) == 10
    assert faults([1, 2], schema, most=1) == [("$[0]", "must be string, and is integer")]


def test_billions_of_alternatives_cost_nothing() -> None:
    levels: dict[str, Any] = {f"d{n}": {word: [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(60) for word in ("anyOf",)}
    schema = {"$ref": "#/$defs/d0", "$defs": {**levels, "d60": {"type": "null"}}}
    assert faults(None, schema) == []
    assert len(faults(1, schema)) == 1


schemas = st.recursive(
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(KINDS) | st.lists(st.sampled_from(KINDS), min_size=1, max_size=2, unique=True),
            "minimum": st.integers(-3, 3), "maxLength": st.integers(0, 3), "minItems": st.integers(0, 2),
            "enum": st.lists(st.none() | st.booleans() | st.integers(0, 2), min_size=1, max_size=3),
        },
    ),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "properties": st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
            "required": st.lists(st.sampled_from("ab"), unique=True), "additionalProperties": inner | st.booleans(),
            "items": inner, "anyOf": st.lists(inner, min_size=1, max_size=2), "allOf": st.lists(inner, min_size=1, max_size=2),
        },
    ),
    max_leaves=6,
)  # fmt: skip
values = st.recursive(
    st.none() | st.booleans() | st.integers(-4, 4) | st.floats(-2, 2) | st.text("ab", max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
    max_leaves=5,
)


@given(schemas, values | json_values)
def test_it_judges_as_jsonschema_does(schema: Any, value: Any) -> None:
    assert (not faults(value, schema)) == jsonschema.Draft202012Validator(schema).is_valid(value)


junk = st.recursive(
    st.sampled_from([None, True, -1, 1.5, "", "object", "#/$defs/a"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from([
        "type", "enum", "properties", "required", "additionalProperties", "items", "prefixItems", "anyOf", "allOf", "$ref", "$defs",
        "minimum", "minItems",
    ]), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["type", "required", "prefixItems", "anyOf", "allOf", "$ref"]), junk), values)
def test_what_is_no_schema_is_no_error(schema: Any, value: Any) -> None:
    assert all(isinstance(wanted, str) for _, wanted in faults(value, schema))
    strict_schema(schema)


def test_only_definitions_are_referred_to() -> None:
    schema = {"$defs": {"a": {"type": "integer"}}, "anyOf": [{"$ref": "#/properties/a"}]}
    assert faults("x", schema) == []
    assert faults("x", {**schema, "anyOf": [{"$ref": "#/$defs/a"}]}) != []
    assert faults("x", {"definitions": schema["$defs"], "allOf": [{"$ref": "#/definitions/a"}]}) != []
