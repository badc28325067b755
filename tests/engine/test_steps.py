"""What several turns add up to."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from trunkline.engine.steps import Steps, total
from trunkline.values.message import Message, Text, ToolCall, ToolResult
from trunkline.values.response import Attempt, Response, Timings, Usage, Warning


def reply(text: str, cost: str | None = "1", at: float = 0.0, **more: Any) -> Response:
    made = Response(
        message=Message.assistant(text),
        cost=None if cost is None else Decimal(cost),
        latency=2.0,
        attempts=(Attempt(provider="p", model="m", seconds=1.0, at=at),),
        timings=Timings(head=0.5, first_event=0.75, end=2.0),
    )
    return msgspec.structs.replace(made, **more)


def test_one_turn_is_itself() -> None:
    last = reply("a")
    assert Steps(3.0).whole(last, 3.0, 9.0) is last


def test_all_turns_are_counted() -> None:
    steps = Steps(10.0)
    warning, other = Warning("dropped", "seed", "x"), Warning("dropped", "stop", "y")
    first = reply("a", "0.5", usage=Usage(input_tokens=1, output_tokens=2, cache_read_tokens=0), warnings=(warning,))
    result = ToolResult("c", (Text("r"),))
    assert len(steps) == 0
    step = steps.add(first, 10.0, [result])
    assert len(steps) == 1
    assert (step.response, step.results, step.correction) == (first, (result,), None)
    last = reply(
        "b", "0.25", at=1.0, usage=Usage(input_tokens=3, output_tokens=4), warnings=(warning, other), reported_cost=Decimal(0)
    )
    whole = steps.whole(last, 14.0, 17.0)
    assert whole.message == last.message
    assert whole.steps == (step,)
    assert whole.usage == Usage(input_tokens=4, output_tokens=6)
    assert whole.cost == Decimal("0.75")
    assert whole.reported_cost is None
    assert whole.latency == 7.0
    assert whole.timings == Timings(head=0.5, first_event=0.75, end=7.0)
    assert [attempt.at for attempt in whole.attempts] == [0.0, 5.0]
    assert whole.warnings == (warning, other)


def test_what_came_before_the_turn_that_is_next() -> None:
    steps = Steps(10.0)
    assert steps.so_far(12.0) == Response(message=Message.assistant(), partial=True)
    assert not steps.all
    first = steps.add(reply("a", "0.5", usage=Usage(input_tokens=1, output_tokens=2)), 11.0)
    second = steps.add(reply("b", "0.25", usage=Usage(input_tokens=3, output_tokens=4)), 14.0)
    assert steps.all == (first, second)
    so_far = steps.so_far(20.0)
    assert (so_far.message, so_far.partial, so_far.steps) == (Message.assistant(), True, (first, second))
    assert (so_far.cost, so_far.usage, so_far.latency) == (Decimal("0.75"), Usage(input_tokens=4, output_tokens=6), 10.0)
    assert [attempt.at for attempt in so_far.attempts] == [1.0, 4.0]


def test_steps_that_an_error_tells_of() -> None:
    steps = Steps(10.0)
    steps.add(reply("a", "0.5", usage=Usage(input_tokens=1)), 11.0)
    steps.add(reply("b", "0.25", usage=Usage(input_tokens=3)), 14.0)
    told = Steps.of(steps.all).so_far(0.0)
    assert (told.steps, told.cost, told.usage) == (steps.all, Decimal("0.75"), Usage(input_tokens=4))
    assert [attempt.at for attempt in told.attempts] == [0.0, 0.0]


def test_an_unknown_cost_is_unknown_of_all() -> None:
    for costs in ((None, "1"), ("1", None)):
        steps = Steps(0.0)
        steps.add(reply("a", costs[0]), 0.0)
        assert steps.whole(reply("b", costs[1]), 1.0, 2.0).cost is None


def test_costs_that_providers_tell_are_added() -> None:
    steps = Steps(0.0)
    steps.add(reply("a", "0", reported_cost=Decimal("0.1")), 0.0)
    whole = steps.whole(reply("b", "0", reported_cost=Decimal("0.2")), 1.0, 2.0)
    assert (whole.cost, whole.reported_cost) == (Decimal(0), Decimal("0.3"))


def test_a_turn_that_was_mended_keeps_its_tries() -> None:
    inner = Steps(0.0)
    mended = inner.add(reply("wrong"), 0.0, correction="no")
    outer = Steps(0.0)
    turn = outer.add(inner.whole(reply("right"), 1.0, 2.0), 0.0, [ToolResult("c", (Text("r"),))])
    assert [message.role for message in turn.messages] == ["assistant", "user", "assistant", "tool"]
    last = inner.whole(reply("answer"), 1.0, 2.0)
    whole = outer.whole(last, 2.0, 3.0)
    assert whole.steps == (turn, mended)
    assert whole.cost == Decimal(4)
    assert [message.text for message in whole.messages if message.role == "assistant"] == ["wrong", "right", "wrong", "answer"]


@pytest.mark.parametrize("field", [name for name in Usage.__struct_fields__ if name != "raw"])
def test_each_figure_is_added(field: str) -> None:
    one, other = Usage(**{field: 2}), Usage(**{field: 3}, raw={"n": 1})
    assert total([one, other]) == Usage(**{field: 5})
    assert total([one, Usage()]) == Usage()


def test_a_turn_says_what_it_adds_to_a_conversation() -> None:
    call = ToolCall("c", "f")
    step = Steps(0.0).add(reply("", message=Message.assistant(call)), 0.0, [ToolResult("c")], "mend it")
    assert step.messages == (Message.assistant(call), Message.tool(ToolResult("c")), Message.user("mend it"))
    assert Steps(0.0).add(reply("", message=Message.assistant()), 0.0).messages == ()
