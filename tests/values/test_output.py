"""The output that was asked for, out of a model's words, and what it is told where they are not that."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

import msgspec
import pydantic
import pytest

from trunkline.values.errors import MalformedResponseError
from trunkline.values.json_text import json_in
from trunkline.values.output import Output, partial_of
from trunkline.values.schema import output_plan


class Kind(Enum):
    A = "a"
    B = "b"


@dataclass
class Item:
    name: str
    kind: Kind = Kind.A
    note: str | None = None


class Adult(pydantic.BaseModel):
    age: int

    @pydantic.field_validator("age")
    @classmethod
    def grown_up(cls, age: int) -> int:
        if age < 18:
            raise ValueError("younger than 18")
        return age


class Even(msgspec.Struct):
    number: int

    def __post_init__(self) -> None:
        if self.number % 2:
            raise ValueError("it is odd")


class Broken(Exception):
    def errors(self) -> Any:
        raise ZeroDivisionError


POINT = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}


@pytest.mark.parametrize(
    ("output", "text", "value"),
    [
        (Output(Item), '```json\n{"name": "a", "kind": "b", "note": null}\n```', Item("a", Kind.B)),
        (Output(Item), 'So: {"name": "a"} {', Item("a")),
        (Output(list[Item]), '{"value": [{"name": "a"}]}', [Item("a")]),
        (Output(list[int]), "[1]", [1]),
        (Output(Literal[1, 2]), '{"value": 2}', 2),
        (Output(None, POINT), '{"x": 1, "y": 2}', {"x": 1, "y": 2}),
        (Output(None, {"type": "array"}), "[See] this: [1]", [1]),
        (Output(None), '{"a": 1}', {"a": 1}),
        (Output(None), "[1]", [1]),
    ],
)
def test_what_fits(output: Output, text: str, value: Any) -> None:
    assert output(text) == value


@pytest.mark.parametrize(
    ("output", "text", "path", "words"),
    [
        (Output(Item), '{"name": 1, "kind": "secret"}', "$.name", ["- at $.name: must be string, and is integer", '- at $.kind: must be one of ["a","b"]']),
        (Output(list[Item]), '{"value": [{}]}', None, ["- at $.value[0]: the key 'name' is missing"]),
        (Output(Adult), '{"age": 3}', "$.age", ["- at $.age: Value error, younger than 18"]),
        (Output(list[Adult]), '{"value": [{"age": 3}]}', "$[0].age", ["- at $.value[0].age: ", "younger than 18"]),
        (Output(Even), '{"number": 3}', "$", ["- at $: it is odd"]),
        (Output(None, POINT), '{"x": "secret"}', "$.x", ["- at $.x: must be integer, and is string"]),
        (Output(None, POINT), "secret", "$", ["the reply's text is not JSON"]),
        (Output(Item), "", "$", ["the reply has no text to parse"]),
        (Output(Item), '{"name": "a", "name": "secret"}', "$", ["a key of the reply's JSON stands twice in one object"]),
    ],
)  # fmt: skip
def test_what_does_not_fit(output: Output, text: str, path: str | None, words: list[str]) -> None:
    with pytest.raises(MalformedResponseError) as caught:
        output(text)
    assert path is None or caught.value.path == path
    assert "secret" not in str(caught.value)
    said = output.complaint(text)
    assert all(word in said for word in words)
    assert "secret" not in said


def test_nulls_that_only_the_strict_subset_wants_are_no_fault() -> None:
    assert output_plan(Item).strict
    assert "note" not in Output(Item).complaint('{"name": 1, "kind": "a", "note": null}')
    assert "$.kind" not in Output(Item).complaint('{"name": 1, "kind": null}')


def test_a_validator_that_breaks_on_being_asked() -> None:
    from trunkline.values.output import _reason

    assert _reason(Broken()) == "it was refused"
    assert _reason(ValueError("x" * 3000)) == "x" * 2000


def test_what_takes_the_pieces() -> None:
    assert partial_of(len, "") is None
    for output, text, value in (
        (Output(Item), '{"name": "a', {"name": "a"}),
        (Output(list[Item]), '{"value": [{"name": "a', [{"name": "a"}]),
        (Output(None, {"type": "array"}), '[1, {"name": "a', [1, {"name": "a"}]),
        (Output(None), '{"value": "a', {"value": "a"}),
    ):
        parser = partial_of(output, text[:5])
        assert parser is not None
        parser.feed(text[5:])
        assert parser.value == value


def test_json_as_it_stands_or_as_it_was_found() -> None:
    assert json_in('\ufeff {"a" : 1}\n') == ('{"a" : 1}', {"a": 1})
    assert json_in('x {"a" : 1}') == ('{"a":1}', {"a": 1})
    assert json_in('"x:y"') == ('"x:y"', "x:y")


@pytest.mark.parametrize(
    "fence", ["```json\n{}\n```", " ```\n{}```\n", "```json5 \r\n{}\r\n  ```", "Sure:\n```\n{}\n```\nBye", "```{}```"]
)
def test_a_fence_around_it_is_taken_away(fence: str) -> None:
    assert json_in(fence.replace("{}", '{"a":1}')) == ('{"a":1}', {"a": 1})


def test_what_is_no_code_fence() -> None:
    assert json_in('```{"a":1}\n{"b":2}```') == ('{"a":1}', {"a": 1})
    assert json_in('{"a":"\\\\","b:":1}') == ('{"a":"\\\\","b:":1}', {"a": "\\", "b:": 1})
    for text in ("```", "``````", "```\n```"):
        with pytest.raises(MalformedResponseError, match="not JSON"):
            json_in(text)


def test_blanks_without_end_are_read_once() -> None:
    for text in ("```json\n" + "\n" * 200_000, "```\n" + " \n" * 200_000 + "```x", "\n" * 200_000 + "```"):
        with pytest.raises(MalformedResponseError):
            json_in(text)
