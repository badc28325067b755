"""Newline-delimited JSON: bytes in any pieces to whole lines."""

from __future__ import annotations

from ..values.errors import MalformedResponseError
from .sse import MAX_LINE, Frame

_BLANK = b" \t\r"


class JsonLinesDecoder:
    """Bytes to lines, each a frame. Blank lines say nothing; ``finish`` gives the last line, should it lack its end.

    A line longer than ``max_line`` bytes raises ``MalformedResponseError``.
    """

    __slots__ = ("_size", "_tail", "max_line")

    def __init__(self, max_line: int = MAX_LINE) -> None:
        self.max_line: int = max_line
        self._tail: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[Frame]:
        first, *others = chunk.split(b"\n")
        self._hold(first)
        if not others:
            return []
        lines = [b"".join(self._tail), *others[:-1]]
        self._tail, self._size = [], 0
        self._hold(others[-1])
        if len(max(lines, key=len)) > self.max_line:
            raise self._too_long()
        return [Frame(stripped) for line in lines if (stripped := line.strip(_BLANK))]

    def finish(self) -> list[Frame]:
        line = b"".join(self._tail).strip(_BLANK)
        self._tail, self._size = [], 0
        return [Frame(line)] if line else []

    def _hold(self, piece: bytes) -> None:
        if piece:
            self._tail.append(piece)
            self._size += len(piece)
            if self._size > self.max_line:
                raise self._too_long()

    def _too_long(self) -> MalformedResponseError:
        return MalformedResponseError(f"a line of the stream is longer than {self.max_line} bytes (option max_line)")
