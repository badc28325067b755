from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.io.loopback import Port, rest
from trunkline.io.aio import AsyncIO
from trunkline.ports import IO, Deadlines, ProcessRequest
from trunkline.values.errors import DeadlineError, TransportError, UsageError


def python(
    program: str, *words: str, stdin: bytes = b"", env: tuple[tuple[str, str], ...] = (), cwd: str | None = None
) -> ProcessRequest:
    return ProcessRequest((sys.executable, "-c", program, *words), stdin, env, cwd)


async def output(io: IO, request: ProcessRequest, deadlines: Deadlines = Deadlines()) -> bytes:
    exchange = io.spawn(request, deadlines)
    try:
        assert (await exchange.head()).status == 200
        return await rest(exchange)
    finally:
        await exchange.close()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:  # gone just now, or a system without /proc
        return sys.platform != "linux"


def gone_within(pid: int, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while alive(pid):
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def test_input_words_and_output_pass_through_unchanged(port: Port) -> None:
    program = "import sys; sys.stdout.buffer.write(sys.argv[1].encode() + sys.stdin.buffer.read()[::-1])"
    data = bytes(range(256)) * 2000
    word = '$(echo x); "quoted" ü'
    assert port.run(lambda io: output(io, python(program, word, stdin=data))) == word.encode() + data[::-1]


def test_the_environment_is_exactly_the_given_one(port: Port, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TRUNKLINE_CANARY", "leaked")
    program = "import os, sys; print(sorted(k for k in os.environ if k not in ('LC_CTYPE', '__CF_USER_TEXT_ENCODING', 'SYSTEMROOT')), os.getcwd())"
    said = port.run(lambda io: output(io, python(program, env=(("ONLY", "this"),), cwd=str(tmp_path))))
    assert said.decode().split("\n")[0].rstrip() == f"['ONLY'] {os.path.realpath(tmp_path)}"


def test_output_comes_as_it_is_written(port: Port) -> None:
    program = "import sys, time\nfor i in range(5): print(time.monotonic(), flush=True); time.sleep(.05)"

    async def call(io: IO) -> list[float]:
        exchange = io.spawn(python(program), Deadlines())
        await exchange.head()
        late = []
        while data := await exchange.read():
            late.append(time.monotonic() - float(data))
        await exchange.close()
        return late

    late = port.run(call)
    assert len(late) == 5
    assert sorted(late)[2] < 0.02


def test_a_bad_end_tells_the_exit_code_and_the_last_words(port: Port) -> None:
    program = "import sys; print('partial', flush=True); sys.stderr.write('x' * 1000 + 'the last words'); sys.exit(3)"

    async def call(io: IO) -> TransportError:
        exchange = io.spawn(python(program), Deadlines())
        await exchange.head()
        assert (await exchange.read()).strip() == b"partial"
        with pytest.raises(TransportError) as caught:
            await exchange.read()
        await exchange.close()
        return caught.value

    error = port.run(call)
    assert (error.phase, error.sent) == ("body", True)
    assert "exit code 3" in str(error)
    assert error.provider_message is not None
    assert error.provider_message.endswith("the last words")
    assert len(error.provider_message) == 500
    assert error.__context__ is None


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_program_that_a_signal_ended(port: Port) -> None:
    with pytest.raises(TransportError, match="signal 9"):
        port.run(lambda io: output(io, python("import os; os.kill(os.getpid(), 9)")))


@pytest.mark.parametrize(
    ("request_", "kind", "words"),
    [
        (ProcessRequest(("/no/such/program",)), TransportError, "does not exist"),
        (ProcessRequest((str(Path(__file__)),)), TransportError, "may not be run"),
        (ProcessRequest((sys.executable,), cwd="/no/such/folder"), TransportError, "folder"),
        (ProcessRequest(()), UsageError, "argv"),
        (ProcessRequest((sys.executable, "a\0b")), UsageError, "argv"),
        (ProcessRequest((sys.executable,), env=(("A", "secret\0"),)), UsageError, "env"),
    ],
)
def test_what_cannot_be_started(port: Port, request_: ProcessRequest, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words) as caught:
        port.run(lambda io: output(io, request_))
    assert "secret" not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("phase", "program"),
    [
        ("first_byte", "import time; time.sleep(9)"),
        ("idle", "import time; print('x', flush=True); time.sleep(9)"),
        ("total", "import time; time.sleep(9)"),
    ],
)
def test_deadlines(port: Port, phase: str, program: str) -> None:
    async def call(io: IO) -> float:
        begun = time.monotonic()
        after = 0.3 if phase == "total" else 0.2
        limits = Deadlines(until=begun + 0.3, total=0.3) if phase == "total" else Deadlines(**{phase: 0.2})  # type: ignore[arg-type]
        exchange = io.spawn(python(program), limits)
        await exchange.head()
        since = begun if phase == "total" else time.monotonic()
        with pytest.raises(DeadlineError) as caught:
            while await exchange.read():
                since = time.monotonic()
        late = time.monotonic() - since - after
        assert caught.value.phase == phase
        await exchange.close()
        return late

    assert -0.05 < sorted(port.run(call) for _ in range(3))[1] < 0.1


FAMILY = """
import subprocess, sys, os, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(os.getpid(), child.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="asks the system for process ids")
@pytest.mark.parametrize("how", ["close", "abort", "deadline", "drop"])
def test_the_whole_family_is_ended(port: Port, how: str) -> None:
    async def call(io: IO) -> list[int]:
        exchange = io.spawn(python(FAMILY), Deadlines(idle=0.2 if how == "deadline" else 30))
        await exchange.head()
        pids = [int(word) for word in (await exchange.read()).split()]
        assert all(map(alive, pids))
        if how == "close":
            await exchange.close()
        elif how == "abort":
            threading.Timer(0.1, exchange.abort).start()
            with pytest.raises(TransportError, match="closed from elsewhere"):
                await exchange.read()
        elif how == "deadline":
            with pytest.raises(DeadlineError):
                await exchange.read()
        return pids

    pids = port.run(call)
    gc.collect()
    assert all(gone_within(pid, 2) for pid in pids)


@pytest.mark.skipif(sys.platform == "win32", reason="asks the system for process ids")
def test_what_a_program_leaves_running_is_ended_with_it(port: Port) -> None:
    program = "import subprocess, sys\np = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\nprint(p.pid)"
    left = int(port.run(lambda io: output(io, python(program))))
    assert gone_within(left, 2)


def test_a_cancelled_read_ends_the_program() -> None:
    async def main() -> int:
        io = AsyncIO()
        exchange = io.spawn(python("import os, time; print(os.getpid(), flush=True); time.sleep(60)"), Deadlines())
        await exchange.head()
        pid = int(await exchange.read())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await exchange.read()
        await io.close()
        return pid

    assert gone_within(asyncio.run(main()), 2)


def test_a_program_that_does_not_read_its_input(port: Port) -> None:
    assert port.run(lambda io: output(io, python("print('done')", stdin=bytes(5_000_000)))).strip() == b"done"


def test_a_slow_reader_slows_the_program(port: Port) -> None:
    """What waits to be fetched is bounded: the pipe fills, and the program waits."""
    program = "import sys, time\nfor i in range(400): sys.stdout.buffer.write(b'x' * 65536)\nsys.stdout.flush(); sys.stderr.write('end')"

    async def call(io: IO) -> int:
        exchange = io.spawn(python(program), Deadlines())
        await exchange.head()
        total = len(await exchange.read())
        await io.sleep(0.2)
        while data := await exchange.read():
            total += len(data)
        await exchange.close()
        return total

    assert port.run(call) == 400 * 65536


def test_close_before_head_and_read_without_head(port: Port) -> None:
    async def call(io: IO) -> None:
        exchange = io.spawn(python("print(1)"), Deadlines())
        await exchange.close()
        with pytest.raises(TransportError):
            await exchange.head()
        exchange = io.spawn(python("print(2)"), Deadlines())
        assert (await exchange.read()).strip() == b"2"
        assert [await exchange.read(), await exchange.read()] == [b"", b""]
        await exchange.close()

    port.run(call)


@pytest.mark.skipif(sys.platform == "win32", reason="sessions")
@pytest.mark.parametrize("apart", [False, True])
def test_what_a_program_leaves_behind_is_not_waited_for(port: Port, apart: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds the pipe open; in a session of its own (``apart``) it cannot even be ended."""
    monkeypatch.setattr("trunkline.io.process.GRACE", 0.3)
    program = (
        "import subprocess, sys\n"
        "left = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(20)'], start_new_session=sys.argv[1] == 'True')\n"
        "print(left.pid)"
    )
    began = time.monotonic()
    pid = int(port.run(lambda io: output(io, python(program, str(apart)))))
    assert time.monotonic() - began < 12
    if apart:
        os.kill(pid, 9)
    assert gone_within(pid, 5)


def test_slow_readers_of_a_program_that_is_gone_get_all_of_it(port: Port, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trunkline.io.process.GRACE", 0.3)

    async def slowly(io: IO) -> int:
        exchange = io.spawn(python("import sys; sys.stdout.write('x' * 1_000_000)"), Deadlines())
        try:
            size = len(await exchange.read())
            await io.sleep(0.8)
            return size + len(await rest(exchange))
        finally:
            await exchange.close()

    assert port.run(slowly) == 1_000_000
