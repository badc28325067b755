"""The body of a reply: what one network read brought in, what it means out.

Each reader has ``feed(data) -> bytes``, ``done`` once the body has ended by its own framing, ``surplus`` when bytes came
after that end, and ``eof()`` for the close of the connection.
"""

from __future__ import annotations

from typing import Final, Protocol

from ..values.errors import TruncatedBodyError
from .head import CHUNKED, MAX_HEAD, UNTIL_CLOSE, garbled

INFLATE_AT_ONCE: Final = 1 << 20
"""How much one read of a compressed body may become; the rest waits for the next."""


class BodyReader(Protocol):
    done: bool
    surplus: bool

    def feed(self, data: bytes) -> bytes: ...
    def eof(self) -> None: ...


def body_reader(length: int) -> BodyReader:
    """The reader for a body of ``length`` bytes, ``CHUNKED`` or ``UNTIL_CLOSE``."""
    if length == CHUNKED:
        return Chunked()
    return UntilClose() if length == UNTIL_CLOSE else Counted(length)


class Counted:
    """A body whose length was said beforehand."""

    __slots__ = ("_left", "done", "surplus")

    def __init__(self, length: int) -> None:
        self._left = length
        self.done: bool = length == 0
        self.surplus: bool = False

    def feed(self, data: bytes) -> bytes:
        left = self._left - len(data)
        if left > 0:
            self._left = left
            return data
        self.done, self.surplus, self._left = True, left < 0, 0
        return data[:left] if left else data

    def eof(self) -> None:
        if not self.done:
            raise _cut_off(f"{self._left} bytes short of its Content-Length")


class UntilClose:
    """A body that the end of the connection ends."""

    __slots__ = ("done", "surplus")

    def __init__(self) -> None:
        self.done: bool = False
        self.surplus: bool = False

    def feed(self, data: bytes) -> bytes:
        return data

    def eof(self) -> None:
        self.done = True


class Chunked:
    """The chunked transfer coding (RFC 9112, 7.1). What of a chunk has come is given at once, whole chunk or not."""

    __slots__ = ("_held", "_left", "_trailer", "done", "surplus")

    def __init__(self) -> None:
        self._held = b""  # what cannot be understood yet: the beginning of a size line or of a line end
        self._left = 0  # bytes of the open chunk still to come; -1 when only its CRLF is
        self._trailer = -1  # bytes of trailer seen, once the last chunk has been
        self.done: bool = False
        self.surplus: bool = False

    def feed(self, data: bytes) -> bytes:
        if self._held:
            data = self._held + data
            self._held = b""
        at = 0
        if self._left:
            at = self._resume(data)
            if self._left:
                return data if self._left > 0 else data[:at]
            parts = [data[: at - 2]] if at > 2 else []
        else:
            parts = []
        if self._trailer < 0:
            at = self._chunks(data, at, parts)
        if self._trailer >= 0:
            self._finish(data, at)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _resume(self, data: bytes) -> int:
        """Go on with the open chunk; where it ended, its CRLF included (``_left`` is 0 then)."""
        size = max(self._left, 0)
        if len(data) < size:
            self._left = size - len(data)
            return len(data)
        line_end = data[size : size + 2]
        if line_end == b"\r\n":
            self._left = 0
            return size + 2
        if line_end not in (b"", b"\r"):
            raise garbled("a chunk does not end where it said", in_body=True)
        self._left, self._held = -1, line_end
        return size

    def _chunks(self, data: bytes, at: int, parts: list[bytes]) -> int:
        """Take whole chunks, and the beginning of the last one; where the trailer begins, or the end."""
        end = len(data)
        find = data.find
        while at < end:
            line = find(b"\r\n", at)
            if line < 0:
                if end - at > MAX_HEAD:
                    raise garbled("a chunk's size line does not end", in_body=True)
                self._held = data[at:]
                return end
            size = _size(data[at:line])
            start = line + 2
            if size == 0:
                self._trailer = 0
                return start
            at = start + size + 2
            if at <= end:
                parts.append(data[start : at - 2])
                if data[at - 2 : at] != b"\r\n":
                    raise garbled("a chunk does not end where it said", in_body=True)
            else:
                self._left = size
                rest = data[start:]
                cut = self._resume(rest)
                if cut:
                    parts.append(rest[:cut])
                return end
        return end

    def _finish(self, data: bytes, at: int) -> None:
        """The trailer's lines up to the empty one that ends the body."""
        while True:
            line = data.find(b"\r\n", at)
            if line < 0:
                self._held = data[at:]
                break
            if line == at:
                self.done, self.surplus = True, line + 2 < len(data)
                return
            self._trailer += line - at
            at = line + 2
        if self._trailer + len(self._held) > MAX_HEAD:
            raise garbled("its trailer does not end", in_body=True)

    def eof(self) -> None:
        if not self.done:
            raise _cut_off("before its last chunk")


