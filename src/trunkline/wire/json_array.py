"""One JSON array, sent piecemeal: bytes in any pieces to its elements."""

from __future__ import annotations

import re

from ..values.errors import MalformedResponseError
from .sse import MAX_LINE, Frame

_BLANK = b" \t\r\n"
_SIGN = re.compile(rb'[\[\]{}",]')
_IN_TEXT = re.compile(rb'["\\]')


class JsonArrayDecoder:
    """Bytes to the array's elements, each a frame as soon as it is whole; ``finish`` gives what remains of one that is cut off.

    What stands between the elements is not judged. An element longer than ``max_line`` bytes raises ``MalformedResponseError``.
    """

    __slots__ = ("_depth", "_escaped", "_in_text", "_pieces", "_size", "max_line")

    def __init__(self, max_line: int = MAX_LINE) -> None:
        self.max_line: int = max_line
        self._pieces: list[bytes] = []
        self._size = 0
        self._depth = 0
        self._in_text = False
        self._escaped = False

    def feed(self, chunk: bytes) -> list[Frame]:
        frames: list[Frame] = []
        start, at = 0, int(self._escaped and bool(chunk))
        self._escaped = self._escaped and not chunk
        while found := (_IN_TEXT if self._in_text else _SIGN).search(chunk, at):
            at, sign = found.end(), found.group()
            if sign == b"\\":
                at += 1
                self._escaped = at > len(chunk)
            elif sign == b'"':
                self._in_text = not self._in_text
            elif self._ends(sign):
                self._hold(chunk[start : at if sign in b"]}" and self._depth else at - 1])
                frames += self._whole()
                start = at
            elif self._depth == 1 and sign == b"[":
                start = at
        self._hold(chunk[start:])
        return frames

    def finish(self) -> list[Frame]:
        return self._whole()

    def _ends(self, sign: bytes) -> bool:
        """Whether an element ends here: an object or a list with its last sign, anything else before the next one."""
        if sign in b"[{":
            self._depth += 1
            return False
        if sign in b"]}":
            self._depth -= 1
            return self._depth in (0, 1)
        return self._depth == 1

    def _whole(self) -> list[Frame]:
        element = b"".join(self._pieces).strip(_BLANK)
        self._pieces, self._size = [], 0
        return [Frame(element)] if element else []

    def _hold(self, piece: bytes) -> None:
        if piece:
            self._pieces.append(piece)
            self._size += len(piece)
            if self._size > self.max_line:
                raise MalformedResponseError(f"an element of the stream is longer than {self.max_line} bytes (option max_line)")
