"""The real ``codex`` program, on the simulator: its tools run here, its conversations are read by our server half of the Responses API.

It keeps the conversation itself (``store`` is false) and sends back its items, reasoning as encrypted content.
"""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.real.programs import MODULES, NODE, owed, scrubbed
from tests.real.scenarios import KEY, PERSON, PICTURE, SHARED
from trunkline.dialects.known import client_half_of
from trunkline.sim import Call, Close, Fail, Recorded, Reset, Rule, Say, Scenario, Simulator, StreamError, Think, When
from trunkline.values.media import Data
from trunkline.values.message import Image, Reasoning, ToolCall, ToolResult
from trunkline.values.model import Target

PROMPT = "Tell me about the tidal pool"
ASKED = When(text="tidal pool", after_tool=False)
ANSWER = Rule(Say(("It is ", "full of ", "anemones.")), when=ASKED)
KNOWN = "gpt-5.5"
"""A model of which the program knows that it writes patches as plain text."""
SETTINGS = """
model = "{model}"
model_provider = "sim"
check_for_update_on_startup = false
[model_providers.sim]
name = "sim"
base_url = "{url}"
env_key = "SIM_KEY"
wire_api = "responses"
request_max_retries = 1
stream_max_retries = 1
"""
ITSELF = ("exec", "--skip-git-repo-check", "--json", "--dangerously-bypass-approvals-and-sandbox")
"""What it is told to run is ours; its sandbox needs rights that a container may not give."""


@dataclass(frozen=True)
class Run:
    """How it ended, what it told, and what it asked."""

    code: int
    lines: list[dict[str, Any]]
    asked: tuple[Recorded, ...]

    def items(self, kind: str) -> list[dict[str, Any]]:
        return [line["item"] for line in self.lines if line["type"] == "item.completed" and line["item"]["type"] == kind]

    @property
    def answer(self) -> str:
        """The last that it said."""
        return str(self.items("agent_message")[-1]["text"])

    def parts(self, kind: type[Any]) -> list[Any]:
        """Of the last request."""
        request = self.asked[-1].request
        assert request is not None
        return [part for message in request.messages for part in message.parts if isinstance(part, kind)]

    def sent(self, number: int = 0) -> dict[str, Any]:
        return dict(json.loads(self.asked[number].http.body))


