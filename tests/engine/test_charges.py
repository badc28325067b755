"""What a try may cost that brought no whole answer."""

from __future__ import annotations

from decimal import Decimal

from tests.engine.calls import call, wire
from tests.virtual import World
from trunkline.engine.charges import ESTIMATED, charge, estimated_cost, estimated_usage, tokens_said
from trunkline.values.media import Data
from trunkline.values.message import HostedToolCall, Image, Message, Reasoning, Refusal, Text, ToolCall
from trunkline.values.model import Model, Price, PriceVariant
from trunkline.values.request import Request
from trunkline.values.response import Response, Usage

PRICED = Model(
    id="m",
    provider="p1",
    prices=(
        Price(since="2026-01-01", input="2", output="8", variants=(PriceVariant(rate="flex", factor="0.5"),)),
        Price(since="2026-12-01", input="20", output="80"),
    ),
)
ASKED = Request(
    model="x",
    messages=(
        Message("system", (Text("a" * 40),)),
        Message("user", (Text("b" * 4), Image(Data(b"x" * 900, "image/png")), Text("c" * 5))),
    ),
)


def test_figures_that_were_told_are_believed() -> None:
    for told, answered in ((Usage(7, 9), 0), (Usage(7, 9), 19), (Usage(7, 1), 3), (Usage(0, 0), 1)):
        assert estimated_usage(ASKED, told, answered) is told


def test_a_first_figure_of_the_output_is_not() -> None:
    assert estimated_usage(ASKED, Usage(7, 9, 3, raw={"input": 7}), 20) == Usage(7, 20, 3, raw={"input": 7, ESTIMATED: True})
    assert estimated_usage(ASKED, Usage(7, 0), 2) == Usage(7, 2, raw={ESTIMATED: True})


def test_what_is_not_told_is_estimated() -> None:
    assert estimated_usage(ASKED) == Usage(13, 0, raw={ESTIMATED: True})
    assert estimated_usage(ASKED, answered=5) == Usage(13, 5, raw={ESTIMATED: True})
    assert estimated_usage(ASKED, Usage(input_tokens=3), 5) == Usage(3, 5, raw={ESTIMATED: True})
    assert estimated_usage(ASKED, Usage(output_tokens=8), 5) == Usage(13, 8, raw={ESTIMATED: True})
    assert ESTIMATED == "estimated"


def test_what_was_said() -> None:
    parts = (
        Reasoning("r" * 9),
        Text("t" * 8),
        ToolCall("id", "name", '{"a":1}'),
        Refusal("not counted, for nobody says it twice"),
    )
    assert tokens_said(Response(message=Message("assistant", parts))) == 3 + 2 + 2
    assert tokens_said(Response(message=Message("assistant", ()))) == 0


def test_the_price_of_it() -> None:
    io, usage = World(), Usage(1_000, 100)
    assert io.wall() == 1_795_000_000.0, "in November 2026"
    plain = call()
    assert charge(io, plain, wire(record=PRICED), usage) == Decimal("0.0028")
    assert charge(io, plain, wire(), usage) is None
    assert charge(io, plain, wire(record=PRICED), Usage()) is None
    flexible = call(request={"service_tier": "flex"})
    assert charge(io, flexible, wire(record=PRICED), usage) == Decimal("0.0014")
    assert charge(io, flexible, wire(record=PRICED), usage, Response(message=Message.assistant(""))) == Decimal("0.0014")
    served = Response(message=Message.assistant(""), service_tier="default")
    assert charge(io, flexible, wire(record=PRICED), usage, served) == Decimal("0.0028"), (
        "what was given counts, not what was asked for"
    )
    hosted = Response(message=Message("assistant", (HostedToolCall("id", "search", "{}"), Text("x"))))
    assert charge(io, plain, wire(record=PRICED), usage, hosted) is None
    io.clock.advance(30 * 86_400)
    assert charge(io, plain, wire(record=PRICED), usage) == Decimal("0.028")


def test_of_one_that_said_nothing_the_prompt_is_charged() -> None:
    io = World()
    assert estimated_cost(io, call(prompt="x" * 400), wire(record=PRICED)) == Decimal("0.0002")
    assert estimated_cost(io, call(), wire()) is None
