"""The catalog is what the sheet and our facts say; names are found, and never guessed."""

from __future__ import annotations

import re
import runpy
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from trunkline.policy.price import cost
from trunkline.providers import catalog
from trunkline.providers.catalog import find, models, resolve, retired_note
from trunkline.providers.table import TABLE, is_provider
from trunkline.values.errors import UsageError
from trunkline.values.model import Model
from trunkline.values.request import EFFORTS
from trunkline.values.response import Usage

TODAY = datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp()
each = pytest.mark.parametrize("model", models(), ids=str)


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


def test_the_catalog_is_what_the_script_makes(shared: Path, script: dict[str, Any]) -> None:
    sheet = (shared / "wire" / "models.md").read_text(encoding="utf-8")
    made = script["build"](sheet, FACTS.read_text(encoding="utf-8"))
    assert made == Path(catalog.__file__).with_name("catalog.json").read_bytes(), "run tools/catalog.py"


def test_every_model_of_the_sheet_is_there(shared: Path) -> None:
    sheet = (shared / "wire" / "models.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| `([^`]+)` \| ([a-z-]+) \|", sheet, re.MULTILINE)
    ours = [(provider.replace("x-ai", "xai"), model_id) for model_id, provider in named]
    ours = [(provider, model_id) for provider, model_id in ours if is_provider(provider)]
    assert ours
    assert [name for name in ours if find(*name) is None] == []


SHEET = """| model | provider | context | max output | input | output | cached read | cache write | caps | shutdown |
|---|---|---|---|---|---|---|---|---|---|
| `m-1` | openai | 10 | 5 | 2† | 10 | 0.1 | — | V T R |  |
| `m-2` | mistral | 10 | ? | 0.5† | 0 | — | — | ? | 2027-01-02 |
| `m-3` | nobody | 10 | 5 | 2 | 10 | 0.1 | — | V T R |  |
"""
ENOUGH = '[[fact]]\nmodels = ["mistral/*"]\nbecause = "b"\nprice = { unknown_above = 7 }\n'


def test_the_script_reads_what_the_sheet_says(script: dict[str, Any]) -> None:
    import msgspec

    first, second = msgspec.json.decode(script["build"](SHEET, ENOUGH), type=list[Model])
    assert (first.name, first.context, first.max_output, first.abilities) == (
        "openai/m-1",
        10,
        5,
        ("text", "vision", "tools", "reasoning"),
    )
    price = first.prices[0]
    assert (price.input, price.output, price.cache_read, price.cache_write) == ("2", "10", "0.1", None)
    assert [(tier.above, tier.input, tier.output, tier.cache_read) for tier in price.tiers] == [(272_000, "4", "15", "0.2")]
    assert (second.max_output, second.abilities, second.retires) == (None, None, "2027-01-02")
    assert (second.prices[0].output, second.prices[0].cache_read, second.prices[0].unknown_above) == ("0", None, 7)


@pytest.mark.parametrize(
    "facts, complaint",
    [
        ("fact = []", "marks a price tier"),
        (ENOUGH + '[[fact]]\nmodels = ["openai/m-9"]\nbecause = "b"\nretires = "x"', "not there"),
        (ENOUGH + '[[fact]]\nmodels = ["mistral/m-2"]\nbecause = "b"\nretires = "2027-01-03"', "said twice"),
        (ENOUGH + '[[fact]]\nmodels = ["openai/m-1"]\nnew = true\nbecause = "b"', "said twice"),
    ],
    ids=["tier without threshold", "fact about nothing", "contradiction", "model twice"],
)
def test_the_script_stops_at_what_does_not_fit(script: dict[str, Any], facts: str, complaint: str) -> None:
    with pytest.raises(SystemExit, match=complaint):
        script["build"](SHEET, facts)


# -- the catalog as it is ---------------------------------------------------------------------------------------------


