"""What the user says next: a line, or several that belong together."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from io import TextIOWrapper
from typing import Any, Protocol

from ..output import note
from .history import History

NextLine = Callable[[bool], str | None]
"""Gives a line without its end, None at the end of the input; True: a line that goes on with the one before."""
_QUOTES = '"""'


class Reader(Protocol):
    """``read`` gives what the user says next, None at the end. Raises ``KeyboardInterrupt`` for Ctrl-C."""

    def read(self) -> str | None: ...


def gather(next_line: NextLine, pasted: Callable[[], bool] = lambda: False) -> str | None:
    """One turn: a line, those that a ``\\`` at the end joins to it, or what stands between two triple quotes.

    ``pasted`` says whether more has arrived already than a hand can type: it belongs to the same turn.
    """
    line = next_line(False)
    if line is None:
        return None
    if line.lstrip().startswith(_QUOTES):
        return _quoted(line.lstrip()[len(_QUOTES) :], next_line)
    lines = [line]
    while lines[-1].endswith("\\") or (pasted() and not line.startswith("/")):
        lines[-1] = lines[-1].removesuffix("\\")
        further = next_line(True)
        if further is None:
            break
        lines.append(further)
    return "\n".join(lines)


def _quoted(first: str, next_line: NextLine) -> str:
    lines = [first]
    while not lines[-1].rstrip().endswith(_QUOTES):
        line = next_line(True)
        if line is None:
            return "\n".join(lines).strip("\n")
        lines.append(line)
    lines[-1] = lines[-1].rstrip()[: -len(_QUOTES)]
    return "\n".join(lines).strip("\n")


class PipeReader:
    """Standard input where it is no terminal: UTF-8, what is none of it replaced."""

    def __init__(self) -> None:
        if isinstance(sys.stdin, TextIOWrapper):
            sys.stdin.reconfigure(encoding="utf-8-sig", errors="replace")

    def read(self) -> str | None:
        return gather(self._next)

    def _next(self, goes_on: bool) -> str | None:
        line = sys.stdin.readline() if sys.stdin is not None else ""
        return line.rstrip("\r\n") if line else None


class TerminalReader:
    """A prompt, with readline where Python has it: editing, the history of this chat and of earlier ones, completion by ``words``
    (what a line that begins so may become)."""

    def __init__(self, history: History, words: Callable[[str], Sequence[str]], *, coloured: bool) -> None:
        self._history = history
        self._prompts = ("> ", ". ")
        self._readline = _readline()
        if isinstance(sys.stdin, TextIOWrapper):
            sys.stdin.reconfigure(errors="replace")
        if self._readline is not None:
            self._prepare(self._readline, words)
            if coloured and not self._edits_plainly:
                self._prompts = ("\x01\x1b[1;36m\x02>\x01\x1b[0m\x02 ", "\x01\x1b[2;36m\x02.\x01\x1b[0m\x02 ")

    @property
    def _edits_plainly(self) -> bool:
        """libedit in readline's place: it knows neither pasted text nor colours in a prompt."""
        return self._readline is None or "libedit" in (self._readline.__doc__ or "")

    def _prepare(self, readline: Any, words: Callable[[str], Sequence[str]]) -> None:
        readline.set_auto_history(False)  # a turn of several lines is one question
        for text in self._history.read():
            _remember(readline, text)
        readline.set_completer_delims("\n")
        readline.set_completer(lambda text, n: next(iter(words(text)[n : n + 1]), None))
        if self._edits_plainly:
            readline.parse_and_bind("bind ^I rl_complete")
        else:
            readline.parse_and_bind("tab: complete")
            readline.parse_and_bind("set enable-bracketed-paste on")  # Python switches it off

    def read(self) -> str | None:
        text = gather(self._next, _waiting if self._edits_plainly else lambda: False)
        if text and text.strip():
            if self._readline is not None:
                _remember(self._readline, text)
            known = self._history.problem
            self._history.add(text)
            if self._history.problem and not known:
                note(self._history.problem)
        return text

    def _next(self, goes_on: bool) -> str | None:
        prompt = self._prompts[goes_on]
        if not sys.stdout.isatty():  # what is asked for goes there, a prompt does not
            sys.stderr.write(prompt)
            sys.stderr.flush()
            line = sys.stdin.readline()
            return line.rstrip("\r\n") if line else None
        try:
            return input(prompt)
        except EOFError:
            return None


def _remember(readline: Any, text: str) -> None:
    with contextlib.suppress(ValueError):  # a NUL, or what the locale has no letter for: it is not offered again
        readline.add_history(text)


def _readline() -> Any:
    try:
        import readline
    except ImportError:  # Windows; its console edits lines by itself
        return None
    return readline


def _waiting() -> bool:
    """Whether more of what was typed or pasted has arrived already."""
    if sys.platform == "win32":
        return False
    import array
    import fcntl
    import termios

    count = array.array("i", [0])
    try:
        fcntl.ioctl(sys.stdin.fileno(), termios.FIONREAD, count)
    except OSError:
        return False
    return count[0] > 0


@contextlib.contextmanager
def unechoed() -> Iterator[None]:
    """What is typed meanwhile is not shown in the midst of an answer; the next prompt shows it."""
    if sys.platform == "win32" or sys.stdin is None or not sys.stdin.isatty():
        yield
        return
    import termios

    before = termios.tcgetattr(sys.stdin)
    without = [*before[:3], before[3] & ~termios.ECHO, *before[4:]]
    termios.tcsetattr(sys.stdin, termios.TCSANOW, without)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSANOW, before)
