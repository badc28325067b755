"""The catalog is what the sheet and our facts say; names are found, and never guessed."""

from __future__ import annotations

import runpy
import tomllib
from datetime import UTC, date, datetime, time
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from genai_prices.types import (
    ClauseEquals,
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    PriceVariant as PackageVariant,
    Provider as PackageProvider,
    StartDateConstraint,
    Tier,
    TieredPrices,
    TimeOfDateConstraint,
)

from tests.conftest import ROOT
from trunkline.policy.price import cost
from trunkline.providers import catalog
from trunkline.providers.catalog import Catalog, find, models, resolve, retired_note
from trunkline.providers.table import TABLE, is_provider, provider as row_of
from trunkline.values.errors import UsageError
from trunkline.values.model import Model, Price, PriceTier, PriceVariant, Quirks
from trunkline.values.request import EFFORTS
from trunkline.values.response import Usage

TODAY = datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp()
each = pytest.mark.parametrize("provider", sorted({model.provider for model in models()}))


def known(name: str) -> Model:
    provider, _, model_id = name.partition("/")
    found = find(provider, model_id)
    assert found is not None, name
    return found


def spent(name: str, **tokens: int) -> Decimal | None:
    counts: dict[str, Any] = {"input_tokens": 0, "output_tokens": 0} | tokens
    return cost(Usage(**counts), known(name), TODAY)


@pytest.fixture
def script() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "tools" / "catalog.py"))


FACTS = ROOT / "tools" / "catalog.toml"


@pytest.fixture
def made(script: dict[str, Any]) -> bytes:
    import genai_prices
    from genai_prices.data import providers

    facts = FACTS.read_text(encoding="utf-8")
    if genai_prices.__version__ != tomllib.loads(facts)["package"]["version"]:
        pytest.skip("another version of the price package is installed")
    return bytes(script["build"](providers, facts))


def test_the_catalog_is_what_the_script_makes(made: bytes) -> None:
    assert made == Path(catalog.__file__).with_name("catalog.json").read_bytes(), "run tools/catalog.py"


def test_every_model_of_the_sheet_is_there_and_every_disagreement_is_listed(shared: Path, script: dict[str, Any]) -> None:
    sheet = (shared / "wire" / "models.md").read_text(encoding="utf-8")
    assert sheet.count("\n| `") > 100
    found = script["disagreements"](sheet, Path(catalog.__file__).with_name("catalog.json").read_bytes())
    assert [row for row in found if row[1] == "model"] == []
    version = tomllib.loads(FACTS.read_text(encoding="utf-8"))["package"]["version"]
    told = (ROOT / "docs" / "catalog-disagreements.md").read_text(encoding="utf-8")
    assert told == script["report"](found, version), "run tools/catalog.py"


D = Decimal
DAY = StartDateConstraint(start_date=date(2026, 8, 1))


def package(*models: ModelInfo) -> list[PackageProvider]:
    return [PackageProvider(id="theirs", name="x", api_pattern="x", models=list(models))]


def known_as(model_id: str, prices: Any, **facts: Any) -> ModelInfo:
    return ModelInfo(id=model_id, match=ClauseEquals(equals=model_id), context_window=10, prices=prices, **facts)


def taken(script: dict[str, Any], models: list[PackageProvider], facts: str = "") -> dict[str, Model]:
    head = '[package]\nversion = "1"\n[package.providers]\ntheirs = { to = "openai", prefix = "p/" }\n'
    shelves = msgspec.json.decode(script["build"](models, head + facts), type=dict[str, msgspec.Raw])
    return {model.id: model for provider, part in shelves.items() for model in catalog.read(provider, part)}


