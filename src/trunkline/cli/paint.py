"""What the ``cli`` extra adds on a terminal: colour, tables, and Markdown as it is written."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from .markdown import ANSWER, THOUGHT, Clean, Kind
from .output import safe
from .region import Lines, Region


def console() -> Console:
    """Standard output, as wide as the terminal is now."""
    return Console(highlight=False, markup=False, emoji=False)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> None:
    """A table with a head; what does not fit goes on in the next line, nothing is cut off."""
    drawn = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, show_edge=False)
    for n, name in enumerate(head):
        drawn.add_column(name, justify="right" if n in numbers else "left", overflow="fold", style="cyan" if n == 0 else None)
    for row in rows:
        drawn.add_row(*(Text(safe(cell)) for cell in row))
    console().print(Clean(drawn))


def line(text: str, style: str) -> None:
    """A line in a style (``dim``, ``bold``)."""
    console().print(Text(safe(text), style=style))


class Painter:
    """Writes an answer as Markdown while it comes, its reasoning dim before it. ``end`` is owed, whatever happens.

    A finished block (a paragraph, a list, a table, a block of code) is printed once and scrolls as any output does; only the last
    one, which still grows, is drawn again and again.
    """

    def __init__(self, *, thoughts: bool = False) -> None:
        self._thoughts = thoughts
        self._console = console()
        self._region = Region(self._console, self._growing)
        self._kind = ANSWER
        self._pending = ""
        self._written = False
        self._spinner = Spinner("dots", style="dim")

    def wait(self) -> None:
        """Show that something is under way."""
        self._region.start()

    def text(self, piece: str) -> None:
        self._write(piece, ANSWER)

    def thought(self, piece: str) -> None:
        if self._thoughts:
            self._write(piece, THOUGHT)

    def end(self) -> None:
        """Write what has come and is not yet there for good."""
        with self._region.lock:
            self._settle(len(self._pending))
        self._region.stop()

    def _write(self, piece: str, kind: Kind) -> None:
        with self._region.lock:
            if kind is not self._kind:
                self._settle(len(self._pending))
                self._kind = kind
            self._pending += safe(piece)
            if "\n" in piece:
                self._settle(self._kind.finished(self._pending))
        self._region.start()

    def _settle(self, end: int) -> None:
        """Print the beginning of what is pending: it will not change any more."""
        done, self._pending = self._pending[:end].strip("\n"), self._pending[end:]
        if done.strip():
            lines = self._drawn(done)
            self._written = True
            self._region.print(lines)

    def _drawn(self, text: str) -> Lines:
        drawn = Clean(self._kind.drawn(text)).lines(self._console, self._console.options)
        return [[], *drawn] if self._written else drawn

    def _growing(self) -> Lines:
        text = self._pending.strip("\n")
        if text.strip():
            return self._drawn(text)
        return () if self._written else self._console.render_lines(self._spinner, pad=False)
