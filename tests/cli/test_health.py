"""``trunkline health`` tells what would answer."""

from __future__ import annotations

import json
import re
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
    assert row[1].startswith("there in ")
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
    done = run("health", "--offline", "--all")
    assert (done.code, done.err) == (1, "")
    assert done.out.startswith("model: none (")
    assert "trunkline health" not in done.out
    rows = dict(row for line in done.out.splitlines()[1:] if len(row := line.split("\t")) == 2)
    assert (rows["groq"], rows["local"], rows["bedrock"]) == (
        "set GROQ_API_KEY",
        "set LOCAL_BASE_URL",
        "set AWS_REGION or AWS_DEFAULT_REGION",
    )
    assert re.search(r"not configured: \d+ providers", run("health", "--offline").out)


def test_deep_asks_a_question_of_each(run: Command, serve: Serve) -> None:
    answer = {"choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "OK"}}]}
    server = serve(lambda seen: Reply(LIST if seen.method == "GET" else json.dumps(answer).encode()))
    environ = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"{server.url}/v1", "TRUNKLINE_MODEL": "openai/m-1"}
    done = run("health", "--deep", **environ)
    assert done.code == 0
    assert "openai\tanswers in " in done.out
    assert [seen.method for seen in server.seen] == ["GET", "POST"]
    assert run("health", "--deep", "--offline", **environ).code == 2
