"""``trunkline models`` lists the catalog's models, or those that a provider names itself."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.loopback import KEY, Command, Loopback, Reply, Seen
from trunkline import Model, Price
from trunkline.cli import output
from trunkline.cli.models import _draw, _row
from trunkline.providers import catalog

Serve = Callable[[Callable[[Seen], Reply]], Loopback]
LIST = b'{"object":"list","data":[{"id":"m-1","object":"model","created":1,"owned_by":"me"},{"id":"m-2","object":"model"}]}'


def test_the_catalog_a_line_each(run: Command) -> None:
    done = run("models")
    rows = [line.split("\t") for line in done.out.splitlines()]
    assert (done.code, done.err) == (0, "")
    today = time.strftime("%Y-%m-%d", time.gmtime())
    assert [row[0] for row in rows] == [model.name for model in catalog.models() if not model.retires or model.retires > today]
    assert {len(row) for row in rows} == {7}
    assert len(run("models", "--retired").out.splitlines()) == len(catalog.models())


def names(run: Command, *arguments: str, **variables: str) -> list[str]:
    done = run("models", *arguments, **variables)
    assert (done.code, done.err) == (0, "")
    return [line.split("\t")[0] for line in done.out.splitlines()]


def test_filters_all_hold(run: Command) -> None:
    found = names(
        run, "-s", "claude", "-s", "SONNET", "-p", "anthropic", "--ability", "vision", "--ability", "tools", "--min-context", "1M"
    )
    assert found
    for name in found:
        model = catalog.find("anthropic", name.partition("/")[2])
        assert model is not None
        assert "sonnet" in model.id
        assert {"vision", "tools"} <= set(model.abilities or ())
        assert (model.context or 0) >= 1_000_000
    assert names(run, "--search", "no-such-model") == []


def test_by_price_the_cheapest_first(run: Command) -> None:
    done = run("models", "-p", "openai", "--max-price", "$0.3", "--sort", "price")
    prices = [float(line.split("\t")[3]) for line in done.out.splitlines()]
    assert prices
    assert prices == sorted(prices)
    assert max(prices) <= 0.3


def test_by_context_and_by_name(run: Command) -> None:
    longest = [int(line.split("\t")[1]) for line in run("models", "-p", "gemini", "--sort", "context").out.splitlines()]
    assert longest == sorted(longest, reverse=True)
    by_name = names(run, "-p", "gemini", "--sort", "name")
    assert by_name == sorted(by_name)


@pytest.mark.parametrize(
    "arguments", [("--min-context", "much"), ("--max-price", "-1"), ("--ability", "singing"), ("--sort", "age")]
)
def test_what_is_no_filter_is_refused(run: Command, arguments: tuple[str, ...]) -> None:
    assert run("models", *arguments).code == 2


def test_ones_own_models_are_among_them(run: Command, tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text('{"local/mine": {"context": 5, "price": {"input": 0.1, "output": 1}}}')
    done = run("models", "-p", "local", TRUNKLINE_MODELS=str(tmp_path / "mine.json"))
    assert done.out == "local/mine\t5\t-\t0.1\t1\t-\t-\n"


@pytest.mark.parametrize("provider", sorted({model.provider for model in catalog.models()}))
def test_a_table_fits_the_terminal(provider: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(output, "is_terminal", lambda: True)
    _draw(catalog.models(provider), "2026-11-20", plain=True)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(catalog.models(provider)) + 1
    assert max(map(len, lines)) <= 80


def test_one_provider_as_json(run: Command) -> None:
    told = json.loads(run("models", "--provider", "groq", "--json").out)
    assert [model["name"] for model in told] == [model.name for model in catalog.models("groq")]
    assert all(model["provider"] == "groq" for model in told)


def test_an_unknown_provider_is_named(run: Command) -> None:
    done = run("models", "--provider", "grok")
    assert (done.code, done.out) == (2, "")
    assert "did you mean groq?" in done.err


def test_live_asks_the_provider(run: Command, serve: Serve) -> None:
    server = serve(lambda seen: Reply(LIST))
    done = run("models", "--provider", "openai", "--live", OPENAI_API_KEY=KEY, OPENAI_BASE_URL=f"{server.url}/v1")
    assert (done.code, done.err) == (0, "")
    assert [line.split("\t")[0] for line in done.out.splitlines()] == ["openai/m-1", "openai/m-2"]
    assert [(seen.method, seen.path) for seen in server.seen] == [("GET", "/v1/models")]


@pytest.mark.parametrize("status,body", [(401, b"{}"), (200, b"not json")])
def test_live_from_a_provider_that_will_not(run: Command, serve: Serve, status: int, body: bytes) -> None:
    server = serve(lambda seen: Reply(body, status))
    done = run("models", "--provider", "openai", "--live", OPENAI_API_KEY=KEY, OPENAI_BASE_URL=f"{server.url}/v1")
    assert (done.code, done.out) == (1, "")
    assert "Traceback" not in done.err


def test_the_price_of_the_day_and_the_end_of_a_model() -> None:
    prices = (
        Price(input="1", output="2"),
        Price(since="2026-06-01", input="3"),
        Price(since="2027-01-01", input="5", output="6"),
    )
    model = Model(
        id="m",
        provider="p",
        context=1000,
        max_output=10,
        prices=prices,
        abilities=("text", "tools"),
        retires="2026-07-01",
        successor="n",
    )
    assert _row(model, "2026-05-31") == ("p/m", "1000", "10", "1", "2", "text,tools", "2026-07-01, then n")
    assert _row(model, "2026-07-02") == ("p/m", "1000", "10", "3", "-", "text,tools", "retired 2026-07-01, now n")
    assert _row(Model(id="m", provider="p"), "2026-07-02") == ("p/m", "-", "-", "-", "-", "-", "-")
