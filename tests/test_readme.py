"""Every block of the README runs, as a reader would run it: a fresh process, keys in the environment, replies from loopback."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from trunkline.sim import Call, Fail, Rule, Say, Simulator, When
from trunkline.values.response import Usage

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"^```python\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
COMMANDS = [line for block in re.findall(r"^```sh\n(.*?)^```", README, re.DOTALL | re.MULTILINE) for line in block.splitlines()]
SAID = "Because of scattering."
STORY = "Once upon a time there was a wire."
PRINTED = {
    "fallbacks=": [SAID, "11 19 0.", STORY, "stop", "It is sunny in Paris.", "Alice."],
    "output=Person": ["Ada Lovelace 1815"],
    "AsyncClient": [SAID, STORY],
    "RateLimitError": ["too fast; try again in 7.0 seconds"],
    "local/": [],
    "Simulator": ["Hello!", "Text(text='Hi')"],
    "Parrot": ["Polly?"],
}
# Costs are told too: each answer has figures of its own.
RULES = [
    Rule(Say('{"name": "Ada Lovelace", "born": 1815}'), when=When(output=True)),
    Rule(Fail(429, headers={"retry-after": "7"}), when=When(text="/^hi$/", dialect="openai-chat", stream=False)),
    Rule(Call("weather", {"city": "Paris"}), when=When(text="weather", tools=True)),
    Rule(Say("It is sunny in Paris."), when=When(after_tool="weather")),
    Rule(Say(STORY), when=When(text="story")),
    Rule(Say("Alice."), when=lambda request: [m.text for m in request.messages if m.role == "user"][:1] == ["My name is Alice"]),
    Rule(Say(SAID), usage=Usage(input_tokens=11, output_tokens=19)),
]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with Simulator(RULES) as sim:
        kept = {"PATH", "PYTHONPATH", "SYSTEMROOT", "LD_LIBRARY_PATH"}
        yield {name: value for name, value in os.environ.items() if name in kept} | {
            "HOME": str(tmp_path_factory.mktemp("home")),
            "OPENAI_API_KEY": "a-key",
            "OPENAI_BASE_URL": sim.base_url("openai-chat"),
            "ANTHROPIC_API_KEY": "a-key",
            "ANTHROPIC_BASE_URL": sim.base_url("anthropic-messages"),
        }


def run(arguments: list[str], environment: dict[str, str], cwd: Path) -> str:
    command = [sys.executable, "-W", "error", *arguments]
    done = subprocess.run(
        command, env=environment, cwd=cwd, input="hello\n", capture_output=True, text=True, timeout=60, check=False
    )
    told = done.stderr.splitlines()
    assert done.returncode == 0, done.stderr
    assert all(line.startswith("trunkline: This chat is saved in ") for line in told), done.stderr
    return done.stdout


@pytest.mark.parametrize("mark", PRINTED)
def test_a_block_of_python_runs(mark: str, environment: dict[str, str], tmp_path: Path) -> None:
    [block] = [block for block in PYTHON if mark in block]
    printed = run(["-c", block], environment, tmp_path)
    place = 0
    for words in PRINTED[mark]:
        place = printed.index(words, place) + len(words)


def test_every_block_is_run() -> None:
    assert len(PYTHON) == len(PRINTED)


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("trunkline ")])
def test_a_command_runs(line: str, environment: dict[str, str], tmp_path: Path) -> None:
    printed = run(["-m", "trunkline", *shlex.split(line, comments=True)[1:]], environment, tmp_path)
    assert printed.strip()


def test_what_make_is_told_exists() -> None:
    makefile = (Path(__file__).resolve().parents[1] / "Makefile").read_text(encoding="utf-8")
    targets = [line.split()[1] for line in COMMANDS if line.startswith("make ")]
    assert targets
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)
