"""Plain functions as tools."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

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
    assert tool.parameters["properties"]["days"]["default"] == 1


def test_no_parameters() -> None:
    def now() -> str:
        return "now"

    assert function_tool(now).parameters == {"type": "object", "properties": {}}


def test_what_collects_the_rest_is_not_shown_to_the_model() -> None:
    def f(a: int, *rest: int, **more: int) -> None: ...

    assert function_tool(f).parameters == A_NUMBER


def test_parameters_that_a_model_cannot_give_are_refused() -> None:
    def by_place(a: int, /) -> None: ...
    def strange(a: Callable[[], None]) -> None: ...
    def unknown(a: Nowhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    for function, field in ((by_place, "tools[0].a"), (strange, "tools[0].a"), (unknown, "tools[0]")):
        with pytest.raises(UsageError) as caught:
            function_tool(function, "tools[0]")
        assert caught.value.field == field
        assert caught.value.allowed


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
        ({}, "place: missing argument"),
        (
            {"place": {"city": "a"}, "dayz": 1},
            "dayz: unknown argument; did you mean 'days'?; allowed: anything, days, place, tags, unit",
        ),
        ({"place": {"city": 5}}, "place.city: wrong argument; got dict; allowed: Place"),
        ({"place": {"city": "a"}, "days": "3"}, "days: wrong argument; got str; allowed: int"),
        ({"place": {"city": "a"}, "tags": ["a", 5]}, "tags[1]: wrong argument; got list; allowed: list[str] | None"),
    ],
)
def test_wrong_arguments_are_said_so_that_a_model_can_mend_them(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(UsageError) as caught:
        bind_arguments(weather, arguments)
    assert str(caught.value) == text