def test_the_script_reads_what_the_package_says(script: dict[str, Any]) -> None:
    tiered = ModelPrice(
        input_mtok=TieredPrices(base=D(2), tiers=[Tier(start=272, price=D(4))]), output_mtok=D(10), web_searches_kcount=D(5)
    )
    old, new = (
        ModelPrice(input_mtok=D(3), output_mtok=D("12.50")),
        ModelPrice(input_mtok=D(1), output_mtok=D(2), requests_kcount=D(1)),
    )
    night = TimeOfDateConstraint(start_time=time(22), end_time=time(3, 30))
    batch = PackageVariant(when={"processing": "batch"}, prices=ModelPrice(input_mtok=D("0.5"), output_mtok=D(1)), constraint=DAY)
    fast = PackageVariant(when={"speed": "fast"}, prices=ModelPrice(input_mtok=D(9)))
    found = taken(
        script,
        package(
            known_as("tiered", tiered),
            known_as(
                "dated",
                [ConditionalPrice(prices=old), ConditionalPrice(prices=new, constraint=DAY)],
                price_variants=[batch, fast],
            ),
            known_as("nightly", [ConditionalPrice(prices=new), ConditionalPrice(prices=old, constraint=night)]),
            known_as("gone", old, deprecated=True),
            known_as("unpriced", ModelPrice(input_mtok=D(1))),
        ),
    )
    assert list(found) == ["p/tiered", "p/dated", "p/nightly"]
    assert found["p/tiered"].context == 10
    assert found["p/tiered"].prices == (
        Price(input="2", output="10", tiers=(PriceTier(above=272, input="4", output="10"),)),
    )  # fmt: skip
    before, after = found["p/dated"].prices
    assert (before.since, before.output, after.since, after.unknown_fee) == ("1970-01-01", "12.5", "2026-08-01", True)
    assert [variant.rate for variant in before.variants] == ["fast"]  # the other began when this ended
    assert after.variants == (
        PriceVariant(rate="batch", since="2026-08-01", factor="0.5"),
        PriceVariant(rate="fast", input="9", output="2"),
    )
    assert found["p/nightly"].prices[1].hours == ((22, 24), (0, 4))


FACT = '[[fact]]\nmodels = ["openai/p/*"]\nbecause = "b"\n'


def test_the_script_lays_what_we_know_over_it(script: dict[str, Any]) -> None:
    price = ModelPrice(input_mtok=D(1), output_mtok=D(2))
    night = TimeOfDateConstraint(start_time=time(1), end_time=time(4))
    dearer = [ConditionalPrice(prices=price), ConditionalPrice(prices=ModelPrice(input_mtok=D(2)), constraint=night)]
    facts = (
        """
[models]
"openai/p/m" = { max_output = 5, has = "V R think!", retires = "2027-01-01" }
"anthropic/own" = { context = 7, price = { input = "1" }, has = "E" }
"""
        + FACT
        + 'aliases = ["{lower}-20*"]\ndoubtful_hours = true\nquirks = { no_stop = true }\n'
        + """
[[like]]
models = 'openai/p/(c)'
as = 'anthropic/o\\1n'
"""
    )
    found = taken(script, package(known_as("m", dearer), known_as("C", price)), facts)
    model = found["p/m"]
    assert (model.context, model.max_output, model.retires, model.aliases) == (10, 5, "2027-01-01", ("p/m-20*",))
    assert model.abilities == ("text", "vision", "reasoning")
    assert model.quirks == Quirks(thinking="always", no_stop=True)
    assert model.prices == (Price(input="1", output="2", unknown_hours=((1, 4),)),)
    assert found["own"] == Model(id="own", provider="anthropic", context=7, prices=(Price(input="1"),), abilities=("embeddings",))
    assert found["p/C"].aliases == ("p/c-20*",)


@pytest.mark.parametrize(
    "facts, complaint",
    [
        ('[[fact]]\nmodels = ["openai/m-9"]\nbecause = "b"\nretires = "x"', "not there"),
        (f'{FACT}retires = "2027-01-03"\n{FACT}retires = "2027-01-04"', "said twice"),
        ('[models]\n"nobody/m" = {}', "no such provider"),
    ],
    ids=["fact about nothing", "contradiction", "of nobody"],
)
def test_the_script_stops_at_what_does_not_fit(script: dict[str, Any], facts: str, complaint: str) -> None:
    with pytest.raises(SystemExit, match=complaint):
        taken(script, package(known_as("m", ModelPrice(input_mtok=D(1), output_mtok=D(2)))), facts)


