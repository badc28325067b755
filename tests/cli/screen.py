"""A terminal for tests: the command on a pseudo-terminal, and what its output leaves to be seen, scrolled lines included."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable

from tests.cli.loopback import Command

_PIECES = re.compile(r"\x1b\[([?\d;]*)([A-Za-z])|\x1b[()=>].?|([\r\n\x08\x07])|([^\x1b\r\n\x08\x07]+)")
_TAKES_TERMINAL = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
_PATIENCE = 30  # seconds


def seen(data: str, columns: int = 80, rows: int = 24) -> list[str]:
    """The lines that a terminal of that size holds at the end, without spaces at their ends. Raises for what it does not know."""
    lines, x, y = [""], 0, 0
    place = 0
    while found := _PIECES.match(data, place):
        place = found.end()
        if found[3] == "\r":
            x = 0
        elif found[3] == "\n":
            y += 1
        elif found[3] == "\x08":
            x = max(x - 1, 0)
        elif found[4]:
            for sign in found[4]:
                if x == columns:
                    x, y = 0, y + 1
                lines += [""] * (y + 1 - len(lines))
                lines[y] = lines[y].ljust(x)[:x] + sign + lines[y][x + 1 :]
                x += 1
        elif found[2]:
            count = int(found[1] or "0") if found[1].isdigit() or not found[1] else 0
            match found[2]:
                case "A":  # no further than the first line that is on the screen
                    y = max(y - (count or 1), len(lines) - rows, 0)
                case "C":
                    x = min(x + (count or 1), columns - 1)
                case "D":
                    x = max(x - (count or 1), 0)
                case "G":
                    x = (count or 1) - 1
                case "K":
                    lines[y] = "" if count == 2 else lines[y][:x]
                case "J":
                    lines[y] = lines[y][:x]
                    del lines[y + 1 :]
                case "m" | "h" | "l" | "n":
                    pass
                case other:
                    raise AssertionError(f"ESC [ {found[1]}{other}")
        lines += [""] * (y + 1 - len(lines))
    assert place == len(data), repr(data[place : place + 20])
    return [line.rstrip() for line in lines]


class Terminal:
    """``trunkline`` on a pseudo-terminal of its own, which is its controlling terminal, so that Ctrl-C arrives as a signal."""

    def __init__(self, run: Command, *args: str, columns: int = 80, rows: int = 24) -> None:
        import fcntl
        import pty
        import struct
        import termios

        self.columns, self.rows = columns, rows
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.output = ""
        self._bytes = b""
        self._child = subprocess.Popen(
            [sys.executable, "-c", _TAKES_TERMINAL, *run.argv(args)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=run.folder,
            env={"TERM": "xterm-256color"} | run.environ,
            start_new_session=True,
        )
        os.close(slave)

    def wait_for(self, what: str | Callable[[str], bool]) -> None:
        """Read until ``what`` has been written since the last ``send``."""
        assert self._answered(what, _PATIENCE), self.output

    def _answered(self, what: str | Callable[[str], bool], seconds: float) -> bool:
        until = time.monotonic() + seconds
        while not (what in self._since() if isinstance(what, str) else what(self._since())):
            if time.monotonic() >= until:
                return False
            if not self._read():
                raise AssertionError(f"it ended: {self.output!r}")
        return True

    def interrupt_prompt(self, what: str | Callable[[str], bool]) -> None:
        """Ctrl-C until it is answered: Python's readline hears of one that comes while it handles a key with the next one only,
        and then of both as one."""
        self.send("\x03")
        while not self._answered(what, 3):
            os.write(self._master, b"\x03")

    def send(self, text: str) -> None:
        self._mark = len(self.output)
        os.write(self._master, text.encode())

    def interrupt_to_the_end(self) -> int:
        """Ctrl-C, as often as it needs to be heard (see ``interrupt_prompt``), and ``end``."""
        self.send("\x03")
        return self.end(again="\x03")

    def end(self, again: str = "") -> int:
        """Read to the end, saying ``again`` every few seconds; gives the exit code."""
        began = said = time.monotonic()
        while self._read():
            now = time.monotonic()
            assert now < began + _PATIENCE, self.output
            if now > said + 3:
                said = now
                self.send(again)
        os.close(self._master)
        return self._child.wait(_PATIENCE)

    def terminate(self) -> None:
        self._child.terminate()

    def kill(self) -> None:
        if self._child.poll() is None:
            self._child.kill()
            self._child.wait()

    @property
    def screen(self) -> list[str]:
        return seen(self.output, self.columns, self.rows)

    _mark = 0

    def _since(self) -> str:
        return re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", self.output[self._mark :])

    def _read(self) -> bool:
        import select

        if not select.select([self._master], [], [], 0.5)[0]:
            return True
        try:
            piece = os.read(self._master, 65536)
        except OSError:  # Linux says so when the other end is closed
            return False
        self._bytes += piece
        self.output = self._bytes.decode(errors="replace")
        return bool(piece)
