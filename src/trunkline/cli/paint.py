"""What the ``cli`` extra adds on a terminal: colour, tables, and Markdown as it is written."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.segment import Segment, Segments
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
    """A table with a head; what does not fit goes on in the next line, nothing is cut off.

    Where words would be torn, what stands behind the last number goes under its row.
    """
    to = console()
    cells = [[re.sub(r",(?=\S)", ", ", safe(cell)) for cell in row] for row in rows]  # lists break at their commas
    kept = max(numbers) + 1 if numbers else len(head)
    widths = [max(_longest_word(row[n]) if n >= kept else cell_len(row[n]) for row in (head, *cells)) for n in range(len(head))]
    if sum(widths[:kept]) + 2 * kept <= to.width < sum(widths) + 2 * len(widths):
        first, rule, *drawn = Clean(_drawn(head[:kept], [row[:kept] for row in cells], numbers, whole=True)).lines(to, to.options)
        to.print(Segments([*first, Segment.line(), *rule, Segment.line()]))
        for line, row in zip(drawn, cells, strict=True):
            to.print(Segments([*line, Segment.line()]))
            for name, cell in zip(head[kept:], row[kept:], strict=True):
                if cell != "-":
                    to.print(Clean(Padding(Text(f"{name}: {cell}", overflow="fold"), (0, 0, 0, 2))))
        return
    whole = max(cell_len(row[0]) for row in (head, *cells)) <= to.width // 2  # what a row is about is read at a glance
    to.print(Clean(_drawn(head, cells, numbers, whole=whole)))


def _drawn(head: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int], *, whole: bool) -> Table:
    drawn = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    drawn.add_column(head[0], overflow="fold", style="cyan", no_wrap=whole)
    for n, name in enumerate(head[1:], 1):
        drawn.add_column(name, justify="right" if n in numbers else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*map(Text, row))
    return drawn


def _longest_word(cell: str) -> int:
    return max(map(cell_len, cell.split()), default=0)


def line(text: str, style: str) -> None:
    """A line in a style (``dim``, ``bold``)."""
    console().print(Text(safe(text), style=style))


class Painter:
    """Writes an answer as Markdown while it comes, its reasoning dim before it. ``end`` is owed, whatever happens.

    A finished block (a paragraph, a list, a table, a block of code) is printed once and scrolls as any output does; only the last
    one, which still grows, is drawn again and again.
    """

    def __init__(self, to: Console | None = None, *, thoughts: bool = False) -> None:
        self._thoughts = thoughts
        self._console = to or console()
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
        lines: list[list[Segment]] = []
        for block in self._kind.blocks(text):
            if lines or self._written:
                lines.append([])
            lines += Clean(self._kind.drawn(block)).lines(self._console, self._console.options)
        return lines

    def _growing(self) -> Lines:
        text = self._pending.strip("\n")
        if text.strip():
            return self._drawn(text)
        return () if self._written else self._console.render_lines(self._spinner, pad=False)
