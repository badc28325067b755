"""An answer on its way to standard output: as plain text, or drawn as Markdown."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from .. import ReasoningDelta, RefusalDelta, Response, Stream, TextDelta, Warning
from .output import colourful, note, out


class Writer(Protocol):
    """Takes an answer piece by piece. ``wait`` may show that something is under way; ``end`` is owed, whatever happens."""

    def wait(self) -> None: ...
    def text(self, piece: str) -> None: ...
    def thought(self, piece: str) -> None: ...
    def end(self) -> None: ...


class PlainWriter:
    """The answer as it is, and a line end where it has none. ``thoughts``: whether reasoning is written before it, too."""

    def __init__(self, *, thoughts: bool = False) -> None:
        self._thoughts = thoughts
        self._thinking = False
        self._last = ""

    def wait(self) -> None:
        """Plain text has nothing to show yet."""

    def text(self, piece: str) -> None:
        if self._thinking:
            self._thinking = False
            out("\n")
        self._write(piece)

    def thought(self, piece: str) -> None:
        if not self._thoughts:
            return
        if not self._thinking and piece:
            self.end()
            self._thinking = True
            out("thinking: ", end="")
        self._write(piece)

    def end(self) -> None:
        if self._last and not self._last.endswith("\n"):
            out("")
        self._last = ""

    def _write(self, piece: str) -> None:
        out(piece, end="")
        self._last = piece or self._last


def writer(*, plain: bool, thoughts: bool = False) -> Writer:
    """Draws where the terminal and the user want it, and writes plain text elsewhere."""
    if colourful(plain=plain):
        from .paint import Painter

        return Painter(thoughts=thoughts)
    return PlainWriter(thoughts=thoughts)


def write(stream: Stream, to: Writer) -> Response:
    """The whole reply, after each piece of it was written, and a refusal as an answer is. Raises what the stream raises."""
    said = False
    for event in stream:
        if not isinstance(event, TextDelta | RefusalDelta | ReasoningDelta) or event.choice:
            continue
        if isinstance(event, ReasoningDelta):
            to.thought(event.text)
        else:
            to.text(event.text)
            said = said or bool(event.text)
    response = stream.response
    if not said:
        to.text(response.text or response.refusal or "")
    return response


def tell(response: Response, known: Collection[Warning] = ()) -> None:
    """To standard error: what the reader of an answer must know besides it, but for the warnings that are ``known``."""
    for warning in response.warnings:
        if warning not in known:
            note(f"warning: {warning}")
    if response.finish_reason == "length":
        note("the answer was cut off at its limit of tokens (--max-tokens)")
    elif not response.text and not response.refusal:
        note(f"the answer holds no text (finish reason: {response.finish_reason})")
