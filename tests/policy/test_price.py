"""Costs are exact, or None."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, strategies as st

from trunkline.policy import price
from trunkline.policy.price import cost, prices as prices_at
from trunkline.values.model import Model, Price, PriceTier, PriceVariant
from trunkline.values.response import Usage

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp()


def model(*prices: Price) -> Model:
    return Model(id="m", provider="p", prices=prices)


PLAIN = Price(input="2", output="10", cache_read="0.1", cache_write="2.5", cache_write_1h="4")


def test_each_kind_of_token_has_its_price() -> None:
    usage = Usage(input_tokens=1000, output_tokens=80, cache_read_tokens=500, cache_write_tokens=300, cache_write_1h_tokens=100)
    in_millionths = 200 * 2 + 500 * Decimal("0.1") + 200 * Decimal("2.5") + 100 * 4 + 80 * 10
    assert cost(usage, model(PLAIN), NOON) == in_millionths / 10**6


def test_reasoning_is_part_of_the_output_and_charged_once() -> None:
    usage = Usage(input_tokens=0, output_tokens=10, reasoning_tokens=9)
    assert cost(usage, model(PLAIN), NOON) == Decimal("0.0001")


def test_a_known_zero_is_zero_and_an_unknown_price_is_none() -> None:
    free = model(Price(input="0", output="0"))
    assert cost(Usage(input_tokens=7, output_tokens=7), free, NOON) == 0
    assert cost(Usage(input_tokens=7, output_tokens=7), model(Price(input="1")), NOON) is None
    assert cost(Usage(input_tokens=7, output_tokens=7), model(), NOON) is None
    assert cost(Usage(input_tokens=7, output_tokens=7), None, NOON) is None


def test_a_price_is_needed_only_where_there_are_tokens() -> None:
    lacking = model(Price(input="1"))
    assert cost(Usage(input_tokens=7, output_tokens=0), lacking, NOON) == Decimal("0.000007")


def test_a_count_is_needed_only_where_there_is_a_price() -> None:
    embedding = model(Price(input="0.02", output="0"))
    assert cost(Usage(input_tokens=100), embedding, NOON) == Decimal("0.000002")
    assert cost(Usage(input_tokens=100), model(PLAIN), NOON) is None
    assert cost(Usage(output_tokens=100), model(PLAIN), NOON) is None
    assert cost(Usage(), model(PLAIN), NOON) is None


def test_without_a_price_for_writing_it_is_charged_as_input() -> None:
    older = model(Price(input="2", output="8", cache_read="0.5"))
    usage = Usage(input_tokens=100, output_tokens=0, cache_write_tokens=40)
    assert cost(usage, older, NOON) == Decimal("0.0002")


def test_writing_for_an_hour_needs_a_price_of_its_own_where_writing_has_one() -> None:
    usage = Usage(input_tokens=100, output_tokens=0, cache_write_tokens=40, cache_write_1h_tokens=40)
    assert cost(usage, model(Price(input="2", output="8", cache_write="2.5")), NOON) is None
    assert cost(usage, model(Price(input="2", output="8")), NOON) == Decimal("0.0002")


def test_reading_from_the_cache_needs_a_price() -> None:
    usage = Usage(input_tokens=100, output_tokens=0, cache_read_tokens=40)
    assert cost(usage, model(Price(input="2", output="8")), NOON) is None


@pytest.mark.parametrize(
    "usage",
    [
        Usage(input_tokens=7, output_tokens=1, cache_read_tokens=161),
        Usage(input_tokens=100, output_tokens=1, cache_write_tokens=3, cache_write_1h_tokens=4),
        Usage(input_tokens=100, output_tokens=1, output_audio_tokens=2),
        Usage(input_tokens=-1, output_tokens=1),
    ],
    ids=["more cached than sent", "more kept than written", "more spoken than answered", "negative"],
)
def test_figures_that_contradict_each_other_cost_nothing_that_we_know(usage: Usage) -> None:
    priced = Price(input="1", output="1", cache_read="1", cache_write="1", cache_write_1h="1", output_audio="1")
    assert cost(usage, model(priced), NOON) is None


def test_sound_and_pictures_are_not_charged_as_text() -> None:
    usage = Usage(input_tokens=10, output_tokens=20, input_audio_tokens=4, output_audio_tokens=5)
    assert cost(usage, model(PLAIN), NOON) is None
    audio = Price(input="1", output="2", input_audio="32", output_audio="64", cache_read="0.1")
    assert cost(usage, model(audio), NOON) == Decimal(6 * 1 + 4 * 32 + 15 * 2 + 5 * 64) / 10**6
    assert cost(Usage(input_tokens=10, output_tokens=20, output_image_tokens=1), model(audio), NOON) is None
    cached = Usage(input_tokens=10, output_tokens=0, input_audio_tokens=4, cache_read_tokens=4)
    assert cost(cached, model(audio), NOON) is None  # was it sound that lay in the cache?


def test_the_price_of_the_day_counts() -> None:
    changing = model(Price(since="2026-11-21", input="4", output="1"), Price(since="2026-11-01", input="3", output="1"))
    usage = Usage(input_tokens=1, output_tokens=0)
    midnight = datetime(2026, 11, 21, tzinfo=UTC).timestamp()
    assert cost(usage, changing, midnight) == Decimal("0.000004")
    assert cost(usage, changing, midnight - 0.001) == Decimal("0.000003")
    assert cost(usage, changing, datetime(2026, 10, 31, 23, tzinfo=UTC).timestamp()) is None


def test_above_a_tier_its_price_holds_for_every_token() -> None:
    tiers = (PriceTier(above=10, input="2", output="3", cache_read="1"), PriceTier(above=20, input="4", output="6"))
    tiered = model(Price(input="1", output="2", cache_read="0.5", tiers=tiers))
    assert cost(Usage(input_tokens=10, output_tokens=1), tiered, NOON) == Decimal("0.000012")
    assert cost(Usage(input_tokens=11, output_tokens=1, cache_read_tokens=1), tiered, NOON) == Decimal("0.000024")
    assert cost(Usage(input_tokens=21, output_tokens=1), tiered, NOON) == Decimal("0.00009")
    assert cost(Usage(input_tokens=21, output_tokens=1, cache_read_tokens=1), tiered, NOON) is None


def test_above_an_unknown_tier_nothing_is_known() -> None:
    doubtful = model(Price(input="1", output="2", unknown_above=100))
    assert cost(Usage(input_tokens=100, output_tokens=0), doubtful, NOON) == Decimal("0.0001")
    assert cost(Usage(input_tokens=101, output_tokens=0), doubtful, NOON) is None


def test_in_dearer_hours_and_beside_a_fee_nothing_is_known() -> None:
    hours = model(Price(input="1", output="1", unknown_hours=((1, 4),)))
    one = Usage(input_tokens=1, output_tokens=0)
    at = [datetime(2026, 11, 20, hour, 59, 59, tzinfo=UTC).timestamp() for hour in (0, 1, 3, 4)]
    assert [cost(one, hours, moment) is None for moment in at] == [False, True, True, False]
    assert cost(one, model(Price(input="1", output="1", unknown_fee=True)), NOON) is None


def test_some_hours_of_the_day_have_a_price_of_their_own() -> None:
    one = Usage(input_tokens=1, output_tokens=0)
    dearer = model(Price(input="1", output="1"), Price(input="2", output="1", hours=((1, 4), (6, 10))))
    at = [datetime(2026, 11, 20, hour, 59, 59, tzinfo=UTC).timestamp() for hour in (0, 1, 3, 4, 9, 10)]
    assert [str(cost(one, dearer, moment)) for moment in at] == [
        "0.000001",
        *["0.000002"] * 2,
        "0.000001",
        "0.000002",
        "0.000001",
    ]


BATCHED = Price(
    input="2", output="10", cache_read="0.3", tiers=(PriceTier(above=5, input="4", output="15"),),
    variants=(
        PriceVariant(rate="batch", since="2026-10-14", factor="0.5"),
        PriceVariant(rate="fast", input="5", output="30", tiers=(PriceTier(above=5, input="7", output="40"),)),
    ),
)  # fmt: skip


@pytest.mark.parametrize(
    ("rate", "tokens", "millionths"),
    [("batch", 2, 12), ("batch", 6, 27), ("fast", 2, 70), ("fast", 6, 122), (None, 2, 24), ("standard", 6, 54)],
)
def test_another_rate_has_its_own_price(rate: str | None, tokens: int, millionths: int) -> None:
    usage = Usage(input_tokens=tokens, output_tokens=2)
    assert cost(usage, model(BATCHED), NOON, rate) == Decimal(millionths) / 10**6


def test_a_rate_is_told_by_the_call_or_by_the_providers_figures_and_not_by_both_in_two_ways() -> None:
    def told(rate: str | None, **raw: object) -> Decimal | None:
        return cost(Usage(input_tokens=2, output_tokens=0, raw=raw), model(BATCHED), NOON, rate)

    assert told(None, service_tier="batch") == told("batch", service_tier="batch") == told("batch") == Decimal("0.000002")
    assert told(None, speed="fast") == Decimal("0.00001")
    assert told("batch", speed="fast") is None
    assert told("flex") is None


def test_a_rate_has_a_first_day_too() -> None:
    before = datetime(2026, 10, 13, 23, 59, tzinfo=UTC).timestamp()
    one = Usage(input_tokens=1, output_tokens=0)
    assert cost(one, model(BATCHED), before, "batch") is None
    assert cost(one, model(BATCHED), before + 60, "batch") == Decimal("0.000001")


@pytest.mark.parametrize("tier", [None, "default", "standard", "on_demand"])
def test_the_standard_tier_is_priced(tier: str | None) -> None:
    raw = {} if tier is None else {"service_tier": tier, "server_tool_use": {"web_search_requests": 0}, "num_sources_used": 0}
    assert cost(Usage(input_tokens=1, output_tokens=0, raw=raw), model(PLAIN), NOON, tier) == Decimal("0.000002")


@pytest.mark.parametrize(
    "raw",
    [{"service_tier": "batch"}, {"speed": "fast"}, {"server_tool_use": {"web_search_requests": 2}}, {"num_sources_used": 3}],
    ids=str,
)
def test_another_rate_or_a_fee_in_the_providers_own_figures_is_heeded(raw: dict[str, object]) -> None:
    assert cost(Usage(input_tokens=1, output_tokens=0, raw=raw), model(PLAIN), NOON) is None


def test_what_is_billed_is_charged_where_it_is_counted_apart() -> None:
    counted = Usage(
        input_tokens=1500,
        output_tokens=90,
        cache_read_tokens=1400,
        raw={"billed_units": {"input_tokens": 3, "output_tokens": 1.0}},
    )
    alone = Usage(input_tokens=3, output_tokens=1)
    assert cost(counted, model(PLAIN), NOON) == cost(alone, model(PLAIN), NOON) is not None
    for units in ({"input_tokens": 3, "output_tokens": 1, "search_units": 1}, 7):
        assert cost(Usage(input_tokens=3, output_tokens=1, raw={"billed_units": units}), model(PLAIN), NOON) is None
    assert cost(Usage(input_tokens=3, output_tokens=1, raw={"billed_units": {"input_tokens": -1}}), model(PLAIN), NOON) is None


def test_another_tier_and_hosted_tools_have_no_known_price() -> None:
    one = Usage(input_tokens=1, output_tokens=0)
    assert cost(one, model(PLAIN), NOON, "flex") is None
    assert cost(one, model(PLAIN), NOON, hosted_tools=True) is None


def test_the_callers_arithmetic_context_changes_nothing() -> None:
    usage = Usage(input_tokens=123_456_789, output_tokens=987_654_321)
    with localcontext() as context:
        context.prec = 3
        rounded = cost(usage, model(PLAIN), NOON)
    assert rounded == cost(usage, model(PLAIN), NOON) == Decimal("10123.456788")


prices = st.decimals(0, 1000, places=6, allow_nan=False).map(str)
counts = st.integers(0, 10**8)


@given(fresh=counts, read=counts, written=counts, kept=counts, out=counts, price=st.tuples(*[prices] * 5))
def test_a_cost_is_the_exact_sum(fresh: int, read: int, written: int, kept: int, out: int, price: tuple[str, ...]) -> None:
    usage = Usage(
        input_tokens=fresh + read + written + kept,
        output_tokens=out,
        cache_read_tokens=read,
        cache_write_tokens=written + kept,
        cache_write_1h_tokens=kept,
    )
    fields = ("input", "cache_read", "cache_write", "cache_write_1h", "output")
    found = cost(usage, model(Price(**dict(zip(fields, price, strict=True)))), NOON)
    due = sum(Fraction(each) * tokens for each, tokens in zip(price, (fresh, read, written, kept, out), strict=True)) / 10**6
    assert found is not None
    assert Fraction(found) == due


@given(tokens=counts, more=counts, price=prices)
def test_more_tokens_never_cost_less(tokens: int, more: int, price: str) -> None:
    one = model(Price(input=price, output=price))
    less = cost(Usage(input_tokens=tokens, output_tokens=0), one, NOON)
    all_of_them = cost(Usage(input_tokens=tokens + more, output_tokens=0), one, NOON)
    assert less is not None
    assert all_of_them is not None
    assert less <= all_of_them


@given(
    fields=st.dictionaries(
        st.sampled_from([field for field in Usage.__struct_fields__ if field.endswith("_tokens")]), st.integers(-5, 50)
    ),
    known=st.sets(
        st.sampled_from(["input", "output", "cache_read", "cache_write", "cache_write_1h", "input_audio", "output_audio"])
    ),
    raw=st.dictionaries(
        st.sampled_from(["service_tier", "speed", "server_tool_use"]), st.one_of(st.none(), st.text(), st.lists(st.none()))
    ),
)
def test_whatever_a_provider_counts_the_cost_is_none_or_not_negative(
    fields: dict[str, int], known: set[str], raw: dict[str, object]
) -> None:
    price: dict[str, Any] = dict.fromkeys(known, "1.5")
    found = cost(Usage(**fields, raw=raw), model(Price(**price)), NOON)
    assert found is None or found >= 0


def test_what_a_million_tokens_cost() -> None:
    tiers = (PriceTier(above=100, input="4", output="20"),)
    variants = (PriceVariant(rate="flex", factor="0.5"),)
    known = model(Price(input="2.5", output="10", tiers=tiers, variants=variants, since="2026-01-01", unknown_above=1000))
    assert prices_at(known, NOON) == (Decimal("2.5"), Decimal(10))
    assert prices_at(known, NOON, "default", 100) == (Decimal("2.5"), Decimal(10))
    assert prices_at(known, NOON, None, 101) == (Decimal(4), Decimal(20))
    assert prices_at(known, NOON, "flex") == (Decimal("1.25"), Decimal(5))
    assert prices_at(known, NOON, "priority") == (None, None)
    assert prices_at(known, NOON, None, 1001) == (None, None)
    assert prices_at(known, 0.0) == (None, None)
    assert prices_at(model(Price(output="0.000001")), NOON) == (None, Decimal("0.000001"))
    with localcontext() as rounded:
        rounded.prec = 2
        assert prices_at(model(Price(input="123.456789", output="0")), NOON) == (Decimal("123.456789"), Decimal(0))


def test_what_is_known_of_prices_is_kept_by_identity_and_does_not_grow_without_end() -> None:
    one, like_it = (PLAIN,), (Price(input="2", output="10"),)
    assert price._rows(one) is price._rows(one)
    assert price._rows(like_it) is price._rows(like_it)
    assert price._rows(one) is not price._rows(like_it)
    kept = [(Price(input=str(n)),) for n in range(2500)]
    for each in kept:
        price._rows(each)
        assert len(price._KNOWN) <= 1024
    assert price._rows(one)[0].price is PLAIN


def test_a_memory_of_prices_that_are_gone_is_not_mistaken_for_those_that_took_their_place() -> None:
    prices_now = (Price(input="7", output="1"),)
    price._KNOWN[id(prices_now)] = ((PLAIN,), price._rows((PLAIN,)))
    assert cost(Usage(input_tokens=1, output_tokens=0), Model(id="m", provider="p", prices=prices_now), NOON) == Decimal(
        "0.000007"
    )


@pytest.mark.parametrize(
    ("total", "shown"),
    [("0.001", "0.001"), ("1000", "1000"), ("0.0000001", "1E-7"), ("10", "10"), ("0.5", "0.5"), ("123456", "123456")],
)
def test_a_sum_is_written_as_short_as_it_is(total: str, shown: str) -> None:
    a_million = Usage(input_tokens=10**6, output_tokens=0)
    assert str(cost(a_million, model(Price(input=total, output="0")), NOON)) == shown


def test_a_price_may_have_more_digits_than_anybody_writes() -> None:
    fine = "0." + "0" * 60 + "12345678901234567890123456789"
    found = cost(Usage(input_tokens=3, output_tokens=0), model(Price(input=fine, output="0")), NOON)
    assert found is not None
    assert Fraction(found) == Fraction(fine) * 3 / 10**6
    whole = "123456789012345678901234567890"
    assert cost(Usage(input_tokens=10**6, output_tokens=0), model(Price(input=whole, output="0")), NOON) == Decimal(whole)


def test_of_two_prices_of_one_rate_the_later_holds_from_its_day_on() -> None:
    halves = [
        PriceVariant(rate="batch", since=since, factor=factor)
        for since, factor in (("2026-01-01", "0.5"), ("2026-11-01", "0.25"))
    ]
    one, before = Usage(input_tokens=1, output_tokens=0), datetime(2026, 10, 31, tzinfo=UTC).timestamp()
    for variants in (halves, halves[::-1]):
        row = model(Price(input="4", output="8", variants=tuple(variants)))
        assert [cost(one, row, at, "batch") for at in (before, NOON)] == [Decimal("0.000002"), Decimal("0.000001")]
