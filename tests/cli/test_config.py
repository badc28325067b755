"""``trunkline config`` tells what is set and from where, never a key."""

from __future__ import annotations

import json

from tests.cli.loopback import KEY, Command


def test_what_is_set_and_from_where(run: Command) -> None:
    user = run.home / ".config" / "trunkline"
    user.mkdir(parents=True)
    (user / "trunkline.toml").write_text('model = "openai/m"\n[providers.groq]\napi_key = "short"\n')
    (run.folder / ".env").write_text("TRUNKLINE_RETRIES=3\n")
    done = run("config", OPENAI_API_KEY=KEY, TRUNKLINE_TIMEOUT="9", TRUNKLINE_DETECT="")
    file, dotenv = user / "trunkline.toml", run.folder / ".env"
    assert (done.code, done.err) == (0, "")
    assert [line.split("\t") for line in done.out.splitlines()] == [
        ["model", "openai/m", "your file", f"model in {file}"],
        ["timeout", "9.0", "environment", "TRUNKLINE_TIMEOUT"],
        ["retries", "3", "project", f"TRUNKLINE_RETRIES in {dotenv}"],
        ["openai key", "set (…WXYZ)", "environment", "OPENAI_API_KEY"],
        ["groq key", "set", "your file", f"providers.groq.api_key in {file}"],
    ]


def test_json(run: Command) -> None:
    done = run("config", "--json", ANTHROPIC_API_KEY=KEY, OPENAI_API_KEY="your-openai-api-key", TRUNKLINE_DETECT="")
    assert json.loads(done.out) == {
        "settings": [
            {
                "setting": "anthropic key",
                "value": "set (…WXYZ)",
                "origin": "environment",
                "name": "ANTHROPIC_API_KEY",
                "file": None,
            }
        ],
        "files": [],
    }
    assert "canary" not in done.all


def test_nothing_set(run: Command) -> None:
    done = run("config", TRUNKLINE_DETECT="")
    assert (done.code, done.out) == (0, "")
    assert "nothing is set" in done.err


def test_a_bad_file_is_named(run: Command) -> None:
    (run.folder / "trunkline.toml").write_text("timeuot = 3")
    done = run("config", TRUNKLINE_DETECT="")
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        f"trunkline: error: timeuot ({run.folder / 'trunkline.toml'}): unknown key; did you mean timeout?; "
        "allowed: model, timeout, retries, log, max_line, errors, detect, models_file, models, routes, limits, providers\n"
    )


def test_limits_of_files_are_listed_and_ones_own_goes_before_a_projects(run: Command) -> None:
    user = run.home / ".config" / "trunkline"
    user.mkdir(parents=True)
    (user / "trunkline.toml").write_text("[limits.openai]\nrequests = 500\ntokens = 9\nperiod = 30\nconcurrency = 20\n")
    (run.folder / "trunkline.toml").write_text(
        '[limits.openai]\nrequests = 1\n[limits."groq/m"]\nconcurrency = {most = 2}\n[limits.mlx]\n'
    )
    done = run("config", TRUNKLINE_DETECT="")
    theirs, ours = run.folder / "trunkline.toml", user / "trunkline.toml"
    assert [line.split("\t") for line in done.out.splitlines()] == [
        ["limit openai", "500 requests in 30 s, 9 tokens in 30 s, 20 at once", "your file", f"limits.openai in {ours}"],
        ["limit groq/m", "2 at once", "project", f"limits.groq/m in {theirs}"],
        ["limit mlx", "none", "project", f"limits.mlx in {theirs}"],
    ]