def test_the_sheet_is_compared_with_what_there_is(script: dict[str, Any]) -> None:
    sheet = "| `m` | openai | 10 | ? | 2† | 10 | 0.1 | — | V | 2027-01-02 |\n| `n` | nobody | 1 | 1 | 1 | 1 | — | — | ? | |\n"
    model = Model(id="m", provider="openai", context=10, prices=(Price(input="2.0", output="11"),), abilities=("text",))
    assert script["disagreements"](sheet, msgspec.json.encode({"openai": [model]})) == [
        ("openai/m", "output", "10", "11"),
        ("openai/m", "cache_read", "0.1", "—"),
        ("openai/m", "retires", "2027-01-02", "—"),
        ("openai/m", "abilities", "vision", "text"),
        ("nobody/n", "model", "is there", "unknown"),
    ]


# -- the catalog as it is ---------------------------------------------------------------------------------------------


@each
def test_its_models_are_sound(provider: str) -> None:
    for model in models(provider):
        assert is_provider(provider) or model.abilities == ("embeddings",)
        assert find(provider, model.id) is model
        assert model.successor is None or find(provider, model.successor)
        for day in (model.retires, *(price.since for price in model.prices)):
            assert day is None or datetime.fromisoformat(day)
        for price in (*model.prices, *(variant for each in model.prices for variant in each.variants)):
            figures = [getattr(price, field) for field in ("input", "output", "cache_read", "cache_write", "cache_write_1h")]
            assert all(Decimal(figure) >= 0 for figure in figures if figure is not None)
            assert [tier.above for tier in price.tiers] == sorted(tier.above for tier in price.tiers)
        assert set(model.quirks.efforts or ()) <= set(EFFORTS)
        assert model.dialect is None or model.dialect in row_of(provider).dialects
        beside = provider == "gemini"  # whose limit of output comes on top of the input's (models.md)
        assert model.max_output is None or model.context is None or model.max_output <= model.context or beside
        assert all(price.since <= later.since for price, later in pairwise(model.prices))


@each
def test_a_name_means_one_model_of_its_provider(provider: str) -> None:
    owner: dict[str, str] = {}
    for model in models(provider):
        for name in {model.id, *model.aliases}:
            assert owner.setdefault(name, model.id) == model.id
    prefixes = sorted(name[:-1] for name in owner if name.endswith("*"))
    for prefix, following in pairwise(prefixes):
        assert not following.startswith(prefix)
    for prefix in prefixes:
        for name in (name for name in owner if name.startswith(prefix) and not name.endswith("*")):
            assert (found := find(provider, name)) is not None
            assert found.id == owner[name]  # an id of its own comes first


@pytest.mark.parametrize(
    "spelled, name",
    [
        ("openai/gpt-5.4-mini-2026-03-17", "openai/gpt-5.4-mini"),
        ("openai/gpt-5.4-2026-03-05", "openai/gpt-5.4"),
        ("openai/gpt-4o-2024-08-06", "openai/gpt-4o"),
        ("openai/gpt-4o-2024-05-13", "openai/gpt-4o-2024-05-13"),
        ("anthropic/claude-haiku-4-5-20251001", "anthropic/claude-haiku-4-5"),
        ("anthropic/claude-fable-5-2", "anthropic/claude-fable-5-2"),
        ("anthropic/claude-sonnet-4-20250514", "anthropic/claude-sonnet-4-0"),
        ("groq/openai/gpt-oss-120b", "groq/openai/gpt-oss-120b"),
    ],
)
def test_dated_snapshots_are_their_model(spelled: str, name: str) -> None:
    assert known(spelled).name == name


