"""First programs run with a key or without."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from trunkline.sim import Rule, Say, Simulator

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"


@pytest.fixture
def bare_environment(tmp_path: Path) -> dict[str, str]:
    """No keys, no files, no proxies of whoever runs the tests."""
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "TEMP") if name in os.environ}
    home = {name: str(tmp_path / "home") for name in ("HOME", "USERPROFILE", "APPDATA", "XDG_CONFIG_HOME")}
    return {**kept, **home, "PYTHONUTF8": "1", "PYTHONPATH": str(ROOT / "src")}


PROGRAMS = {
    "dialogue_system.py": r"Planner: \w.*\nShopkeeper: \w.*\n\nModerator: \w.*\nVotes: Planner \w+, Shopkeeper \w+\nNobody answers: \w",
    "voice_assistant.py": r"  tool weather\(Oslo\): 4 degrees, rain\n  tool weather\(Rome\): .*\nSpeaks: .*\.\nSpeaks: In Oslo .*\.\n",
    "personal_agent.py": r"Agent: \w.*\n +\(\S+, end_turn, \d+ input_tokens, \d+ output_tokens\)\nYou: .*\nAgent: \w.*\nNo such model ",
    "application_core.py": r"Summary: \w.*\n  BrokenLLM: TransportError\n  DeploymentLLM: answered\nAdvice:  Approve it: \w.*\nLog:\n(  ada .*\n){3}",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_first_program_runs_to_its_end_on_the_simulator(name: str, tmp_path: Path, bare_environment: dict[str, str]) -> None:
    command = [sys.executable, "-W", "error", str(EXAMPLES / name)]
    done = subprocess.run(
        command, cwd=tmp_path, env=bare_environment, capture_output=True, text=True, encoding="utf-8", timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "the answers are simulated" in done.stdout.splitlines()[0]
    assert re.search(PROGRAMS[name], done.stdout), done.stdout


def test_every_example_is_run() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == {"simulated.py", *PROGRAMS}


def test_with_a_key_a_program_asks_its_provider(tmp_path: Path, bare_environment: dict[str, str]) -> None:
    """The provider here is a simulator of ours, told of by the environment alone."""
    with Simulator([Rule(Say("from elsewhere"))], speed=math.inf) as sim:
        known = {"OPENAI_API_KEY": "sk-0123456789abcdefghij", "OPENAI_BASE_URL": sim.base_url("openai-chat")}
        for name in PROGRAMS:
            done = subprocess.run(
                [sys.executable, "-W", "error", str(EXAMPLES / name)], cwd=tmp_path, env=bare_environment | known,
                capture_output=True, text=True, encoding="utf-8", timeout=60, check=False,
            )  # fmt: skip
            assert (done.returncode, done.stderr) == (0, ""), name
            assert done.stdout.startswith("Answers come from openai.\n")
            assert "from elsewhere" in done.stdout
        assert {asked.dialect for asked in sim.requests} == {"openai-chat"}
