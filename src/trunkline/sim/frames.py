"""The frames of a stream that an encoder has written, opened so that they can be spoilt."""

from __future__ import annotations

from typing import Any

import msgspec

from ..wire.sse import SseDecoder


class WireFrame:
    """One server-sent event: its name, and its data as an object, where it is one, or as bytes. ``data`` None: a comment."""

    __slots__ = ("data", "event")

    def __init__(self, data: dict[str, Any] | bytes | None, event: str | None = None) -> None:
        self.data: dict[str, Any] | bytes | None = data
        self.event: str | None = event

    @property
    def fields(self) -> dict[str, Any]:
        """Its object; empty where it is none."""
        return self.data if isinstance(self.data, dict) else {}

    def written(self, *, space: bytes = b" ", end: bytes = b"\n") -> bytes:
        """Its bytes, its lines ended with ``end``."""
        if self.data is None:
            return b": keep-alive" + end + end
        data = msgspec.json.encode(self.data) if isinstance(self.data, dict) else self.data
        name = b"" if self.event is None else b"event:" + space + self.event.encode() + end
        return name + b"data:" + space + data + end + end


def opened(written: bytes) -> list[WireFrame]:
    """The frames in ``written``, which holds whole ones; comments stay."""
    found: list[WireFrame] = []
    for block in written.split(b"\n\n"):
        if block.startswith(b":"):
            found.append(WireFrame(None))
        elif block:
            decoder = SseDecoder()
            for frame in decoder.feed(block + b"\n\n"):
                is_object = frame.data.startswith(b"{")
                found.append(WireFrame(msgspec.json.decode(frame.data) if is_object else frame.data, frame.event))
    return found
