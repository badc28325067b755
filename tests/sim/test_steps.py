"""Steps hold what their annotations say, and refuse the rest by name."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import pytest

from trunkline import UsageError
from trunkline.sim import (
    Call,
    Cut,
    Fail,
    Garble,
    Limits,
    Pace,
    Pause,
    Raw,
    Reset,
    Say,
    Scenario,
    SlowHead,
    Stall,
    Step,
    StreamError,
    When,
)
from trunkline.sim.steps import STEPS


@pytest.mark.parametrize(
    "make, field",
    [
        (lambda: Say(5), "text"),
        (lambda: Say(["a", 1]), "text"),
        (lambda: Call(""), "name"),
        (lambda: Call("a", 5), "arguments"),
        (lambda: Pause(-1), "seconds"),
        (lambda: Pause(float("nan")), "seconds"),
        (lambda: Stall("long"), "seconds"),
        (lambda: Fail(99), "status"),
        (lambda: Fail(600), "status"),
        (lambda: Fail(True), "status"),
        (lambda: Fail(kind="odd"), "kind"),
        (lambda: Fail(headers={"a": 1}), "headers"),
        (lambda: Fail(body=5), "body"),
        (lambda: StreamError("odd"), "kind"),
        (Cut, "events"),
        (lambda: Cut(events=1, bytes=1), "events"),
        (lambda: Cut(bytes=-1), "bytes"),
        (lambda: Garble("some"), "how"),
        (lambda: SlowHead(None), "seconds"),
        (lambda: Raw(5), "data"),
        (lambda: Raw([1]), "data"),
        (lambda: Raw("x", headers={"a": "b\r\nc: d"}), "headers"),
        (lambda: Raw("x", None, {"a": "b"}), "headers"),
        (lambda: Raw("x", headers={"Content-Length": "5"}), "headers.Content-Length"),
        (lambda: Raw("x", 204), "data"),
        (lambda: Raw("\ud800"), "data"),
        (lambda: Fail(500, headers={"transfer-encoding": "chunked"}), "headers.transfer-encoding"),
        (lambda: Fail(500, headers={"a b": "c"}), "headers"),
        (lambda: Fail(500, body={"a": object()}), "body.a"),
        (lambda: Fail(500, body="\ud800"), "body"),
        (lambda: Say("\ud800"), "text"),
        (lambda: Say(["a", "\ud800"]), "text[1]"),
        (lambda: Call("a", {"b": object()}), "arguments.b"),
        (lambda: Call("a", {"b": float("nan")}), "arguments.b"),
        (lambda: Fail(200), "status"),
        (lambda: Fail(399, message="no"), "status"),
    ],
)
def test_what_is_wrong_is_named(make: Callable[[], Step], field: str) -> None:
    with pytest.raises(UsageError) as caught:
        make()
    assert caught.value.field == field


@pytest.mark.parametrize(
    "make, told",
    [
        (lambda: Fail(kind="overload"), "did you mean 'overloaded'?; got str; allowed: 'authentication', 'permission'"),
        (lambda: StreamError("odd"), "allowed: 'authentication', 'permission'"),
        (
            lambda: Fail(200),
            "status: this is no error; got 200; allowed: 400 to 599; with a body or a kind of its own any from 200",
        ),
        (Say, "text: Say needs it; allowed: text"),
        (lambda: Say("a", "b"), "Say: takes 1 value without a name; got 2; allowed: text, continues"),
        (lambda: Say("a", text="b"), "text: Say was given it twice; allowed: text"),
        (lambda: Reset(1), "Reset: takes nothing; got 1"),
        (lambda: Call("w", city="Oslo"), "city: Call has no such field; allowed: name, arguments, id"),
        (lambda: Call("w", argments={}), "argments: Call has no such field; did you mean 'arguments'?"),
        (lambda: When("weather"), "When: takes values by name only; got 1; allowed: text=, system=, model="),
        (lambda: Limits(3), "Limits: takes values by name only; got 1; allowed: requests=, tokens="),
        (lambda: Pace(1, 2, 0.5, 4), "Pace: takes 3 values without a name; got 4; allowed: first, tokens_per_second, jitter"),
        (lambda: Scenario(rule=[]), "rule: Scenario has no such field; did you mean 'rules'?"),
        (lambda: Garble("fipl"), "did you mean 'flip'?; got str; allowed: 'flip', 'half'"),
    ],
)
def test_the_words_that_there_are_stand_in_the_error(make: Callable[[], Step], told: str) -> None:
    with pytest.raises(UsageError) as caught:
        make()
    assert told in str(caught.value)


def test_what_may_be_said_in_several_ways_is_held_in_one() -> None:
    assert Say(["a", "b"]) == Say(("a", "b"))
    assert Fail(body={"a": 1}) == Fail(body='{"a":1}') == Fail(body=b'{"a":1}')
    assert Raw("x") == Raw(b"x") == Raw(["x"]) == Raw((b"x",))
    assert Raw("x").chunks == (b"x",)
    assert Call("a", {"b": 1}).raw_arguments == '{"b":1}'
    assert Call("a", "not json").raw_arguments == "not json"


def test_every_step_has_a_name_and_pickles() -> None:
    assert {kind.__name__.lower() for kind in STEPS.values()} == {name.replace("_", "") for name in STEPS}
    assert Fail(200, body="{}").status == Fail(200, kind="overloaded").status == 200
    step = Fail(529, headers={"a": "b"})
    assert pickle.loads(pickle.dumps(step)) == step
    assert repr(step) == "Fail(status=529, headers={'a': 'b'})"
