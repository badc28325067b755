"""``trunkline health`` tells what would answer."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.cli.loopback import KEY, Command, Loopback, Reply, Seen

Serve = Callable[[Callable[[Seen], Reply]], Loopback]
LIST = b'{"object":"list","data":[{"id":"m-1","object":"model","created":1,"owned_by":"me"},{"id":"m-2","object":"model"}]}'


def test_a_provider_that_answers(run: Command, serve: Serve) -> None:
    server = serve(lambda seen: Reply(LIST))
    environ = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"{server.url}/v1", "TRUNKLINE_MODEL": "openai/m-1"}
    done = run("health", **environ)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("model: openai/m-1 (")
    row = next(line.split("\t") for line in done.out.splitlines() if line.startswith("openai\t"))
    assert row[1].startswith("answers in ")
    assert (row[2], row[3]) == ("environment", f"{server.url}/v1")
    assert [(seen.method, seen.path) for seen in server.seen] == [("GET", "/v1/models")]
    told = json.loads(run("health", "--json", **environ).out)
    assert (told["ok"], told["model"]) == (True, "openai/m-1")
    assert "canary" not in done.all + json.dumps(told)


def test_offline_asks_nobody(run: Command, serve: Serve) -> None:
    server = serve(lambda seen: Reply(LIST))
    done = run("health", "--offline", OPENAI_API_KEY=KEY, OPENAI_BASE_URL=f"{server.url}/v1")
    assert (done.code, server.seen) == (0, [])
    assert "openai\tconfigured\tenvironment" in done.out


def test_a_provider_that_does_not_answer(run: Command, serve: Serve) -> None:
    server = serve(lambda seen: Reply(json.dumps({"error": {"message": f"bad key {KEY}"}}).encode(), 401))
    done = run("health", OPENAI_API_KEY=KEY, OPENAI_BASE_URL=f"{server.url}/v1")
    assert done.code == 1
    assert "openai\tdoes not answer" in done.out
    assert "canary" not in done.all


def test_nothing_configured(run: Command) -> None:
    done = run("health")
    assert (done.code, done.err) == (1, "")
    assert done.out.startswith("model: none (")
    assert "trunkline health" not in done.out
    rows = {row[0]: row[4] for line in done.out.splitlines()[1:] if len(row := line.split("\t")) == 5}
    assert (rows["groq"], rows["local"]) == ("set GROQ_API_KEY", "set LOCAL_BASE_URL")
    assert "`trunkline health` shows what was looked at" in run("ask", "Why?").err
