"""Shell completion: what a shell is told, and what is answered when it asks."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.loopback import Command
from trunkline.cli.completion import SHELLS
from trunkline.cli.main import COMMANDS

pytest.importorskip("argcomplete")


def completions(run: Command, line: str, tmp_path: Path) -> list[str]:
    """What argcomplete is told by the command for ``line``."""
    answer = tmp_path / "answer"
    done = subprocess.run(
        run.argv(()),
        capture_output=True,
        check=False,
        cwd=run.folder,
        timeout=60,
        env=run.environ
        | {
            "_ARGCOMPLETE": "1",
            "_ARGCOMPLETE_IFS": "\n",
            "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
            "COMP_LINE": line,
            "COMP_POINT": str(len(line)),
            "COMP_TYPE": "63",
        },
    )
    assert (done.returncode, done.stdout) == (0, b""), done.stderr
    return [word.strip() for word in answer.read_text().split("\n") if word]


def test_commands(run: Command, tmp_path: Path) -> None:
    assert set(COMMANDS) <= set(completions(run, "trunkline ", tmp_path))


def test_options(run: Command, tmp_path: Path) -> None:
    assert completions(run, "trunkline ask --base", tmp_path) == ["--base-url"]


def test_models_of_the_catalog(run: Command, tmp_path: Path) -> None:
    found = completions(run, "trunkline ask --model groq/openai/gpt-oss-1", tmp_path)
    assert found == ["groq/openai/gpt-oss-120b"]


def test_providers(run: Command, tmp_path: Path) -> None:
    assert completions(run, "trunkline models --provider gr", tmp_path) == ["groq"]


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_one_that_the_shell_can_read(run: Command, shell: str, tmp_path: Path) -> None:
    done = run("completion", shell)
    assert (done.code, done.err) == (0, "")
    assert "trunkline" in done.out
    if shutil.which(shell):
        script = tmp_path / "script"
        script.write_text(done.out)
        assert subprocess.run([shell, "-n", str(script)], capture_output=True, check=False, timeout=30).returncode == 0


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash")
def test_bash_completes_by_it(run: Command, tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    program = programs / "trunkline"
    program.write_text(f'#!/bin/sh\nexec {" ".join(run.argv(()))} "$@"\n')
    program.chmod(0o755)
    (tmp_path / "script").write_text(run("completion", "bash").out)
    asks = f"""
        source {tmp_path}/script
        complete -p trunkline >/dev/null || exit 3
        COMP_WORDS=(trunkline models --provider pe) COMP_CWORD=3 COMP_LINE='trunkline models --provider pe' COMP_POINT=30 COMP_TYPE=9
        _python_argcomplete trunkline pe --provider
        echo "${{COMPREPLY[@]}}"
    """
    environ = run.environ | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", asks], env=environ, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.split() == ["perplexity"], done.stderr


def test_an_unknown_shell_is_refused(run: Command) -> None:
    done = run("completion", "tcsh")
    assert (done.code, done.out) == (2, "")
    assert "bash" in done.err


def test_without_the_extra(run: Command) -> None:
    (run.folder / "argcomplete.py").write_text("raise ImportError")
    done = run("completion", "bash", PYTHONPATH=os.pathsep.join([str(run.folder), run.environ["PYTHONPATH"]]))
    assert (done.code, done.out) == (2, "")
    assert "the extra cli: pip install 'trunkline[cli]' (in a clone: pip install '.[cli]')" in done.err
