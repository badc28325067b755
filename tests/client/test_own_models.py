"""Models and prices of one's own: laid over the catalog by whoever may, and refused with the field's name where they are wrong."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from trunkline.client.destinations import Destinations
from trunkline.client.settings import Settings
from trunkline.engine.destination import Wire
from trunkline.policy.price import cost
from trunkline.providers import catalog
from trunkline.values.errors import UsageError
from trunkline.values.model import Model
from trunkline.values.response import Usage

MINE = """
[models."openai/gpt-5.4"]
max_output = 1000
quirks = { no_stop = false }

[models."local/tiny"]
context = 4096
abilities = ["text", "tools"]
price = { input = 0.5, output = "1.25", tiers = [{ above = 100, input = 1, output = 2.5 }] }
aliases = ["tiny-*"]
"""


def settings(tmp_path: Path, project: str = "", user: str = "", **variables: str) -> Settings:
    home, folder = tmp_path / "home", tmp_path / "project"
    (home / ".config" / "trunkline").mkdir(parents=True, exist_ok=True)
    (folder / ".git").mkdir(parents=True, exist_ok=True)
    if user:
        (home / ".config" / "trunkline" / "trunkline.toml").write_text(user)
    if project:
        (folder / "trunkline.toml").write_text(project)
    return Settings.load(folder, {"HOME": str(home), "USERPROFILE": str(home), "APPDATA": str(home / ".config"), **variables})


def found(loaded: Settings, name: str) -> Model:
    model = loaded.catalog.find(*name.split("/", 1))
    assert model is not None
    return model


def test_with_nothing_said_it_is_the_catalog(tmp_path: Path) -> None:
    assert settings(tmp_path).catalog is catalog.BUILT_IN


@pytest.mark.parametrize("place", ["project", "user"])
def test_a_configuration_file_describes_models(tmp_path: Path, place: str) -> None:
    loaded = settings(tmp_path, **{place: MINE})
    known = found(loaded, "openai/gpt-5.4")
    assert (known.max_output, known.quirks.no_stop, known.context) == (1000, False, 1_050_000)
    tiny = found(loaded, "local/tiny-3")
    assert (tiny.context, tiny.abilities) == (4096, ("text", "tools"))
    assert cost(Usage(input_tokens=100, output_tokens=4), tiny, 1.8e9) == Decimal("0.000055")
    assert cost(Usage(input_tokens=200, output_tokens=4), tiny, 1.8e9) == Decimal("0.00021")


def test_the_more_trusted_has_the_last_word_field_by_field(tmp_path: Path) -> None:
    project = '[models."local/m"]\ncontext = 1\nmax_output = 1\nquirks = { no_n = true, no_seed = true }'
    user = '[models."local/m"]\ncontext = 2\nquirks = { no_n = false }'
    (tmp_path / "mine.json").write_text(json.dumps({"local/m": {"max_output": 3}}))
    loaded = settings(tmp_path, project, user, TRUNKLINE_MODELS=str(tmp_path / "mine.json"))
    model = found(loaded, "local/m")
    assert (model.context, model.max_output, model.quirks.no_n, model.quirks.no_seed) == (2, 3, False, True)


@pytest.mark.parametrize("name", ["mine.toml", "mine.json", "sub/mine.toml"])
def test_a_projects_file_names_a_file_of_the_project(tmp_path: Path, name: str) -> None:
    place = tmp_path / "project" / name
    place.parent.mkdir(parents=True)
    text = json.dumps({"models": {"local/m": {"context": 7}}}) if name.endswith("json") else '["local/m"]\ncontext = 7'
    place.write_text(text)
    assert found(settings(tmp_path, f'models_file = "{name}"'), "local/m").context == 7


@pytest.mark.parametrize("name", ["../mine.toml", "/etc/mine.toml", "link/mine.toml"])
def test_and_no_other(tmp_path: Path, name: str) -> None:
    (tmp_path / "mine.toml").write_text('["local/m"]\ncontext = 7')
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "link").symlink_to(tmp_path)
    loaded = settings(tmp_path, f'models_file = "{name}"')
    with pytest.raises(UsageError, match="may name a file of the project only"):
        _ = loaded.catalog


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.json cannot be read"):
        _ = settings(tmp_path, TRUNKLINE_MODELS=str(tmp_path / "nowhere.json")).catalog


WRONG = {
    "no slash": ('[models."m"]\ncontext = 1', 'models."m"', "is no model's name"),
    "nobody's": ('[models."nobody/m"]\ncontext = 1', 'models."nobody/m"', "names no provider"),
    "misspelled": ('[models."local/m"]\ncontxt = 1', 'models."local/m".contxt', "did you mean context"),
    "a host": ('[models."local/m"]\nbase_url = "https://x.example"', 'models."local/m".base_url', "unknown field"),
    "a key": ('[models."local/m"]\napi_key = "sk-canary-1234"', 'models."local/m".api_key', "unknown field"),
    "text for a number": ('[models."local/m"]\ncontext = "canary"', 'models."local/m".context', "int"),
    "ability": ('[models."local/m"]\nabilities = ["canary"]', 'models."local/m".abilities[0]', "cannot stand there"),
    "quirk": ('[models."local/m"]\nquirks = { no_fun = true }', 'models."local/m".quirks', "no_fun"),
    "price": ('[models."local/m"]\nprice = { input = "canary" }', 'models."local/m".prices[0].input', "is no price"),
    "negative": ('[models."local/m"]\nprice = { input = -1 }', 'models."local/m".prices[0].input', "is no price"),
    "two prices": ('[models."local/m"]\nprice = {}\nprices = []', 'models."local/m"', "exclude each other"),
    "day": ('[models."local/m"]\nretires = "soon"', 'models."local/m".retires', "is no day"),
    "day of a price": ('[models."local/m"]\nprice = { since = "2026-02-30" }', 'models."local/m".prices[0].since', "is no day"),
    "hours": ('[models."local/m"]\nprice = { hours = [[7, 3]] }', 'models."local/m".prices[0].hours', "hours of a day"),
    "no table": ('models = "canary"', "models", "table"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_named_and_not_quoted(tmp_path: Path, wrong: str) -> None:
    text, field, words = WRONG[wrong]
    with pytest.raises(UsageError) as caught:
        _ = settings(tmp_path, text).catalog
    assert (caught.value.field or "").startswith(field + " (")
    assert words in str(caught.value)
    assert "canary" not in str(caught.value)


def test_what_is_said_reaches_the_endpoint(tmp_path: Path) -> None:
    loaded = settings(tmp_path, MINE, OPENAI_API_KEY="sk-0123456789abcdef0123")
    wire = Destinations(loaded).find("openai/gpt-5.4")
    assert isinstance(wire, Wire)
    assert (wire.target.max_output, wire.target.quirks.no_stop) == (1000, False)
    assert Destinations(loaded, base_url="http://127.0.0.1:9/v1", owner="local/tiny").find("tiny").model == "tiny"
