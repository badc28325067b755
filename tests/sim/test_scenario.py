"""A scenario holds rules, and says by name what is wrong in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from trunkline import Usage, UsageError
from trunkline.sim import Fail, Limits, Pace, Raw, Rule, Say, Scenario, SlowHead, Stall, When


def test_equal_when_they_say_the_same() -> None:
    def made() -> Scenario:
        return Scenario([Rule(Say("a"), when=When(text="b"), times=1, pace=Pace(1.0), quirks=["crlf"])], models=["m"])

    assert made() == made()
    assert made() != Scenario([Rule(Say("a"))])
    assert len({Rule(Say("a")), Rule(Say("a"))}) == 1
    assert repr(Rule(Say("a"), times=1)) == "Rule(Say(text='a'), times=1)"


@pytest.mark.parametrize(
    "make, field",
    [
        (lambda: Rule("hello"), "steps[0]"),
        (lambda: Rule(Say("a"), when="rain"), "when"),
        (lambda: Rule(Say("a"), times=0), "times"),
        (lambda: Rule(Say("a"), times=True), "times"),
        (lambda: Rule(Say("a"), usage={}), "usage"),
        (lambda: Rule(Say("a"), finish="done"), "finish"),
        (lambda: Rule(Say("a"), pace=3), "pace"),
        (lambda: Rule(Say("a"), quirks=["odd"]), "quirks[0]"),
        (lambda: Rule(Say("a"), quirks="crlf"), "quirks"),
        (lambda: Rule(Fail(500), Say("a")), "steps[1]"),
        (lambda: Rule(Say("a"), Stall(), Say("a")), "steps[2]"),
        (lambda: Rule(Raw("x"), Say("a")), "steps[1]"),
        (lambda: Rule(Say("a"), SlowHead(1)), "steps[1]"),
        (lambda: Rule(Say("a"), Raw("x", 404)), "steps[1]"),
        (lambda: Rule(Say("a"), Raw("x", headers={"a": "b"})), "steps[1]"),
        (lambda: Rule(Say("a"), when=When(operation="models")), "steps[0]"),
        (lambda: Scenario(Rule(Say("a"))), "rules"),
        (lambda: Scenario([Say("a")]), "rules[0]"),
        (lambda: Scenario(models="m"), "models"),
        (lambda: Scenario(models=[""]), "models[0]"),
        (lambda: Scenario(limits=5), "limits"),
        (lambda: Scenario(seed="a"), "seed"),
        (lambda: Pace(jitter=2), "jitter"),
        (lambda: Pace(tokens_per_second=0), "tokens_per_second"),
        (lambda: Pace(tokens_per_second=1e-320), "tokens_per_second"),
        (lambda: Limits(requests=1, period=float("inf")), "period"),
        (lambda: When(dialect="odd"), "dialect"),
        (lambda: Rule(usage=Usage(output_tokens=-1)), "usage.output_tokens"),
    ],
)
def test_what_is_wrong_is_named(make: Callable[[], Any], field: str) -> None:
    with pytest.raises(UsageError) as caught:
        make()
    assert caught.value.field == field


def test_what_is_right_is_taken() -> None:
    rule = Rule(Fail(500), usage=Usage(input_tokens=3), finish="length")
    assert Scenario((rule,), limits=Limits(requests=1), seed=3).rules == (rule,)
