"""A scenario in a file is the scenario in Python; what is wrong in it is told with its place."""

from __future__ import annotations

import itertools
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from trunkline import UnsupportedOperationError, Usage, UsageError
from trunkline.sim import (
    LIFELIKE,
    Call,
    Close,
    Cut,
    Down,
    Fail,
    Garble,
    Limits,
    Pace,
    Pause,
    Raw,
    Refuse,
    Reset,
    Rule,
    Say,
    Scenario,
    SlowHead,
    Stall,
    StreamError,
    Think,
    When,
    read_scenario,
)
from trunkline.sim.yaml_form import scenario_of

FILE = """
seed: 7
models: [sim-a, sim-b]
limits: {requests: 10, tokens: 5000, period: 30}
pace: lifelike
quirks: [crlf]
rules:
  - times: 1
    steps: [{fail: {status: 529}}]
  - when: {text: weather, tools: true}
    steps:
      - think: Let me look.
      - call: {name: weather, arguments: {city: Oslo}}
      - call: {name: weather, arguments: '{"city": ', id: c2}
  - when: {after_tool: weather, headers: {x-mode: fast}}
    pace: {first: 0.5, tokens_per_second: 20}
    quirks: []
    usage: {input_tokens: 3, output_tokens: 4}
    finish: length
    steps: [say: It is 4 °C., pause: 1]
  - steps: [say: [a, b], stall: 2, garble, {cut: {bytes: 10}}, stall]
  - steps: [slow_head: 1, {raw: {data: "x", status: null}}]
  - steps: [{raw: {data: [a, b], headers: {content-type: text/plain}}}, reset]
  - steps: [refuse, close]
  - steps: [{refuse: Never.}, {stream_error: {kind: overloaded, message: Too much.}}]
  - steps: [{down: 3}]
  - steps: [{fail: 404}]
  - steps: [{fail: {status: 500, body: {error: gone}, headers: {retry-after: "3"}}}]
  - {}
"""
SAME = Scenario(
    (
        Rule(Fail(529), times=1),
        Rule(
            Think("Let me look."),
            Call("weather", {"city": "Oslo"}),
            Call("weather", '{"city": ', id="c2"),
            when=When(text="weather", tools=True),
        ),
        Rule(
            Say("It is 4 °C."),
            Pause(1),
            when=When(after_tool="weather", headers={"x-mode": "fast"}),
            pace=Pace(0.5, 20),
            quirks=(),
            usage=Usage(input_tokens=3, output_tokens=4),
            finish="length",
        ),
        Rule(Say(("a", "b")), Stall(2), Garble(), Cut(bytes=10), Stall()),
        Rule(SlowHead(1), Raw(b"x", None)),
        Rule(Raw((b"a", b"b"), headers={"content-type": "text/plain"}), Reset()),
        Rule(Refuse(), Close()),
        Rule(Refuse("Never."), StreamError("overloaded", "Too much.")),
        Rule(Down(3)),
        Rule(Fail(404)),
        Rule(Fail(500, {"error": "gone"}, {"retry-after": "3"})),
        Rule(),
    ),
    LIFELIKE,
    ("crlf",),
    ("sim-a", "sim-b"),
    Limits(requests=10, tokens=5000, period=30),
    7,
)


