"""Where one answer carries on another that was cut off: what is said twice at the seam is said once."""

from __future__ import annotations

_LEAST = 24
_MOST = 400
"""Characters of a repetition that is recognised, but for one of everything. A shorter one may well be meant."""
_EVIDENCE = 4
"""So many characters tell that a text repeats itself."""


class Seam:
    """Takes the pieces of the text that carries on ``before``, gives what of them is new.

    ``stripped``: the white space at the end of ``before`` that was not shown to whoever carries on (some providers refuse it): it
    will say it again. ``repeats``: whoever carries on was only told to, and may begin with the last words that he was shown, or
    all over again. What repeats itself already at the end of ``before`` is taken to be meant.
    """

    __slots__ = ("_ends", "_held", "_open", "_stripped")

    def __init__(self, before: str, stripped: str = "", *, repeats: bool = False) -> None:
        self._stripped = stripped
        self._held = ""
        self._ends = _ends(before) if repeats else []
        self._open = bool(self._stripped or self._ends)

    def feed(self, piece: str) -> str:
        """What of ``piece``, and of what was held back, is new."""
        if not self._open:
            return piece
        self._held += piece
        self._strip()
        if not self._held:
            self._open = bool(self._stripped or self._ends)
            return ""
        if any(len(end) > len(self._held) and end.startswith(self._held) for end in self._ends):
            return ""  # it may still become a repetition, or a longer one
        return self.rest()

    def rest(self) -> str:
        """What is still held back, at the end."""
        repeated = max((len(end) for end in self._ends if self._held.startswith(end)), default=0)
        held, self._held, self._open = self._held[repeated:], "", False
        return held

    def _strip(self) -> None:
        """Drops the white space that is said again, as far as it is the same."""
        while self._stripped and self._held:
            same = self._held[0] == self._stripped[0]
            self._held, self._stripped = (self._held[1:], self._stripped[1:]) if same else (self._held, "")


def _ends(before: str) -> list[str]:
    """What somebody may repeat: all of ``before``, or its last words."""
    lengths = {len(before), *range(_LEAST, min(_MOST, len(before)) + 1)}
    ends = [before[-length:] for length in sorted(lengths) if length >= _LEAST and _begins_a_word(before, length)]
    return [end for end in ends if not _meant(before, len(end)) and not _repeats_itself(end)]


def _begins_a_word(text: str, length: int) -> bool:
    """Whether the last ``length`` characters are whole words: nobody repeats from the middle of one."""
    joined = text[-length - 1 : 1 - length] if length < len(text) else ""
    return not (joined.isascii() and joined.isalnum())


def _meant(text: str, length: int) -> bool:
    """Whether the text has come to the same words before, ``length`` characters ago."""
    return text[-length - _EVIDENCE : -length] == text[-_EVIDENCE:]


def _repeats_itself(text: str) -> bool:
    return (text + text).find(text, 1) < len(text)
