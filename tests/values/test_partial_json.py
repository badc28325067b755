"""JSON that is still being written: nothing is taken back, and at the end it is what the full parser says."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, strategies as st

from trunkline.values.errors import MalformedResponseError
from trunkline.values.json_text import json_in
from trunkline.values.partial_json import DEEPEST, PartialJson

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
SCALARS = st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False) | TEXT
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=8)
OBJECTS = st.dictionaries(TEXT, VALUES, max_size=3)


def fed(*pieces: str, **options: Any) -> PartialJson:
    parser = PartialJson(**options)
    for piece in pieces:
        parser.feed(piece)
    return parser


def cut(text: str, cuts: list[int]) -> list[str]:
    places = sorted({0, len(text), *(n % (len(text) + 1) for n in cuts)})
    return [text[a:b] for a, b in pairwise(places)]


def grows(before: Any, after: Any) -> bool:
    """Whether ``after`` is ``before`` and perhaps more of it."""
    if isinstance(before, str):
        return isinstance(after, str) and after.startswith(before)
    if isinstance(before, list):
        return isinstance(after, list) and len(after) >= len(before) and all(map(grows, before, after))
    if isinstance(before, dict):
        names = list(before)
        return isinstance(after, dict) and list(after)[: len(names)] == names and all(grows(before[n], after[n]) for n in names)
    return type(before) is type(after) and bool(before == after)


@given(
    value=OBJECTS,
    indent=st.sampled_from([None, 1]),
    ascii_only=st.booleans(),
    around=st.sampled_from([("", ""), ("Here {it} is:\n```json\n", "\n```"), ('<think>{"a": 1}</think>\n', " {")]),
    cuts=st.lists(st.integers(0, 500), max_size=12),
)
@example({"a": '\U0001f600\n\\"/'}, None, True, ("", ""), list(range(40)))
def test_it_grows_to_what_the_full_parser_says(value: Any, indent: Any, ascii_only: bool, around: Any, cuts: list[int]) -> None:
    text = around[0] + json.dumps(value, indent=indent, ensure_ascii=ascii_only) + around[1]
    parser, before = PartialJson(), None
    held: Any = None
    for piece in cut(text, cuts):
        parser.feed(piece)
        now = parser.value
        assert before is None or grows(before, now)
        assert held is None or held is now, "in place"
        assert grows(now, value) or now is None
        held, before = now, json.loads(json.dumps(now))
    assert parser.complete
    assert parser.value == value == json_in(text)[1]
    assert list(parser.value) == list(value)


@given(text=st.text('{}[]",:0123tfnul e\\-.a\n', max_size=30), cuts=st.lists(st.integers(0, 30), max_size=5))
def test_whatever_comes_is_taken(text: str, cuts: list[int]) -> None:
    """It is complete where the full parser finds JSON, and the same; however it is cut."""
    text = '{"' + text
    parser = fed(*cut(text, cuts))
    assert (parser.complete, parser.value) == ((whole := fed(text)).complete, whole.value)
    try:
        found = json_in(text)[1]
    except MalformedResponseError:
        assert not parser.complete
    else:
        assert (parser.complete, parser.value) == (True, found)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("Sure", None), ("Sure {", None), ("Sure {  \n", None), ("{", None), ("{ x", None),
        ('{"', {}), ('{"a', {}), ('{"a"', {}), ('{"a":', {}), ('{"a": "', {"a": ""}), ('{"a": "x', {"a": "x"}),
        ('{"a": {', {"a": {}}), ('{"a": [', {"a": []}), ('{"a": [1', {"a": []}), ('{"a": [1,', {"a": [1]}), ('{"a": [1 ', {"a": [1]}),
        ('{"a": -', {}), ('{"a": -1.5e', {}), ('{"a": -1.5e2}', {"a": -150.0}), ('{"a": tru', {}), ('{"a": true', {"a": True}),
        ('{"a": fals', {}), ('{"a": false', {"a": False}), ('{"a": nul', {}), ('{"a": null', {"a": None}),
        ('{"a": "x\\', {"a": "x"}), ('{"a": "x\\u00', {"a": "x"}), ('{"a": "x\\u00e9', {"a": "xé"}),
        ('{"a": "\\ud83d', {"a": ""}), ('{"a": "\\ud83d\\', {"a": ""}), ('{"a": "\\ud83d\\ude0', {"a": ""}),
        ('{"a": "\\ud83d\\ude00', {"a": "\U0001f600"}), ('{"a": "\\b\\f\\n\\r\\t\\/\\\\\\""', {"a": '\b\f\n\r\t/\\"'}),
        ("\ufeff {}", {}), ('{} {"a": 1}', {}), ('{"a": []}', {"a": []}), ('{"a": {}}', {"a": {}}), ('<think>{"a": 1}', None),
        ('<thinking>{"b": 1}</thinking>{"a": 1}', {"a": 1}), ("<thi", None), ('<b> {"a": 1}', {"a": 1}),
    ],
)  # fmt: skip
def test_so_far(text: str, value: Any) -> None:
    assert fed(text).value == fed(*text).value == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1, "a": 2}', {"a": 1}), ('{"a": 1,}', {"a": 1}), ('{"a": [1,]}', {"a": [1]}), ('{"a": 1 2', {"a": 1}), ('{"a": 01}', {}),
        ('{"a": 1.}', {}), ('{"a": 1e999}', {}), ('{"a": x}', {}), ('{"a": trux', {}), ('{"a" 1}', {}), ('{"a": [}', {"a": []}),
        ('{"a": [1}', {"a": [1]}), ('{"a": {]', {"a": {}}), ('{"a": "b\n', {"a": "b"}), ('{"a": "b\\x', {"a": "b"}),
        ('{"a": "b\\ud800x', {"a": "b"}), ('{"a": "b\\ud800\\u0041', {"a": "b"}), ('{"a": "b\\udc00', {"a": "b"}),
        ('{"a": "b\\u00zz', {"a": "b"}), ('{"a": "b\ud800', {"a": "b"}), ('{"a": "b\\ud800\\n', {"a": "b"}), ('{"a\n', {}), ('{"a\\x', {}),
        ('{"": ]', {}), ('{"a": NaN}', {}),
    ],
)  # fmt: skip
def test_what_is_no_json_ends_it(text: str, value: Any) -> None:
    for parser in (fed(text), fed(*text)):
        parser.feed('"c": 3}}}}')
        assert (parser.value, parser.complete) == (value, False)
    with pytest.raises(MalformedResponseError):
        json_in(text)


def test_depth() -> None:
    for depth, complete in ((DEEPEST, True), (DEEPEST + 1, False)):
        text = '{"a":' * (depth - 1) + "{}" + "}" * (depth - 1)
        assert fed(text).complete is complete
        if complete:
            assert json_in(text)[1] == fed(text).value
        else:
            with pytest.raises(MalformedResponseError, match="nested deeper"):
                json_in(text)
    many = fed('{"a":' + "[" * 50_000)
    assert not many.complete
    assert json_in("x " + '{"a":' * DEEPEST + "1" + "}" * DEEPEST)[1]


def test_what_is_wrapped_is_unwrapped() -> None:
    assert [fed('{"value": [1, 2'[:n], wrapped=True).value for n in (3, 10, 11, 13, 16)] == [None, None, [], [1], [1]]
    assert fed('{"other": 1}', wrapped=True).value is None
    assert fed('{"value": "ab', wrapped=True).value == "ab"


def test_a_list_is_looked_for_where_one_is_asked_for() -> None:
    assert fed("[See] this: ", '[1, "x"', opening="[").value == [1, "x"]
    assert fed("[ ]", opening="[").complete
    assert fed('{"a": 1}', opening="[").value is None
    assert json_in("[See] this: [1] {", "[") == ("[1]", [1])


def test_a_hundred_megabytes() -> None:
    parser, piece, length = fed('{"a": "'), "x" * 1_000_000, 100_000_000
    for _ in range(length // len(piece)):
        parser.feed(piece)
    parser.feed('"}')
    assert parser.complete
    assert len(parser.value["a"]) == length


def test_what_is_not_json_says_so_without_quoting() -> None:
    for text, words in (("", "has no text"), ("  ", "has no text"), ("secret", "is not JSON"), ('{"a": "secret', "is not JSON")):
        with pytest.raises(MalformedResponseError, match=words) as caught:
            json_in(text)
        assert "secret" not in str(caught.value)
    with pytest.raises(MalformedResponseError, match="stands twice"):
        json_in('{"a": {"b": 1, "b": "x:y"}}')


@given(st.lists(OBJECTS, max_size=3) | OBJECTS)
def test_keys_are_counted_aright(value: Any) -> None:
    text = msgspec.json.encode(value).decode()
    assert json_in(f"```\n{text}\n```") == (text, value)
