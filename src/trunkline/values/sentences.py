"""A reply in sentences, each as soon as it is sure: what speaks them aloud begins before the reply has ended."""

# ruff: noqa: RUF001 (marks of several scripts)

from __future__ import annotations

import re

from .abbreviations import abbreviated
from .markdown import PlainText

LONGEST = 300
"""Characters in a piece, about twenty seconds of speech: text without a stop is cut there, at a comma if there is one in the
second half, else at a space, else anywhere."""

_STOPS = ".…!?‽⁇⁈⁉؟۔।॥։።፧។။\u037e。！？｡．"
_ANYWHERE = frozenset("。！？｡．।॥")  # no space follows
_CJK = "\u2e80-\u312f\u31f0-\u9fff\uac00-\ud7af\uf900-\ufaff\uff21-\uff9f"
_GREEK = "\u0370-\u03ff\u1f00-\u1fff"  # a semicolon asks there
_CANDIDATE = re.compile(f"[{_STOPS}\n]|(?<=[{_GREEK}]);")
_STOP = re.compile(
    rf"((?:[{_STOPS}\ufe0f]|(?<=[{_GREEK}]);)++)"  # a run
    r"((?:[])}\"'”’“‘»«›‹*_~`」』）】》〉]|\[\^?\d{1,3}\]|[ \xa0\u202f][»›](?![\w«]))*+)"  # what closes after it, footnote marks
    r"((?:[ \t\xa0]*+[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\ufe0f\u200d\U000e0020-\U000e007f]++)*+)"  # emojis
    r"[^\S\n]*+"
)
_NOTE = re.compile(r"\[\^?\d{0,3}\Z")
_LINE_END = re.compile(r"\n[^\S\n]*+")
_HEADING = re.compile(r"[^\S\n]*#{1,6} ")
_CLAUSE = re.compile(r"[,;:،؛][^\w\s]{0,3}\s|[、，；：]| [–—-] ")
_WIDE = re.compile(f"[{_CJK}]")


class Sentences:
    """Feed it a text piece by piece; it gives back whole sentences, the same however the text was cut.

    A sentence is given when nothing that may follow can change it, mostly with the first character of the next; with a
    line's end where the stop was sure. A line's end ends a sentence too, unless the next line goes on in lower case.
    No character is lost: joined, the sentences are the text (white space follows the sentence that it comes after, or leads
    the next where waiting for it would cost time). With ``plain`` Markdown is left out (see ``PlainText``), white space is one
    space, and nothing empty is given. At most ``LONGEST`` characters stand in a piece.
    """

    __slots__ = ("_at", "_plain", "_rest")

    def __init__(self, plain: bool = False) -> None:
        self._plain = PlainText() if plain else None
        self._rest = ""
        self._at = 0

    def feed(self, text: str) -> list[str]:
        """The sentences that are sure now."""
        return self._cut(self._plain.feed(text) if self._plain else text, final=False)

    def finish(self) -> list[str]:
        """What is left: the text has ended."""
        return self._cut(self._plain.finish() if self._plain else "", final=True)

    def _cut(self, new: str, final: bool) -> list[str]:
        text = self._rest + new
        start, at, pieces = 0, self._at, []
        while start < len(text):
            end = min(len(text), start + LONGEST)
            cut = _boundary(text, start, at, end)
            if cut <= 0:
                if end - start == LONGEST:
                    cut = _forced(text, start, end)
                elif final:
                    cut = end
                else:
                    at = -cut
                    break
            pieces.append(text[start:cut])
            start = at = cut
        self._rest, self._at = text[start:], max(at - start, 0)
        return [said for piece in pieces if (said := " ".join(piece.split()))] if self._plain else pieces


def _boundary(text: str, start: int, at: int, end: int) -> int:
    """Where the first sentence ends for sure; else, negated, from where to look again once there is more."""
    while found := _CANDIDATE.search(text, at, end):
        at = found.start()
        cut = _after_line(text, start, at, end) if text[at] == "\n" else _after_stop(text, start, at, end)
        if cut >= 0:
            return cut or -at
        at = -cut
    return -end


def _after_stop(text: str, start: int, at: int, end: int) -> int:
    """Where the sentence ends, 0 as long as it is not sure, or, negated, where to go on."""
    found = _STOP.match(text, at, end)
    assert found is not None  # a candidate stands there
    mark, closing, emojis = found.groups()
    after = found.end()
    if after == end or _NOTE.match(text, after, end):
        return 0
    following, go_on = text[after], -found.end(1)
    if following in ".…!?,;:)]}،，、；：" or _in_quotes(text, start, at):
        return go_on
    if not _ANYWHERE.isdisjoint(mark):
        quoted = closing and following in "とっ"
        return go_on if quoted or (mark == "．" and following.isdigit()) else after + (following == "\n")
    dots = not mark.strip(".…\ufe0f")
    if following != "\n" and after == found.end(3) and not emojis and not _adjoining(text, start, at, following, dots):
        return go_on
    if following.islower() and not emojis and (dots or closing):
        return go_on
    if mark == "." and not emojis and not closing.strip("*_~`"):
        short = abbreviated(text, start, at, after, end)
        if short is not False:
            return go_on if short else 0
    return after + (following == "\n")


def _in_quotes(text: str, start: int, at: int) -> bool:
    """Whether the stop stands alone within quotes or brackets: (?), "...", [...]."""
    before = text[at - 1] if at > start else ""
    if before in "\"'“„‘«»" and before:
        return at - 2 < start or text[at - 2].isspace()
    return before != "" and before in "([{"


def _adjoining(text: str, start: int, at: int, following: str, dots: bool) -> bool:
    """Whether the next sentence may follow without a space."""
    if following in "¿¡":
        return True
    return _WIDE.match(following) is not None and (not dots or (at > start and _WIDE.match(text[at - 1]) is not None))


def _after_line(text: str, start: int, at: int, end: int) -> int:
    said = text[start:at]
    if not said or said.isspace():
        return -(at + 1)
    if said.rstrip().endswith(":") or _HEADING.match(said, said.rfind("\n") + 1):
        return at + 1
    found = _LINE_END.match(text, at, end)
    after = found.end() if found else end
    if after == end:
        return 0
    if text[after] == "\n":
        return after + 1
    if not text[after].islower():
        return at + 1
    if after + 1 == end:
        return 0
    if text[after + 1] not in ".)":
        return -after
    return 0 if after + 2 == end else at + 1 if text[after + 2].isspace() else -after


def _forced(text: str, start: int, end: int) -> int:
    cut = 0
    for found in _CLAUSE.finditer(text, start + LONGEST // 2, end):
        cut = found.end()
    cut = cut or max(text.rfind(" ", start, end), text.rfind("\n", start, end)) + 1
    return cut if cut > start else end
