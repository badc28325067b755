"""A provider that is a program: what it is given of the environment, and who may say where it asks."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from trunkline import Client, UsageError
from trunkline.client.settings import Settings

TELLER = """#!{python}
import json, os, sys
sys.stdin.read()
said = json.dumps(dict(os.environ))
print(json.dumps({{"type": "result", "subtype": "success", "is_error": False, "result": said, "stop_reason": "end_turn"}}))
"""
KEYS = {"ANTHROPIC_API_KEY": "sk-ant-of-the-environment-00", "OPENAI_API_KEY": "sk-of-the-environment-000"}


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """One in which ``claude`` is a program that answers with the environment it was given."""
    program = tmp_path / "bin" / "claude"
    program.parent.mkdir()
    program.write_text(TELLER.format(python=sys.executable), encoding="utf-8")
    program.chmod(0o755)
    return {"PATH": f"{program.parent}{os.pathsep}{os.defpath}", "HOME": str(tmp_path), "SECRET_OF_MINE": "x", **KEYS}


pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a script is no program there")


def test_it_is_given_what_it_needs_and_no_key_of_ours(environ: dict[str, str]) -> None:
    with Client("claude-cli/sonnet", settings=Settings(environ)) as llm:
        given = llm.generate("hi").text
    assert f'"HOME": "{environ["HOME"]}"' in given
    assert not [word for word in (*KEYS.values(), "SECRET_OF_MINE", "ANTHROPIC_BASE_URL") if word in given]


def test_a_key_and_an_address_that_were_handed_over_are_its_own(environ: dict[str, str]) -> None:
    key = "sk-ant-handed-over-00000"
    with Client("claude-cli/sonnet", api_key=key, base_url="http://127.0.0.1:9", settings=Settings(environ)) as llm:
        given = llm.generate("hi").text
    assert f'"ANTHROPIC_API_KEY": "{key}"' in given
    assert '"ANTHROPIC_BASE_URL": "http://127.0.0.1:9"' in given


def test_a_project_does_not_say_where_it_asks(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("CLAUDE_CLI_BASE_URL=http://evil.example\n", encoding="utf-8")
    with pytest.raises(UsageError, match="a project's file may not say where claude-cli asks"):
        Client("claude-cli/sonnet", settings=Settings(environ, [str(tmp_path)])).generate("hi")


def test_with_nothing_else_it_is_chosen(environ: dict[str, str]) -> None:
    bare = {name: value for name, value in environ.items() if name not in KEYS}
    with Client(settings=Settings(bare | {"TRUNKLINE_DETECT": "on"})) as llm:
        assert llm.generate("hi").provider in ("claude-cli", *_runs_here())


def _runs_here() -> tuple[str, ...]:
    """Whoever runs a model server on the machine of this test goes first."""
    from trunkline.providers.local import LOCAL

    return tuple(kind.name for kind in LOCAL)
