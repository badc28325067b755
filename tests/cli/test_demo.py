"""``trunkline demo`` shows what it promises, within 80 columns, and says that it is simulated."""

from __future__ import annotations

import os
import re
from decimal import Decimal

import pytest

from tests.cli.loopback import Command
from tests.cli.screen import Terminal

pytest.importorskip("uvicorn")

POSIX = pytest.mark.skipif(os.name == "nt", reason="POSIX terminals")
CALLS = ("streamed answer", "tool call, asked", "tool call, answered", "overloaded at first", "together")


def check(lines: list[str]) -> None:
    text = "\n".join(lines)
    assert "Everything here is simulated" in " ".join(text.split())
    assert "blue light reaches us from all over the sky" in text
    assert re.search(r'weather\(\{"city":"Oslo"\}\) -> 4 degrees, rain\n', text)
    assert re.search(r"try 1: OverloadedError \(HTTP 529\)\ntry 2, after 0\.5\d s: answered \(HTTP 200\)", text)
    rows = [next(line for line in lines if line.startswith(what)) for what in CALLS]
    *costs, together = [Decimal(row.rsplit(" ", 1)[1]) for row in rows]
    assert all(cost > 0 for cost in costs)
    assert sum(costs) == together
    tries = [int(row.split()[-2]) for row in rows]
    assert tries == [1, 1, 1, 2, 5]
    assert "nothing was charged" in text
    assert max(map(len, lines)) <= 80


def test_into_a_pipe(run: Command) -> None:
    done = run("demo", HTTP_PROXY="http://127.0.0.1:9", TRUNKLINE_RETRIES="0", OPENAI_API_KEY="sk-not-for-the-demo-123456")
    assert (done.code, done.err) == (0, "")
    assert "\x1b" not in done.out
    check(done.out.splitlines())


@POSIX
def test_on_a_terminal(run: Command) -> None:
    pytest.importorskip("rich")
    terminal = Terminal(run, "demo", columns=80, rows=20)
    assert terminal.end() == 0
    assert "\x1b[1mshort, blue\x1b[0m" in terminal.output
    check(terminal.screen)
    assert terminal.screen.count("At sunset the light has a longer way through the air: most of the blue is gone") == 1


def test_without_the_simulators_extra(run: Command) -> None:
    (run.folder / "uvicorn.py").write_text("raise ImportError")
    done = run("demo", PYTHONPATH=os.pathsep.join([str(run.folder), run.environ["PYTHONPATH"]]))
    assert (done.code, done.out) == (2, "")
    assert "the simulator needs the extra sim (pip install 'trunkline[sim]' (in a clone: pip install '.[sim]'))" in done.err
