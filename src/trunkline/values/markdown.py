"""Text without its Markdown, as it is read aloud, while it arrives."""

from __future__ import annotations

import re

_HELD = 300
"""Characters that are held back at most until a mark is known to be Markdown; one that is not closed by then stays."""

# Word characters but those of scripts that write no spaces: emphasis within a word is none.
_IN_WORD = r"(?<![^\W_\u0e00-\u0eff\u2e80-\u9fff\uac00-\ud7af])"
_QUOTE = r"[ \t]*+((?:>[ \t]*+)*+)"
_BLOCK = re.compile(
    _QUOTE + r"(?:(?P<fence>`{3,}+(?=[^`\n]*(?:\n|\Z))|~{3,}+)[^\n]*+(?:\n|\Z)"
    r"|(?P<dropped>(?:(?:-[ \t]*+){3,}+|(?:\*[ \t]*+){3,}+|(?:_[ \t]*+){3,}+|={3,}+[ \t]*+"
    r"|\[(?!\^)[^\[\]\n]++\]:[^\n]*+)(?:\n|\Z))"
    r"|(?P<heading>\#{1,6}+(?:[ \t]++|(?=\n)))"
    r"|(?P<item>(?:[-*+•‣◦]|\d{1,3}[.)])[ \t]++(?:\[[ xX]\][ \t]++)?|\[\^[^\[\]\s]++\]:[ \t]*+)"
    r"|(?P<row>\|[ \t]*+)(?P<table>(?=[^\n]*\n[ \t>]*\|[ \t]*:?--))?)?+"
)
_UNDECIDED = re.compile(
    _QUOTE + r"(?:`{1,2}|`{3,}[^`\n]*|~{1,2}|~{3}[^\n]*|[-*_=][-*_= \t]*|\#{1,6}[ \t]*"
    r"|(?:[-*+•‣◦]|\d{1,3}[.)]?)[ \t]*(?:\[[ xX]?\]?[ \t]*)?|\[[^\[\]\n]*(?:\](?::[^\n]*)?)?"
    r"|\|[^\n]*(?:\n[ \t>]*(?:\|[ \t]*:?-?)?)?)?"
)
_ROW_RULE = re.compile(r"[ \t>]*\|[ \t|:-]*+(?:\n|\Z)")
_BETWEEN = re.compile(r"[ \t|]*+")
_ROW = re.compile(r"[ \t>]*\|")
_ROW_RULE_SO_FAR = re.compile(r"[ \t>]*(?:\|[ \t|:-]*)?")
_FENCE_END = re.compile(_QUOTE + r"(`++|~++)?[ \t]*+(?P<end>\n|\Z)?")
_SPECIAL = re.compile(r"[`*_~\[<\\&\n]|!(?=\[|\Z)")
_SPECIAL_IN_ROW = re.compile(r"[`*_~\[<\\&\n]|!(?=\[|\Z)|\||(?<![ \t])[ \t]++(?=\||\Z)")
_TEXT = r"((?>[^\[\]\n]++|!?\[[^\[\]\n]*+\](?:\([^()\s]*+\))?)*+)"
_TAGS = (
    "a|abbr|b|big|blockquote|br|center|cite|code|dd|del|details|div|dl|dt|em|figcaption|figure|font|h[1-6]|hr|i|img|ins|kbd|li|mark|"
    "ol|p|pre|q|s|samp|section|small|span|strike|strong|sub|summary|sup|table|tbody|td|tfoot|th|thead|tr|tt|u|ul|var"
)
_IN_STARS = r"[^*`\n]++|`[^`\n]*+`"
_INLINE = {
    "`": re.compile(r"(`{1,3}+)(?!`)([^\n]*?[^`\n])\1(?!`)"),
    "*": re.compile(
        _IN_WORD + r"(?:\*\*\*(?![\s*])([^*\n]++)(?<!\s)\*\*\*(?!\*)"
        rf"|\*\*(?![\s*])((?>{_IN_STARS}|\*(?![\s*])[^*\n]*+\*|\*(?=\s))*+)(?<!\s)\*\*(?![\d*])"
        rf"|\*(?![\s*]|\.\w)((?>{_IN_STARS}|\*\*[^*\n]*+\*\*)*+)(?<!\s)\*(?![^\W_\u2e80-\u9fff\uac00-\ud7af]|\*))"
    ),
    "_": re.compile(
        r"(?<!\w)(?:__(?![\s_])((?>[^_\n]++|_(?!_))*+)(?<!\s)__(?!\w)|_(?![\s_])((?>[^_\n]++|_+(?=[^\W_]))*+)(?<!\s)_(?!\w))"
    ),
    "~": re.compile(r"~~(?![\s~])([^~\n]++)~~(?!~)"),
    "[": re.compile(rf"\[(?:\^[^\[\]\s]++\]|{_TEXT}\](?:\((?P<url>(?>[^()\n]++|\([^()\n]*+\))*+)\)|\[[^\[\]\n]*+\]))"),
    "!": re.compile(rf"!\[{_TEXT}\](?:\((?>[^()\n]++|\([^()\n]*+\))*+\)|\[[^\[\]\n]*+\])"),
    "<": re.compile(rf"<(?:/?(?P<tag>(?i:{_TAGS}))(?:[ \t/][^<>\n]*+)?>|!--[^\n]*?-->|((?:https?|mailto):[^<>\s]++)>)"),
    "\\": re.compile(r"\\([`*_\[\]#~|<>])"),
    "&": re.compile(r"&(amp|lt|gt|quot|nbsp|#39);"),
}
# What may still become Markdown: beyond these nothing is waited for.
_MAYBE = {
    "`": re.compile(r"`{1,3}+(?!`)"),
    "*": re.compile(_IN_WORD + r"\*(?:(?![\s*]|\.\w)|\*{1,2}+(?![\s*]))"),
    "_": re.compile(r"(?<!\w)_{1,2}+(?![\s_])"),
    "~": re.compile(r"~(?:~(?![\s~])|\Z)"),
    "[": re.compile(rf"\[(?!{_TEXT}\][^(\[])"),
    "!": re.compile(rf"!\[(?!{_TEXT}\][^(\[])|!\Z"),
    "<": re.compile(rf"</?(?:(?i:{_TAGS})[ \t/>]|[A-Za-z]\w{{0,10}}\Z)|<(?:!-|https?:|mailto:|!?\Z|/\Z)"),
    "\\": re.compile(r"\\\Z"),
    "&": re.compile(r"&#?\w{0,4}\Z"),
}
_ENTITIES = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "nbsp": "\xa0", "#39": "'"}
_LINE_TAGS = re.compile(r"(?i)br|p|div|li|tr|h[1-6]|blockquote|d[dt]|summary")
_ADDRESS = re.compile(r"[/#.:]")
_CALLED = re.compile(r"(?<=[^\W\u2e80-\u9fff])\[")  # array[0](x)
_DUNDER = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")


