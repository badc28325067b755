"""``trunkline sim`` as a program: what it prints, whom it serves, what it refuses, how it ends."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.loopback import Command
from trunkline import Client, NotFoundError, UsageError
from trunkline.cli.main import main
from trunkline.cli.sim import _introduce, _speed, _tell
from trunkline.sim import Recorded, Simulator
from trunkline.wire.http import HttpRequest

NAMES = {
    "OPENAI_BASE_URL", "OPENAI_API_KEY", "ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY", "GOOGLE_BASE_URL", "GOOGLE_API_KEY",
    "GOOGLE_GEMINI_BASE_URL", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "CO_API_URL", "BEDROCK_BASE_URL", "AWS_BEARER_TOKEN_BEDROCK", "COHERE_BASE_URL", "COHERE_API_KEY", "OLLAMA_BASE_URL", "OLLAMA_API_KEY",
}  # fmt: skip
LINES = 1 + len(NAMES)


@contextmanager
def started(run: Command, *args: str) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, str]]]:
    """The program, and the environment that it says programs need."""
    program = run.start("sim", *args)
    try:
        assert program.stdout is not None
        lines = [program.stdout.readline().decode() for _ in range(LINES)]
        assert "its answers are simulated" in lines[0], lines
        yield program, dict(line.strip().split("=", 1) for line in lines[1:])
    finally:
        program.kill()
        program.communicate(timeout=30)


def test_what_it_prints_is_what_clients_need(run: Command) -> None:
    with started(run, "--speed", "inf", "--seed", "3") as (_, environment):
        assert set(environment) == NAMES
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/v1", environment["OPENAI_BASE_URL"])
        done = run("ask", "Why?", "--model", "openai/gpt-5.4", **environment)
        assert (done.code, done.out.strip()) == (0, 'This is a simulated answer. You said: "Why?".')
        done = run("ask", "Why?", "--model", "anthropic/claude-sonnet-5", **environment)
        assert (done.code, done.out.strip()) == (0, 'This is a simulated answer. You said: "Why?".')
        done = run("ask", "Why?", "--no-stream", "--model", "openai/gpt-5.4", **environment)  # the key is masked in whole replies
        assert (done.code, done.out.strip()) == (0, 'This is a simulated answer. You said: "Why?".')


@pytest.mark.skipif(sys.platform == "win32", reason="a shell of Windows has no export")
def test_on_a_terminal_its_lines_can_be_pasted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with Simulator() as simulator:
        _introduce(simulator)
        plain = capsys.readouterr().out.splitlines()
        monkeypatch.setattr("trunkline.cli.sim.is_terminal", lambda: True)
        _introduce(simulator)
        assert capsys.readouterr().out.splitlines() == [plain[0], *(f"export {line}" for line in plain[1:])]


def test_a_scenario_models_and_quirks(run: Command) -> None:
    (run.folder / "s.yaml").write_text("rules: [{steps: [{say: from a file}]}]", encoding="utf-8")
    with started(run, "--scenario", "s.yaml", "--speed", "inf", "--model", "m-1", "--quirk", "crlf") as (_, environment):
        llm = Client("openai-chat/m-1", base_url=environment["OPENAI_BASE_URL"], api_key="k", retries=0)
        with llm, llm.stream("hi") as events:
            list(events)
            assert events.response.text == "from a file"
            with pytest.raises(NotFoundError):
                llm.generate("hi", model="openai-chat/m-2")


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
@pytest.mark.parametrize("sign, code", [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_how_it_ends(run: Command, sign: signal.Signals, code: int) -> None:
    with started(run) as (program, _):
        program.send_signal(sign)
        _, err = program.communicate(timeout=30)
        assert (program.returncode, err) == (code, b"")


@pytest.mark.parametrize(
    "args, told",
    [
        (["--scenario", "none.yaml"], "none.yaml: cannot be read"),
        (["--scenario", "bad.yaml"], "bad.yaml: rules[0].steps[0].sya: unknown step; did you mean 'say'?"),
        (["--speed", "0"], "--speed: no speed"),
        (["--port", "70000"], "port"),
        (["--quirk", "clrf"], "did you mean 'crlf'?"),
        (["--host", "203.0.113.1"], "host: cannot listen there"),
    ],
)
def test_what_is_wrong_is_told_before_it_listens(
    args: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.yaml").write_text("rules: [{steps: [{sya: x}]}]", encoding="utf-8")
    assert main(["sim", *args]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err


def test_a_line_for_each_request(capsys: pytest.CaptureFixture[str]) -> None:
    http = HttpRequest("POST", "http://127.0.0.1:1/v1/messages?beta=true", body=b"secret")
    _tell(Recorded(number=0, http=http, status=404, outcome="failed"))
    _tell(Recorded(number=1, http=http, outcome="reset", rule=2))
    _tell(Recorded(number=2, http=http, status=400, outcome="failed", reason="the conversation is empty"))
    assert capsys.readouterr().out.splitlines() == [
        "POST /v1/messages  404 failed",
        "POST /v1/messages  - reset  rule 2",
        "POST /v1/messages  400 failed  the conversation is empty",
    ]


def test_speeds() -> None:
    assert _speed("inf") == float("inf")
    assert _speed("2.5") == 2.5
    for text in ("0", "-1", "nan", "fast"):
        with pytest.raises(UsageError):
            _speed(text)
