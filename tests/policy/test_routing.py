"""Who may be asked for a request and in which order: every strategy, every filter, every boundary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from trunkline.policy.routing import (
    STALE,
    USUAL_OUTPUT,
    Bounds,
    Condition,
    Facts,
    Races,
    Speed,
    Wanted,
    ascending,
    estimated_cost,
    objection,
    rotated,
    wanted,
    weighted,
)
from trunkline.values.media import Data, FileId, LocalFile, Url
from trunkline.values.message import Audio, File, Image, Message, Reasoning, Text, ToolCall, ToolResult, Video
from trunkline.values.model import Model, Price, PriceTier, PriceVariant
from trunkline.values.request import CustomTool, HostedTool, OutputFormat, ReasoningOptions, Request, Tool

PICTURE = Image(Data(b"x", "image/png"))


def asking(*parts: Any, messages: tuple[Message, ...] | None = None, **more: Any) -> Wanted:
    said = (Message.user(*parts),) if messages is None else messages
    return wanted(Request(model="m", messages=said, **more))


def model(**more: Any) -> Model:
    return Model(id="m", provider="p", **more)


def priced(input: str | None, output: str | None, **more: Any) -> Model:
    return model(prices=(Price(input=input, output=output, **more),))


def why(facts: Facts, need: Wanted = Wanted(), bounds: Bounds = Bounds(), at: float = 1e9) -> str | None:
    against = objection(facts, need, bounds, at)
    return None if against is None else against.why


# --- what a request takes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "abilities"),
    [
        ("words", set()),
        (PICTURE, {"vision"}),
        (Audio(Data(b"x", "audio/wav")), {"audio"}),
        (Video(Url("https://x.test/a.mp4")), {"video"}),
        (File(Data(b"x", "application/pdf")), {"pdf"}),
        (File(Data(b"x", "text/plain"), filename="a.pdf"), set()),
        (File(Url("https://x.test/a.PDF")), {"pdf"}),
        (File(Url("https://x.test/a.pdf?x")), set()),
        (File(Url("https://x.test/a", media_type="application/pdf")), {"pdf"}),
        (File(LocalFile(path="/tmp/a.pdf")), {"pdf"}),
        (File(LocalFile(path="/tmp/a.txt")), set()),
        (File(LocalFile(path="/tmp/a"), filename="b.pdf"), {"pdf"}),
        (File(FileId("file-1")), set()),
        (ToolResult("1", parts=(PICTURE,)), {"vision"}),
        (ToolResult("1", parts=(Text("x"),)), set()),
    ],
)
def test_what_is_shown_has_to_be_understood(part: Any, abilities: set[str]) -> None:
    need = asking(part)
    assert set(need.abilities) == set(need.asks) == abilities


def test_what_the_assistant_said_itself_needs_nothing() -> None:
    assert asking(messages=(Message.assistant(PICTURE), Message.user("and?"))).abilities == frozenset()
    assert asking(messages=(Message.system("x"), Message.tool(ToolResult("1", parts=(PICTURE,))))).abilities == {"vision"}


@pytest.mark.parametrize(
    ("tools", "abilities"),
    [((), set()), ((Tool("f"),), {"tools"}), ((CustomTool("f"),), {"tools"}), ((HostedTool("web_search"),), set())],
)
def test_functions_need_tools(tools: Any, abilities: set[str]) -> None:
    assert asking("x", tools=tools).abilities == abilities


def test_an_output_and_reasoning_are_asked_for_and_not_needed() -> None:
    need = asking("x", tools=(Tool("f"),), output=OutputFormat(), reasoning=ReasoningOptions(effort="low"))
    assert need.abilities == {"tools"}
    assert need.asks == {"tools", "structured_output", "reasoning"}


@pytest.mark.parametrize(
    ("thinking", "asked"),
    [
        (None, False),
        (ReasoningOptions(effort="none"), False),
        (ReasoningOptions(enabled=False), False),
        (ReasoningOptions(enabled=True), True),
        (ReasoningOptions(budget=100), True),
    ],
)
def test_who_switches_reasoning_off_asks_for_none(thinking: Any, asked: bool) -> None:
    assert ("reasoning" in asking("x", reasoning=thinking).asks) is asked


def test_the_prompt_is_estimated_from_all_that_is_said() -> None:
    assert asking("x" * 40).prompt == 10
    assert asking("x" * 41).prompt == 11
    said = (Message.system("x" * 4), Message.assistant(Reasoning("y" * 400), ToolCall("1", "f", raw_arguments="z" * 8)),
            Message.tool(ToolResult("1", parts=(Text("x" * 12), PICTURE))))  # fmt: skip
    assert asking(messages=said).prompt == 1 + 2 + 3
    assert asking("x" * 4, tools=(Tool("abcd", "efgh", {"a": 1}),)).prompt == 1 + 2 + 2
    assert asking("x" * 4, tools=(Tool("abcd"), CustomTool("abcd", "efgh"), HostedTool("h"))).prompt == 1 + 1 + 2
    need = asking("x", max_tokens=7, service_tier="flex")
    assert (need.output, need.service_tier) == (7, "flex")
    assert asking("x").output is None


# --- who may be asked -------------------------------------------------------------------------------------------------


def test_prompts_above_and_up_to() -> None:
    condition = Condition(above=10, up_to=20)
    unmet = {prompt: condition.unmet(Wanted(prompt=prompt)) for prompt in (10, 11, 20, 21)}
    assert (unmet[11], unmet[20]) == (None, None)
    assert unmet[10] is not None
    assert unmet[10].why == "is for prompts above 10 tokens, and this one has about 10"
    assert unmet[21] is not None
    assert unmet[21].why == "is for prompts of up to 20 tokens, and this one has about 21"
    assert unmet[10].sure
    assert Condition(above=0).unmet(Wanted(prompt=0)) is not None
    assert Condition(up_to=0).unmet(Wanted(prompt=0)) is None
    assert Condition().unmet(Wanted(prompt=10**9)) is None


def test_a_member_for_what_needs_something() -> None:
    condition = Condition(needs=frozenset({"reasoning", "vision"}))
    assert condition.unmet(Wanted(asks=frozenset({"vision", "reasoning", "tools"}))) is None
    against = condition.unmet(Wanted(asks=frozenset({"vision"}), abilities=frozenset({"vision", "reasoning"})))
    assert against is not None
    assert against.why == "is for requests that need reasoning"


def test_who_is_known_to_lack_an_ability_is_not_asked() -> None:
    need = Wanted(abilities=frozenset({"vision", "tools"}))
    assert why(Facts(record=model(abilities=("text",))), need) == "has no tools, vision"
    assert why(Facts(record=model(abilities=("vision",))), need) == "has no tools"
    assert why(Facts(record=model(abilities=("vision", "tools"))), need) is None
    assert why(Facts(record=model(abilities=None)), need) is None
    assert why(Facts(), need) is None
    assert why(Facts(lacks=frozenset({"tools", "audio"})), need) == "has no tools"
    assert why(Facts(lacks=frozenset({"tools"}), record=model(abilities=("tools",))), need) == "has no tools, vision"
    assert why(Facts(record=model(abilities=("text",))), bounds=Bounds(needs=frozenset({"pdf"}))) == "has no pdf"
    assert why(Facts(record=model(abilities=("pdf",))), bounds=Bounds(needs=frozenset({"pdf"}))) is None


def test_regions_by_how_their_names_begin() -> None:
    bounds = Bounds(regions=("eu", "us-east"))
    assert why(Facts(region="eu-west-1"), bounds=bounds) is None
    assert why(Facts(region="europe-west4"), bounds=bounds) is None
    assert why(Facts(region="EU"), bounds=bounds) is None
    assert why(Facts(region="us-east-1"), bounds=bounds) is None
    assert why(Facts(region="us-west-1"), bounds=bounds) == "is in us-west-1"
    assert why(Facts(region="ap-eu"), bounds=bounds) == "is in ap-eu"
    assert why(Facts(), bounds=bounds) == "is in a region that nobody knows"
    assert why(Facts()) is None


def test_prices_up_to_the_highest() -> None:
    facts = Facts(record=priced("3", "15"))
    assert why(facts, bounds=Bounds(max_input_price=Decimal(3), max_output_price=Decimal(15))) is None
    assert why(facts, bounds=Bounds(max_input_price=Decimal("2.99"))) == (
        "costs 3 USD per million tokens of input, more than 2.99"
    )
    assert why(facts, bounds=Bounds(max_output_price=Decimal("14.9"))) == (
        "costs 15 USD per million tokens of output, more than 14.9"
    )
    assert why(Facts(), bounds=Bounds(max_input_price=Decimal(1))) == "has a price of input that nobody knows"
    assert why(Facts(record=model()), bounds=Bounds(max_output_price=Decimal(1))) == "has a price of output that nobody knows"
    half = Facts(record=priced(None, "15"))
    assert why(half, bounds=Bounds(max_output_price=Decimal(15))) is None
    assert why(half, bounds=Bounds(max_input_price=Decimal(15))) == "has a price of input that nobody knows"
    assert why(Facts(record=priced("0", "0")), bounds=Bounds(max_input_price=Decimal(0))) is None


def test_the_price_is_that_of_the_day_the_length_and_the_tier() -> None:
    tiers = (PriceTier(above=100, input="9", output="9"),)
    variants = (PriceVariant(rate="flex", factor="0.5"),)
    facts = Facts(record=priced("3", "4", tiers=tiers, variants=variants, since="2001-01-01"))
    three = Bounds(max_input_price=Decimal(3))
    assert why(facts, Wanted(prompt=100), three) is None
    assert why(facts, Wanted(prompt=101), three) == "costs 9 USD per million tokens of input, more than 3"
    assert why(facts, Wanted(service_tier="flex"), Bounds(max_input_price=Decimal("1.5"))) is None
    assert why(facts, Wanted(), three, at=0.0) == "has a price of input that nobody knows"


def test_a_context_that_is_too_short() -> None:
    facts = Facts(record=model(context=1000))
    assert objection(facts, Wanted(prompt=1000), Bounds(), 0) is None
    assert objection(facts, Wanted(prompt=900, output=100), Bounds(), 0) is None
    doubt = objection(facts, Wanted(prompt=901, output=100), Bounds(), 0)
    assert doubt == ("has room for 1000 tokens, and the prompt has about 901 and 100 for the answer", False)
    assert objection(facts, Wanted(prompt=1001), Bounds(), 0) == (
        "has room for 1000 tokens, and the prompt has about 1001",
        False,
    )
    assert objection(facts, Wanted(prompt=2001), Bounds(), 0) == (
        "has room for 1000 tokens, and the prompt has about 2001",
        False,
    )
    for need in (Wanted(prompt=2002), Wanted(prompt=2, output=1000), Wanted(prompt=1802, output=100)):
        sure = objection(facts, need, Bounds(), 0)
        assert sure is not None
        assert sure.sure
    assert objection(Facts(record=model()), Wanted(prompt=10**9), Bounds(), 0) is None
    assert objection(Facts(), Wanted(prompt=10**9), Bounds(), 0) is None


def test_what_is_sure_is_told_before_what_is_not() -> None:
    facts = Facts(record=model(context=10, abilities=()), region="us")
    need = Wanted(prompt=11, abilities=frozenset({"vision"}))
    assert why(facts, need, Bounds(regions=("eu",))) == "has no vision"
    assert why(facts, Wanted(prompt=11), Bounds(regions=("eu",), max_input_price=Decimal(0))) == "is in us"
    assert why(facts, Wanted(prompt=11), Bounds(max_input_price=Decimal(0))) == "has a price of input that nobody knows"


# --- in which order ---------------------------------------------------------------------------------------------------


def test_what_an_answer_costs_about() -> None:
    record = priced("2", "8")
    assert USUAL_OUTPUT == 500
    assert estimated_cost(record, Wanted(prompt=1000), 1e9) == Decimal("0.002") + Decimal("0.004")
    assert estimated_cost(record, Wanted(prompt=1000, output=0), 1e9) == Decimal("0.002")
    assert estimated_cost(record, Wanted(prompt=0, output=1000), 1e9) == Decimal("0.008")
    assert estimated_cost(record, Wanted(prompt=1000, service_tier="flex"), 1e9) is None
    assert estimated_cost(None, Wanted(), 1e9) is None
    assert estimated_cost(priced(None, "1"), Wanted(prompt=1), 1e9) is None


def drawing(*points: float) -> tuple[Callable[[float, float], float], list[tuple[float, float]]]:
    """Chance that falls on these points, and from which stretches they were drawn."""
    asked: list[tuple[float, float]] = []
    left = list(points)

    def uniform(low: float, high: float) -> float:
        asked.append((low, high))
        return left.pop(0)

    return uniform, asked


def test_weights_are_stretches() -> None:
    uniform, asked = drawing(0.0, 0.0)
    assert weighted([1, 2, 3], uniform) == [0, 1, 2]
    assert asked == [(0.0, 6), (0.0, 5)]
    assert weighted([1, 2, 3], drawing(0.999, 5.0)[0]) == [0, 2, 1]
    assert weighted([1, 2, 3], drawing(1.0, 0.9)[0]) == [1, 0, 2]
    assert weighted([1, 2, 3], drawing(2.999, 1.0)[0]) == [1, 2, 0]
    assert weighted([1, 2, 3], drawing(3.0, 2.9)[0]) == [2, 1, 0]
    assert weighted([1, 2, 3], drawing(6.0, 3.0)[0]) == [2, 1, 0]  # the end of the last stretch is still its own


def test_who_weighs_nothing_comes_last_in_the_order_written() -> None:
    assert weighted([0, 1, 0, 1], drawing(1.5)[0]) == [3, 1, 0, 2]
    assert weighted([0, 5, 0], drawing()[0]) == [1, 0, 2]
    assert weighted([0, 0], drawing()[0]) == [0, 1]
    assert weighted([], drawing()[0]) == []


def test_weights_are_shares() -> None:
    chance = Random(7)
    firsts = Counter(weighted([1, 3, 0.5], chance.uniform)[0] for _ in range(9000))
    assert [round(firsts[n] / 2000, 1) for n in range(3)] == [1.0, 3.0, 0.5]


def test_round_and_round() -> None:
    assert [rotated(3, turn) for turn in range(3)] == [[0, 1, 2], [1, 2, 0], [2, 0, 1]]
    assert rotated(1, 0) == [0]
    assert rotated(0, 0) == []


def test_the_lowest_first_equals_as_written_unknown_last() -> None:
    assert ascending([3, 1, 2]) == [1, 2, 0]
    assert ascending([2, 1, 2, 1]) == [1, 3, 0, 2]
    assert ascending([None, 5, None, 0]) == [3, 1, 0, 2]
    assert ascending([Decimal("0.2"), Decimal("0.1"), None, Decimal(0)]) == [3, 1, 0, 2]
    assert ascending([None, None]) == [0, 1]
    assert ascending([]) == []


UNSEEN = Speed()


def race(races: Races, *speeds: Speed, now: float) -> list[int]:
    return races.order(list(enumerate(speeds)), now)


def test_the_fastest_first() -> None:
    assert race(Races(3), Speed(0.3, 100.0), Speed(0.1, 100.0), Speed(0.2, 100.0), now=100.0) == [1, 2, 0]
    assert Races(0).order([], 1.0) == []


def test_who_was_never_measured_is_tried_first_one_at_a_time() -> None:
    races = Races(3)
    assert race(races, UNSEEN, UNSEEN, UNSEEN, now=0.0) == [0, 1, 2]
    assert race(races, UNSEEN, UNSEEN, UNSEEN, now=0.0) == [1, 0, 2]
    assert race(races, Speed(0.5, 1.0), UNSEEN, UNSEEN, now=1.0) == [2, 0, 1]
    assert race(races, Speed(0.5, 1.0), UNSEEN, UNSEEN, now=1.0) == [0, 1, 2]


def test_a_figure_is_taken_anew_after_a_minute() -> None:
    assert STALE == 60.0
    races = Races(2)
    stale, quick = Speed(0.9, 40.0), Speed(0.1, 90.0)
    assert race(races, stale, quick, now=99.9) == [1, 0]
    assert race(races, stale, quick, now=100.0) == [0, 1]
    assert race(races, stale, quick, now=100.0) == [1, 0]  # it is under way, or has failed: not again at once
    assert race(races, stale, Speed(0.1, 159.0), now=159.9) == [1, 0]
    assert race(races, stale, Speed(0.1, 159.0), now=160.0) == [0, 1]


def test_whose_figure_is_oldest_is_tried_first() -> None:
    races = Races(3)
    speeds = Speed(0.1, 30.0), Speed(0.2, 10.0), Speed(0.3, 20.0)
    assert race(races, *speeds, now=200.0) == [1, 0, 2]
    assert race(races, *speeds, now=200.0) == [2, 0, 1]
    assert race(races, *speeds, now=200.0) == [0, 1, 2]
    assert race(races, *speeds, now=200.0) == [0, 1, 2]


def test_runners_are_known_by_their_numbers() -> None:
    races = Races(3)
    assert races.order([(2, UNSEEN), (0, Speed(0.1, 0.0))], 0.0) == [0, 1]
    assert races.order([(0, Speed(0.1, 0.0)), (1, Speed(0.05, 0.0)), (2, UNSEEN)], 0.0) == [1, 0, 2]