@each
def test_a_model_is_sound(model: Model) -> None:
    assert is_provider(model.provider)
    assert find(model.provider, model.id) is model
    assert model.successor is None or find(model.provider, model.successor)
    for date in (model.retires, *(price.since for price in model.prices)):
        assert date is None or datetime.fromisoformat(date)
    for price in model.prices:
        figures = [price.input, price.output, price.cache_read, price.cache_write, price.cache_write_1h]
        assert all(Decimal(figure) >= 0 for figure in figures if figure is not None)
        assert [tier.above for tier in price.tiers] == sorted(tier.above for tier in price.tiers)
    assert set(model.quirks.efforts or ()) <= set(EFFORTS)
    assert model.max_output is None or model.context is None or model.max_output <= model.context


@each
def test_a_name_means_one_model_of_its_provider(model: Model) -> None:
    others = [other for other in models(model.provider) if other is not model]
    for name in (model.id, *model.aliases):
        plain = name.removesuffix("*")
        assert not [other.id for other in others if plain in {other.id, *other.aliases}]
        if name.endswith("*"):
            swallowed = [other.id for other in others if other.id.startswith(plain)]
            assert all(find(model.provider, other) is not model for other in swallowed)  # an id of its own comes first
            prefixes = [alias[:-1] for other in others for alias in other.aliases if alias.endswith("*")]
            assert not [prefix for prefix in prefixes if plain.startswith(prefix) or prefix.startswith(plain)]


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
        *("openrouter/anthropic/claude-opus-5.5", "anthropic/claude-opus-5.5", "openai/", "openai/GPT-5.4"),
    ],
)
def test_other_names_are_not_guessed_at(spelled: str) -> None:
    assert find(*spelled.split("/", 1)) is None


def test_a_bare_name_is_resolved_when_it_can_mean_one_model_only(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve("claude-opus-5").name == "anthropic/claude-opus-5"
    assert resolve("gpt-5.4-mini-2026-03-17").name == "openai/gpt-5.4-mini"
    assert resolve("openai/gpt-oss-20b").name == "groq/openai/gpt-oss-20b"
    with pytest.raises(UsageError, match=r"did you mean anthropic/claude-opus-5-5 or .*allowed: provider/model"):
        resolve("claude-opus-5.5")
    shelves = {provider: catalog._Shelf() for provider in ("groq", "openai")}
    for provider, shelf in shelves.items():
        shelf.add(Model(id="twin", provider=provider))
    monkeypatch.setattr(catalog, "_shelves", lambda: shelves)
    with pytest.raises(UsageError, match=r"several providers have twin; allowed: groq/twin, openai/twin"):
        resolve("twin")


def test_models_are_listed_by_provider() -> None:
    assert {model.provider for model in models("groq")} == {"groq"}
    assert sum(len(models(row.name)) for row in TABLE) == len(models())
    assert models("nobody") == ()


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_a_default_model_is_in_the_catalog_where_its_provider_is(row: Any) -> None:
    if models(row.name):
        assert find(row.name, row.default_model)


# -- what it says -----------------------------------------------------------------------------------------------------


def test_openai_charges_long_prompts_double() -> None:
    assert spent("openai/gpt-5.4", input_tokens=272_000, output_tokens=1000) == Decimal("0.695")
    assert spent("openai/gpt-5.4", input_tokens=272_001, output_tokens=1000) == Decimal("1.382505")
    assert spent("openai/gpt-6-astra", input_tokens=300_000, cache_read_tokens=300_000) == Decimal("0.6")
    assert spent("openai/gpt-5.4-mini", input_tokens=300_000) == Decimal("0.225")


@pytest.mark.parametrize(
    "name, certain",
    [("xai/grok-4.7", 199_999), ("anthropic/claude-haiku-5-5", 100_000), ("anthropic/claude-sonnet-4-5", 200_000)],
)
def test_above_a_tier_that_we_do_not_know_there_is_no_cost(name: str, certain: int) -> None:
    assert spent(name, input_tokens=certain) is not None
    assert spent(name, input_tokens=certain + 1) is None


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
    assert cost(one, known("openai/gpt-5.6-sol"), before) is None


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
