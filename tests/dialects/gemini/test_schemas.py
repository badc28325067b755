"""Schemas on this wire: the subset where it says all, JSON Schema where not."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from trunkline.dialects.gemini.schemas import json_schema_of, subset_of, write_schema
from trunkline.dialects.losses import Losses

TEXT = {"type": "string"}


def opened(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


@pytest.mark.parametrize(
    ("schema", "written", "told"),
    [
        (opened(a=TEXT), {"s": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}}, []),
        (opened(a={**TEXT, "format": "date-time", "maxLength": 3}), {"s": {"type": "OBJECT", "properties": {"a": {"type": "STRING", "format": "date-time", "maxLength": 3}}}}, []),
        (opened(a={**TEXT, "format": "uuid"}), {"j": opened(a={**TEXT, "format": "uuid"})}, []),
        (opened(a={**TEXT, "const": "x"}), {"j": opened(a={**TEXT, "enum": ["x"]})}, []),
        (opened(const={"enum": [1]}), {"j": opened(const={"enum": [1]})}, []),
        ({**opened(a={"$ref": "#/$defs/A"}), "$defs": {"A": TEXT}}, {"j": {**opened(a={"$ref": "#/$defs/A"}), "$defs": {"A": TEXT}}}, []),
        (
            {**opened(a={"$ref": "#/$defs/A", "description": "d"}), "$defs": {"A": TEXT}},
            {"j": {**opened(a={"anyOf": [{"$ref": "#/$defs/A"}], "description": "d"}), "$defs": {"A": TEXT}}},
            [],
        ),
        (
            opened(a={"type": "array", "uniqueItems": True, "minItems": 1, "items": {"type": "integer", "exclusiveMinimum": 0}}),
            {"j": opened(a={"type": "array", "uniqueItems": True, "minItems": 1, "items": {"type": "integer", "exclusiveMinimum": 0}})},
            [("approximated", "f", "the model is told, but not held to: exclusiveMinimum, uniqueItems")],
        ),
        (opened(a={"not": TEXT}), {"j": opened(a={"not": TEXT})}, [("approximated", "f", "the model is told, but not held to: not")]),
    ],
)  # fmt: skip
def test_where_a_schema_goes_and_what_is_told(schema: dict[str, Any], written: dict[str, Any], told: list[Any]) -> None:
    before, losses, into = copy.deepcopy(schema), Losses(), {}
    write_schema(schema, ("s", "j"), into, "f", losses)
    assert into == written
    assert [(warning.kind, warning.field, warning.reason) for warning in losses.warnings] == told
    assert schema == before


def test_schemas_without_end_or_sense_are_left_as_they_are() -> None:
    deep: dict[str, Any] = TEXT
    for _ in range(400):
        deep = {"type": "array", "items": deep}
    assert subset_of(deep) is None
    assert json_schema_of(deep)["type"] == "array"
    for odd in ({"anyOf": []}, {"enum": [1]}, {"type": ["a", "b"]}, {"properties": 5}, {"format": 5}, {"items": [TEXT]}):
        assert subset_of(odd) is None
