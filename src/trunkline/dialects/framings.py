"""How a streamed body is cut into frames, for each framing that a dialect may have."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Protocol, cast

from ..wire.sse import MAX_LINE, Frame, SseDecoder
from .dialect import Framing


class FrameDecoder(Protocol):
    """Bytes to frames. Either method raises ``MalformedResponseError`` for what cannot be cut."""

    def feed(self, chunk: bytes) -> list[Frame]: ...
    def finish(self) -> list[Frame]: ...


class _Made(Protocol):
    def __call__(self, max_line: int) -> FrameDecoder: ...


_LATE = {
    Framing.SSE_OR_JSON_ARRAY: ("sse_or_json", "BareJsonSseDecoder"),  # the bytes say when it is an array
    Framing.JSON_LINES: ("json_lines", "JsonLinesDecoder"),
    Framing.JSON_ARRAY: ("json_array", "JsonArrayDecoder"),
    Framing.AWS_EVENT_STREAM: ("aws_event_stream", "EventStreamDecoder"),
}
"""Module of ``wire`` and class, imported when first used."""


@cache
def _decoder(framing: Framing) -> _Made:
    if framing is Framing.SSE:
        return SseDecoder
    module, name = _LATE[framing]
    return cast(_Made, getattr(import_module(f"..wire.{module}", __package__), name))


def frame_decoder(framing: Framing, max_line: int = MAX_LINE) -> FrameDecoder:
    """A decoder of one stream's bytes, of frames of at most ``max_line`` bytes."""
    return _decoder(framing)(max_line)


def guess_framing(start: bytes) -> Framing:
    """The framing of a stream that begins so (some bytes of it; an event stream's length fits in three of its first four)."""
    words = start.lstrip(b" \t\r\n\xef\xbb\xbf")
    if start[:1] == b"\0":
        return Framing.AWS_EVENT_STREAM
    return {b"{": Framing.JSON_LINES, b"[": Framing.JSON_ARRAY}.get(words[:1], Framing.SSE)