@pytest.mark.parametrize(
    "spelled",
    [
        *(
            "openai/gpt-5.4-turbo",
            "openai/gpt-4o-audio-preview",
            "openai/claude-opus-5",
            "anthropic/claude-opus-5-6",
            "nobody/gpt-5.4",
        ),
        *("openrouter/anthropic/claude-opus-5-5", "anthropic/claude-opus-5.5", "openai/", "openai/GPT-5.4"),
    ],
)
def test_other_names_are_not_guessed_at(spelled: str) -> None:
    assert find(*spelled.split("/", 1)) is None


def test_a_bare_name_is_resolved_when_it_can_mean_one_model_only() -> None:
    assert resolve("claude-opus-5").name == "anthropic/claude-opus-5"
    assert resolve("gpt-5.4-mini-2026-03-17").name == "openai/gpt-5.4-mini"
    assert resolve("zai-glm-4.7").name == "cerebras/zai-glm-4.7"
    with pytest.raises(UsageError, match="several providers have openai/gpt-oss-20b"):
        resolve("openai/gpt-oss-20b")
    with pytest.raises(UsageError, match=r"did you mean anthropic/claude-opus-5-5 or .*allowed: provider/model"):
        resolve("claude-opus-5.5")
    twins = Catalog({"groq/twin": {}, "openai/twin": {}})
    with pytest.raises(UsageError, match=r"several providers have twin; allowed: openai/twin, groq/twin"):
        twins.resolve("twin")


def test_models_are_listed_by_provider() -> None:
    assert {model.provider for model in models("groq")} == {"groq"}
    own = [row.name for row in TABLE if row.models_of is None]
    assert sum(len(models(name)) for name in [*own, "voyage"]) == len(models())
    assert models("nobody") == ()


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_a_default_model_is_in_the_catalog_where_its_provider_is(row: Any) -> None:
    if models(row.name) and row.default_model not in (None, "openrouter/auto"):
        assert find(row.name, row.default_model)


# -- what it says -----------------------------------------------------------------------------------------------------


def test_openai_charges_long_prompts_double() -> None:
    assert spent("openai/gpt-5.4", input_tokens=272_000, output_tokens=1000) == Decimal("0.695")
    assert spent("openai/gpt-5.4", input_tokens=272_001, output_tokens=1000) == Decimal("1.382505")
    assert spent("openai/gpt-6-astra", input_tokens=300_000, cache_read_tokens=300_000) == Decimal("0.6")
    assert spent("openai/gpt-5.4-mini", input_tokens=300_000) == Decimal("0.225")


@pytest.mark.parametrize(
    "name, least, factor",
    [("xai/grok-4.7", 200_000, 2), ("anthropic/claude-haiku-5-5", 100_000, 5), ("gemini/gemini-2.5-pro", 200_000, 2)],
)
def test_long_prompts_have_their_tier(name: str, least: int, factor: int) -> None:
    short, long = spent(name, input_tokens=least - 1), spent(name, input_tokens=least + 1)
    assert short is not None
    assert long is not None
    assert long / (least + 1) == factor * short / (least - 1)


@pytest.mark.parametrize("name", ["openai/gpt-5.6-sol", "anthropic/claude-opus-5-5", "gemini/gemini-3.8-flash"])
def test_a_batch_costs_half(name: str) -> None:
    usage = Usage(input_tokens=1000, output_tokens=100)
    whole, half = (cost(usage, known(name), TODAY, rate) for rate in (None, "batch"))
    assert whole is not None
    assert half == whole / 2


def test_a_provider_that_serves_anothers_models_knows_what_they_are() -> None:
    theirs = find("vertex", "gemini-2.5-pro")
    assert theirs is not None
    assert theirs.name == "vertex/gemini-2.5-pro"
    assert theirs.quirks.thinking_config == "budget"
    assert theirs.prices == known("gemini/gemini-2.5-pro").prices
    azure = find("azure", "gpt-5.4")
    assert azure is not None
    assert (azure.prices, azure.quirks) == ((), known("openai/gpt-5.4").quirks)
    assert "vertex/gemini-2.5-pro" not in {model.name for model in models()}


def test_a_model_that_answers_in_one_dialect_only_says_so() -> None:
    for name in ("openai/gpt-5.5-pro", "openai/o3-pro", "openai/gpt-5.3-codex"):
        assert known(name).dialect == "openai-responses"
    assert known("openai/gpt-5.4").dialect is None


