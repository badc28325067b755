"""How commands write: what is asked for to standard output, everything else to standard error; plain when piped."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Sequence
from io import TextIOWrapper
from typing import Any, TextIO

import msgspec

NARROWEST = 10
"""In fewer columns what is drawn would lose wide letters and whole cells of tables; plain text loses nothing anywhere."""
# A reply must not steer the terminal (titles, clipboard, colours that hide text), so what steers it is taken out there.
_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_LINE_ENDS = re.compile(r"\r\n?")


def prepare() -> None:
    """Let both streams write any text: what their encoding lacks becomes ``?``. Of those that are closed the numbers are kept
    from files and sockets, which would take them, and be written to or closed in their place."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def safe(text: str) -> str:
    """``text`` without control characters, but for line ends and tabs."""
    return _STEERING.sub("", _LINE_ENDS.sub("\n", text))


def out(text: str, end: str = "\n") -> None:
    """To standard output, at once; as it is into a pipe, safe on a terminal."""
    print(safe(text) if is_terminal() else text, end=end, flush=True)


def note(text: str) -> None:
    """One line to standard error, under the command's name (on a terminal as many as it fills, of whole words); where nobody
    takes it, it is for nobody."""
    if sys.stderr is None:
        return
    try:
        print(_in_lines(f"trunkline: {safe(text)}", sys.stderr), file=sys.stderr, flush=True)
    except OSError:
        abandon(sys.stderr)


def _in_lines(text: str, to: TextIO) -> str:
    """``text`` in lines as a terminal is wide; words stay whole, and so do addresses and paths."""
    columns = os.get_terminal_size(to.fileno()).columns if to.isatty() else 0
    if columns < NARROWEST:
        return text
    import textwrap

    lines = (textwrap.wrap(line, columns, break_long_words=False, break_on_hyphens=False) for line in text.splitlines())
    return "\n".join(line for wrapped in lines for line in wrapped or [""])


def abandon(stream: TextIO | None) -> None:
    """Nobody takes any more: what is still buffered must not be written, and complained about, at exit."""
    if stream is not None:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())


def json_out(value: Any) -> None:
    """JSON to standard output, in lines with indentation; bytes are JSON already."""
    text = value if isinstance(value, bytes) else msgspec.json.encode(value)
    out(msgspec.json.format(text, indent=2).decode())


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, plain: bool = False, numbers: Sequence[int] = ()) -> None:
    """Aligned columns with a head on a terminal; into a pipe one line a row, tabs between, no head.

    ``numbers`` are the columns that are aligned at their right.
    """
    cells = [[re.sub(r"\s+", " ", safe(cell)) for cell in row] for row in rows]
    if not is_terminal():
        for row in cells:
            out("\t".join(row))
    elif colourful(plain=plain):
        from . import paint

        paint.table(head, cells, numbers)
    else:
        aligned([head, *cells], numbers)


def aligned(cells: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> None:
    """Columns, ``numbers`` of them aligned at their right, in plain text wherever it goes."""
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    for row in cells:
        padded = [
            cell.rjust(width) if n in numbers else cell.ljust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        out("  ".join(padded).rstrip())


def is_terminal() -> bool:
    """Whether standard output is one."""
    return bool(sys.stdout) and sys.stdout.isatty()


def colourful(*, plain: bool = False) -> bool:
    """Whether to write with colour and Markdown: on a terminal that can, where nobody asked for plain text (``plain``, NO_COLOR,
    TERM=dumb), rich is there, and so is room for it."""
    if plain or not is_terminal():
        return False
    environment = environ()
    if environment.get("NO_COLOR") or environment.get("TERM") == "dumb":
        return False
    if _columns(environment) < NARROWEST:
        return False
    from importlib.util import find_spec

    return find_spec("rich") is not None


def _columns(environment: dict[str, str]) -> int:
    """How wide rich takes the terminal to be."""
    told = environment.get("COLUMNS", "")
    if told.isdecimal():
        return int(told)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or 80
    except OSError:
        return 80


def environ() -> dict[str, str]:
    """The environment alone: no file of a project says where or how the command writes."""
    from ..client.settings import Settings

    return Settings.load().environment()
