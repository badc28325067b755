"""A program that answers on its standard output, as an exchange.

Four threads serve it (its input, its output, its complaints, its end): pipes cannot be waited for with a deadline on every
system, threads can. No shell is involved, and the environment is exactly the one that was given.
"""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from time import monotonic
from typing import IO, Final

from msgspec.structs import replace

from ..ports import INFINITY, Deadlines, ProcessRequest
from ..values.errors import DeadlinePhase, TransportError, UsageError
from ..wire.http import Head
from . import faults

WORDS_KEPT: Final = 500
"""How much of a program's complaints (the last characters) an error carries."""

GRACE: Final = 1.0
"""Seconds that a program has to end by itself (it may be writing down its settings) before it is killed."""

_AHEAD: Final = 16  # reads of its output that may wait to be fetched; then the program waits
_READ: Final = 65536
_SLICE: Final = 0.2  # on Windows a wait for a queue is deaf to Ctrl-C

Deliver = Callable[[bytes], None]


class Child:
    """A running program. ``deliver`` is called, in a thread of ours, with each piece of its output and with b"" at the end,
    when ``exit_code`` is known. Raises ``UsageError`` or ``TransportError`` when it cannot be started."""

    def __init__(self, request: ProcessRequest, deliver: Deliver) -> None:
        if not request.argv or any("\0" in word for word in request.argv):
            raise UsageError("names no program that could be started", field="argv")
        self._deliver = deliver
        self._room = threading.Semaphore(_AHEAD)
        self._complaints: deque[bytes] = deque(maxlen=8)
        self._over = False
        self._reads = 0
        self._reading = False
        self._ended = threading.Event()
        self._lock = threading.RLock()  # re-entrant: a finalizer may kill the program in any thread
        self.exit_code: int | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        folder = request.cwd
        if folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="trunkline-", ignore_cleanup_errors=True)
            folder = self._folder.name
        try:
            self._process = start(request, folder)
        except BaseException:
            self._clean_up()
            raise
        self._listener = threading.Thread(target=self._read_complaints, daemon=True, name="trunkline-child")
        self._listener.start()
        if request.stdin:
            _serve(self._write_input, request.stdin)
        _serve(self._read_output)  # at its end it waits for the listener
        _serve(self._outlive)
        if not request.stdin:
            _close(self._process.stdin)

    def __repr__(self) -> str:
        return f"Child({self._process.pid})"

    def fetched(self) -> None:
        """A piece was taken: the program may go on."""
        self._room.release()

    def kill(self) -> None:
        """End the program and whatever it has started: it is asked to, and after ``GRACE`` made to."""
        with self._lock:
            if self._over:
                return
            self._over = True
            ask_tree(self._process)
        _ending.add(self)
        try:
            _serve(self._see_off)
        except RuntimeError:  # the interpreter ends: nobody will wait
            self._kill_now()
        self._room.release()

    def _see_off(self) -> None:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE)
        self._kill_now()

    def _kill_now(self) -> None:
        _ending.discard(self)
        kill_tree(self._process)

    def failure(self) -> TransportError | None:
        """The error for a program that ended badly, with its last words."""
        if self.exit_code == 0:
            return None
        said = b"".join(self._complaints).decode("utf-8", "replace").strip()[-WORDS_KEPT:]
        how = f"exit code {self.exit_code}" if (self.exit_code or 0) >= 0 else f"signal {-(self.exit_code or 0)}"
        return TransportError(f"the program ended with {how}", phase="body", sent=True, provider_message=said or None)

    def _read_output(self) -> None:
        source = self._process.stdout
        assert source is not None
        while True:
            self._room.acquire()
            self._reading = True
            data = b"" if self._over else os.read(source.fileno(), _READ)
            self._reading = False
            self._reads += 1
            if not data or self._ended.is_set():
                break
            if not self._hand_over(data):
                break
        self._end()
        _close(source)

    def _outlive(self) -> None:
        """Once the program is gone, what it left running behind it may hold its output open: that is not waited for."""
        self._process.wait()
        seen = self._reads
        while not self._ended.wait(GRACE):
            if not self._reading or self._reads != seen:
                seen = self._reads
                continue  # there is more of its output, or nobody fetches it
            kill_tree(self._process)
            if not self._ended.wait(GRACE) and self._reading and self._reads == seen:
                self._end()  # it has left the tree, and keeps the pipe

    def _end(self) -> None:
        """The program has ended, and so has what it says."""
        with self._lock:
            if self._ended.is_set():
                return
            self._ended.set()
        self._listener.join(1)  # something that it started may hold the pipe open
        self.exit_code = self._process.wait()
        with self._lock:
            if not self._over:
                self._over = True
                kill_tree(self._process)  # what it left running behind it
        self._clean_up()
        self._hand_over(b"")

    def _clean_up(self) -> None:
        if self._folder is not None:
            self._folder.cleanup()

    def _hand_over(self, data: bytes) -> bool:
        try:
            self._deliver(data)
        except RuntimeError:  # the loop that it goes to is closed: nobody will read on
            self.kill()
            return False
        return True

    def _read_complaints(self) -> None:
        source = self._process.stderr
        assert source is not None
        while data := os.read(source.fileno(), 4096):
            self._complaints.append(data)
        _close(source)

    def _write_input(self, data: bytes) -> None:
        try:
            assert self._process.stdin is not None
            left = memoryview(data)
            while left:
                left = left[os.write(self._process.stdin.fileno(), left) :]
        except OSError:  # it does not read: what it says or how it ends tells why
            pass
        _close(self._process.stdin)