def _size(line: bytes) -> int:
    """The size of a chunk: hexadecimal digits, perhaps followed by extensions, which mean nothing to us."""
    if not line.isalnum():
        line = line.partition(b";")[0].strip(b" \t")
    try:
        if line.isalnum() and len(line) <= 16:
            return int(b"0x" + line, 16)  # the prefix keeps int() from reading one itself
    except ValueError:
        pass
    raise garbled("a chunk has no size", in_body=True)


class Inflated:
    """A reader whose bytes are compressed with gzip or deflate (in either of the two ways that servers take that to mean)."""

    __slots__ = ("_inner", "_seen", "_start", "_zlib", "done", "surplus")

    def __init__(self, inner: BodyReader) -> None:
        import zlib

        self._inner = inner
        self._zlib = zlib.decompressobj(47)  # gzip or zlib, by its first bytes
        self._seen = False
        self._start = b""  # a first byte alone does not tell zlib from raw deflate
        self.done: bool = inner.done
        self.surplus: bool = False

    @property
    def pending(self) -> bool:
        """Whether more can be had without reading from the network."""
        return bool(self._zlib.unconsumed_tail)

    def feed(self, data: bytes) -> bytes:
        out = self._inflate(self._inner.feed(data))
        self._settle()
        return out

    def more(self) -> bytes:
        """What an earlier read left over."""
        out = self._inflate(b"")
        self._settle()
        return out

    def _settle(self) -> None:
        self.surplus = self._inner.surplus
        self.done = self._inner.done and not self.pending
        if self.done and (self._seen or self._start) and not self._zlib.eof:
            raise _cut_off("in the middle of its compression")

    def _inflate(self, data: bytes) -> bytes:
        out = self._member(self._zlib.unconsumed_tail + self._start + data)
        if not (rest := self._zlib.unused_data):
            return out
        parts = [out]
        while rest:  # a server may well send a member of its own for each piece that it flushes
            parts.append(self._member(rest))
            rest = self._zlib.unused_data if self._zlib.unused_data != rest else b""
        return b"".join(parts)

    def _member(self, data: bytes) -> bytes:
        """What the open gzip member, or the next one, makes of ``data``."""
        import zlib

        if self._zlib.eof:  # another gzip member may follow; padding is ignored, as gzip does
            if data[:1] != b"\x1f":
                return b""
            self._zlib = zlib.decompressobj(47)
        self._start = b"" if self._seen or len(data) > 1 else data
        if not data or self._start:
            return b""
        first, self._seen = not self._seen, True
        try:
            out = self._zlib.decompress(data, INFLATE_AT_ONCE)
        except zlib.error:
            out = None
        if out is None and first:
            self._zlib = zlib.decompressobj(-15)
            try:
                out = self._zlib.decompress(data, INFLATE_AT_ONCE)
            except zlib.error:
                out = None
        if out is None:
            raise garbled("its content coding is broken", in_body=True)
        return out

    def eof(self) -> None:
        self._inner.eof()
        self._settle()


def _cut_off(where: str) -> TruncatedBodyError:
    return TruncatedBodyError(f"the reply was cut off {where}", phase="body", sent=True)
