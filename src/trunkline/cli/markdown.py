"""Text as it is drawn while it comes: an answer in Markdown, reasoning dim; and how much of it can no longer change."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable

from markdown_it import MarkdownIt
from markdown_it.token import Token
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.markdown import Markdown
from rich.segment import Segment
from rich.text import Text

from .output import safe

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_CODE = "ansi_dark"  # the terminal's own colours, readable on light and dark ones


class Kind:
    """How text of one kind is drawn, and where its blocks begin."""

    def __init__(self, drawn: Callable[[str], RenderableType], starts: Callable[[str], list[int]]) -> None:
        self.drawn: Callable[[str], RenderableType] = drawn
        self._starts = starts

    def blocks(self, text: str) -> list[str]:
        """``text`` in pieces that are drawn one by one."""
        starts = [0, *self._starts(text)[1:], len(text)]
        return [text[start:end] for start, end in itertools.pairwise(starts)]

    def finished(self, text: str) -> int:
        """How much of its beginning can no longer change: all before the last block that is begun by a whole line."""
        starts = self._starts(text[: text.rfind("\n") + 1])
        return starts[-1] if len(starts) > 1 else 0


def _blocks(text: str) -> list[int]:
    lines = text.splitlines(keepends=True)
    first = next((n for n, line in enumerate(lines) if line.strip()), 0)
    opened = _FENCE.match(lines[first]) if lines else None
    if opened and not any(_closes(line, opened[1]) for line in lines[first + 1 :]):
        return [0]  # code that goes on: long, and no need to read it again with each line
    places = [0, *itertools.accumulate(map(len, lines))]
    return [places[token.map[0]] for token in _parser().parse(text) if token.level == 0 and token.map and token.nesting >= 0]


def _closes(line: str, fence: str) -> bool:
    found = _FENCE.match(line)
    return found is not None and found[1].startswith(fence) and not line[found.end() :].strip()


def _paragraphs(text: str) -> list[int]:
    return [0, *(found.end() for found in re.finditer(r"\n\n+(?=.)", text))]


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


ANSWER: Kind = Kind(_markdown, _blocks)
THOUGHT: Kind = Kind(lambda text: Text(text, style="dim italic"), _paragraphs)


class Clean:
    """What was drawn without blank lines around it, spaces that pad its lines, and whatever steers the terminal.

    That is taken out last, because entities and addresses of Markdown can hold it too."""

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
        if style is not None and (style.underline or style.reverse or not (style.bgcolor is None or style.bgcolor.is_default)):
            break
        if kept := text.rstrip():
            line[-1] = Segment(kept, style)
            break
        line.pop()
    return line
