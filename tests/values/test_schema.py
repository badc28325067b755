"""Python types into JSON Schema, and replies back into them."""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import msgspec
import pytest
from hypothesis import given, strategies as st
from pydantic import BaseModel

from tests import strategies
from trunkline.values.errors import MalformedResponseError, UsageError
from trunkline.values.schema import json_schema, output_name, output_plan, parse_output


@dataclass
class Item:
    name: str
    price: float = 1.0
    tags: list[str] = field(default_factory=list)


class Color(enum.Enum):
    RED = "red"


class Address(TypedDict):
    city: str
    zip: NotRequired[str]


class Circle(msgspec.Struct, tag="circle"):
    radius: int = 1


class Square(msgspec.Struct, tag="square"):
    side: int | None = None


class Node(msgspec.Struct):
    value: int
    children: list[Node] = []


class Point(BaseModel):
    x: int
    label: str = "none"


class Invoice(msgspec.Struct):
    """An invoice."""

    items: list[Item]
    address: Address
    color: Color
    shape: Circle | Square
    when: datetime
    total: Annotated[float, msgspec.Meta(ge=0, description="in euro")]
    note: str | None = None
    points: list[Point] = []


INVOICE: dict[str, Any] = {
    "items": [{"name": "a", "price": 2.5, "tags": ["x"]}],
    "address": {"city": "Oslo"},
    "color": "red",
    "shape": {"type": "circle", "radius": 3},
    "when": "2026-11-20T10:00:00Z",
    "total": 7,
    "points": [{"x": 1}],
}


# ------------------------------------------------------------------------------------------------------------------ schemas


def test_a_type_has_the_schema_that_it_says() -> None:
    schema = json_schema(Invoice)
    invoice = schema["$defs"]["Invoice"]
    assert schema["$ref"] == "#/$defs/Invoice"
    assert invoice["description"] == "An invoice."
    assert invoice["properties"]["total"] == {"type": "number", "minimum": 0, "description": "in euro"}
    assert invoice["required"] == ["items", "address", "color", "shape", "when", "total"]
    assert schema["$defs"]["Address"]["required"] == ["city"]
    assert invoice["properties"]["points"]["items"]["properties"]["x"]["type"] == "integer"


def test_a_pydantic_model_says_its_own() -> None:
    assert json_schema(Point)["properties"]["x"]["type"] == "integer"


@pytest.mark.parametrize("kind", [object, json.JSONDecoder, lambda: 1, 5], ids=["object", "a class", "a function", "a number"])
def test_a_type_without_a_schema_is_refused(kind: Any) -> None:
    with pytest.raises(UsageError, match="a type without a JSON Schema"):
        json_schema(kind)


@pytest.mark.parametrize(
    "kind", [Invoice, Item, Address, Point, Node, list[Item], int, str | None, Circle | Square, Literal["a", "b"]], ids=str
)
def test_what_is_sent_is_an_object_within_the_strict_subset(kind: Any) -> None:
    plan = output_plan(kind)
    assert plan.strict
    assert plan.sent["type"] == "object"
    for node in _objects(plan.sent):
        assert node["additionalProperties"] is False
        assert node["required"] == list(node["properties"])
    assert b"default" not in msgspec.json.encode(plan.sent).replace(b"defaults", b"")


def _objects(node: Any) -> list[dict[str, Any]]:
    if isinstance(node, list):
        return [found for item in node for found in _objects(item)]
    if not isinstance(node, dict):
        return []
    own = [node] if "properties" in node and isinstance(node["properties"], dict) and node.get("type") == "object" else []
    return own + [found for item in node.values() for found in _objects(item)]


def test_a_plan_is_made_once_for_a_type_and_leaves_it_usable_when_it_cannot_be_remembered() -> None:
    assert output_plan(Invoice) is output_plan(Invoice)
    unhashable = Annotated[int, msgspec.Meta(extra={"a": []})]
    assert output_plan(unhashable).wrapped


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (Invoice, "Invoice"),
        (list[int], "list"),
        (int, "int"),
        (Circle | Square, "UnionType"),
        (type("Größe[x]", (), {}), "Gr__e_x_"),
    ],
)
def test_a_schemas_name_is_one_that_every_provider_takes(kind: Any, name: str) -> None:
    assert output_name(kind) == name


