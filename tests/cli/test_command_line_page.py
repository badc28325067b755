"""``docs/command-line.md`` says what the command does."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from trunkline.cli import main
from trunkline.cli.chat.commands import COMMANDS
from trunkline.cli.chat.session import STOPPED

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "command-line.md").read_text(encoding="utf-8")
LINES = [line for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE) for line in block.splitlines()]
CALLS = [match for line in LINES for match in re.findall(r"\btrunkline ([^|<>]*)", line)]


@pytest.mark.parametrize("call", CALLS)
def test_a_line_is_understood(call: str) -> None:
    words = shlex.split(call)
    assert main._parser(words).parse_args(words).run


def test_every_command_is_there() -> None:
    assert set(re.findall(r"^\| `trunkline ([\w-]+)` \|", PAGE, re.MULTILINE)) == set(main.COMMANDS)


def test_the_commands_of_a_chat_are_the_codes_own() -> None:
    found = re.search(r"<!-- commands -->\n\n.*?\n\|---\|---\|\n(.*?)\n\n<!-- end -->", PAGE, re.DOTALL)
    assert found
    rows = [f"| `{f'/{name} {command.arguments}'.strip()}` | {command.summary} |" for name, command in COMMANDS.items()]
    assert found[1].splitlines() == rows
    assert STOPPED in PAGE


def test_the_exit_codes_are_the_codes_own() -> None:
    codes = {main.DONE, main.FAILED, main.USAGE, main.INTERRUPTED}
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)} == codes
    assert all(f"\n  {code}  " in main._EPILOG for code in codes)
