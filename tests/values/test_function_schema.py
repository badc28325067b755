"""Plain functions as tools."""

from __future__ import annotations

import datetime as dt
import enum
import functools
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal, Required, TypedDict
from uuid import UUID

import jsonschema
import msgspec
import pydantic
import pytest
from pydantic import BaseModel

from trunkline.values.errors import UsageError
from trunkline.values.function_schema import bind_arguments, function_tool, split_docstring


@dataclass
class Place:
    city: str
    country: str = "NO"


class Stay(BaseModel):
    nights: int


def weather(
    place: Place,
    days: int = 3,
    unit: Annotated[Literal["C", "F"], "of temperature"] = "C",
    tags: list[str] | None = None,
    anything=None,
) -> str:
    """Look up the weather.

    Works for places on land.

    Args:
        place: where to look,
            as exactly as possible
        days (int): how many days
        tags: tags: of any kind

    Returns:
        A sentence.
    """
    return f"{place.city} {days} {unit} {tags} {anything}"


def test_a_functions_signature_and_docstring_are_its_schema() -> None:
    tool = function_tool(weather)
    assert tool.name == "weather"
    assert tool.description == "Look up the weather.\n\nWorks for places on land."
    assert tool.parameters == {
        "type": "object",
        "properties": {
            "place": {"$ref": "#/$defs/Place", "description": "where to look, as exactly as possible"},
            "days": {"type": "integer", "default": 3, "description": "how many days"},
            "unit": {"enum": ["C", "F"], "default": "C", "description": "of temperature"},
            "tags": {
                "anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}],
                "description": "tags: of any kind",
            },
            "anything": {},
        },
        "required": ["place"],
        "$defs": {
            "Place": {
                "title": "Place",
                "type": "object",
                "properties": {"city": {"type": "string"}, "country": {"type": "string", "default": "NO"}},
                "required": ["city"],
            }
        },
    }


@pytest.mark.parametrize(
    ("doc", "description", "parameters"),
    [
        ("", "", {}),
        ("One line.", "One line.", {}),
        ("Do it.\n\n:param a: first\n:param int b: second\n    goes on\n:returns: x\n:rtype: int", "Do it.", {"a": "first", "b": "second goes on"}),
        ("Do it.\n\nArguments:\n  a: first\n  *b: rest\n\n  c (int, optional): third\nRaises:\n  ValueError: never", "Do it.", {"a": "first", "b": "rest", "c": "third"}),
        ("Do it.\n\nArgs:\n    a: first\n\nMore prose.", "Do it.\n\n\nMore prose.", {"a": "first"}),
        ("Note: this is prose: really.", "Note: this is prose: really.", {}),
        ("Parameters:\n    a:\n        on the next line", "", {"a": "on the next line"}),
    ],
)  # fmt: skip
def test_docstrings(doc: str, description: str, parameters: dict[str, str]) -> None:
    found = split_docstring(doc)
    assert found[0].replace("\n\n\n", "\n\n") == description.replace("\n\n\n", "\n\n")
    assert found[1] == parameters


class Desk:
    """A desk."""

    def method(self, a: int) -> int:
        """Of an object."""
        return a

    @classmethod
    def of_class(cls, a: int) -> int:
        return a

    @staticmethod
    def static(a: int) -> int:
        return a

    def __call__(self, a: int) -> int:
        """Called itself."""
        return a


@functools.wraps(Desk.static)
def wrapped(*args: Any, **kwargs: Any) -> Any:
    return Desk.static(*args, **kwargs)


async def later(a: int) -> int:
    return a


A_NUMBER = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}


@pytest.mark.parametrize(
    ("function", "name", "description"),
    [
        (Desk().method, "method", "Of an object."),
        (Desk.of_class, "of_class", None),
        (Desk.static, "static", None),
        (Desk(), "Desk", "Called itself."),
        (wrapped, "static", None),
        (later, "later", None),
    ],
)
def test_whatever_can_be_called(function: Callable[..., Any], name: str, description: str | None) -> None:
    tool = function_tool(function)
    assert (tool.name, tool.description, tool.parameters) == (name, description, A_NUMBER)


def test_arguments_given_beforehand_are_not_asked_for() -> None:
    tool = function_tool(functools.partial(weather, days=1))
    assert tool.parameters is not None
    assert (tool.name, tool.description) == ("weather", "Look up the weather.\n\nWorks for places on land.")
    assert "days" not in tool.parameters["properties"]