# ------------------------------------------------------------------------------------------------------------------ parsing


def test_a_reply_becomes_the_type_that_was_asked_for() -> None:
    invoice = parse_output(Invoice, json.dumps(INVOICE))
    assert invoice == Invoice(
        [Item("a", 2.5, ["x"])],
        {"city": "Oslo"},
        Color.RED,
        Circle(3),
        datetime(2026, 11, 20, 10, tzinfo=UTC),
        7.0,
        None,
        [Point(x=1)],
    )


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Item, '{"name": "a"}', Item("a")),
        (Address, '{"city": "a"}', {"city": "a"}),
        (Point, '{"x": 1}', Point(x=1)),
        (dict[str, int], '{"a": 1}', {"a": 1}),
        (Circle | Square, '{"value": {"type": "square"}}', Square()),
        (list[int], '{"value": [1, 2]}', [1, 2]),
        (list[int], "[1, 2]", [1, 2]),
        (int, '{"value": 3}', 3),
        (int, "3", 3),
        (str | None, '{"value": null}', None),
        (Literal["a", "b"], '{"value": "b"}', "b"),
        (Item, ' \n{"name": "a"}\n', Item("a")),
        (Node, '{"value": 1, "children": [{"value": 2}]}', Node(1, [Node(2)])),
    ],
)
def test_replies_of_many_types(kind: Any, text: str, value: Any) -> None:
    assert parse_output(kind, text) == value


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Item, '{"name": "a", "price": null, "tags": null}', Item("a")),
        (Address, '{"city": "a", "zip": null}', {"city": "a"}),
        (Point, '{"x": 1, "label": null}', Point(x=1)),
        (list[Item], '{"value": [{"name": "a", "price": null}]}', [Item("a")]),
        (dict[str, Item], '{"k": {"name": "a", "price": null}}', {"k": Item("a")}),
        (Node, '{"value": 1, "children": [{"value": 2, "children": null}]}', Node(1, [Node(2)])),
        (Circle | Square, '{"value": {"type": "square", "side": null}}', Square(None)),
        (Circle | Square, '{"value": {"type": "circle", "radius": null}}', Circle(1)),
        (list[Point], '{"value": [{"x": 1, "label": null}]}', [Point(x=1)]),
    ],
)
def test_nulls_of_the_strict_subset_are_taken_out_again(kind: Any, text: str, value: Any) -> None:
    assert parse_output(kind, text) == value


class Both(msgspec.Struct):
    must: int | None
    may: int = 5


def test_a_null_that_means_something_stays() -> None:
    assert parse_output(Both, '{"must": null, "may": null}') == Both(None, 5)


@pytest.mark.parametrize(
    ("kind", "text", "path"),
    [
        (Item, "", "$"),
        (Item, "  ", "$"),
        (Item, "SECRET", "$"),
        (Item, '{"name": "SECRET', "$"),
        (Item, "[" * 100_000, "$"),
        (Item, "\ud83d", "$"),
        (Item, "5", "$"),
        (Item, "{}", "$"),
        (Item, '{"name": 5}', "$.name"),
        (Item, '{"name": null}', "$.name"),
        (Item, '{"name": "a", "tags": ["SECRET", 5]}', "$.tags[1]"),
        (Point, '{"x": "SECRET"}', "$.x"),
        (list[Point], '{"value": [{"x": "SECRET"}]}', "$"),
        (int, '{"value": "SECRET"}', "$"),
        (Literal["a"], '{"value": "SECRET"}', "$"),
        (Color, '{"value": "SECRET"}', "$"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_path_and_never_quoted(kind: Any, text: str, path: str) -> None:
    with pytest.raises(MalformedResponseError) as caught:
        parse_output(kind, text)
    assert (caught.value.path or "").startswith(path)
    assert "SECRET" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@given(st.sampled_from([Item, Address, Point, int, list[Item], Circle | Square, Node]), strategies.json_values | st.text())
def test_parsing_is_total(kind: Any, value: Any) -> None:
    try:
        parse_output(kind, value if isinstance(value, str) else json.dumps(value))
    except MalformedResponseError as error:
        assert error.path
