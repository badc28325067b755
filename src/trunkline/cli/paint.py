"""What the ``cli`` extra adds on a terminal: colour, tables, and Markdown as it is written. The only file that knows rich.

A finished block of an answer (a paragraph, a list, a table, a block of code) is printed once and scrolls as any output does; only
the last one, which still grows, is drawn again and again, and of it no more than fits on the screen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token
from rich import box
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.live import Live
from rich.markdown import Markdown
from rich.segment import Segment
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from .output import safe

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_FRAMES = 12  # a second
_CODE = "ansi_dark"  # the terminal's own colours, readable on light and dark ones


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
    console().print(_Clean(drawn))


def line(text: str, style: str) -> None:
    """A line in a style (``dim``, ``bold``)."""
    console().print(Text(safe(text), style=style))


class Painter:
    """Writes an answer as Markdown while it comes, its reasoning dim before it. ``end`` is owed, whatever happens."""

    def __init__(self, *, thoughts: bool = False) -> None:
        self._thoughts = thoughts
        self._console = console()
        self._pending = ""
        self._kind = _ANSWER
        self._written = self._ended = False
        self._live = Live(
            console=self._console, get_renderable=self._drawn, refresh_per_second=_FRAMES, transient=True, redirect_stderr=False
        )

    def wait(self) -> None:
        """Show that something is under way."""
        self._live.start()

    def text(self, piece: str) -> None:
        self._write(piece, _ANSWER)

    def thought(self, piece: str) -> None:
        if self._thoughts:
            self._write(piece, _THOUGHT)

    def end(self) -> None:
        """Write what has come and is not yet there for good."""
        if self._ended:
            return
        self._ended = True
        rest, self._pending = self._pending, ""
        self._live.stop()
        self._settle(rest)

    def _write(self, piece: str, kind: _Kind) -> None:
        if kind is not self._kind:
            rest, self._pending = self._pending, ""
            self._settle(rest)
            self._kind = kind
        self._pending += safe(piece)
        if not self._live.is_started:
            self._live.start()
        if "\n" in piece and (end := kind.finished(self._pending)):
            done, self._pending = self._pending[:end], self._pending[end:]
            self._settle(done)

    def _settle(self, text: str) -> None:
        """Print what will not change any more."""
        text = text.strip("\n")
        if not text.strip():
            return
        if self._written:
            self._console.print()
        self._console.print(_Clean(self._kind.drawn(text)))
        self._written = True

    def _drawn(self) -> RenderableType:
        if self._pending.strip():
            return _Tail(self._kind.drawn(self._pending.strip("\n")), blank=self._written)
        return Text("") if self._written or self._ended else Spinner("dots", style="dim")


class _Kind:
    """How text of one kind is drawn, and how much of its beginning can no longer change."""

    def __init__(self, drawn: Callable[[str], RenderableType], finished: Callable[[str], int]) -> None:
        self.drawn = drawn
        self.finished = finished


def _finished_blocks(text: str) -> int:
    """Where the last block begins, of the lines that are whole: all before it is finished."""
    whole = text[: text.rindex("\n") + 1]
    lines = whole.splitlines(keepends=True)
    first = next((n for n, line in enumerate(lines) if line.strip()), 0)
    opened = _FENCE.match(lines[first])
    if opened and not any(_closes(line, opened[1]) for line in lines[first + 1 :]):
        return 0  # code that goes on: long, and no need to read it again with each line
    starts = [token.map[0] for token in _parser().parse(whole) if token.level == 0 and token.map and token.nesting >= 0]
    return sum(map(len, lines[: starts[-1]])) if len(starts) > 1 else 0


def _closes(line: str, fence: str) -> bool:
    found = _FENCE.match(line)
    return found is not None and found[1].startswith(fence) and not line[found.end() :].strip()


def _finished_lines(text: str) -> int:
    return text.rfind("\n\n") + 2 if "\n\n" in text else 0


def _parser() -> MarkdownIt:
    # HTML is shown as it is written, and a picture as the link that it is: rich would leave out the one and the other's address.
    return MarkdownIt("commonmark", {"html": False}).enable(["strikethrough", "table"]).disable("image")


def _markdown(text: str) -> Markdown:
    drawn = Markdown("", code_theme=_CODE, hyperlinks=False)  # the address is shown, so that no text can hide it
    drawn.markup = text
    drawn.parsed = _with_line_ends(_parser().parse(text))
    return drawn


def _with_line_ends(tokens: list[Token]) -> list[Token]:
    """Models mean the line ends that they write inside a paragraph."""
    for token in tokens:
        for child in token.children or ():
            if child.type == "softbreak":
                child.type = "hardbreak"
    return tokens


_ANSWER = _Kind(_markdown, _finished_blocks)
_THOUGHT = _Kind(lambda text: Text(text, style="dim italic"), _finished_lines)


class _Clean:
    """What was drawn without blank lines around it, spaces that pad its lines, and whatever steers the terminal: that is taken out
    last, because entities and addresses of Markdown can hold it too."""

    def __init__(self, drawn: RenderableType) -> None:
        self._drawn = drawn

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in self.lines(console, options):
            yield from line
            yield Segment.line()

    def lines(self, console: Console, options: ConsoleOptions) -> list[list[Segment]]:
        drawn = console.render_lines(self._drawn, options.update(height=None), pad=False)
        lines = [_trimmed([Segment(safe(text), style) for text, style, control in line if not control]) for line in drawn]
        while lines and not lines[-1]:
            lines.pop()
        first = next((n for n, line in enumerate(lines) if line), 0)
        return lines[first:]


def _trimmed(line: list[Segment]) -> list[Segment]:
    """Without the spaces at its end that nobody can see."""
    while line:
        text, style, _ = line[-1]
        if style is not None and (style.bgcolor is not None or style.underline or style.reverse):
            break
        if kept := text.rstrip():
            line[-1] = Segment(kept, style)
            break
        line.pop()
    return line


class _Tail:
    """The last lines, as many as leave the screen some room: what is drawn again must not scroll."""

    def __init__(self, drawn: RenderableType, *, blank: bool) -> None:
        self._drawn = _Clean(drawn)
        self._blank = blank

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = self._drawn.lines(console, options)
        if self._blank:
            lines.insert(0, [])
        for line in lines[-max(console.height - 2, 1) :]:
            yield from line
            yield Segment.line()
