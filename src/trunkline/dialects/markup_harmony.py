"""The harmony format of gpt-oss models as raw text: messages with channels, read piece by piece (local-servers §6)."""

from __future__ import annotations

import re
from typing import Literal

from .markup_thought import Piece

_Kind = Literal["text", "reasoning", "arguments"]
_START, _MESSAGE = "<|start|>", "<|message|>"
_TOKENS = (_START, "<|channel|>", _MESSAGE, "<|constrain|>", "<|end|>", "<|return|>", "<|call|>", "<|endoftext|>")
_TOKEN = re.compile("|".join(map(re.escape, _TOKENS)))
_LONGEST_TOKEN = max(map(len, _TOKENS))
_OPENERS = ("<|channel|>", "<|start|>", "<|message|>")
_BEHIND_WORDS = ("<|channel|>", "<|message|>", "<|constrain|>")
_ENDS = frozenset({"<|end|>", "<|return|>", "<|call|>", "<|endoftext|>"})
_HEADS = frozenset({"<|start|>", "<|channel|>"})
_LONGEST_HEADER = 300  # characters; a header that has come to no message by then is none
_ROLES = ("assistant", "analysis", "commentary", "final")
_WORDS = re.compile(r"(?:assistant|analysis|commentary|final)?\s*(?:to=functions\.[\w.-]+)?\s*\Z")
_WORDS_SO_FAR = re.compile(r"(?:assistant|analysis|commentary|final)?\s*(?:t|to|to=|to=f\w*|to=functions\.[\w.-]*\s*)?\Z")
_RECIPIENT = re.compile(r"\bto=\s*([^\s<]+)")
_CHANNEL = re.compile(r"\b(?:analysis|commentary|final)\b")
_NO_TOOLS = frozenset({"assistant", "user", "all"})


def opens_harmony(start: str) -> bool | None:
    """Whether a text that begins with ``start`` (no blanks before it) begins with a message; None: that does not tell yet.

    The first tokens of its header may lack: the prompt ended with them, or a server took them for its own.
    """
    if start.startswith(_OPENERS):
        return True
    words, mark, rest = start.partition("<")
    if len(words) > _LONGEST_HEADER:
        return False
    if not mark:
        near = any(role.startswith(words) for role in _ROLES) or _WORDS_SO_FAR.match(words)
        return None if near else False
    token = mark + rest
    known = _BEHIND_WORDS if words else _OPENERS
    if words and (not _WORDS.match(words) or token.startswith(known)):
        return _WORDS.match(words) is not None
    return None if any(one.startswith(token) for one in known) else False


class Harmony:
    """Reads messages: ``analysis`` is reasoning, a message to a tool is a call, everything else is text.

    What models and servers get wrong is borne: a recipient in the role part, no channel, tokens left on a tool's name, an end
    that lacks, words between messages. A header that never comes to its message is text. Messages of one kind are a blank line
    apart.
    """

    __slots__ = ("_gap", "_header", "_kind", "_seen", "_tail", "_told", "_within")

    def __init__(self) -> None:
        self._header: str | None = ""  # the header at hand, with its tokens; None inside a message
        self._kind: _Kind = "text"
        self._within = False  # the header began inside a message
        self._seen = False  # a message has begun or ended
        self._told: set[_Kind] = set()
        self._gap = False
        self._tail = ""  # what may be the beginning of a token

    def feed(self, text: str) -> list[Piece]:
        pieces: list[Piece] = []
        text = self._tail + text
        at = 0
        for token in _TOKEN.finditer(text):
            self._words(text[at : token.start()], pieces)
            self._token(token[0], pieces)
            at = token.end()
        begun = text.rfind("<", max(at, len(text) - _LONGEST_TOKEN))
        cut = begun if begun >= 0 and any(token.startswith(text[begun:]) for token in _TOKENS) else len(text)
        self._tail = text[cut:]
        self._words(text[at:cut], pieces)
        return pieces

    def finish(self) -> list[Piece]:
        pieces: list[Piece] = []
        self._words(self._tail, pieces)
        self._tail = ""
        header = self._header
        cut_short = self._seen and not self._within and header is not None and header.startswith(_START)
        if header is not None and not cut_short:
            self._release(header, pieces)
        return pieces

    def _token(self, token: str, pieces: list[Piece]) -> None:
        header = self._header
        if header is None:
            if token in _ENDS:
                self._header, self._within = "", False
            elif token in _HEADS:
                self._header, self._within = token, True
            else:
                self._say(token, pieces)
        elif token == _MESSAGE:
            self._begin(header, pieces)
        elif token in _ENDS:
            self._release(header, pieces)
            self._header, self._within, self._seen = "", False, True
        elif token == _START:
            self._release(header, pieces)
            self._header = token
        else:
            self._words(token, pieces)

    def _words(self, words: str, pieces: list[Piece]) -> None:
        header = self._header
        if header is None:
            self._say(words, pieces)
            return
        if not header and self._seen:
            words = words.lstrip()
        self._header = header = header + words
        if len(header) > _LONGEST_HEADER:
            self._release(header, pieces)

    def _release(self, header: str, pieces: list[Piece]) -> None:
        """It is no header: it was said, inside the message that it seemed to end, or beside all messages."""
        self._header = None
        if not self._within:
            self._kind, self._gap = "text", False
        self._say(header, pieces)

    def _begin(self, header: str, pieces: list[Piece]) -> None:
        recipient = _RECIPIENT.search(header)
        to = recipient[1] if recipient is not None else "all"
        self._header, self._seen = None, True
        if to not in _NO_TOOLS:
            self._kind, self._gap = "arguments", False
            pieces.append(Piece("call", to.removeprefix("functions.") or to))
            return
        channels = _CHANNEL.findall(header)
        self._kind = "reasoning" if channels and channels[-1] == "analysis" else "text"
        self._gap = self._kind in self._told

    def _say(self, words: str, pieces: list[Piece]) -> None:
        if not words:
            return
        self._told.add(self._kind)
        pieces.append(Piece(self._kind, f"\n\n{words}" if self._gap else words))
        self._gap = False