def test_no_parameters() -> None:
    def now() -> str:
        return "now"

    assert function_tool(now).parameters == {"type": "object", "properties": {}}


def test_what_collects_the_rest_is_not_shown_to_the_model() -> None:
    def f(a: int, *rest: int, **more: int) -> None: ...

    assert function_tool(f).parameters == A_NUMBER


def test_parameters_that_a_model_cannot_give_are_refused() -> None:
    def by_place(a: int, /) -> None: ...
    def strange(b: int, a: Callable[[], None]) -> None: ...
    def unknown(a: Nowhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821
    def broken(a: "int[") -> None: ...  # type: ignore[name-defined, valid-type]  # noqa: F722

    for function, words in (
        (by_place, "without a name"),
        (strange, "no JSON Schema is known"),
        (unknown, "Nowhere is not defined where the function is"),
        (broken, "cannot be read"),
    ):
        with pytest.raises(UsageError, match=words) as caught:
            function_tool(function, "tools[0]")
        assert caught.value.field == "tools[0].a"
        assert caught.value.allowed
    for function in (len, Desk.method):
        with pytest.raises(UsageError) as caught:
            function_tool(function, "tools[0]")
        assert str(caught.value.field).startswith("tools[0]")


def test_what_a_function_returns_need_not_be_known() -> None:
    def f(a: int) -> Nowhere: ...  # type: ignore[name-defined]  # noqa: F821

    assert function_tool(f).parameters == A_NUMBER
    assert bind_arguments(f, {"a": 1}) == {"a": 1}


class Renamed:
    """Wears another function's name."""

    def __init__(self) -> None:
        functools.update_wrapper(self, later)

    def __call__(self, *args: Any) -> Any:
        return later(*args)


class Loud(Desk):
    def method(self, a: int) -> int:
        return -a


@pytest.mark.parametrize(
    ("function", "name", "description"),
    [
        (functools.partial(Desk().method), "method", "Of an object."),
        (functools.partial(functools.partial(weather, days=1), unit="F"), "weather", None),
        (Renamed(), "later", None),
        (functools.lru_cache(Desk.static), "static", None),
        (Loud().method, "method", "Of an object."),
    ],
)
def test_behind_partials_and_decorators(function: Callable[..., Any], name: str, description: str | None) -> None:
    tool = function_tool(function)
    assert tool.name == name
    if name == "weather":
        assert list((tool.parameters or {})["properties"]) == ["place", "tags", "anything"]
    else:
        assert (tool.description, tool.parameters) == (description, A_NUMBER)
        assert bind_arguments(function, {"a": "1"}) == {"a": 1}


def test_what_the_caller_gave_beforehand_is_not_the_models_to_change() -> None:
    with pytest.raises(UsageError, match="days: unknown argument"):
        bind_arguments(functools.partial(weather, days=1), {"place": {"city": "Oslo"}, "days": 2})


def test_methods_of_several_objects_share_what_was_read_and_functions_do_not() -> None:
    def first(a: int) -> None: ...
    def second(b: int) -> None: ...

    assert [bind_arguments(Desk().method, {"a": n}) for n in (1, 2)] == [{"a": 1}, {"a": 2}]
    assert (bind_arguments(first, {"a": 1}), bind_arguments(second, {"b": 1})) == ({"a": 1}, {"b": 1})


class Lamp:
    """A lamp."""

    def __call__(self, a: int) -> int:
        return a


class Torch(Lamp):
    """A torch."""


def test_objects_that_can_be_called_are_told_apart_by_their_class() -> None:
    assert [function_tool(lamp()).description for lamp in (Lamp, Torch, Lamp)] == ["A lamp.", "A torch.", "A lamp."]
    assert [function_tool(lamp()).name for lamp in (Lamp, Torch)] == ["Lamp", "Torch"]


def test_an_argument_with_an_unhashable_owner_is_read_too() -> None:
    @dataclass
    class Tool:
        by: int

        def __call__(self, a: int) -> int:
            return a * self.by

    assert function_tool(Tool(2)).parameters == A_NUMBER
    assert bind_arguments(Tool(2), {"a": 1}) == {"a": 1}


# ------------------------------------------------------------------------------------------------------------- and back again


def test_arguments_become_what_the_function_declares() -> None:
    bound = bind_arguments(weather, {"place": {"city": "Oslo"}, "tags": ["a"], "anything": {"x": 1}})
    assert bound == {"place": Place("Oslo"), "tags": ["a"], "anything": {"x": 1}}
    assert weather(**bound) == "Oslo 3 C ['a'] {'x': 1}"


def test_pydantic_parameters() -> None:
    def book(stay: Stay, others: list[Stay]) -> int:
        return stay.nights + len(others)

    assert function_tool(book).parameters is not None
    assert book(**bind_arguments(book, {"stay": {"nights": 2}, "others": [{"nights": 1}]})) == 3


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({}, "place: missing argument; wanted Place"),
        (
            {"place": {"city": "a"}, "dayz": 1},
            "dayz: unknown argument; did you mean 'days'?; allowed: place, days, unit, tags, anything",
        ),
        ({"place": {"city": 5}}, "place.city: expected str, got int"),
        ({"place": {}, "days": None}, "place.city: missing; wanted str"),
        ({"place": "Oslo"}, "place: expected object, got str"),
        ({"place": {"city": "a"}, "days": "three"}, "days: expected int, got str"),
        ({"place": {"city": "a"}, "days": 1.5}, "days: expected int, got float"),
        ({"place": {"city": "a"}, "unit": "K"}, "unit: not one of the values allowed; wanted Literal['C', 'F']"),
        (
            {"place": {"city": "a"}, "tags": ["a", 5, {}]},
            "tags[1]: expected str, got int; tags[2]: expected str, got object",
        ),
        (
            {"days": [], "place": {"city": None, "country": 1}, "x": 1},
            (
                "place.city: expected str, got null; place.country: expected str, got int; days: expected int, got array; "
                "x: unknown argument; allowed: place, days, unit, tags, anything"
            ),
        ),
    ],
)
def test_all_wrong_arguments_are_said_so_that_a_model_can_mend_them(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(UsageError) as caught:
        bind_arguments(weather, arguments)
    assert str(caught.value) == text


class Guest(BaseModel):
    name: str
    age: Annotated[int, pydantic.Field(ge=0)]


def test_faults_that_pydantic_finds_are_all_told_without_what_stood_there() -> None:
    def f(guests: list[Guest]) -> None: ...

    with pytest.raises(UsageError) as caught:
        bind_arguments(f, {"guests": [{"name": "ok", "age": 1}, {"name": ["secret"], "age": -1}]})
    assert str(caught.value) == (
        "guests[1].name: Input should be a valid string; guests[1].age: Input should be greater than or equal to 0"
    )


class Pace(enum.Enum):
    SLOW = 1
    FAST = 2.5


class Step(msgspec.Struct, rename="camel"):
    how_far: Annotated[int, msgspec.Meta(ge=1)]
    pace: Literal["a", "b"] = "a"


class Walk(TypedDict, total=False):
    steps: Required[list[Step]]
    by: Annotated[str, "on foot or not"]


def move(
    walk: Walk,
    when: dt.datetime | str = "now",
    pace: Pace = Pace.SLOW,
    path: pathlib.Path = pathlib.Path(),
    share: Decimal = Decimal(1),
    other: Place | Stay | None = None,
    ids: set[UUID] | None = None,
    data: bytes = b"",
    pair: tuple[int, str] = (1, "a"),
    many: Iterable[int] = (),
    least: Annotated[int, pydantic.Field(ge=1, description="at least")] = 1,
    counts: Mapping[str, Sequence[float]] | None = None,
) -> None: ...


def test_the_schema_of_types_that_msgspec_alone_does_not_know() -> None:
    schema: Any = function_tool(move).parameters
    assert schema["properties"]["path"] == {"type": "string", "format": "path"}
    assert schema["properties"]["pace"] == {"title": "Pace", "enum": [1, 2.5], "default": 1}
    assert schema["properties"]["least"] == {"type": "integer", "minimum": 1, "description": "at least", "default": 1}
    assert schema["properties"]["many"] == {"type": "array", "items": {"type": "integer"}, "default": []}
    assert schema["properties"]["other"]["anyOf"][0] == {"$ref": "#/$defs/Place"}
    assert schema["$defs"]["Walk"]["properties"]["by"] == {"type": "string", "description": "on foot or not"}
    assert schema["$defs"]["Walk"]["required"] == ["steps"]
    jsonschema.Draft202012Validator.check_schema(schema)


def test_and_their_values() -> None:
    given = {
        "walk": {"steps": [{"howFar": "5"}]}, "when": "tomorrow", "pace": 2.5, "path": "/tmp/x", "share": "0.5",
        "other": {"nights": 3}, "ids": ["5b1e8cc4-94c7-4c1c-9f6f-2d6d4b3f9d11"], "data": "aGk=", "pair": [1, "b"],
        "many": [1, "2"], "least": 3.0, "counts": '{"a": [1, 2.5]}',
    }  # fmt: skip
    bound = bind_arguments(move, given)
    assert bound == {
        "walk": {"steps": [Step(5)]}, "when": "tomorrow", "pace": Pace.FAST, "path": pathlib.Path("/tmp/x"), "share": Decimal("0.5"),
        "other": Stay(nights=3), "ids": {UUID("5b1e8cc4-94c7-4c1c-9f6f-2d6d4b3f9d11")}, "data": b"hi", "pair": (1, "b"),
        "many": [1, 2], "least": 3, "counts": {"a": [1.0, 2.5]},
    }  # fmt: skip
    assert bind_arguments(move, {"walk": {"steps": []}, "when": "2026-11-20T10:00:00Z"})["when"].year == 2026
    assert bind_arguments(move, {"walk": {"steps": []}, "other": {"city": "Oslo"}})["other"] == Place("Oslo")


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (
            {"walk": {"steps": [{"howFar": 0}, {"howFar": 1, "pace": "c"}]}},
            (
                "walk.steps[0].howFar: expected int >= 1; "
                "walk.steps[1].pace: not one of the values allowed; wanted Literal['a', 'b']"
            ),
        ),
        ({"walk": {}}, "walk.steps: missing; wanted list[Step]"),
        ({"walk": {"steps": []}, "pace": True}, "pace: not one of the values allowed; wanted one of [1, 2.5]"),
        ({"walk": {"steps": []}, "path": 5}, "path: expected Path, got int"),
        ({"walk": {"steps": []}, "other": {"nights": "x"}}, "other: fits none of: Place, Stay, null; wanted Place | Stay | null"),
        ({"walk": {"steps": []}, "pair": [1, 2]}, "pair[1]: expected str, got int"),
        ({"walk": {"steps": []}, "counts": {"a": [1], "b": ["x"]}}, "counts.b[0]: expected float, got str"),
        ({"walk": {"steps": []}, "counts": "{"}, "counts: expected object | null, got str"),
    ],
)
def test_their_faults(arguments: dict[str, Any], fault: str) -> None:
    with pytest.raises(UsageError) as caught:
        bind_arguments(move, arguments)
    assert str(caught.value) == fault


