"""``trunkline lint-stream``: whether a recorded stream keeps to its protocol."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from io import BufferedIOBase, BytesIO
from itertools import chain
from typing import cast

import msgspec

from .. import UsageError
from ..dialects.dialect import Fault
from ..dialects.framings import frame_decoder, guess_framing
from ..dialects.grammar import guess_dialect
from ..dialects.known import DIALECTS, dialect_of
from ..wire.sse import Frame
from .options import Commands, add_command
from .output import json_out, note, out

CLEAN, FAULTY = 0, 1
_PIECE = 1 << 16
_ENOUGH = 64
"""So many frames are looked at to tell whose stream it is."""
_EPILOG = """\
examples:
  trunkline lint-stream answer.sse
  curl -sN ... | trunkline lint-stream -
  trunkline lint-stream --strict --json answer.sse | jq '.faults[].rule'

FILE holds the body of a reply as server-sent events. Without --strict only what would lose or garble something for a careful
reader is a fault; with it, whatever Trunkline itself would not send. The rules: docs/stream-grammar.md.

exit codes: 0 clean, 1 faults were found, 2 wrong usage
"""


def add(commands: Commands) -> None:
    parser = add_command(commands, "lint-stream", "Check a recorded stream against its protocol.", _EPILOG)
    parser.add_argument("file", metavar="FILE", help="the body of a streamed reply; - is standard input")
    parser.add_argument("--dialect", metavar="ID", help="whose protocol it is (default: as the first frames tell)")
    parser.add_argument("--strict", action="store_true", help="to the letter, as Trunkline sends it")
    parser.add_argument("--json", action="store_true", help="print the faults as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    with _opened(args.file) as file:
        batches = _batches(file)
        first: list[Frame] = []
        while len(first) < _ENOUGH and (batch := next(batches, None)) is not None:
            first += batch
        dialect = args.dialect or _guessed(first)
        grammar = dialect_of(dialect).stream_grammar(strict=args.strict)
        count, found = 0, []
        for batch in chain([first], batches):
            count += len(batch)
            found += _told(grammar.feed(batch), args)
        found += _told(grammar.finish(), args)
    if args.json:
        faults = [msgspec.to_builtins(fault) for fault in found]
        json_out({"dialect": dialect, "strict": args.strict, "frames": count, "faults": faults})
    else:
        note(f"{dialect}, {'strict' if args.strict else 'lenient'}: frames {count}, faults {len(found)}")
    return FAULTY if found else CLEAN


def _told(faults: list[Fault], args: argparse.Namespace) -> list[Fault]:
    """The faults, each printed as soon as it is known, unless they are to be JSON."""
    if not args.json:
        for fault in faults:
            out(str(fault))
    return faults


def _guessed(frames: list[Frame]) -> str:
    found = guess_dialect(frames)
    if found is None:
        raise UsageError("the frames do not tell whose protocol this is", field="--dialect", allowed=", ".join(DIALECTS))
    return found


def _opened(name: str) -> AbstractContextManager[BufferedIOBase]:
    if name == "-":
        return nullcontext(BytesIO() if sys.stdin is None else cast(BufferedIOBase, sys.stdin.buffer))
    try:
        return open(name, "rb")
    except OSError as error:
        raise UsageError(f"{name} cannot be read ({error.strerror or type(error).__name__})", field="FILE") from None


def _batches(file: BufferedIOBase) -> Iterator[list[Frame]]:
    """The frames of each read, as far as they are complete; in the end the one that lacks its end."""
    data = file.read1(_PIECE)
    decoder = frame_decoder(guess_framing(data))
    while data:
        yield decoder.feed(data)
        data = file.read1(_PIECE)
    yield decoder.finish()
