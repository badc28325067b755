"""Routes at the command line: a route's name is a model's, and ``config`` lists what there is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.loopback import KEY, Command, Loopback, Reply, Seen
from trunkline.cli.options import model_names

Serve = Callable[[Callable[[Seen], Reply]], Loopback]


def answer(seen: Seen) -> Reply:
    if seen.json()["model"] == "broken":
        return Reply(b'{"error": {"message": "down"}}', 503)
    choice = {"index": 0, "message": {"role": "assistant", "content": "over here"}, "finish_reason": "stop"}
    return Reply(json.dumps({"id": "1", "object": "chat.completion", "model": "m", "choices": [choice]}).encode())


def test_a_route_is_asked_by_its_name(run: Command, serve: Serve) -> None:
    server = serve(answer)
    (run.folder / "trunkline.toml").write_text(
        f'[providers.local]\nbase_url = "{server.url}/v1"\n'
        '[routes.smart]\ntargets = ["local/broken", {model = "local/m", up_to = 100}]\nneeds = ["text"]\n'
    )
    done = run("ask", "--no-stream", "-m", "smart", "--retries", "0", "hi")
    assert (done.code, done.out, done.err) == (0, "over here\n", "")
    assert [seen.json()["model"] for seen in server.seen] == ["broken", "m"]
    assert run("ask", "--no-stream", "hi", "--retries", "0", TRUNKLINE_MODEL="smart").out == "over here\n"


def test_config_lists_them(run: Command) -> None:
    user = run.home / ".config" / "trunkline"
    user.mkdir(parents=True)
    (user / "trunkline.toml").write_text(
        f'[routes.cheap]\nstrategy = "cheapest"\ntargets = [{{model = "openai/m", api_key = "{KEY}"}}, "smart"]\n'
    )
    (run.folder / "trunkline.toml").write_text('[routes.smart]\ntargets = ["openai/m", "groq/n"]\n')
    done = run("config", TRUNKLINE_DETECT="")
    assert [line.split("\t") for line in done.out.splitlines()] == [
        ["route smart", "ordered: openai/m, groq/n", "project", f"routes.smart in {run.folder / 'trunkline.toml'}"],
        ["route cheap", "cheapest: openai/m, smart", "your file", f"routes.cheap in {user / 'trunkline.toml'}"],
    ]
    assert KEY not in done.all


def test_a_mistake_in_a_route_is_told_by_its_place(run: Command) -> None:
    (run.folder / "trunkline.toml").write_text('[routes.smart]\ntargets = ["openai/m", {model = "groq/n", weight = "3"}]\n')
    done = run("ask", "-m", "smart", "hi")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        f"trunkline: error: routes.smart.targets[1].weight ({run.folder / 'trunkline.toml'}): wrong type; got str;"
        " allowed: a number from 0 to 1000000000\n"
    )


def test_the_shell_completes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "trunkline.toml").write_text('[routes.smart]\ntargets = ["openai/m"]\n')
    assert model_names()[0] == "smart"
    (tmp_path / "trunkline.toml").write_text("routes = 1")
    assert "/" in model_names()[0]
