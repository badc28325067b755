"""The strict subset of JSON Schema."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, strategies as st

from trunkline.values.schema import without_added_nulls
from trunkline.values.strict_schema import strict_schema

TEXT = {"type": "string"}
NULL = {"type": "null"}


def closed(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def opened(*required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        (opened("a", a=TEXT), closed(a=TEXT)),
        ({"type": "object", "properties": {}}, closed()),
        (opened(a=TEXT), closed(a={"anyOf": [TEXT, NULL]})),
        (opened(a={"type": ["string", "null"]}), closed(a={"type": ["string", "null"]})),
        (opened(a={"anyOf": [TEXT, {"type": "integer"}]}), closed(a={"anyOf": [TEXT, {"type": "integer"}, NULL]})),
        (opened(a={"anyOf": [TEXT, NULL], "default": None}), closed(a={"anyOf": [TEXT, NULL]})),
        (opened("a", a={"oneOf": [TEXT, NULL], "discriminator": {}}), closed(a={"anyOf": [TEXT, NULL]})),
        (opened("a", a={"allOf": [TEXT], "description": "d"}), closed(a={"type": "string", "description": "d"})),
        (
            opened("a", a={"type": "array", "items": opened(b=TEXT)}),
            closed(a={"type": "array", "items": closed(b={"anyOf": [TEXT, NULL]})}),
        ),
        (opened("a", a={"enum": ["x", "y"]}), closed(a={"enum": ["x", "y"], "type": "string"})),
        (opened("a", a={"enum": ["x", None]}), closed(a={"enum": ["x", None], "type": ["string", "null"]})),
        (opened("a", a={"const": 5}), closed(a={"const": 5, "type": "integer"})),
        ({"properties": {"a": TEXT}}, closed(a={"anyOf": [TEXT, NULL]})),
        (
            {**opened("a", a={"$ref": "#/$defs/B", "description": "d"}), "$defs": {"B": opened("c", c=TEXT)}},
            closed(a={**closed(c=TEXT), "description": "d"}),
        ),
        (
            {"$ref": "#/$defs/N", "$defs": {"N": opened("n", n={"anyOf": [{"$ref": "#/$defs/N"}, NULL]})}},
            {
                **closed(n={"anyOf": [{"$ref": "#/$defs/N"}, NULL]}),
                "$defs": {"N": closed(n={"anyOf": [{"$ref": "#/$defs/N"}, NULL]})},
            },
        ),
        (
            {**opened(a={"$ref": "#/definitions/B"}), "definitions": {"B": TEXT}},
            {**closed(a={"anyOf": [{"$ref": "#/$defs/B"}, NULL]}), "$defs": {"B": TEXT}},
        ),
        (
            {"$ref": "#/$defs/A", "$defs": {"A": opened("b", b={"$ref": "#/$defs/B"}), "B": opened("c", c=TEXT), "C": {}}},
            {**closed(b={"$ref": "#/$defs/B"}), "$defs": {"B": closed(c=TEXT)}},
        ),
    ],
)
def test_within_the_subset(schema: dict[str, Any], strict: dict[str, Any]) -> None:
    before = copy.deepcopy(schema)
    assert strict_schema(schema) == strict
    assert schema == before


@pytest.mark.parametrize(
    "schema",
    [
        {},
        TEXT,
        {"type": "array", "items": TEXT},
        {"type": "object"},
        {"type": "object", "additionalProperties": TEXT},
        opened("a", a={}),
        opened("a", a=True),
        opened("a", a={"type": "array"}),
        opened("a", a={"type": "array", "prefixItems": [TEXT]}),
        opened("a", a={"type": "object", "properties": {}, "additionalProperties": True}),
        opened("a", a={"not": TEXT}),
        opened("a", a={"allOf": [TEXT, TEXT]}),
        opened("a", a={"$ref": "#/$defs/Gone", "description": "d"}),
        {"$ref": "#/$defs/Gone"},
        {"anyOf": [opened(), opened()]},
        {**opened(), "patternProperties": {"x": TEXT}},
        opened("a", a={"enum": [{"an": "object"}]}),
    ],
)
def test_beyond_the_subset(schema: dict[str, Any]) -> None:
    assert strict_schema(schema) is None


def test_a_definition_that_needs_itself_to_be_written_out_is_beyond_it() -> None:
    loop = {"$ref": "#/$defs/N", "$defs": {"N": opened("n", n={"$ref": "#/$defs/N", "description": "d"})}}
    assert strict_schema(loop) is None


_leaves = st.sampled_from([TEXT, {"type": "integer"}, {"enum": ["a"]}, {"anyOf": [TEXT, NULL]}])
_schemas = st.recursive(
    _leaves,
    lambda inner: (
        st.builds(lambda items: {"type": "array", "items": items}, inner)
        | st.builds(
            lambda properties, required: opened(*[name for name in properties if name in required], **properties),
            st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
            st.sets(st.sampled_from("abc")),
        )
    ),
    max_leaves=8,
)


def _value(schema: dict[str, Any], draw: Any, nulls: bool) -> Any:
    """A value that fits ``schema``; with ``nulls``, one of its strict form: every optional key there, some of them null."""
    if "anyOf" in schema:
        return draw(st.sampled_from(["x", None]))
    if "enum" in schema:
        return "a"
    if schema["type"] == "string":
        return "x"
    if schema["type"] == "integer":
        return 5
    if schema["type"] == "array":
        return [_value(schema["items"], draw, nulls) for _ in range(draw(st.integers(0, 2)))]
    made = {}
    for name, member in schema["properties"].items():
        if name not in schema["required"] and draw(st.booleans()):
            if nulls:
                made[name] = None
        else:
            made[name] = _value(member, draw, nulls)
    return made


@given(st.dictionaries(st.sampled_from("abc"), _schemas, max_size=3), st.sets(st.sampled_from("abc")), st.data())
def test_a_reply_in_the_strict_form_is_read_as_the_schema_meant_it(
    properties: Any, required: set[str], data: st.DataObject
) -> None:
    """Whatever strict form adds (nulls for absent keys) is exactly what is taken out again."""
    schema = opened(*[name for name in properties if name in required], **properties)
    assert strict_schema(schema) is not None
    said = without_added_nulls(_value(schema, data.draw, nulls=True), schema, {})
    assert without_added_nulls(said, schema, {}) == said
    _assert_fits(said, schema)


def _assert_fits(value: Any, schema: dict[str, Any]) -> None:
    if schema.get("type") == "array":
        for item in value:
            _assert_fits(item, schema["items"])
    elif schema.get("type") == "object":
        assert set(schema["required"]) <= value.keys()
        for name, item in value.items():
            _assert_fits(item, schema["properties"][name])
    elif "anyOf" not in schema:
        assert value is not None
