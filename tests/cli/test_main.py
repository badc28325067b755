"""The command itself: help, version, exit codes."""

from __future__ import annotations

import pytest

from tests.cli.loopback import Command
from trunkline import __version__
from trunkline.cli.main import COMMANDS, main


def test_version(run: Command) -> None:
    assert run("--version") == (0, f"trunkline {__version__}\n", "")


def test_help_lists_commands_exit_codes_and_examples(run: Command) -> None:
    done = run("--help")
    assert (done.code, done.err) == (0, "")
    assert all(f"\n    {name}" in done.out for name in COMMANDS)
    assert all(code in done.out for code in ("examples:", "exit codes:", "  0  ", "  1  ", "  2  ", "  130  "))


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert f"usage: trunkline {name}" in capsys.readouterr().out


@pytest.mark.parametrize("args", [[], ["nothing"], ["ask", "--max-tokens", "x"], ["models", "extra"]])
def test_wrong_usage_is_2(run: Command, args: list[str]) -> None:
    done = run(*args)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("usage: trunkline")


def test_no_command_takes_a_key(run: Command) -> None:
    """Other programs can read arguments, so a key is none."""
    assert "key" not in run("ask", "--help").out.lower()
