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


def nested(levels: int) -> dict[str, Any]:
    return opened("a", a=nested(levels - 1)) if levels > 1 else opened()


def bomb(levels: int) -> dict[str, Any]:
    """Each definition is written out twice in the one before: 2 to the power of the levels in all."""
    twice = {str(n): opened(a=told(n + 1), b=told(n + 1)) for n in range(levels)}
    return {**opened(a=told(0)), "$defs": {**twice, str(levels): TEXT}}


def told(number: int) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{number}", "description": "beside it"}


@pytest.mark.parametrize(
    ("within", "beyond"),
    [
        (nested(10), nested(11)),
        (opened(**dict.fromkeys(map(str, range(5000)), TEXT)), opened(**dict.fromkeys(map(str, range(5001)), TEXT))),
        (opened(a={"enum": [str(n) for n in range(1000)]}), opened(a={"enum": [str(n) for n in range(1001)]})),
        (opened(a={"enum": [*range(998)]}, b={"const": 1}, c={"enum": [1]}), opened(a={"enum": [*range(999)]}, b={"const": 1}, c={"enum": [1]})),
        (opened(**{"a" * 120_000: TEXT}), opened(**{"a" * 120_000: TEXT, "b": TEXT})),
        (opened(a={"enum": ["x" * 60] * 250}), opened(a={"enum": ["x" * 60] * 251})),
        (opened(a={"enum": ["x" * 50] * 300}), opened(a={"enum": ["x" * 50] * 301})),
        (bomb(3), bomb(40)),
    ],
)  # fmt: skip
def test_the_limits_of_the_subset(within: dict[str, Any], beyond: dict[str, Any]) -> None:
    assert strict_schema(within) is not None
    assert strict_schema(beyond) is None


@pytest.mark.parametrize(
    "schema",
    [
        {"$defs": 5, **opened(a=TEXT)},
        {"properties": [1]},
        {"type": "object", "properties": {"a": {"anyOf": 5}}},
        {"type": "object", "properties": {"a": {"allOf": [1]}}},
        {"type": "object", "properties": {"a": {"enum": 5}}},
        {"type": "object", "properties": {"a": TEXT}, "required": 5},
        {"anyOf": {"a": 1}},
        {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}},
    ],
)
def test_what_is_no_schema_makes_none_or_one_and_never_a_crash(schema: dict[str, Any]) -> None:
    made = strict_schema(schema)
    assert made is None or made["type"] == "object"


def test_a_schema_that_is_too_deep_to_walk() -> None:
    deep: dict[str, Any] = TEXT
    for _ in range(10_000):
        deep = {"type": "array", "items": deep}
    assert strict_schema(opened(a=deep)) is None


def test_alternatives_that_refer_to_one_another_are_looked_at_once() -> None:
    twice = {str(n): {"anyOf": [{"$ref": f"#/$defs/{n + 1}"}] * 2} for n in range(60)}
    said = {"a": {"b": None, "c": 1}}
    schema = opened(a={"$ref": "#/$defs/0"})
    assert without_added_nulls(said, schema, {**twice, "60": opened(b=TEXT)}) == {"a": {"c": 1}}
    assert without_added_nulls(said, schema, {**twice, "60": {"$ref": "#/$defs/0"}}) == said


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


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        ({"type": "string", "format": "uri"}, {"type": "string", "description": '(format: "uri")'}),
        ({"type": "string", "format": "date-time", "pattern": "x"}, {"type": "string", "format": "date-time", "pattern": "x"}),
        (
            {"type": "string", "description": "Name.", "minLength": 1, "maxLength": 9},
            {"type": "string", "description": "Name.\n(minLength: 1, maxLength: 9)"},
        ),
        ({"type": "string", "contentEncoding": "base64"}, {"type": "string", "description": '(contentEncoding: "base64")'}),
        (
            {"type": "array", "items": {"type": "integer", "minimum": 1}, "uniqueItems": True, "minItems": 2},
            {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 2, "description": "(uniqueItems: true)"},
        ),
        ({"type": "string", "x-note": "a" * 300}, {"type": "string", "description": f'(x-note: "{"a" * 199})'}),
        ({"type": "string", "x-note": "\ud800"}, {"type": "string", "description": "(x-note: …)"}),
        ({"type": "string", "format": 1}, {"type": "string", "description": "(format: 1)"}),
    ],
)
def test_what_is_not_permitted_is_said_in_the_description(member: dict[str, Any], expected: dict[str, Any]) -> None:
    given = {"type": "object", "properties": {"format": member}, "required": ["format"], "additionalProperties": False}
    before = copy.deepcopy(given)
    assert strict_schema(given) == {**given, "properties": {"format": expected}}
    assert given == before
