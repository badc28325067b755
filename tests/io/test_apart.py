"""A function in a thread of its own, on both ports."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest

from tests.io.loopback import Port
from trunkline.ports import INFINITY, IO
from trunkline.values.errors import ClosedByCallerError

SOURCE = Path(__file__).resolve().parents[2] / "src"
who: ContextVar[str] = ContextVar("who", default="nobody")


def test_it_gives_what_the_function_does(port: Port) -> None:
    def tell() -> tuple[str, str, bool]:
        here = threading.current_thread()
        return who.get(), here.name, here.daemon

    def raising() -> None:
        raise KeyError("x")

    def stopping() -> None:
        raise SystemExit(3)

    async def call(io: IO) -> None:
        who.set("caller")
        assert await io.apart(tell) == ("caller", "trunkline-apart", True)
        assert await io.apart(dict, 20.0) == {}
        with pytest.raises(KeyError):
            await io.apart(raising)
        with pytest.raises(SystemExit):
            await io.apart(stopping)

    port.run(call)


def test_what_takes_too_long_is_left_to_itself(port: Port) -> None:
    over, ended = threading.Event(), threading.Event()

    def late() -> None:
        try:
            over.wait(20)
            raise KeyError("nobody hears of it")
        finally:
            ended.set()

    async def call(io: IO) -> None:
        with pytest.raises(TimeoutError):
            await io.apart(late, 0.02)

    port.run(call)
    over.set()
    assert ended.wait(20)
    gc.collect()


@pytest.mark.parametrize("seconds", [20.0, INFINITY])
def test_somebody_else_may_give_it_up(port: Port, seconds: float) -> None:
    over = threading.Event()

    async def call(io: IO) -> None:
        signal = io.signal()

        def stuck() -> None:
            signal.set()
            over.wait(20)

        with pytest.raises(ClosedByCallerError):
            await io.apart(stuck, seconds, signal)
        assert await io.apart(lambda: 1, seconds, io.signal()) == 1

    port.run(call)
    over.set()


def test_closing_the_port_gives_it_up(port: Port) -> None:
    over = threading.Event()

    async def call(io: Any) -> None:
        def closing() -> None:
            while not (io._branches._waiting if io.blocking else io._waits._under_way):
                over.wait(0.001)
            (io._branches if io.blocking else io._waits).close()
            over.wait(20)

        with pytest.raises(ClosedByCallerError):
            await io.apart(closing)

    port.run(call)
    over.set()


def test_what_is_left_to_itself_does_not_hold_up_the_end_of_python() -> None:
    code = """
import asyncio, time
from trunkline.io.aio import AsyncIO
from trunkline.io.blocking import BlockingIO
from trunkline.io.run import run_blocking
for run, io in ((run_blocking, BlockingIO()), (asyncio.run, AsyncIO())):
    try:
        run(io.apart(lambda: time.sleep(600), 0.01))
    except TimeoutError:
        print("late")
"""
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", code]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, env={"PYTHONPATH": str(SOURCE)}, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "late\nlate\n", "")
