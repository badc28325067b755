"""``application/vnd.amazon.eventstream``: bytes in any pieces to whole messages, and messages to bytes (bedrock-converse §7).

A message is a ``Frame``: ``data`` its payload, ``event`` its ``:event-type``. Of an exception, ``event`` is ``!`` and its
``:exception-type``; of an error, which has no payload, ``!`` and its ``:error-code``, and ``data`` is the JSON that an exception
with its ``:error-message`` would have. No event's own name begins so.
"""

from __future__ import annotations

from functools import lru_cache
from struct import Struct, error
from zlib import crc32

import msgspec

from ..values.errors import MalformedResponseError
from .sse import MAX_LINE, Frame

EXCEPTION = "!"
"""What ``Frame.event`` begins with where the message is an exception or an error."""
_PRELUDE = Struct(">III")
_LENGTHS = Struct(">II")
_CRC = Struct(">I")
_SHORT = Struct(">H")
_LEAST = _PRELUDE.size + _CRC.size
_MOST_HEADERS = 128 * 1024
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""The bytes of a header's value, by its type; those of the types 6 and 7 begin with their own length."""
_MOST_KNOWN = 64


class EventStreamDecoder:
    """Bytes to messages. A message longer than ``max_line`` bytes, one whose checksums do not hold, and one without its end raise
    ``MalformedResponseError``; what came before it is given first."""

    __slots__ = ("_buffer", "_fault", "_names", "_wanted", "max_line")

    def __init__(self, max_line: int = MAX_LINE) -> None:
        self.max_line: int = max_line
        self._buffer = bytearray()
        self._wanted = _PRELUDE.size  # so many bytes must be there before anything more can be said
        self._names: dict[bytes, tuple[str | None, str | None]] = {}
        self._fault: MalformedResponseError | None = None

    def feed(self, chunk: bytes) -> list[Frame]:
        if self._fault is not None:
            raise self._fault
        buffer = self._buffer
        buffer += chunk
        frames: list[Frame] = []
        if len(buffer) < self._wanted:
            return frames
        at = 0
        try:
            while (end := self._end_of_message(buffer, at)) is not None:
                frames.append(self._message(buffer, at, end))
                at = end
        except MalformedResponseError as fault:
            if not frames:
                raise
            self._fault = fault
        if at:
            del buffer[:at]
        return frames

    def finish(self) -> list[Frame]:
        if self._fault is not None:
            raise self._fault
        if self._buffer:
            self._buffer.clear()
            raise MalformedResponseError("the event stream ends in the midst of a message")
        return []

    def _end_of_message(self, buffer: bytearray, at: int) -> int | None:
        """Where the message that begins at ``at`` ends; None while it is not whole."""
        there = len(buffer) - at
        if there < _PRELUDE.size:
            self._wanted = _PRELUDE.size
            return None
        total, headers, checksum = _PRELUDE.unpack_from(buffer, at)
        if crc32(buffer[at : at + _LENGTHS.size]) != checksum:
            raise MalformedResponseError("a message of the event stream begins with a wrong checksum")
        if total > self.max_line:
            raise MalformedResponseError(f"a message of the event stream is longer than {self.max_line} bytes (option max_line)")
        if headers > _MOST_HEADERS or total < headers + _LEAST:
            raise MalformedResponseError("a message of the event stream has impossible lengths")
        if there < total:
            self._wanted = total
            return None
        return at + int(total)

    def _message(self, buffer: bytearray, at: int, end: int) -> Frame:
        message = bytes(buffer[at:end])
        if crc32(message[: -_CRC.size]) != _CRC.unpack_from(message, len(message) - _CRC.size)[0]:
            raise MalformedResponseError("a message of the event stream has a wrong checksum")
        after_headers = _PRELUDE.size + _LENGTHS.unpack_from(message)[1]
        headers = message[_PRELUDE.size : after_headers]
        known = self._names.get(headers)
        if known is None:
            known = _meaning(headers)
            if len(self._names) < _MOST_KNOWN:
                self._names[headers] = known
        event, said = known
        data = message[after_headers : -_CRC.size]
        return Frame(data if said is None or data else msgspec.json.encode({"message": said}), event)


def _meaning(headers: bytes) -> tuple[str | None, str | None]:
    """A frame's ``event``, and the words of an error."""
    said = read_headers(headers)
    kind = said.get(":message-type", "event")
    if kind == "exception":
        return EXCEPTION + said.get(":exception-type", ""), None
    if kind == "error":
        return EXCEPTION + said.get(":error-code", ""), said.get(":error-message", "")
    return said.get(":event-type"), None


def read_headers(data: bytes) -> dict[str, str]:
    """The headers that are text. Raises ``MalformedResponseError`` for what cannot be read."""
    found: dict[str, str] = {}
    at = 0
    try:
        while at < len(data):
            name_end = at + 1 + data[at]
            name, kind = data[at + 1 : name_end].decode(), data[name_end]
            at = name_end + 1
            if kind in (6, 7):
                (length,) = _SHORT.unpack_from(data, at)
                at += _SHORT.size
            else:
                length = _SIZES[kind]
            if at + length > len(data):
                raise IndexError
            if kind == 7:
                found[name] = data[at : at + length].decode()
            at += length
    except (IndexError, KeyError, error, UnicodeDecodeError):
        raise MalformedResponseError("a message of the event stream has headers that cannot be read") from None
    return found


def encode_frame(data: bytes, event: str) -> bytes:
    """The message that is read as ``Frame(data, event)``: an exception where ``event`` begins with ``!``. ``data`` is JSON."""
    headers = _headers(event)
    start = _LENGTHS.pack(_LEAST + len(headers) + len(data), len(headers))
    message = b"".join((start, _CRC.pack(crc32(start)), headers, data))
    return message + _CRC.pack(crc32(message))


@lru_cache(_MOST_KNOWN)
def _headers(event: str) -> bytes:
    if event.startswith(EXCEPTION):
        kind, name, value = "exception", ":exception-type", event[len(EXCEPTION) :]
    else:
        kind, name, value = "event", ":event-type", event
    pairs = ((name, value), (":content-type", "application/json"), (":message-type", kind))
    return b"".join([_header(*pair) for pair in pairs])


def _header(name: str, value: str) -> bytes:
    said = value.encode()
    return b"%c%s\x07%s%s" % (len(name), name.encode(), _SHORT.pack(len(said)), said)