def _serve(work: Callable[..., None], *words: bytes) -> None:
    threading.Thread(target=work, args=words, daemon=True, name="trunkline-child").start()


def _close(pipe: IO[bytes] | None) -> None:
    if pipe is not None:
        with suppress(OSError):  # unsent input of a program that is gone
            pipe.close()


def start(request: ProcessRequest, folder: str) -> subprocess.Popen[bytes]:
    """The program, at the head of a process group of its own, with three pipes that nothing buffers."""
    name = request.argv[0]
    why = "could not be started"
    try:
        return subprocess.Popen(  # noqa: S603 - no shell, and the words are the caller's
            request.argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=dict(request.env),
            cwd=folder,
            start_new_session=sys.platform != "win32",
            creationflags=_FLAGS,
        )
    except FileNotFoundError as error:
        why = "does not exist" if error.filename in (None, name) else "cannot run in a folder that does not exist"
    except PermissionError:
        why = "may not be run"
    except OSError:
        pass
    except ValueError:
        raise UsageError("holds what no program can be given", field="env") from None
    raise TransportError(f"the program {name} {why}", phase="connect", hint="Is it installed, and on the PATH?")


if sys.platform == "win32":
    _FLAGS = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW

    def ask_tree(process: subprocess.Popen[bytes]) -> None:
        """Nothing can be asked of a program without a window."""

    def kill_tree(process: subprocess.Popen[bytes]) -> None:
        command = ["taskkill", "/T", "/F", "/PID", str(process.pid)]
        subprocess.run(  # noqa: S603 - a number is all that varies
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
        )
else:
    _FLAGS = 0

    def ask_tree(process: subprocess.Popen[bytes]) -> None:
        """Ask a program and all that it has started to end."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGTERM)

    def kill_tree(process: subprocess.Popen[bytes]) -> None:
        """End a program and all that it has started; what it left behind, where it has ended."""
        with suppress(ProcessLookupError, PermissionError):  # all gone (macOS says the latter for zombies)
            os.killpg(process.pid, signal.SIGKILL)


_ending: set[Child] = set()
"""Programs that have been asked to end."""


@atexit.register
def _end_all() -> None:
    for child in list(_ending):
        child._kill_now()


class ProcessExchange:
    """What the exchanges of both modes share: when the child is started, how long is waited, what its end means."""

    def __init__(self, request: ProcessRequest, deadlines: Deadlines) -> None:
        self._request = request
        self._deadlines = deadlines
        self._child: Child | None = None
        self._phase: DeadlinePhase = "first_byte"
        self._aborted = self._ended = False

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._request!r})"

    def set_until(self, moment: float) -> None:
        self._deadlines = replace(self._deadlines, until=moment)

    def _begin(self, deliver: Deliver) -> Head:
        if self._child is None:
            if self._aborted:
                raise faults.ended("connect", False)
            if monotonic() >= self._deadlines.until:
                raise faults.late(self._deadlines, "connect", monotonic())
            self._child = Child(self._request, deliver)
        return Head(200)

    def _limit(self) -> float:
        seconds = self._deadlines.first_byte if self._phase == "first_byte" else self._deadlines.idle
        return min(monotonic() + seconds, self._deadlines.until)

    def _taken(self, data: bytes | None) -> bytes:
        """What a read gives for what was delivered: None is an abort, b"" the end of the program."""
        if data is None or self._aborted or self._child is None:
            raise faults.ended("body", True)
        if data:
            self._phase = "idle"
            self._child.fetched()
            return data
        self._ended = True
        failure = self._child.failure()
        if failure is not None:
            raise failure
        return b""

    def _late(self) -> Exception:
        return faults.late(self._deadlines, self._phase, monotonic())

    def _kill(self) -> None:
        self._aborted = True
        if self._child is not None:
            self._child.kill()

    def __del__(self) -> None:
        self._kill()


class BlockingProcess(ProcessExchange):
    """See ``ports.Exchange``. The program is started by ``head()``."""

    def __init__(self, request: ProcessRequest, deadlines: Deadlines) -> None:
        super().__init__(request, deadlines)
        self._pieces: SimpleQueue[bytes | None] = SimpleQueue()

    async def head(self) -> Head:
        try:
            return self._begin(self._pieces.put)
        except BaseException as error:  # noqa: BLE001 - raised below, without its frames
            fault = faults.bare(error)
        self._kill()
        raise fault

    async def read(self) -> bytes:
        if self._ended:
            return b""
        try:
            if self._child is None:
                await self.head()
            return self._taken(self._wait(self._limit()))
        except BaseException as error:  # noqa: BLE001 - raised below, without its frames
            fault = faults.bare(error)
        self._kill()
        raise fault

    def _wait(self, limit: float) -> bytes | None:
        while True:
            left = limit - monotonic()
            try:
                if left == INFINITY and sys.platform != "win32":
                    return self._pieces.get()
                return self._pieces.get(timeout=max(min(left, _SLICE if sys.platform == "win32" else left), 0))
            except Empty:
                if monotonic() < limit:
                    continue
            raise self._late()

    async def close(self) -> None:
        self._kill()

    def abort(self) -> None:
        self._kill()
        self._pieces.put(None)
