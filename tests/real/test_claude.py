"""The real ``claude`` program in its ordinary mode, on the simulator: its tools run here, its conversations are read by our server half."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.real.programs import MODULES, NODE, owed, scrubbed
from tests.real.scenarios import KEY, PERSON, PICTURE, SHARED
from trunkline.sim import Call, Close, Fail, Recorded, Reset, Rule, Say, Scenario, Simulator, StreamError, Think, When
from trunkline.values.media import Data
from trunkline.values.message import Image, ToolResult

PROMPT = "Tell me about the tidal pool"
ASKED = When(text="tidal pool", after_tool=False)
ANSWER = Rule(Say(("It is ", "full of ", "anemones.")), when=ASKED)
QUIET = {
    "TERM": "dumb",
    "ANTHROPIC_API_KEY": KEY,
    "DISABLE_TELEMETRY": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "CLAUDE_CODE_MAX_RETRIES": "2",
}


@dataclass(frozen=True)
class Run:
    """How it ended, the lines that it printed, and what it asked of its model (side errands left out)."""

    code: int
    lines: list[dict[str, Any]]
    asked: tuple[Recorded, ...]

    @property
    def result(self) -> dict[str, Any]:
        assert self.lines[-1]["type"] == "result"
        return self.lines[-1]

    def blocks(self, who: str, kind: str) -> list[dict[str, Any]]:
        """Blocks of a kind in its ``assistant`` or ``user`` lines."""
        found = [line["message"]["content"] for line in self.lines if line["type"] == who]
        return [block for content in found if isinstance(content, list) for block in content if block["type"] == kind]

    def results(self) -> list[ToolResult]:
        """Results of tools in the last request."""
        request = self.asked[-1].request
        assert request is not None
        return [part for message in request.messages for part in message.parts if isinstance(part, ToolResult)]


Claude = Callable[..., Run]


@pytest.fixture
def claude(tmp_path: Path) -> Claude:
    """Plays rules to ``claude -p``, which works in ``tmp_path/work``."""
    program, home, work = MODULES / ".bin" / "claude", tmp_path / "home", tmp_path / "work"
    owed(program, "claude")
    home.mkdir()
    work.mkdir(exist_ok=True)

    def run(*rules: Rule, arguments: tuple[str, ...] = ()) -> Run:
        with Simulator(Scenario(rules), keys=[KEY]) as sim:
            environment = scrubbed(home, ANTHROPIC_BASE_URL=sim.base_url("anthropic-messages"), **QUIET)
            environment["PATH"] = f"{NODE}:{environment['PATH']}"
            line = [str(program), "-p", PROMPT, "--output-format", "stream-json", "--verbose", *arguments]
            done = subprocess.run(
                line,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                cwd=work,
                env=environment,
                timeout=120,
                check=False,
            )
            lines = [json.loads(line) for line in done.stdout.splitlines()]
            assert lines, done.stderr
            asked = tuple(one for one in sim.requests if b"tidal pool" in one.http.body and one.operation == "generate")
            return Run(done.returncode, lines, asked)

    return run


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Where it works."""
    (tmp_path / "work").mkdir(exist_ok=True)
    return tmp_path / "work"


def test_it_answers(claude: Claude) -> None:
    run = claude(ANSWER)
    assert (run.code, run.result["is_error"], run.result["result"]) == (0, False, "It is full of anemones.")
    assert run.result["stop_reason"] == "end_turn"
    (asked,) = run.asked
    assert (asked.dialect, asked.status, asked.outcome) == ("anthropic-messages", 200, "end")
    assert run.result["usage"]["output_tokens"] > 0


def test_what_it_asks_is_read_whole(claude: Claude) -> None:
    (asked,) = claude(ANSWER).asked
    request, sent = asked.request, json.loads(asked.http.body)
    assert request is not None
    # A turn's own effort (a beta) is what our values have no place for.
    extras = [name for message in sent["messages"] for name in message if name not in ("role", "content")]
    assert extras == ["output_config"] * len(asked.warnings)
    assert all(warning.field.startswith("messages") for warning in asked.warnings)
    assert request.stream
    assert request.model == sent["model"]
    assert request.max_tokens == sent["max_tokens"]
    assert [getattr(tool, "name", None) for tool in request.tools] == [tool["name"] for tool in sent["tools"]]
    assert [message.role for message in request.messages].count("system") >= len(sent["system"]) > 0 or request.messages[
        0
    ].role == "system"
    said = [part.text for message in request.messages for part in message.parts if hasattr(part, "text")]
    assert [block["text"] for block in sent["system"]] == said[: len(sent["system"])]
    assert PROMPT in said
    assert asked.http.headers.get("anthropic-beta")


