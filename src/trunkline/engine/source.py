"""Where a stream's events come from: the bytes of an exchange with an endpoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ..dialects.dialect import Framing
from ..ports import IO, Deadlines, Exchange
from ..values.errors import ProviderError, StreamInterruptedError, TransportError
from ..values.events import Event, Warned
from ..values.fold import unfold
from ..wire.http import Head, HttpReply
from ..wire.sse import Frame, SseDecoder
from .attempt import complete, encode, failure, read_all
from .call import Call
from .destination import Wire

_BLANK = b" \t\r\n\xef\xbb\xbf"


class FrameDecoder(Protocol):
    """Bytes to frames."""

    def feed(self, chunk: bytes) -> list[Frame]: ...
    def finish(self) -> list[Frame]: ...


FRAMINGS: dict[Framing, Callable[[int], FrameDecoder]] = {Framing.SSE: SseDecoder}


class Source(Protocol):
    """Batches of events. ``open`` waits until there are some, and raises what prevents it; until then nothing has been seen
    by the caller. An empty batch is the end; ``error`` is what ended it early, told once the events before it are out."""

    error: ProviderError | None
    head: Head | None

    async def open(self) -> None: ...
    async def batch(self) -> list[Event]: ...
    async def close(self) -> None: ...
    def abort(self) -> None: ...


class WireSource:
    """The events of one exchange with an endpoint. Nobody waits for the end of the body once the protocol has said its last word."""

    __slots__ = ("_decoder", "_done", "_encoded", "_exchange", "_frames", "_io", "_ready", "_wire", "error", "head")

    def __init__(self, io: IO, call: Call, wire: Wire, limits: Deadlines) -> None:
        self._io, self._wire = io, wire
        self._encoded = encode(call, wire)
        self._frames = FRAMINGS[wire.dialect.framing](call.limits.max_line)
        self._decoder = wire.dialect.event_decoder(self._encoded.context)
        self._exchange: Exchange = io.send(wire.http(self._encoded.wire), limits)
        self._ready: list[Event] = []
        self._done = False
        self.error: ProviderError | None = None
        self.head: Head | None = None

    async def open(self) -> None:
        self.head = head = await self._exchange.head()
        if not 200 <= head.status < 300:
            body = await read_all(self._exchange)
            raise failure(self._io, self._wire, HttpReply(head.status, head.headers, body), self._encoded.context)
        chunk = await self._exchange.read()
        while chunk and not chunk.strip(_BLANK) and (more := await self._exchange.read()):
            chunk += more
        if chunk.lstrip(_BLANK)[:1] in (b"{", b"["):
            events = await self._whole(chunk, head)
        else:
            events = self._decode(chunk)
            while not events and not self._done:
                events = self._decode(await self._exchange.read())
        if not events and self.error is not None:
            raise self.error
        self._ready = [Warned(warning) for warning in self._encoded.warnings]
        self._ready += events

    async def batch(self) -> list[Event]:
        if self._ready:
            ready, self._ready = self._ready, []
            return ready
        while not self._done:
            try:
                chunk = await self._exchange.read()
            except ProviderError as error:
                self._end(error)
                return []
            if events := self._decode(chunk):
                return events
        return []

    def _decode(self, chunk: bytes) -> list[Event]:
        """The events that one read brought; an empty one is the end of the bytes."""
        decoder = self._decoder
        try:
            events = decoder.feed(self._frames.feed(chunk) if chunk else self._frames.finish())
        except ProviderError as error:  # a line beyond max_line
            self._end(error)
            return []
        if not chunk and not decoder.done:
            events += decoder.finish()
            self._done = True
        if decoder.done:
            self._done = True
        if decoder.error is not None:
            self._end(decoder.error)
        return events

    async def _whole(self, chunk: bytes, head: Head) -> list[Event]:
        """The events of a provider that answers with one JSON body although it was asked for a stream."""
        self._done = True
        reply = HttpReply(head.status, head.headers, chunk + await read_all(self._exchange))
        try:
            return unfold(self._wire.dialect.decode_response(reply, self._encoded.context))
        except ProviderError as error:
            raise complete(self._io, self._wire, error, reply) from None

    def _end(self, error: ProviderError) -> None:
        self._done = True
        self.error = error
        if self.head is not None and not isinstance(error, StreamInterruptedError | TransportError):
            complete(self._io, self._wire, error, self.head)

    async def close(self) -> None:
        self._done = True
        await self._exchange.close()

    def abort(self) -> None:
        self._exchange.abort()
