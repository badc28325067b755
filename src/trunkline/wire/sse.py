"""Server-sent events, exactly as the WHATWG's HTML standard (9.2.6) reads them: bytes in any pieces to whole events."""

from __future__ import annotations

import msgspec

from ..values.errors import MalformedResponseError

MAX_LINE = 64 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One frame of a stream: its ``data`` (of an SSE event: its data lines joined by LF), and the event's name and id where it
    has them."""

    data: bytes
    event: str | None = None
    id: str | None = None


class SseDecoder:
    """Bytes to events. ``feed`` gives the events that one piece completes; ``finish`` the one that lacks its final blank line.

    Lines may end in CR, LF or CRLF, cut anywhere. Comments and unknown fields are passed over. A line, or an event, longer than
    ``max_line`` bytes raises ``MalformedResponseError``.
    """

    __slots__ = ("_after_cr", "_data", "_data_size", "_event", "_id", "_start", "_tail", "_tail_size", "max_line")

    def __init__(self, max_line: int = MAX_LINE) -> None:
        self.max_line: int = max_line
        self._start: bytes | None = b""  # bytes held back until it is known whether a byte order mark begins the stream
        self._after_cr = False
        self._tail: list[bytes] | None = None
        self._tail_size = 0
        self._data: list[bytes] | None = None
        self._data_size = 0
        self._event: str | None = None
        self._id: str | None = None

    def feed(self, chunk: bytes) -> list[Frame]:
        if self._start is not None:
            chunk = self._skip_mark(self._start + chunk)
        if self._after_cr or b"\r" in chunk:
            chunk = self._unify_line_ends(chunk)
        elif (
            chunk.find(b"\n") == len(chunk) - 2  # one line and no more: an event by itself, as models that are writing send them
            and chunk.startswith(b"data: ")
            and chunk.endswith(b"\n\n")
            and not (self._tail or self._data or self._event is not None)
            and len(chunk) <= self.max_line
        ):
            return [Frame(chunk[6:-2], None, self._id)]
        frames: list[Frame] = []
        if self._tail:
            chunk = self._complete_line(chunk, frames)
        if not chunk:
            return frames
        if not self._data and self._event is None and len(chunk) <= self.max_line:
            end = chunk.rfind(b"\n\n")
            if end >= 0:
                self._blocks(chunk[:end].split(b"\n\n"), frames)
                chunk = chunk[end + 2 :]
        if chunk:
            lines = chunk.split(b"\n")
            self._hold(lines.pop())
            for line in lines:
                self._line(line, frames)
        return frames

    def finish(self) -> list[Frame]:
        frames: list[Frame] = []
        if self._start:
            self._hold(self._start)
            self._start = None
        if self._tail:
            line = b"".join(self._tail)
            self._tail, self._tail_size = None, 0
            self._line(line, frames)
        self._line(b"", frames)
        return frames

    def _skip_mark(self, chunk: bytes) -> bytes:
        if len(chunk) < len(_BOM) and _BOM.startswith(chunk):
            self._start = chunk
            return b""
        self._start = None
        return chunk.removeprefix(_BOM)

    def _unify_line_ends(self, chunk: bytes) -> bytes:
        if not chunk:
            return chunk
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
            if not chunk:
                self._after_cr = False
                return chunk
        self._after_cr = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _complete_line(self, chunk: bytes, frames: list[Frame]) -> bytes:
        """What is left of ``chunk`` after the end of the line that an earlier chunk began."""
        end = chunk.find(b"\n")
        if end < 0:
            self._hold(chunk)
            return b""
        self._hold(chunk[:end])
        line = b"".join(self._tail or ())
        self._tail, self._tail_size = None, 0
        self._line(line, frames)
        return chunk[end + 1 :]

    def _hold(self, piece: bytes) -> None:
        if piece:
            if self._tail is None:
                self._tail = []
            self._tail.append(piece)
            self._tail_size += len(piece)
            if self._tail_size > self.max_line:
                raise self._too_long()

    def _too_long(self) -> MalformedResponseError:
        return MalformedResponseError(f"a line of the stream is longer than {self.max_line} bytes (option max_line)")

    def _blocks(self, blocks: list[bytes], frames: list[Frame]) -> None:
        for block in blocks:
            if block.startswith(b"data: ") and b"\n" not in block:
                frames.append(Frame(block[6:], None, self._id))
            else:
                for line in block.split(b"\n"):
                    self._line(line, frames)
                self._line(b"", frames)

    def _line(self, line: bytes, frames: list[Frame]) -> None:
        if line.startswith(b"data: "):
            self._add(line[6:])
        elif not line:
            self._dispatch(frames)
        elif line.startswith(b"event: "):
            self._event = line[7:].decode("utf-8", "replace")
        else:
            self._field(line)
        if len(line) > self.max_line:
            raise self._too_long()

    def _add(self, data: bytes) -> None:
        if self._data is None:
            self._data, self._data_size = [], 0
        self._data.append(data)
        self._data_size += len(data) + 1
        if self._data_size > self.max_line + 1:
            raise MalformedResponseError(f"an event of the stream is longer than {self.max_line} bytes (option max_line)")

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._add(value)
        elif name == b"event":
            self._event = value.decode("utf-8", "replace")
        elif name == b"id" and b"\0" not in value:
            self._id = value.decode("utf-8", "replace")

    def _dispatch(self, frames: list[Frame]) -> None:
        if self._data:
            data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
            frames.append(Frame(data, self._event or None, self._id))
            self._data = None
        self._event = None
