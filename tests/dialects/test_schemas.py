"""What a provider's subset of JSON Schema cannot say is said otherwise, and told."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from trunkline.dialects.losses import Losses
from trunkline.dialects.schemas import closed, closed_parameters, rooted, strict_parameters, written_out
from trunkline.values.request import Tool

TEXT = {"type": "string"}
Told = list[tuple[str, str]]


def told(losses: Losses) -> Told:
    return [(warning.kind, warning.field) for warning in losses.warnings]


def opened(*required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, **({"required": list(required)} if required else {})}


def shut(*required: str, **properties: Any) -> dict[str, Any]:
    return {**opened(*required, **properties), "additionalProperties": False}


BOUNDED = {"type": "integer", "minimum": 1, "description": "how many"}
RECURSIVE = {**opened(a={"$ref": "#/$defs/A"}), "$defs": {"A": opened(a={"$ref": "#/$defs/A"})}}
BOMB: dict[str, Any] = {
    **opened(a={"$ref": "#/$defs/0"}),
    "$defs": {**{str(n): {"anyOf": [{"$ref": f"#/$defs/{n + 1}"}] * 10} for n in range(20)}, "20": TEXT},
}


@pytest.mark.parametrize(
    ("schema", "made", "losses"),
    [
        (shut("a", a=TEXT), shut("a", a=TEXT), []),
        (opened(a=TEXT), shut(a=TEXT), [("approximated", "f")]),
        (shut(a={"type": ["object", "null"], "properties": {}}), shut(a={"type": ["object", "null"], "properties": {}, "additionalProperties": False}), [("approximated", "f")]),
        (shut(a=BOUNDED), shut(a={"type": "integer", "description": "how many\n(minimum: 1)"}), [("approximated", "f")]),
        (shut(a={"type": "string", "format": "path", "maxLength": 5}), shut(a={"type": "string", "description": '(maxLength: 5, format: "path")'}), [("approximated", "f")]),
        (shut(a={"type": "string", "format": "date", "pattern": "x"}), shut(a={"type": "string", "format": "date", "pattern": "x"}), []),
        (shut(a={"type": "array", "items": TEXT, "minItems": 1}), shut(a={"type": "array", "items": TEXT, "minItems": 1}), []),
        (shut(a={"type": "array", "items": TEXT, "minItems": 2}), shut(a={"type": "array", "items": TEXT, "description": "(minItems: 2)"}), [("approximated", "f")]),
        (shut(a={"oneOf": [TEXT, opened()]}), shut(a={"anyOf": [TEXT, shut()]}), [("approximated", "f")]),
        (opened(minimum=BOUNDED), shut(minimum={"type": "integer", "description": "how many\n(minimum: 1)"}), [("approximated", "f"), ("approximated", "f")]),
        (shut(a={"enum": [{"minimum": 1}], "default": {"type": "object"}}), shut(a={"enum": [{"minimum": 1}], "default": {"type": "object"}}), []),
        (opened(a={"type": "object", "additionalProperties": TEXT}), None, []),
        (shut(a={"additionalProperties": True}), None, []),
        (RECURSIVE, None, []),
        ({"$ref": "#"}, None, []),
        (shut(a={"$ref": "#/$defs/Gone"}), None, []),
        (BOMB, {**BOMB, "additionalProperties": False}, [("approximated", "f")]),
    ],
)  # fmt: skip
def test_schemas_demanded_to_the_letter(schema: dict[str, Any], made: dict[str, Any] | None, losses: Told) -> None:
    before, found = copy.deepcopy(schema), Losses()
    assert closed(schema, "f", found) == made
    assert told(found) == losses
    assert schema == before


A, B = opened("a", "c", a=TEXT, c=TEXT), opened("b", "c", b=TEXT, c=BOUNDED)


@pytest.mark.parametrize(
    ("schema", "made"),
    [
        (opened(a=TEXT), opened(a=TEXT)),
        ({"properties": {}}, {"type": "object", "properties": {}}),
        ({}, {}),
        ({"anyOf": [A, B], "title": "t"}, {**opened("c", a=TEXT, b=TEXT, c={"anyOf": [TEXT, BOUNDED]}), "title": "t"}),
        (
            {"oneOf": [B, A], "properties": {"d": TEXT}, "required": ["d"]},
            opened("c", "d", a=TEXT, b=TEXT, c={"anyOf": [BOUNDED, TEXT]}, d=TEXT),
        ),
        ({"allOf": [A, A, B]}, opened("a", "b", "c", a=TEXT, b=TEXT, c={"anyOf": [TEXT, BOUNDED]})),
        ({"anyOf": [A, {"type": "null"}]}, opened(a=TEXT, c=TEXT)),
        (opened(a=TEXT) | {"anyOf": [{"required": ["a"]}, {"required": ["b"]}]}, opened(a=TEXT)),
        ({"$ref": "#/$defs/A", "$defs": {"A": A}}, {**A, "$defs": {"A": A}}),
        ({"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}}, {**opened(), "$defs": {"A": {"$ref": "#/$defs/A"}}}),
        ({"anyOf": 5, "allOf": [1, None], "required": [[]]}, opened()),
    ],
)
def test_an_object_stands_at_the_root(schema: dict[str, Any], made: dict[str, Any]) -> None:
    found = Losses()
    assert {**rooted(schema, found)} == made
    changed = any(word in schema for word in ("anyOf", "oneOf", "allOf", "$ref"))
    assert told(found) == ([("approximated", "tools.parameters")] if changed else [])


@pytest.mark.parametrize(
    ("tool", "made", "losses"),
    [
        (Tool("t"), (None, None), []),
        (Tool("t", parameters=A), (A, None), []),
        (Tool("t", parameters=A, strict=False), (A, False), []),
        (Tool("t", parameters={**A, "additionalProperties": False}, strict=True), ({**A, "additionalProperties": False}, True), []),
        (Tool("t", parameters=opened(a=TEXT), strict=True), (shut("a", a={"anyOf": [TEXT, {"type": "null"}]}), True), [("approximated", "tools.parameters")]),
        (Tool("t", parameters={"type": "object"}, strict=True), ({"type": "object"}, None), [("dropped", "tools.strict")]),
        (Tool("t", parameters={"anyOf": [A]}, strict=True), ({**A, "additionalProperties": False}, True), [("approximated", "tools.parameters")] * 2),
    ],
)  # fmt: skip
def test_strict_parameters(tool: Tool, made: Any, losses: Told) -> None:
    found = Losses()
    assert strict_parameters(tool, found, no_strict=False) == made
    assert told(found) == losses
    assert strict_parameters(tool, Losses(), no_strict=True)[1] is tool.strict


@pytest.mark.parametrize(
    ("tool", "made", "losses"),
    [
        (Tool("t"), (opened(), None), []),
        (Tool("t", strict=True), (shut(), True), []),
        (Tool("t", parameters={"a": 1}), ({"type": "object", "a": 1}, None), []),
        (Tool("t", parameters=A, strict=False), (A, False), []),
        (Tool("t", parameters=opened(a=TEXT), strict=True), (shut(a=TEXT), True), [("approximated", "tools.parameters")]),
        (Tool("t", parameters=RECURSIVE, strict=True), (RECURSIVE, None), [("dropped", "tools.strict")]),
    ],
)
def test_closed_parameters(tool: Tool, made: Any, losses: Told) -> None:
    found = Losses()
    assert closed_parameters(tool, found, no_strict=False) == made
    assert told(found) == losses
    refused = Losses()
    assert closed_parameters(tool, refused, no_strict=True)[1] is None
    assert told(refused) == ([] if tool.strict is None else [("dropped", "tools.strict")])


@pytest.mark.parametrize(
    ("schema", "made"),
    [
        (opened(a=TEXT), opened(a=TEXT)),
        ({**opened(a={"$ref": "#/$defs/A", "title": "t"}), "$defs": {"A": {"$ref": "#/$defs/B"}, "B": A}}, opened(a={**A, "title": "t"})),
        ({**opened(a=[{"$ref": "#/definitions/A"}] * 2), "definitions": {"A": TEXT}}, opened(a=[TEXT, TEXT])),
        ({**opened(a={"enum": [{"$ref": "x"}]}), "$defs": {}}, opened(a={"enum": [{"$ref": "x"}]}) | {"$defs": {}}),
        (RECURSIVE, None),
        (BOMB, None),
        ({**opened(a={"$ref": "#/$defs/A"}), "$defs": {"B": A}}, None),
    ],
)  # fmt: skip
def test_definitions_written_out(schema: dict[str, Any], made: dict[str, Any] | None) -> None:
    assert written_out(schema) == made
