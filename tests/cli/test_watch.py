"""``trunkline health --watch`` looks again and again."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.cli.loopback import KEY, Command, Loopback, Reply, Seen

Serve = Callable[[Callable[[Seen], Reply]], Loopback]
LIST = b'{"object":"list","data":[{"id":"m-1","object":"model"}]}'
ANSWER = b'{"choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"OK"}}]}'


def environ(server: Loopback) -> dict[str, str]:
    return {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"{server.url}/v1", "TRUNKLINE_MODEL": "openai/m-1"}


def test_each_look_is_told_and_what_was_missed(run: Command, serve: Serve) -> None:
    looks: list[Seen] = []

    def answer(seen: Seen) -> Reply:
        looks.append(seen)
        return Reply(LIST) if len(looks) != 2 else Reply(b"{}", 500)

    server = serve(answer)
    done = run("health", "--watch", "--rounds", "3", "--interval", "0.01", **environ(server))
    assert done.code == 0
    rows = [line.split("\t") for line in done.out.splitlines() if line.startswith("openai\t")]
    assert [row[1] for row in rows] == ["answers", "does not answer", "answers"]
    assert [row[5] for row in rows] == ["0 of 1", "1 of 2", "1 of 3"]
    assert "canary" not in done.all


def test_with_questions_it_shows_how_the_targets_fare(run: Command, serve: Serve) -> None:
    server = serve(lambda seen: Reply(LIST if seen.method == "GET" else ANSWER))
    done = run("health", "--watch", "--deep", "--rounds", "2", "--interval", "0.01", **environ(server))
    row = [line.split("\t") for line in done.out.splitlines() if line.startswith("openai/m-1\t")][-1]
    assert row[1].startswith("set (…")
    assert row[1].endswith("ready")
    assert row[2:6] == ["closed", "0", "2", "0"]
    assert KEY not in done.all


def test_as_json_a_document_a_look(run: Command, serve: Serve) -> None:
    server = serve(lambda seen: Reply(LIST if seen.method == "GET" else ANSWER))
    done = run("health", "--watch", "--deep", "--json", "--rounds", "1", **environ(server))
    told = json.loads(done.out)
    assert told["ok"] is True
    assert [(target["circuit"], target["calls"]) for target in told["status"]["targets"]] == [("closed", 1)]


def test_what_cannot_be_is_refused(run: Command) -> None:
    assert run("health", "--watch", "--interval", "0").code == 2
    assert run("health", "--watch", "--rounds", "0").code == 2
    assert run("health", "--rounds", "2").code == 2
    done = run("health", "--watch", "--offline")
    assert (done.code, "asks nobody" in done.err) == (2, True)
