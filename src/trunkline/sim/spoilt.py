"""A stream that is written here and not by the edge: so that its frames and bytes can be spoilt."""

from __future__ import annotations

import random
from collections import deque

from ..dialects.dialect import EventEncoder
from ..serve.answers import HangUp
from ..values.errors import ProviderError
from ..values.events import Event
from .frames import WireFrame, opened
from .garbling import garbled
from .playback import Playback
from .quirks import Quirk
from .recorder import Entry
from .steps import Cut, Garble, Raw, Step
from .stray_chunks import Stray


class SpoiltStream:
    """A playback encoded, turned by quirks, cut and garbled (``ByteSource``): each ``next`` gives what goes out in one write."""

    def __init__(
        self,
        playback: Playback,
        encoder: EventEncoder,
        stray: Stray,
        quirks: tuple[Quirk, ...],
        chance: random.Random,
        entry: Entry,
    ) -> None:
        self._playback = playback
        self._encoder = encoder
        self._stray = stray
        self._space = b"" if "no_space" in quirks else b" "
        self._end = b"\r\n" if "crlf" in quirks else b"\n"
        self._joined = "joined_writes" in quirks
        self._split = "split_writes" in quirks
        self._chance = chance
        self._entry = entry
        self._writes: deque[bytes] = deque()
        self._held: list[bytes] = []
        self._over = False
        self._cut = False
        self._events_left: int | None = None
        self._bytes_left: int | None = None
        self._garble: Garble | None = None

    async def next(self) -> bytes:
        while not self._writes:
            if self._cut:
                self._entry.outcome = "cut"
                raise HangUp(reset=False)
            if self._over:
                return b""
            try:
                items = await self._playback.next()
            except ProviderError as error:
                self._last(self._encoder.error(error))
                continue
            for item in items:
                self._take(item)
            if not items:
                self._last(self._encoder.finish())
        return self._writes.popleft()

    async def close(self) -> None:
        """What the encoder warned of is kept."""
        self._entry.warnings += tuple(self._encoder.warnings)

    def _last(self, written: bytes) -> None:
        self._over = True
        self._frames(written)
        for frame in self._stray.finish():
            self._frame(frame)
        self._flush()

    def _take(self, item: Event | Step) -> None:
        match item:
            case Event():
                self._frames(self._encoder.push(item))
            case Cut():
                self._events_left, self._bytes_left = item.events, item.bytes
                self._cut = 0 in (item.events, item.bytes)
            case Garble():
                self._garble = item
            case Raw():
                for chunk in item.chunks:
                    self._flush()
                    self._write(chunk)
            case _:
                raise AssertionError(item)

    def _frames(self, written: bytes) -> None:
        for frame in self._stray.turn(opened(written)) if written else ():
            self._frame(frame)

    def _frame(self, frame: WireFrame) -> None:
        written = frame.written(space=self._space, end=self._end)
        if self._garble is not None and frame.fields:
            written, self._garble = garbled(written, self._garble.how, self._chance), None
        if self._cut:
            return
        self._held.append(written)
        if self._events_left is not None and frame.data is not None:
            self._events_left -= 1
            self._cut = not self._events_left
        if len(self._held) > 1 or not self._joined or self._cut:
            self._flush()

    def _flush(self) -> None:
        written, self._held = b"".join(self._held), []
        if self._split and len(written) > 1:
            middle = _middle(written)
            self._write(written[:middle])
            written = written[middle:]
        self._write(written)

    def _write(self, written: bytes) -> None:
        if self._bytes_left is not None:
            written = written[: self._bytes_left]
            self._bytes_left -= len(written)
            self._cut = not self._bytes_left
        if written:
            self._writes.append(written)


def _middle(written: bytes) -> int:
    """Where to cut in two: within a character that has several bytes, if there is one."""
    return next((n for n, byte in enumerate(written) if 0x80 <= byte < 0xC0), len(written) // 2)
