"""Where a stream's events come from: the bytes of an exchange with an endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ..dialects.dialect import EventDecoder, Framing
from ..dialects.error_body import request_id_of
from ..dialects.framings import frame_decoder
from ..ports import IO, Deadlines, Exchange
from ..values.errors import DeadlineError, ProviderError, StreamInterruptedError, TransportError
from ..values.events import Event, Start, UsageUpdate, Warned
from ..values.fold import fold, unfold
from ..values.response import Response
from ..wire.http import Head, HttpReply
from .attempt import bare, complete, encode_to_fit, failure, read_all, read_error
from .call import Call
from .destination import Note, Wire

if TYPE_CHECKING:
    from .shaping import TextDecoder

_BLANK = b" \t\r\n\xef\xbb\xbf"


# What comes before the reply has said anything.
_PRELUDE = frozenset({Start, UsageUpdate, Warned})


# What cannot begin with a bracket: one that does is a body of JSON, whole or an array sent piecemeal.
_SNIFFED = frozenset({Framing.SSE, Framing.SSE_OR_JSON_ARRAY, Framing.AWS_EVENT_STREAM})


def tell(events: list[Event]) -> bool:
    """Whether any of them says more than that there is a reply."""
    return any(type(event) not in _PRELUDE for event in events)


class Source(Protocol):
    """Batches of events. ``open`` waits until there are some, and raises what prevents it; until then nothing has been seen
    by the caller. An empty batch is the end; ``error`` is what ended it early, told once the events before it are out."""

    error: ProviderError | None
    head: Head | None

    @property
    def complete(self) -> bool:
        """Whether all there was has been handed out, so that asking for more only says that it is the end."""
        ...

    async def open(self) -> None: ...
    async def batch(self) -> list[Event]: ...
    async def close(self) -> None: ...
    def abort(self) -> None: ...

    def set_until(self, moment: float) -> None:
        """From now on it ends at ``moment``, in place of its deadlines' end."""
        ...


class Told:
    """Events that are there already."""

    def __init__(self, events: list[Event]) -> None:
        self._events = events
        self.error: ProviderError | None = None
        self.head: Head | None = None

    @property
    def complete(self) -> bool:
        return not self._events

    async def open(self) -> None: ...
    async def close(self) -> None: ...
    def abort(self) -> None: ...
    def set_until(self, moment: float) -> None: ...

    async def batch(self) -> list[Event]:
        events, self._events = self._events, []
        return events


class WireSource:
    """The events of one exchange with an endpoint. Nobody waits for the end of the body once the protocol has said its last
    word."""

    __slots__ = (
        "_context",
        "_decoder",
        "_done",
        "_ended",
        "_exchange",
        "_first",
        "_frames",
        "_io",
        "_limits",
        "_most",
        "_note",
        "_ready",
        "_request",
        "_warnings",
        "_wire",
        "error",
        "head",
    )  # fmt: skip

    def __init__(self, io: IO, call: Call, note: Note, wire: Wire, limits: Deadlines) -> None:
        self._io, self._wire, self._note = io, wire, note
        encoded = encode_to_fit(call, wire)
        self._context, self._warnings = encoded.context, encoded.warnings
        self._frames = frame_decoder(wire.dialect.framing, call.limits.max_line)
        self._decoder: EventDecoder | TextDecoder = wire.dialect.event_decoder(encoded.context)
        if call.request.output is not None:
            from .shaping import as_said  # few calls ask for an output

            self._decoder = as_said(self._decoder, call.request, wire)
        self._request, self._limits = encoded.wire, limits
        self._exchange: Exchange | None = None
        self._ended = False
        self._first = b""
        self._most = call.limits.max_line
        self._ready: list[Event] = []
        self._done = False
        self.error: ProviderError | None = None
        self.head: Head | None = None

    async def open(self) -> None:
        """Waits for the first event that says more than that there is a reply: until then a failure costs nobody anything, and is
        raised."""
        exchange = self._exchange = await self._wire.exchange(self._io, self._request, self._limits, self._note)
        if self._ended:
            exchange.abort()
        self.head = await exchange.head()
        self._note.replied(self.head, self._io.now(), self._io.wall())
        if not 200 <= self.head.status < 300:
            raise await self._refusal(self.head, exchange)
        self._ready = [Warned(warning) for warning in self._warnings]
        told = await self._begin(self.head, exchange)
        if self.error is not None and not told:
            self._ready = []
            raise self.error

    async def _refusal(self, head: Head, exchange: Exchange) -> ProviderError:
        reply = HttpReply(head.status, head.headers, await read_error(exchange))
        return failure(self._io, self._wire, reply, self._context)

    async def _begin(self, head: Head, exchange: Exchange) -> bool:
        """Reads the first events into ``_ready``; whether they tell anything. No error is raised here, where variables hold
        bytes,
        and none does while it waits, when it may be cancelled."""
        try:
            chunk = await exchange.read()
            while chunk and not chunk.strip(_BLANK) and (more := await exchange.read()):
                chunk += more
            if self._wire.dialect.framing in _SNIFFED and (first := chunk.lstrip(_BLANK)[:1]) in (b"{", b"["):
                if first == b"{" or self._wire.dialect.framing is not Framing.SSE_OR_JSON_ARRAY:
                    self._first, chunk = chunk, b""
                    self._ready += await self._whole(head, exchange)
                    return self.error is None
                self._frames = frame_decoder(Framing.JSON_ARRAY, self._most)
            events, chunk = self._decode(chunk), b""
            while not self._done and not tell(events):
                events += self._decode(await exchange.read())
        except ProviderError as error:
            self._end(error)
            return False
        self._ready += events
        return tell(events)

    @property
    def complete(self) -> bool:
        return self._done and not self._ready and self.error is None

    async def batch(self) -> list[Event]:
        if self._ready:
            ready, self._ready = self._ready, []
            return ready
        exchange = self._exchange
        while not self._done and exchange is not None:
            try:
                chunk = await exchange.read()
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

    async def _whole(self, head: Head, exchange: Exchange) -> list[Event]:
        """The events of a provider that answers with one JSON body although it was asked for a stream."""
        self._done = True
        rest = await read_all(exchange, self._most - len(self._first))
        reply, self._first = HttpReply(head.status, head.headers, self._first + rest), b""
        response = self._wire.dialect.decode_response(reply, self._context)
        from .shaping import TextDecoder, as_text  # few answer so

        return unfold(as_text(response, self._decoder.name) if isinstance(self._decoder, TextDecoder) else response)

    def _end(self, error: ProviderError) -> None:
        self._done = True
        self.error = bare(error)
        if self.head is None:
            return
        if isinstance(error, StreamInterruptedError | TransportError | DeadlineError):
            error.request_id = error.request_id or request_id_of(self.head.headers)
        else:
            complete(self._io, self._wire, error, self.head)

    def set_until(self, moment: float) -> None:
        if self._exchange is not None:
            self._exchange.set_until(moment)

    async def close(self) -> None:
        self._done = self._ended = True
        if self._exchange is not None:
            await self._exchange.close()

    def abort(self) -> None:
        self._ended = True
        if self._exchange is not None:
            self._exchange.abort()


async def folded(source: Source) -> Response:
    """The whole reply of a target that streams only. Raises what ends it early."""
    events: list[Event] = []
    try:
        await source.open()
        while batch := await source.batch():
            events += batch
    finally:
        await source.close()
    if source.error is not None:
        if isinstance(source.error, StreamInterruptedError) and source.error.partial is None:
            source.error.partial = fold(events)
        raise source.error
    return fold(events)
