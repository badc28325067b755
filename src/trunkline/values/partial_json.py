"""JSON that is still being written: the value so far, which only ever grows."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from .late_pattern import LatePattern

DEEPEST = 200
"""Levels of nesting; what is deeper is no JSON here."""
WRAPPED = "value"
"""The key under which a type that is no object travels: the reply's JSON must be an object."""

_BLANK = LatePattern(r"[ \t\n\r]*")
_BEFORE = LatePattern(r"[\s\ufeff]*")
_PLAIN = LatePattern(r'[^"\\\x00-\x1f\ud800-\udfff]+')
_DIGITS = LatePattern(r"[-+.eE0-9]+")
_FOUR = LatePattern(r"[0-9a-fA-F]{4}")
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_WORDS = {"t": ("true", True), "f": ("false", False), "n": ("null", None)}
_THOUGHTS = ("<think>", "<thinking>")
_FOLLOWS = {"{": '"}', "[": '{["]-0123456789tfn'}
_BEGIN, _THOUGHT, _SEEK, _OPENED, _VALUE, _FIRST, _KEY, _MEMBER, _COLON, _TEXT, _NUMBER, _WORD, _AFTER, _END = range(14)


class PartialJson:
    """Takes the pieces of a text with ``feed``; ``value`` is what its JSON says so far, in plain types, None before it says
    anything. Objects and lists grow in place, texts grow, numbers and words come when they are complete, a key comes with the
    beginning of its value, an escape when it is whole: nothing is taken back.

    What stands before the JSON (a thought in tags, prose, a fence) is passed over, and what follows it is not looked at:
    ``complete`` is then True. What is no JSON, a key that stands twice in one object and what is nested deeper than ``DEEPEST``
    end it with what it had. All pieces together take time in proportion to their length. ``opening``: the bracket that the JSON
    begins with; ``wrapped``: its ``value`` is the value of the key of that name.
    """

    __slots__ = (
        "_key", "_mode", "_of_key", "_opening", "_pieces", "_rest", "_root", "_stack", "_tag", "_wrapped", "complete",
    )  # fmt: skip

    def __init__(self, *, wrapped: bool = False, opening: str = "{") -> None:
        self._wrapped, self._opening = wrapped, opening
        self._mode = _BEGIN
        self._root: Any = None
        self._stack: list[Any] = []
        self._key = self._rest = self._tag = ""
        self._of_key = False
        self._pieces: list[str] = []
        self.complete: bool = False

    @property
    def value(self) -> Any:
        root = self._root
        return root.get(WRAPPED) if self._wrapped and root is not None else root

    def feed(self, text: str) -> None:
        """The next piece."""
        if self._mode == _END:
            return
        if self._rest:
            text, self._rest = self._rest + text, ""
        at, end = 0, len(text)
        while at < end:
            at = _STEPS[self._mode](self, text, at)
        if self._mode == _TEXT and not self._of_key:
            self._grow()

    # Each step takes what it can of ``text`` from ``at`` on and says how far that is; what it cannot tell yet waits in ``_rest``.

    def _hold(self, text: str, at: int) -> int:
        self._rest = text[at:]
        return len(text)

    def _break(self, text: str, at: int) -> int:
        self._mode = _END
        self._pieces, self._stack = [], []
        return len(text)

    def _begin(self, text: str, at: int) -> int:
        found = _BEFORE().match(text, at)
        at = found.end() if found else at
        if at == len(text):
            return at
        for tag in _THOUGHTS:
            if text.startswith(tag, at):
                self._mode, self._tag = _THOUGHT, f"</{tag[1:]}"
                return at + len(tag)
            if tag.startswith(text[at:]):
                return self._hold(text, at)
        self._mode = _SEEK
        return at

    def _thought(self, text: str, at: int) -> int:
        found = text.find(self._tag, at)
        if found < 0:
            return self._hold(text, max(at, len(text) - len(self._tag) + 1))
        self._mode = _SEEK
        return found + len(self._tag)

    def _seek(self, text: str, at: int) -> int:
        found = text.find(self._opening, at)
        if found < 0:
            return len(text)
        self._mode = _OPENED
        return found + 1

    def _opened(self, text: str, at: int) -> int:
        at = _past(text, at)
        if at == len(text):
            return at
        if text[at] not in _FOLLOWS[self._opening]:  # a bracket of the prose
            self._mode = _SEEK
            return at
        self._root = {} if self._opening == "{" else []
        self._enter(self._root)
        return at

    def _value(self, text: str, at: int) -> int:
        at = _past(text, at)
        if at == len(text):
            return at
        first = text[at]
        if first == '"':
            self._put("")
            self._mode, self._of_key = _TEXT, False
        elif first in "{[":
            made: Any = {} if first == "{" else []
            if len(self._stack) >= DEEPEST:
                return self._break(text, at)
            self._put(made)
            self._enter(made)
        elif first == "]" and self._mode == _FIRST:
            self._leave()
        elif first in _WORDS:
            self._mode = _WORD
            return at
        elif first in "-0123456789":
            self._mode = _NUMBER
            return at
        else:
            return self._break(text, at)
        return at + 1

    def _name(self, text: str, at: int) -> int:
        """A key; the end of the object, where none has come yet."""
        at = _past(text, at)
        if at == len(text):
            return at
        if text[at] == '"':
            self._mode, self._of_key = _TEXT, True
        elif text[at] == "}" and self._mode == _KEY:
            self._leave()
        else:
            return self._break(text, at)
        return at + 1

    def _colon(self, text: str, at: int) -> int:
        at = _past(text, at)
        if at == len(text):
            return at
        if text[at] != ":":
            return self._break(text, at)
        self._mode = _VALUE
        return at + 1

    def _text(self, text: str, at: int) -> int:
        if (found := _PLAIN().match(text, at)) is not None:
            self._pieces.append(found[0])
            at = found.end()
            if at == len(text):
                return at
        if text[at] == '"':
            self._close()
            return len(text) if self._mode == _END else at + 1
        if text[at] == "\\":
            return self._escape(text, at)
        self._grow()
        return self._break(text, at)

    def _escape(self, text: str, at: int) -> int:
        word = text[at + 1 : at + 2]
        if word in _ESCAPES:
            self._pieces.append(_ESCAPES[word])
            return at + 2
        if not word or (word == "u" and len(text) < at + 6):
            return self._hold(text, at)
        code = _FOUR().match(text, at + 2) if word == "u" else None
        number = int(code[0], 16) if code else 0xDC00
        if 0xD800 <= number < 0xDC00:
            if len(text) < at + 12 and "\\u".startswith(text[at + 6 : at + 8]):
                return self._hold(text, at)
            low = _FOUR().match(text, at + 8) if text.startswith("\\u", at + 6) else None
            second = int(low[0], 16) if low else 0
            if 0xDC00 <= second < 0xE000:
                self._pieces.append(chr(0x10000 + ((number - 0xD800) << 10) + (second - 0xDC00)))
                return at + 12
        if 0xD800 <= number < 0xE000:
            self._grow()
            return self._break(text, at)
        self._pieces.append(chr(number))
        return at + 6

    def _close(self) -> None:
        if not self._of_key:
            self._grow()
            self._mode = _AFTER
            return
        self._key, self._pieces = "".join(self._pieces), []
        self._mode = _COLON
        if self._key in self._stack[-1]:
            self._break("", 0)

    def _grow(self) -> None:
        """Gives the open text what has come of it. Nobody else holds it meanwhile, so that it grows where it stands."""
        if self._of_key or not self._pieces:
            return
        top, place = self._stack[-1], self._place
        said = top[place]
        top[place] = ""
        said += "".join(self._pieces)
        top[place] = said
        self._pieces = []

    @property
    def _place(self) -> Any:
        return self._key if type(self._stack[-1]) is dict else -1

    def _number(self, text: str, at: int) -> int:
        if (found := _DIGITS().match(text, at)) is not None:
            self._pieces.append(found[0])
            at = found.end()
            if at == len(text):
                return at
        try:
            number = msgspec.json.decode("".join(self._pieces))
        except (ValueError, RecursionError):
            return self._break(text, at)
        self._pieces, self._mode = [], _AFTER
        self._put(number)
        return at

    def _word(self, text: str, at: int) -> int:
        word, meant = _WORDS[text[at]]
        said = text[at : at + len(word)]
        if said == word:
            self._put(meant)
            self._mode = _AFTER
            return at + len(word)
        return self._hold(text, at) if word.startswith(said) else self._break(text, at)

    def _after(self, text: str, at: int) -> int:
        at = _past(text, at)
        if at == len(text):
            return at
        is_object = type(self._stack[-1]) is dict
        if text[at] == ",":
            self._mode = _MEMBER if is_object else _VALUE
        elif text[at] == ("}" if is_object else "]"):
            self._leave()
        else:
            return self._break(text, at)
        return at + 1

    def _put(self, value: Any) -> None:
        top = self._stack[-1]
        if type(top) is dict:
            top[self._key] = value
        else:
            top.append(value)

    def _enter(self, made: Any) -> None:
        self._stack.append(made)
        self._mode = _KEY if type(made) is dict else _FIRST

    def _leave(self) -> None:
        self._stack.pop()
        self._mode = _AFTER
        if not self._stack:
            self._mode, self.complete = _END, True

    def _over(self, text: str, at: int) -> int:
        return len(text)


def _past(text: str, at: int) -> int:
    """Behind the blanks."""
    found: re.Match[str] | None = _BLANK().match(text, at)
    return found.end() if found else at


_STEPS = (
    PartialJson._begin, PartialJson._thought, PartialJson._seek, PartialJson._opened, PartialJson._value, PartialJson._value,
    PartialJson._name, PartialJson._name, PartialJson._colon, PartialJson._text, PartialJson._number, PartialJson._word,
    PartialJson._after, PartialJson._over,
)  # fmt: skip