# -- what users know better -------------------------------------------------------------------------------------------


def test_what_a_user_says_lies_over_what_is_built_in() -> None:
    own = {
        "openai/gpt-5.4": {"max_output": 7, "quirks": {"no_stop": False}},
        "openai/mine": {"context": 5, "aliases": ["my-*"], "prices": [{"input": "1", "output": "2"}]},
        "local/tiny": {"context": 99},
    }
    mine = Catalog(own)
    model = mine.find("openai", "gpt-5.4-2026-03-05")
    assert model is not None
    assert (model.max_output, model.quirks.no_stop, model.context) == (7, False, 1_050_000)
    assert model.quirks.no_penalties is True
    assert mine.find("openai", "my-1") == Model(
        id="mine", provider="openai", context=5, aliases=("my-*",), prices=(Price(input="1", output="2"),)
    )
    assert mine.resolve("tiny").name == "local/tiny"
    assert mine.find("anthropic", "claude-opus-5") is find("anthropic", "claude-opus-5")
    assert len(mine.models()) == len(models()) + 2


def test_anthropic_charges_twice_the_input_for_an_hour_in_the_cache() -> None:
    tokens = {"input_tokens": 1_000_000, "cache_write_tokens": 1_000_000}
    assert spent("anthropic/claude-opus-5", **tokens) == Decimal("6.25")
    assert spent("anthropic/claude-opus-5", **tokens, cache_write_1h_tokens=1_000_000) == 10


def test_what_is_known_to_be_incomplete_is_not_told() -> None:
    assert spent("perplexity/sonar", input_tokens=10) is None  # a fee for each request
    at_night = datetime(2026, 11, 20, 7, tzinfo=UTC).timestamp()
    one = Usage(input_tokens=1, output_tokens=0)
    assert cost(one, known("deepseek/deepseek-v4-flash"), at_night) is None
    assert cost(one, known("deepseek/deepseek-v4-flash"), TODAY) == Decimal("0.00000015")
    before = datetime(2026, 8, 20, 23, tzinfo=UTC).timestamp()
    assert cost(one, known("openai/gpt-5.6-sol"), before) == Decimal("0.000005")
    assert cost(one, known("openai/gpt-5.6-sol"), before + 3600) == Decimal("0.000004")


def test_every_reasoning_model_of_openai_reads_developer_messages_and_no_other() -> None:
    for model in models("openai"):
        if model.abilities and "embeddings" not in model.abilities:
            assert (model.quirks.system_role == "developer") == ("reasoning" in model.abilities), model.id


def test_every_model_of_anthropic_says_how_it_thinks() -> None:
    assert [model.id for model in models("anthropic") if model.quirks.thinking is None] == []
    assert known("anthropic/claude-fable-5").quirks.thinking == "always"
    assert known("anthropic/claude-opus-5-5").quirks.no_forced_tool


@pytest.mark.parametrize(
    "name, today, note",
    [
        ("openai/o4-mini", "2026-10-22", None),
        ("openai/o4-mini", "2026-10-23", "openai/o4-mini was retired on 2026-10-23; use openai/gpt-5.6-terra"),
        ("openai/gpt-4o", "2027-01-13", None),
        ("openai/gpt-4.1", "2027-01-14", "openai/gpt-4.1 was retired on 2027-01-14; use openai/gpt-6-luna"),
        (
            "deepseek/deepseek-chat",
            "2026-11-20",
            "deepseek/deepseek-chat was retired on 2026-07-24; use deepseek/deepseek-v4-flash",
        ),
        ("anthropic/claude-opus-4-1", "2026-11-20", "anthropic/claude-opus-4-1 was retired on 2026-08-05"),
        ("openai/gpt-5.4", "2099-01-01", None),
    ],
)
def test_a_retired_model_says_since_when_and_what_to_use(name: str, today: str, note: str | None) -> None:
    assert retired_note(known(name), today) == note
