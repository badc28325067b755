"""Server-sent events of a server that may write JSON bare among them, as some do of an error in the midst of a stream."""

from __future__ import annotations

from .sse import MAX_LINE, Frame, SseDecoder


class BareJsonSseDecoder(SseDecoder):
    """As ``SseDecoder``, but lines from one that begins as JSON does (``{``, ``[``) to the next blank line are data too."""

    __slots__ = ("_bare",)

    def __init__(self, max_line: int = MAX_LINE) -> None:
        super().__init__(max_line)
        self._bare = False

    def _field(self, line: bytes) -> None:
        self._bare = self._bare or line.lstrip(b" \t").startswith((b"{", b"["))
        if self._bare:
            self._add(line)
        else:
            super()._field(line)

    def _dispatch(self, frames: list[Frame]) -> None:
        self._bare = False
        super()._dispatch(frames)
