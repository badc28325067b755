"""The command itself: help, version, exit codes."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.loopback import Command, Loopback, Reply, Seen, says
from trunkline import __version__
from trunkline.cli.main import COMMANDS, main

Serve = Callable[[Callable[[Seen], Reply]], Loopback]


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


def test_without_a_command_there_is_a_list_of_them(run: Command) -> None:
    done = run()
    assert all(f" {name}" in done.err for name in COMMANDS)
    assert "trunkline --help" in done.err


@pytest.mark.parametrize("args", [["ask", "hi"], ["chat"]])
def test_without_a_provider_it_says_how_the_command_is_told_of_one(run: Command, args: list[str]) -> None:
    done = run(*args)
    assert (done.code, done.out) == (2, "")
    assert "no provider is configured" in done.err
    assert "--model" in done.err


def test_an_argument_does_not_steer_the_terminal(run: Command) -> None:
    done = run("ask", "--\x1b[31mred")
    assert done.code == 2
    assert "\x1b" not in done.err
    assert "--[31mred" in done.err


def shell(run: Command, line: str) -> tuple[int, str]:
    """The exit code of what a shell does with the command ``$T``, and all that can be read of it."""
    command = " ".join(map(shlex.quote, run.argv(())))
    done = subprocess.run(
        ["/bin/sh", "-c", line.replace("$T", command)],
        capture_output=True,
        text=True,
        cwd=run.folder,
        env=run.environ,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


posix = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no such devices here")


@posix
def test_closed_streams(run: Command) -> None:
    """Files and sockets must not take their numbers: libuv gives up where they do, and an error would be written into an answer."""
    pytest.importorskip("uvloop")
    assert shell(run, "$T demo >&-") == (0, "")
    assert shell(run, "$T config <&- >&- 2>&-") == (0, "")
    assert shell(run, "$T lint-stream nofile 2>&-") == (2, "")


@posix
def test_a_full_disk(run: Command) -> None:
    for line in ("$T models > /dev/full", "$T completion bash > /dev/full"):
        assert shell(run, line) == (1, "trunkline: error: No space left on device\n")
    assert shell(run, "$T lint-stream nofile 2> /dev/full") == (2, "")


INTERRUPTED = """
import sys
class Slow:
    def find_spec(self, name, path, target=None):
        if name == "trunkline.cli.options":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Slow())
from trunkline.cli.entry import main
raise SystemExit(main())
"""


def test_ctrl_c_while_it_is_loaded(run: Command) -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, check=False, env=run.environ)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_no_command_takes_a_key(run: Command) -> None:
    """Other programs can read arguments, so a key is none."""
    assert "key" not in run("ask", "--help").out.lower()


@pytest.mark.parametrize("name", [None, *COMMANDS])
def test_help_fits_80_columns_and_has_examples(run: Command, name: str | None) -> None:
    done = run(*filter(None, [name]), "--help", COLUMNS="80")
    assert done.code == 0
    assert "\nexamples:\n  " in done.out
    assert max(map(len, done.out.splitlines())) <= 80


LOADED = """
import sys
from trunkline.cli.main import main
code = main(sys.argv[1:])
print("\\n".join(sorted(sys.modules)), file=sys.stderr)
sys.exit(code)
"""


def test_a_question_loads_nothing_that_it_does_not_need(run: Command, serve: Serve) -> None:
    """Neither extras nor the server half, nor the other commands: it starts as fast as the client does."""
    run.argv = lambda args: [sys.executable, "-c", LOADED, *args]  # type: ignore[method-assign]
    server = serve(says("ok"))
    done = run("ask", "hi", "-m", "openai-chat/m", "--base-url", f"{server.url}/v1", "--retries", "0")
    assert (done.code, done.out) == (0, "ok\n")
    loaded = set(done.err.split())
    assert "trunkline.cli.ask" in loaded
    strangers = (
        "rich",
        "markdown_it",
        "pygments",
        "argcomplete",
        "uvicorn",
        "httptools",
        "uvloop",
        "yaml",
        "readline",
        "asyncio",
    )
    halves = ("trunkline.sim", "trunkline.serve", "trunkline.cli.chat", "trunkline.cli.demo", "trunkline.cli.paint")
    assert not [name for name in loaded if name.startswith((*(f"{stranger}." for stranger in strangers), *halves))]
    assert loaded.isdisjoint(strangers)
    assert not [name for name in loaded if ".server" in name or ".grammar" in name]