class PlainText:
    """Feed it Markdown piece by piece; it gives back the text that is to be spoken, the same however the text was cut.

    Of emphasis, headings, list items, quotes, links, pictures and `code` the text stays (of a picture what describes it), of
    a table its cells, joined by commas. Code blocks, rules, footnote marks, link definitions and HTML tags are left out. What
    stands apart (a heading, an item, a row) is apart by an empty line. Emphasis and links are known within a line. Whatever is
    no Markdown (``2 * 3 * 4``, ``snake_case``, ``file*.txt``, ``__init__``) stays.
    """

    __slots__ = ("_apart", "_at", "_fence", "_fresh", "_table", "_text")

    def __init__(self, *, fresh: bool = True) -> None:
        self._begin(fresh)

    def _begin(self, fresh: bool) -> None:
        self._text = ""
        self._at = 0  # the character before it is kept: it tells whether a mark stands within a word
        self._fresh = fresh
        self._fence = ""
        self._table = self._apart = False

    def feed(self, text: str) -> str:
        """What is sure now."""
        return self._read(text, final=False)

    def finish(self) -> str:
        """What is left: the text has ended."""
        said = self._read("", final=True)
        self._begin(fresh=True)
        return said

    def _read(self, new: str, final: bool) -> str:
        text = self._text + new
        at, said = self._at, list[str]()
        while at < len(text):
            end = min(len(text), at + _HELD)
            closed = (final and end == len(text)) or end - at == _HELD
            step = self._code if self._fence else self._opening if self._fresh else self._inline
            past = step(text, at, end, closed, said)
            if past < 0:
                break
            at = past
        kept = max(at - 1, 0)
        self._text, self._at = text[kept:], at - kept
        return "".join(said)

    def _code(self, text: str, at: int, end: int, closed: bool, said: list[str]) -> int:
        if self._fresh:
            found = _FENCE_END.match(text, at, end)
            if found and found.end() == end and found["end"] != "\n" and not closed:
                return -1
            if found and found["end"] is not None and (found[2] or "").startswith(self._fence):
                self._fence = ""
                return found.end()
        past = text.find("\n", at) + 1
        self._fresh = past > 0
        return past or len(text)

    def _opening(self, text: str, at: int, end: int, closed: bool, said: list[str]) -> int:
        """A line's beginning."""
        row = self._table and _ROW.match(text, at, end)
        if not closed and (_ROW_RULE_SO_FAR if row else _UNDECIDED).fullmatch(text, at, end):
            return -1
        if row and (rule := _ROW_RULE.match(text, at, end)):
            return rule.end()
        found = _BLOCK.match(text, at, end)
        assert found is not None  # every part of it may be missing
        kind = found.lastgroup
        if kind in ("fence", "dropped"):
            self._fence = found["fence"] or ""
            said.append("\n\n")
            return found.end()
        self._table = kind == "table" or (kind == "row" and self._table)
        self._fresh = False
        if kind is None or (kind == "row" and not self._table):
            past = found.end(1) if kind else found.end()
            said.append("" if found[1] else text[at:past])
            return past if past > at or kind else self._inline(text, at, end, closed, said)
        said.append("\n")
        self._apart = kind != "item"
        return found.end()

    def _inline(self, text: str, at: int, end: int, closed: bool, said: list[str]) -> int:
        special = (_SPECIAL_IN_ROW if self._table else _SPECIAL).search(text, at)
        if special is None or special.start() > at:
            past = special.start() if special else len(text)
            said.append(text[at:past])
            return past
        mark = text[at]
        if mark == "\n":
            said.append("\n\n" if self._apart else "\n")
            self._fresh, self._apart = True, False
            return at + 1
        if mark in " \t|":
            return self._cell(text, at, end, closed, said)
        line = text.find("\n", at, end)
        closed = closed or line >= 0
        found = _INLINE[mark].match(text, at, end)
        if found and (found.end() < end or closed) and (plain := _spoken(mark, found)) is not None:
            said.append(plain)
            return found.end()
        if not closed and (found or _MAYBE[mark].match(text, at, end) or _still(mark, text, at, end)):
            return -1
        past = at + 1
        while past < end and mark in "*_`~" and text[past] == mark:
            past += 1
        said.append(text[at:past])
        return past

    def _cell(self, text: str, at: int, end: int, closed: bool, said: list[str]) -> int:
        """Between two cells, or after the last."""
        between = _BETWEEN.match(text, at, end)
        assert between is not None  # it may be empty
        past = between.end()
        if past == end and not closed:
            return -1
        last = past == end or text[past] == "\n"
        said.append("" if last else ", " if "|" in between[0] else between[0])
        return past


def _still(mark: str, text: str, at: int, end: int) -> bool:
    """Whether a run of marks may go on."""
    return mark in "*_`~" and not text[at:end].strip(mark)


def _spoken(mark: str, found: re.Match[str]) -> str | None:
    """What is said in place of Markdown; None where it is none after all."""
    inner = next((part for part in found.groups()[mark == "`" :] if part is not None), "")
    if mark == "<":
        tag = found["tag"]
        return ("\n" if _LINE_TAGS.fullmatch(tag) else "") if tag else found[2] or ""
    if mark == "&":
        return _ENTITIES[inner]
    if mark in "`\\":
        return inner
    if mark == "_" and found[1] and _DUNDER.fullmatch(inner):
        return None
    if mark == "[" and found["url"] and not _ADDRESS.search(found["url"]) and _CALLED.match(found.string, found.start()):
        return None
    nested = PlainText(fresh=False)
    return nested.feed(inner) + nested.finish()