def test_a_file_says_what_python_says(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(FILE, encoding="utf-8")
    assert read_scenario(tmp_path / "s.yaml") == SAME


def test_json_is_another_spelling(tmp_path: Path) -> None:
    import yaml

    (tmp_path / "s.json").write_text(json.dumps(yaml.safe_load(FILE)), encoding="utf-8")
    assert read_scenario(str(tmp_path / "s.json")) == SAME


@pytest.mark.parametrize(
    "document, told",
    [
        (None, "the scenario: wrong type"),
        ([], "the scenario: wrong type"),
        ({}, "says nothing"),
        ({"rule": []}, "rule: unknown key; did you mean 'rules'?"),
        ({"rules": {}}, "rules: wrong type"),
        ({"rules": [{"step": []}]}, "rules[0].step: unknown key"),
        ({"rules": [{}, {"steps": [{"sya": "x"}]}]}, "rules[1].steps[0].sya: unknown step; did you mean 'say'?"),
        ({"rules": [{"steps": [{"say": "x", "think": "y"}]}]}, "rules[0].steps[0]: not a step"),
        ({"rules": [{"steps": [{"say": 5}]}]}, "rules[0].steps[0].say.text: Expected `str | array`"),
        ({"rules": [{"steps": [{"call": {"name": 5}}]}]}, "rules[0].steps[0].call.name: Expected `str`"),
        ({"rules": [{"steps": [{"call": {"arguments": {}}}]}]}, "rules[0].steps[0].call.name: is missing"),
        ({"rules": [{"steps": [{"call": {"name": "a", "args": {}}}]}]}, "rules[0].steps[0].call.args: unknown key"),
        ({"rules": [{"steps": ["say"]}]}, "rules[0].steps[0].say.text: is missing"),
        ({"rules": [{"steps": [{"fail": {"status": 99}}]}]}, "rules[0].steps[0].fail.status"),
        ({"rules": [{"steps": [{"cut": {}}]}]}, "rules[0].steps[0].cut.events"),
        ({"rules": [{"when": {"txt": "x"}}]}, "rules[0].when.txt: unknown key"),
        ({"rules": [{"when": {"text": "/(/"}}]}, "rules[0].when.text: not a regular expression"),
        ({"rules": [{"times": 0}]}, "rules[0].times: wrong value"),
        ({"rules": [{"usage": {"input": 5}}]}, "rules[0].usage.input: unknown key"),
        ({"rules": [{"usage": {"input_tokens": "5"}}]}, "rules[0].usage.input_tokens: Expected `int | null`"),
        ({"rules": [{"pace": "fast"}]}, "rules[0].pace.fast: unknown pace"),
        ({"rules": [{"quirks": ["crfl"]}]}, "rules[0].quirks[0]: unknown quirk; did you mean 'crlf'?"),
        ({"pace": {"first": -1}}, "pace.first"),
        ({"limits": {}}, "limits: limits nothing"),
        ({"models": "m"}, "models: wrong type"),
        ({"rules": [{"steps": [{"fail": 500}, {"say": "late"}]}]}, "rules[0].steps[1]"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(document: Any, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        scenario_of(document)
    assert told in str(caught.value)


BOMB = "\n".join(["a: &a [x, x]", *(f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]" for a, b in itertools.pairwise("abcdefghijk"))])


@pytest.mark.parametrize(
    "name, text, told",
    [
        ("s.yaml", "rules: [", r"s\.yaml: line 1: this is not YAML"),
        (
            "s.yaml",
            "rules:\n- steps:\n  - say: No: it rains",
            r"line 3: this is not YAML \(mapping values are not allowed here\)",
        ),
        ("s.yaml", "rules:\n- say: hi", r"rules\[0\]\.say: a step stands in the list of steps; allowed: steps: \[say: …\]"),
        ("s.yaml", "seed: 1\nseed: 2", r"s\.yaml: seed: line 2: this key stands twice"),
        ("s.yaml", "rules: !!python/object/apply:os.system ['true']", "this is not YAML"),
        ("s.json", "{", r"s\.json: this is not JSON"),
        ("s.json", "[" * 100_000, r"s\.json: it is nested too deep"),
        ("s.yaml", "[" * 2_000, r"s\.yaml: it is nested too deep"),
        ("s.yaml", "? [a, b]\n: c", r"s\.yaml: line 1: a key is text"),
        ("s.yaml", "rules:\n- steps:\n  - ? {a: b}\n    : c", "line 3: a key is text"),
        ("s.yaml", "seed: 2026-99-99", "quote what shall be text"),
        ("s.yaml", "seed: !!int x", "quote what shall be text"),
        ("s.yaml", "seed: !!timestamp x", "quote what shall be text"),
        ("s.yaml", "seed: " + "9" * 5_000, "quote what shall be text"),
        ("s.yaml", "rules: [{steps: [{call: {name: x, arguments: &a {a: *a}}}]}]", "an alias stands for what contains it"),
        ("s.yaml", BOMB, "too large once its aliases are written out"),
        ("s.json", '{"rules": 5}', r"s\.json: rules: wrong type"),
    ],
)
def test_a_file_that_says_nothing_sensible(tmp_path: Path, name: str, text: str, told: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=told):
        read_scenario(tmp_path / name)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=re.escape(str(tmp_path / "none.yaml"))):
        read_scenario(tmp_path / "none.yaml")


def test_without_pyyaml_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "s.yaml").write_text(FILE, encoding="utf-8")
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(UnsupportedOperationError, match=r"trunkline\[yaml\]"):
        read_scenario(tmp_path / "s.yaml")