def test_it_streams_piece_by_piece(claude: Claude) -> None:
    run = claude(
        Rule(Think(("Pools. ", "Tides.")), Say(("It is ", "full of ", "anemones.")), when=ASKED),
        arguments=("--include-partial-messages",),
    )
    deltas = [
        line["event"]["delta"]
        for line in run.lines
        if line["type"] == "stream_event" and line["event"]["type"] == "content_block_delta"
    ]
    assert [delta["text"] for delta in deltas if delta["type"] == "text_delta"] == ["It is ", "full of ", "anemones."]
    assert "".join(delta["thinking"] for delta in deltas if delta["type"] == "thinking_delta") == "Pools. Tides."
    assert run.result["result"] == "It is full of anemones."


def test_its_tools_run_here(claude: Claude, work: Path) -> None:
    note = work / "note.txt"
    note.write_text("The word is marzipan.\n")
    run = claude(
        Rule(Think("Let me read it."), Call("Read", {"file_path": str(note)}), when=ASKED),
        Rule(Say("It says marzipan."), when=When(after_tool="Read")),
        arguments=("--allowedTools", "Read"),
    )
    assert (run.code, run.result["result"], run.result["num_turns"]) == (0, "It says marzipan.", 2)
    assert [block["name"] for block in run.blocks("assistant", "tool_use")] == ["Read"]
    (result,) = run.results()
    assert "The word is marzipan." in result.parts[0].text  # type: ignore[union-attr]
    assert not result.is_error


def test_its_tools_run_side_by_side(claude: Claude, work: Path) -> None:
    for name in ("one", "two"):
        (work / f"{name}.txt").write_text(f"This is {name}.\n")
    calls = [Call("Read", {"file_path": str(work / f"{name}.txt")}) for name in ("one", "two")]
    run = claude(
        Rule(Say("I look."), *calls, Call("Bash", {"command": "echo three", "description": "Says three"}), when=ASKED),
        Rule(Say("All three."), when=When(after_tool=True)),
        arguments=("--allowedTools", "Read", "Bash(echo:*)"),
    )
    assert (run.code, run.result["result"]) == (0, "All three.")
    told = {result.tool_call_id: result.parts[0].text for result in run.results()}  # type: ignore[union-attr]
    calls = [block["id"] for block in run.blocks("assistant", "tool_use")]
    assert all(word in told[call] for word, call in zip(("This is one", "This is two", "three"), calls, strict=True)), told


def test_it_shows_pictures(claude: Claude, work: Path) -> None:
    (work / "dot.png").write_bytes(PICTURE)
    run = claude(
        Rule(Call("Read", {"file_path": str(work / "dot.png")}), when=ASKED),
        Rule(Say("A dot."), when=When(after_tool="Read")),
        arguments=("--allowedTools", "Read"),
    )
    assert (run.code, run.result["result"]) == (0, "A dot.")
    (image,) = [part for result in run.results() for part in result.parts if isinstance(part, Image)]
    assert isinstance(image.source, Data)
    assert image.source.media_type.startswith("image/")


def test_it_answers_in_a_form(claude: Claude) -> None:
    schema = json.dumps(SHARED["person"])
    run = claude(
        Rule(Call("StructuredOutput", PERSON), when=When(text="tidal pool", after_tool=False, tools="StructuredOutput")),
        Rule(Say("There it is."), when=When(after_tool=True)),
        arguments=("--json-schema", schema),
    )
    assert (run.code, run.result["structured_output"]) == (0, PERSON)


def test_a_tool_that_fails_is_told(claude: Claude, work: Path) -> None:
    run = claude(
        Rule(Call("Read", {"file_path": str(work / "nothing.txt")}), when=ASKED),
        Rule(Say("There is none."), when=When(after_tool="Read")),
        arguments=("--allowedTools", "Read"),
    )
    assert run.result["result"] == "There is none."
    assert [result.is_error for result in run.results()] == [True]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
def test_a_failure_is_a_failure(claude: Claude, status: int) -> None:
    run = claude(Rule(Fail(status, message="The tide is out."), when=ASKED))
    assert (run.code, run.result["is_error"], run.result["api_error_status"]) == (1, True, status)
    assert {one.status for one in run.asked} == {status}


@pytest.mark.parametrize("status", [429, 500, 529])
def test_a_first_try_that_fails_is_survived(claude: Claude, status: int) -> None:
    run = claude(Rule(Fail(status), when=ASKED, times=1), ANSWER)
    assert (run.code, run.result["is_error"], run.result["result"]) == (0, False, "It is full of anemones.")
    assert [one.status for one in run.asked] == [status, 200]


@pytest.mark.parametrize(
    "end", [StreamError("overloaded", "Too much at once"), Reset(), Close()], ids=["event", "reset", "close"]
)
def test_a_broken_stream_is_survived(claude: Claude, end: Any) -> None:
    run = claude(Rule(Say(("It is ", "full")), end, when=ASKED, times=1), ANSWER)
    assert (run.code, run.result["is_error"], run.result["result"]) == (0, False, "It is full of anemones.")
    assert len(run.asked) == 2