def test_null_for_what_may_be_left_out_is_borne_also_inside() -> None:
    assert bind_arguments(weather, {"place": {"city": "a", "country": None}, "days": None}) == {"place": Place("a")}


def test_two_types_of_one_name_do_not_hide_each_other() -> None:
    class Place(BaseModel):  # hides the dataclass here
        street: str

    class Inner(BaseModel):
        place: Place

    def f(a: Inner, b: Annotated[Any, "x"]) -> None: ...

    f.__annotations__ = {"a": Inner, "b": weather.__annotations__["place"]}
    weather_place = {"city": "x"}
    f.__annotations__["b"] = globals()["Place"]
    schema: Any = function_tool(f).parameters
    jsonschema.validate({"a": {"place": {"street": "s"}}, "b": weather_place}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"a": {"place": weather_place}, "b": weather_place}, schema)


@pytest.mark.parametrize(
    "value", [[[]] * 50_000, {str(n): {} for n in range(50_000)}, "x" * 5_000_000, "[" * 100_000, [{"city": "x" * 1_000_000}] * 3]
)
def test_hostile_arguments_are_told_of_in_few_words(value: Any) -> None:
    def f(places: list[Place], more: dict[str, int] | None = None, one: int = 0) -> None: ...

    for name in ("places", "more", "one"):
        with pytest.raises(UsageError) as caught:
            bind_arguments(f, {"places": [], name: value} | ({"one": value} if name == "places" else {}))
        assert len(str(caught.value)) < 2000


def test_unknown_arguments_of_hostile_number_and_size() -> None:
    with pytest.raises(UsageError) as caught:
        bind_arguments(weather, {f"{n}" * 10_000: n for n in range(1000)})
    assert len(str(caught.value)) < 3000
