"""Reasoning and tool calls that a model writes as markup inside its text, taken out of it piece by piece.

Whoever runs an open model is meant to read its markup and say it in the fields of the protocol; small local servers hand it on as
it is. Known: tags around a thought (``markup_thought``), the harmony format (``markup_harmony``).
"""

from __future__ import annotations

from typing import Literal

from .markup_harmony import Harmony, opens_harmony
from .markup_thought import BLANK, MOST_BLANKS, Piece, Thought, opens_thought

Style = Literal["think", "think_open", "harmony", "auto"]
"""What markup a text may hold: see the quirk ``markup``."""


class Splitter:
    """Splits one text that comes in pieces; where it is cut makes no difference to what the pieces amount to.

    ``form`` is the markup that was found. ``plain``: there is none, or no more of it, and whatever follows is text.
    """

    __slots__ = ("_held", "_reader", "_style", "form", "plain")

    def __init__(self, style: Style) -> None:
        self.form: Literal["think", "harmony"] | None = None
        self.plain: bool = False
        self._style = style
        self._held = ""
        self._reader: Thought | Harmony | None = None
        if style == "think_open":
            self.form, self._reader = "think", Thought("</think>", "<think>")

    def feed(self, text: str) -> list[Piece]:
        """What is known once ``text`` has come."""
        if not text:
            return []
        if self._reader is None and not self.plain:
            text, self._held = self._held + text, ""
            if not self._decide(text):
                self._held = text
                return []
        if self._reader is None:
            return [Piece("text", text)]
        pieces = self._reader.feed(text)
        if isinstance(self._reader, Thought) and self._reader.over:
            self.plain, self._reader = True, None
        return pieces

    def finish(self) -> list[Piece]:
        """What remains once there is no more: what might have become markup is text after all."""
        held = [Piece("text", self._held)] if self._held else []
        pieces = held if self._reader is None else self._reader.finish()
        self._held, self._reader, self.plain = "", None, True
        return pieces

    def _decide(self, text: str) -> bool:
        """Whether ``text`` tells what it begins with; if so, ``_reader`` or ``plain`` is set."""
        start = text.lstrip(BLANK)
        thought = opens_thought(start) if self._style != "harmony" else False
        bare = self._style == "harmony"  # else no word is held back for what might follow it
        message = opens_harmony(start) if bare or (self._style == "auto" and start[:1] in ("", "<")) else False
        if len(text) - len(start) > MOST_BLANKS or (thought is False and message is False):
            self.plain = True
        elif thought:
            self.form, self._reader = "think", Thought()
        elif message:
            self.form, self._reader = "harmony", Harmony()
        else:
            return False
        return True


def is_plain(text: str, style: Style) -> bool:
    """Whether a whole text holds no markup."""
    splitter = Splitter(style)
    splitter.feed(text)
    return splitter.plain and splitter.form is None


def tool_name(name: str) -> str:
    """A tool's name without the tokens that some servers leave on its end (``weather<|channel|>commentary``)."""
    return name.partition("<|")[0].strip() or name
