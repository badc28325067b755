"""Types as schemas and back: whatever type is made of them, its values fit its schema and come back from their JSON."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import itertools
import json
import pathlib
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal, NotRequired, TypedDict
from uuid import UUID

import jsonschema
import msgspec
import pydantic
import pytest
from hypothesis import given, strategies as st

from trunkline.values.errors import UsageError
from trunkline.values.json_types import from_json, readable, schemas_of
from trunkline.values.schema import json_schema, output_plan, parse_output


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Rank(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Mixed(enum.Enum):
    ONE = 1
    HALF = 0.5
    TEXT = "text"


TEXT = st.text(max_size=8)
NAMES = ["a", "b_c", "d", "e"]
Made = tuple[Any, st.SearchStrategy[Any]]
"""A type, and its values."""

ATOMS: list[Made] = [
    (int, st.integers(-(2**53), 2**53)),
    (str, TEXT),
    (bool, st.booleans()),
    (float, st.floats(allow_nan=False, allow_infinity=False)),
    (None, st.none()),
    (Any, st.one_of(st.integers(0, 9), TEXT, st.none())),
    (Colour, st.sampled_from(Colour)),
    (Rank, st.sampled_from(Rank)),
    (Mixed, st.sampled_from(Mixed)),
    (Literal["x", 1] | None, st.sampled_from(["x", 1, None])),
    (dt.date, st.dates()),
    (dt.datetime, st.datetimes(timezones=st.just(dt.UTC))),
    (dt.timedelta, st.timedeltas(dt.timedelta(0), dt.timedelta(9))),
    (UUID, st.uuids()),
    (Decimal, st.decimals(allow_nan=False, allow_infinity=False, places=2)),
    (bytes, st.binary(max_size=8)),
    (pathlib.PurePosixPath, st.sampled_from(["a", "/b/c.txt"]).map(pathlib.PurePosixPath)),
    (Annotated[int, msgspec.Meta(ge=1, le=9)], st.integers(1, 9)),
    (Annotated[str, pydantic.Field(min_length=2, description="d")], st.text(min_size=2, max_size=8)),
    (Annotated[int, "how many"], st.integers(0, 9)),
]
_number = itertools.count()


def _containers(inner: st.SearchStrategy[Made]) -> st.SearchStrategy[Made]:
    return st.one_of(
        inner.map(lambda made: (list[made[0]], st.lists(made[1], max_size=3))),
        inner.map(lambda made: (Sequence[made[0]], st.lists(made[1], max_size=3))),
        inner.map(lambda made: (dict[str, made[0]], st.dictionaries(TEXT, made[1], max_size=3))),
        inner.map(lambda made: (tuple[made[0], ...], st.lists(made[1], max_size=3).map(tuple))),
        st.tuples(inner, inner).map(lambda both: (tuple[both[0][0], both[1][0]], st.tuples(both[0][1], both[1][1]))),
        st.just((set[int], st.sets(st.integers(0, 9), max_size=3))),
        inner.map(lambda made: (made[0] | None if made[0] is not None else None, st.none() | made[1])),
        st.tuples(st.sampled_from(["dataclass", "struct", "typeddict", "pydantic"]), st.lists(inner, min_size=1, max_size=4)).map(_class),
    )  # fmt: skip


def _class(made: tuple[str, list[Made]]) -> Made:
    """A class of that form, whose second field may be left out."""
    form, members = made
    name, kinds = f"C{next(_number)}", [kind for kind, _ in members]
    values = {field: value for field, (_, value) in zip(NAMES, members, strict=False)}
    if form == "typeddict":
        fields = {field: NotRequired[kind] if n == 1 else kind for n, (field, kind) in enumerate(zip(NAMES, kinds, strict=False))}
        return TypedDict(name, fields), st.fixed_dictionaries(  # type: ignore[operator]
            {f: v for n, (f, v) in enumerate(values.items()) if n != 1},
            optional={f: v for n, (f, v) in enumerate(values.items()) if n == 1},
        )
    if form == "pydantic":
        if not all(_is_pydantics(kind) for kind in kinds):
            form = "struct"
        else:
            model: Any = pydantic.create_model(name, **{f: (k, ...) for f, k in zip(NAMES, kinds, strict=False)})
            return model, st.builds(model, **values)
    if form == "dataclass":
        plain = dataclasses.make_dataclass(name, list(zip(NAMES, kinds, strict=False)))
        return plain, st.builds(plain, **values)
    struct = msgspec.defstruct(name, list(zip(NAMES, kinds, strict=False)), rename="camel")
    return struct, st.builds(struct, **values)


def _is_pydantics(kind: Any) -> bool:
    """Whether pydantic reads it too, and from the same JSON as we."""
    return kind in (int, str, bool, float, None, Colour, Rank, dt.date)


TYPES = st.recursive(st.sampled_from(ATOMS), _containers, max_leaves=5)


def plain(value: Any) -> Any:
    """A value as a model would write it."""

    def other(inner: Any) -> Any:
        return inner.model_dump(mode="json") if isinstance(inner, pydantic.BaseModel) else str(inner)

    return json.loads(msgspec.json.encode(value, enc_hook=other))


@given(st.data())
def test_a_value_fits_the_schema_of_its_type_and_comes_back(data: st.DataObject) -> None:
    kind, values = data.draw(TYPES)
    value = data.draw(values)
    said = plain(value)
    try:
        schema = json_schema(kind)
    except UsageError as error:  # a class may hold what msgspec refuses: it says so
        assert "type without a JSON Schema" in str(error) and len(str(error)) < 700
        return
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(said, schema)
    assert from_json(said, readable(kind)) == value
    plan = output_plan(kind)
    text = json.dumps({"value": said} if plan.wrapped else said)
    assert parse_output(kind, text) == value
    if plan.strict:
        jsonschema.Draft202012Validator.check_schema(plan.sent)


@dataclasses.dataclass
class Cat:
    name: str
    lives: int = 9


@dataclasses.dataclass
class Dog:
    name: str
    tricks: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Loose:
    size: int = 0


class Fish(pydantic.BaseModel):
    name: str
    depth: float = 0


class Node(msgspec.Struct):
    child: Node | None = None
    pets: list[Annotated[int, "of them"]] = []


@pytest.mark.parametrize(
    ("kind", "said", "value"),
    [
        (Cat | Dog, {"name": "a", "tricks": ["b"]}, Dog("a", ["b"])),
        (Cat | Dog, {"name": "a"}, Cat("a")),
        (Dog | Cat | Fish, {"name": "a", "depth": 2}, Fish(name="a", depth=2)),
        (list[Fish | int] | None, [1, {"name": "a"}], [1, Fish(name="a")]),
        (dt.date | str, "2026-11-20", dt.date(2026, 11, 20)),
        (dt.date | str, "soon", "soon"),
        (list[int] | set[str], ["a"], {"a"}),
        (Mixed | None, "text", Mixed.TEXT),
        (Mixed | None, 1, Mixed.ONE),
        (Node, {"child": {"child": None, "pets": [1]}}, Node(Node(None, [1]))),
    ],
)
def test_unions_that_msgspec_refuses_and_types_that_hold_themselves(kind: Any, said: Any, value: Any) -> None:
    jsonschema.validate(said, json_schema(kind))
    assert from_json(said, readable(kind)) == value
    plan = output_plan(kind)
    assert parse_output(kind, json.dumps({"value": said} if plan.wrapped else said)) == value


def test_what_was_meant_for_one_alternative_is_not_taken_for_another() -> None:
    with pytest.raises(ValueError, match="fits none of: Loose, Dog"):
        from_json({"name": "a", "tricks": 5}, readable(Loose | Dog))
    assert from_json({"name": "a"}, readable(Loose | Dog)) == Dog("a")
    assert from_json({"other": 1}, readable(Loose | Dog)) == Loose()


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (complex, "no JSON Schema is known"),
        (Literal[b"x"], "Literal may only contain"),
        (enum.Enum("Odd", {"A": (1, 2)}), "Enums must contain"),
    ],
)
def test_what_cannot_be_said_is_refused_in_clear_words(kind: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        schemas_of([int, kind])
    assert caught.value.got
