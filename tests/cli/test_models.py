"""``trunkline models`` lists the catalog's models, or those that a provider names itself."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.cli.loopback import KEY, Command, Loopback, Reply, Seen
from trunkline import Model, Price
from trunkline.cli.models import _row
from trunkline.providers import catalog

Serve = Callable[[Callable[[Seen], Reply]], Loopback]
LIST = b'{"object":"list","data":[{"id":"m-1","object":"model","created":1,"owned_by":"me"},{"id":"m-2","object":"model"}]}'


def test_the_catalog_a_line_each(run: Command) -> None:
    done = run("models")
    rows = [line.split("\t") for line in done.out.splitlines()]
    assert (done.code, done.err) == (0, "")
    assert [row[0] for row in rows] == [model.name for model in catalog.models()]
    assert {len(row) for row in rows} == {7}


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