Codex = Callable[..., Run]


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Where it works."""
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


@pytest.fixture
def codex(tmp_path: Path, work: Path) -> Codex:
    """Plays rules to ``codex exec``. It waits for ever where nobody answers: it has a minute."""
    program, home = MODULES / ".bin" / "codex", tmp_path / "home"
    owed(program, "codex")
    (home / ".codex").mkdir(parents=True)

    def run(*rules: Rule, model: str = SHARED["model"], arguments: tuple[str, ...] = ()) -> Run:
        with Simulator(Scenario(rules), keys=[KEY]) as sim:
            settings = SETTINGS.format(model=model, url=sim.base_url("openai-responses"))
            (home / ".codex" / "config.toml").write_text(settings, encoding="utf-8")
            environment = scrubbed(home, SIM_KEY=KEY, TERM="dumb", RUST_LOG="off")
            environment["PATH"] = f"{NODE}:{environment['PATH']}"
            line = [str(program), *ITSELF, *arguments, "--", PROMPT]
            done = subprocess.run(
                line, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=work, env=environment, timeout=60, check=False
            )
            lines = [json.loads(line) for line in done.stdout.splitlines()]
            assert lines, done.stderr
            return Run(done.returncode, lines, tuple(one for one in sim.requests if one.operation == "generate"))

    return run


def test_it_answers(codex: Codex) -> None:
    run = codex(ANSWER)
    assert (run.code, run.answer) == (0, "It is full of anemones.")
    (asked,) = run.asked
    assert (asked.dialect, asked.status, asked.outcome) == ("openai-responses", 200, "end")
    usage = run.lines[-1]["usage"]
    assert run.lines[-1]["type"] == "turn.completed"
    assert (usage["input_tokens"] > 0, usage["output_tokens"] > 0) == (True, True)


@pytest.mark.parametrize("model", [SHARED["model"], KNOWN])
def test_what_it_asks_is_read_whole(codex: Codex, model: str) -> None:
    """Tools of all kinds among it: namespaces, plain text, those that the provider runs."""
    run = codex(ANSWER, model=model)
    (asked,), sent = run.asked, run.sent()
    request = asked.request
    assert request is not None
    assert {warning.field for warning in asked.warnings} <= {"input.system.id", "input.user.id"}
    assert (request.model, request.stream, request.store) == (model, True, False)
    assert {"web_search", "custom" if model == KNOWN else "namespace"} < {tool["type"] for tool in sent["tools"]}
    half = client_half_of("openai-responses")
    again = json.loads(half.encode_request(request, Target("sim", "openai-responses", model)).wire.body)
    assert again["tools"] == sent["tools"]
    for field in ("include", "parallel_tool_calls", "prompt_cache_key", "client_metadata", "reasoning", "text"):
        assert again.get(field) == sent.get(field), field
    said = [part["text"] for item in sent["input"] for part in item["content"]]
    assert [part.text for message in request.messages for part in message.parts] == said  # type: ignore[union-attr]
    assert said[-1] == PROMPT


def test_its_shell_runs_here(codex: Codex, work: Path) -> None:
    (work / "note.txt").write_text("The word is marzipan.\n")
    run = codex(
        Rule(Think("Let me read it."), Say("I look."), Call("exec_command", {"cmd": "cat note.txt"}), when=ASKED),
        Rule(Say("It says marzipan."), when=When(after_tool="exec_command")),
    )
    assert (run.code, run.answer) == (0, "It says marzipan.")
    (ran,) = run.items("command_execution")
    assert (ran["aggregated_output"], ran["exit_code"]) == ("The word is marzipan.\n", 0)
    (result,), (call,) = run.parts(ToolResult), run.parts(ToolCall)
    assert "The word is marzipan." in result.parts[0].text
    assert result.tool_call_id == call.id
    assert [thought.text for thought in run.parts(Reasoning)] == ["Let me read it."]
    assert [item["text"] for item in run.items("reasoning")] == ["Let me read it."]


def test_encrypted_reasoning_comes_back(codex: Codex) -> None:
    run = codex(
        Rule(Think("Let me read it."), Call("exec_command", {"cmd": "true"}), when=ASKED),
        Rule(Say("Read."), when=When(after_tool=True)),
    )
    (item,) = [item for item in run.sent(-1)["input"] if item["type"] == "reasoning"]
    assert item["encrypted_content"]
    assert item["summary"] == [{"type": "summary_text", "text": "Let me read it."}]


def test_its_tools_run_side_by_side(codex: Codex) -> None:
    calls = [Call("exec_command", {"cmd": shlex.join(["echo", word])}) for word in ("one", "two", "three")]
    run = codex(Rule(Say("I look."), *calls, when=ASKED), Rule(Say("All three."), when=When(after_tool=True)))
    assert (run.code, run.answer) == (0, "All three.")
    assert sorted(ran["aggregated_output"] for ran in run.items("command_execution")) == ["one\n", "three\n", "two\n"]
    told = {result.tool_call_id: result.parts[0].text for result in run.parts(ToolResult)}
    assert all(word in told[call.id] for call, word in zip(run.parts(ToolCall), ("one", "two", "three"), strict=True)), told


def test_a_tool_that_takes_plain_text(codex: Codex, work: Path) -> None:
    patch = "*** Begin Patch\n*** Add File: pool.txt\n+anemones\n*** End Patch\n"
    run = codex(
        Rule(Call("apply_patch", patch), when=ASKED), Rule(Say("Written."), when=When(after_tool="apply_patch")), model=KNOWN
    )
    assert (run.code, run.answer) == (0, "Written.")
    assert (work / "pool.txt").read_text() == "anemones\n"
    (call,) = run.parts(ToolCall)
    assert (call.kind, call.raw_arguments) == ("custom", patch)


def test_a_command_that_fails_is_told(codex: Codex) -> None:
    run = codex(
        Rule(Call("exec_command", {"cmd": "echo low tide >&2; exit 3"}), when=ASKED), Rule(Say("No."), when=When(after_tool=True))
    )
    assert [ran["exit_code"] for ran in run.items("command_execution")] == [3]
    (result,) = run.parts(ToolResult)
    assert "low tide" in result.parts[0].text


def test_it_shows_pictures(codex: Codex, work: Path) -> None:
    (work / "dot.png").write_bytes(PICTURE)
    run = codex(Rule(Say("A dot.")), arguments=("--image", "dot.png"), model=KNOWN)
    assert (run.code, run.answer) == (0, "A dot.")
    (image,) = run.parts(Image)
    assert isinstance(image.source, Data)
    assert image.source.media_type == "image/png"


def test_it_answers_in_a_form(codex: Codex, work: Path) -> None:
    (work / "person.json").write_text(json.dumps(SHARED["person"]))
    run = codex(Rule(Say(json.dumps(PERSON)), when=ASKED), arguments=("--output-schema", "person.json"))
    assert json.loads(run.answer) == PERSON
    request = run.asked[0].request
    assert request is not None
    assert request.output is not None
    assert request.output.schema == SHARED["person"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500])
def test_a_failure_is_a_failure(codex: Codex, status: int) -> None:
    run = codex(Rule(Fail(status, message="The tide is out."), when=ASKED))
    assert (run.code, run.lines[-1]["type"]) == (1, "turn.failed")
    assert {one.status for one in run.asked} == {status}
    if status < 429:  # of these it says in its own words
        assert "The tide is out." in run.lines[-1]["error"]["message"]


@pytest.mark.parametrize("first", [Fail(500), Fail(529)], ids=["500", "529"])
def test_a_first_try_that_fails_is_survived(codex: Codex, first: Fail) -> None:
    run = codex(Rule(first, when=ASKED, times=1), ANSWER)
    assert (run.code, run.answer) == (0, "It is full of anemones.")
    assert [one.status for one in run.asked] == [first.status, 200]


@pytest.mark.parametrize("end", [StreamError("server", "The tide"), Reset(), Close()], ids=["event", "reset", "close"])
def test_a_broken_stream_is_survived(codex: Codex, end: Any) -> None:
    run = codex(Rule(Say(("It is ", "full")), end, when=ASKED, times=1), ANSWER)
    assert (run.code, run.answer) == (0, "It is full of anemones.")
    assert len(run.asked) == 2


def test_an_overloaded_model_is_told(codex: Codex) -> None:
    run = codex(Rule(Say("It is "), StreamError("overloaded", "Too much at once"), when=ASKED))
    assert (run.code, run.lines[-1]["type"]) == (1, "turn.failed")
    assert "at capacity" in run.lines[-1]["error"]["message"]


def test_a_conversation_too_long_is_told(codex: Codex) -> None:
    run = codex(Rule(Fail(kind="context_length"), when=ASKED))
    assert (run.code, run.lines[-1]["type"]) == (1, "turn.failed")
