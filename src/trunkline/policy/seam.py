"""Where one answer carries on another that was cut off: what is said twice at the seam is said once."""

from __future__ import annotations

_LEAST = 24
_MOST = 400
"""Characters of a repetition that is recognised. A shorter one may well be meant."""


class Seam:
    """Takes the pieces of the text that carries on ``before``, gives what of them is new.

    ``stripped``: the white space at the end of ``before`` that was not shown to whoever carries on (some providers refuse it): it
    will say it again. ``repeats``: whoever carries on was only told to, and may begin with the last words that he was shown.
    What repeats itself already at the end of ``before`` is taken to be meant.
    """

    __slots__ = ("_ends", "_held", "_open", "_stripped")

    def __init__(self, before: str, stripped: str = "", *, repeats: bool = False) -> None:
        self._stripped = stripped
        self._held = ""
        tail = before[-_MOST:] if repeats else ""
        self._ends = [tail[n:] for n in range(len(tail) - _LEAST + 1) if not _periodic(before, len(tail) - n)]
        self._open = bool(self._stripped or self._ends)

    def feed(self, piece: str) -> str:
        """What of ``piece``, and of what was held back, is new."""
        if not self._open:
            return piece
        self._held += piece
        if self._stripped:
            if self._stripped.startswith(self._held):
                if self._held == self._stripped:
                    self._held, self._stripped = "", ""
                    self._open = bool(self._ends)
                return ""
            self._held = self._held.removeprefix(self._stripped)
            self._stripped = ""
        whole = max((end for end in self._ends if self._held.startswith(end)), key=len, default="")
        longer = [end for end in self._ends if len(end) > len(self._held) and end.startswith(self._held)]
        if longer:
            return ""  # it may still become a repetition, or a longer one
        return self._let_go(len(whole))

    def rest(self) -> str:
        """What is still held back, at the end."""
        whole = max((end for end in self._ends if self._held.startswith(end)), key=len, default="")
        return self._let_go(len(whole)) if self._open else ""

    def _let_go(self, repeated: int) -> str:
        held, self._held, self._open = self._held[repeated:], "", False
        return held


def _periodic(text: str, length: int) -> bool:
    """Whether the last ``length`` characters stand twice in a row already."""
    return len(text) >= 2 * length and text[-2 * length : -length] == text[-length:]
