"""What the grammars share: shapes, strict JSON, whose stream it is, and the documented rules."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

from trunkline.dialects.grammar import (
    COUNT,
    NAME,
    TEXT,
    Each,
    Fields,
    Nullable,
    guess_dialect,
    misfits,
    shown,
    strict_object,
    word,
)
from trunkline.dialects.known import DIALECTS
from trunkline.wire.sse import Frame

PAGE = Path(__file__).resolve().parents[2] / "docs" / "stream-grammar.md"
TABLES = re.compile(r"<!-- rules: begin -->\n(.*)<!-- rules: end -->", re.DOTALL)
RULES = {name: import_module(f"trunkline.dialects.{name.replace('-', '_')}.grammar_rules").RULES for name in DIALECTS}


def tables() -> str:
    """The rules as the page has them."""
    lines: list[str] = []
    for dialect, rules in RULES.items():
        lines += [f"### {dialect}", "", "| rule | strict | lenient |", "|---|---|---|"]
        lines += [f"| `{rule.name}` | {rule.strict or '-'} | {rule.lenient or '-'} |" for rule in rules]
        lines.append("")
    return "\n".join(lines)


def test_the_page_lists_the_rules():
    found = TABLES.search(PAGE.read_text(encoding="utf-8"))
    assert found is not None
    assert found[1] == tables(), f"docs/stream-grammar.md should hold:\n{tables()}"


def test_every_dialect_s_rules_are_listed():
    assert set(RULES) == set(DIALECTS)
    for rules in RULES.values():
        assert len({rule.name for rule in rules}) == len(rules)
        assert all(rule.strict or rule.lenient for rule in rules)


@pytest.mark.parametrize(
    "data,wrong",
    [
        (b'{"a":1,"a":1}', "JSON with a field that stands twice"),
        (b'{"a":[{"b":1,"b":2}]}', "JSON with a field that stands twice"),
        (b"[1]", "not a JSON object"),
        (b'{"a":NaN}', "not JSON"),
        (b'\xef\xbb\xbf{"a":1}', "not JSON"),
        (b'{"a":"\xff"}', "not JSON"),
        (b'{"a":1} {}', "not JSON"),
        (b'{"a":' * 100_000, "not JSON"),
    ],
)
def test_strict_json(data, wrong):
    with pytest.raises(ValueError, match=f"^{wrong}$"):
        strict_object(data)


def test_strict_json_reads():
    assert strict_object(b' {"a": [1, {"a": null}]} ') == {"a": [1, {"a": None}]}


SHAPE = Fields(
    {"n": COUNT, "kind": word("a", "b")}, {"list": Each(NAME, filled=True), "maybe": Nullable(TEXT), "own": Fields(others=COUNT)}
)


@pytest.mark.parametrize(
    "value,found",
    [
        ({"n": 0, "kind": "a", "list": ["x"], "maybe": None, "own": {"any": 1}}, []),
        ({"kind": "a"}, [("field-missing", "$.n is missing")]),
        ({"n": True, "kind": "a"}, [("field-type", "$.n is not a whole number from 0")]),
        ({"n": -1, "kind": "c"}, [("field-type", "$.n is not a whole number from 0"), ("field-type", "$.kind is not a or b")]),
        ({"n": 1, "kind": "a", "list": []}, [("field-type", "$.list is not a list that holds something")]),
        ({"n": 1, "kind": "a", "list": ["x", ""]}, [("field-type", "$.list[1] is not text that is not empty")]),
        ({"n": 1, "kind": "a", "other": 1}, [("field-unknown", "$.other is no field of the protocol")]),
        ({"n": 1, "kind": "a", "own": {"x": "y"}}, [("field-type", "$.own.x is not a whole number from 0")]),
        ({"n": 1, "kind": "a", "own": []}, [("field-type", "$.own is not an object")]),
    ],
)
def test_shapes(value, found):
    assert list(misfits(SHAPE, value, "$")) == found


def test_what_does_not_look_like_a_name_is_not_shown():
    assert [shown(value) for value in ("a_b", 7, -1, "two words", "", 10**9, None, "x" * 41)] == ["a_b", "7", "-1"] + [
        "(unprintable)"
    ] * 5


@pytest.mark.parametrize(
    "frames,dialect",
    [
        ([], None),
        ([Frame(b"x"), Frame(b"[1]"), Frame(b"{}")], None),
        ([Frame(b"[DONE]")], "openai-chat"),
        ([Frame(b'{"type":"later"}'), Frame(b'{"choices":[]}')], "openai-chat"),
        ([Frame(b'{"error":"m"}')], "openai-chat"),
        ([Frame(b'{"type":"error","error":{}}')], "anthropic-messages"),
        ([Frame(b'{"type":"message_start"}')], "anthropic-messages"),
        ([Frame(b'{"type":"later"}', "later")], "anthropic-messages"),
        ([Frame(b'{"type":"message-start"}', "message-start")], "cohere"),
        ([Frame(b'{"candidates":[{"index":0}]}')], "gemini"),
        ([Frame(b'{"promptFeedback":{"blockReason":"SAFETY"}}')], "gemini"),
    ],
)
def test_whose_stream_it_is(frames, dialect):
    assert guess_dialect(frames) == dialect
