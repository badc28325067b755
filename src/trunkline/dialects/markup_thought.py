"""Thoughts between tags (``<think>`` and its like) at the beginning of a text, read piece by piece."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Piece(NamedTuple):
    """A piece of what stood in the text. ``call`` begins a tool call, by its name; ``arguments`` are of the call begun last."""

    kind: Literal["text", "reasoning", "call", "arguments"]
    text: str


TAGS = {"<think>": "</think>", "[THINK]": "[/THINK]", "<seed:think>": "</seed:think>"}
BLANK = " \t\r\n"
MOST_BLANKS = 200  # characters; a text that begins with more begins with no markup
_LINE_ENDS = "\r\n"
_AT_ONCE = 4096  # characters


def opens_thought(start: str) -> bool | None:
    """Whether a text that begins with ``start`` (no blanks before it) begins with a thought; None: that does not tell yet."""
    if start.startswith(tuple(TAGS)):
        return True
    return None if any(tag.startswith(start) for tag in TAGS) else False


class Thought:
    """A text that begins with thoughts between tags, as many as there are. Line ends around a thought are none of its own.

    With ``close`` the text begins inside a thought, should ``again``, the opening tag, not be there all the same. ``over``: from
    here on there is only text.
    """

    __slots__ = ("_again", "_begun", "_blanks", "_close", "_held", "over")

    def __init__(self, close: str | None = None, again: str | None = None) -> None:
        self.over: bool = False
        self._close = close
        self._again = again
        self._begun = False  # the thought at hand has said something
        self._blanks: list[str] = []  # line ends, of the thought only if it goes on
        self._held = ""

    def feed(self, text: str) -> list[Piece]:
        pieces: list[Piece] = []
        at = 0
        while at < len(text) and not self.over:  # each tag costs what is left of its piece
            rest: str | None = self._held + text[at : at + _AT_ONCE]
            at += _AT_ONCE
            self._held = ""
            while rest and not self.over:
                rest = self._outside(rest) if self._close is None else self._inside(rest, pieces)
            if rest:
                pieces.append(Piece("text", rest))
        if at < len(text):
            pieces.append(Piece("text", text[at:]))
        return pieces

    def finish(self) -> list[Piece]:
        if self._close is None:
            return [Piece("text", self._held)] if self._held else []
        rest = "".join([*self._blanks, self._held])
        return [Piece("reasoning", rest)] if rest else []

    def _outside(self, text: str) -> str | None:
        """Reads on before a thought or the text itself; what remains to be read, None where that has to wait."""
        text = text.lstrip(_LINE_ENDS)
        start = text.lstrip(BLANK)
        opens = opens_thought(start) if len(text) - len(start) <= MOST_BLANKS else False
        if opens:
            tag = next(tag for tag in TAGS if start.startswith(tag))
            self._close, self._begun, self._blanks = TAGS[tag], False, []
            return start[len(tag) :]
        if opens is None:
            self._held = text
            return None
        self.over = True
        return text

    def _inside(self, text: str, pieces: list[Piece]) -> str | None:
        close = self._close
        assert close is not None
        if self._again is not None:
            text = text.lstrip(BLANK)
            if text != self._again and self._again.startswith(text):
                self._held = text
                return None
            text, self._again = text.removeprefix(self._again), None
        words, found, rest = text.partition(close)
        if not found:
            at = text.rfind(close[0], max(0, len(text) - len(close) + 1))
            if at >= 0 and close.startswith(text[at:]):
                words, self._held = text[:at], text[at:]
        self._think(words, pieces)
        if not found:
            return None
        self._close = None
        return rest

    def _think(self, words: str, pieces: list[Piece]) -> None:
        if not self._begun:
            words = words.lstrip(_LINE_ENDS)
        if not words:
            return
        self._begun = True
        said = words.rstrip(_LINE_ENDS)
        if said:
            pieces.append(Piece("reasoning", "".join([*self._blanks, said])))
            self._blanks = []
        self._blanks.append(words[len(said) :])
