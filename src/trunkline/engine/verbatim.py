"""A stream that answers a request which the user wrote himself: his bytes out, the provider's pieces in, our events beside."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

import msgspec

from ..dialects.dialect import ClientHalf, Context, Encoded, EventDecoder, WireRequest
from ..values.errors import ProviderError
from ..values.events import Event, OpaqueEvent
from ..values.model import Target
from ..values.request import Request
from ..wire.sse import Frame
from .call import Call
from .destination import Wire
from .source import tell

KIND = "wire"
"""Of the event that is a piece of the wire."""


def verbatim(call: Call, request: WireRequest) -> Call:
    """``call`` so that each of its targets is sent ``request`` as it stands: whoever carried on would be sent the same again, and
    say all of it again."""
    plan = tuple(_wire(each, request) for each in call.plan if isinstance(each, Wire))
    return msgspec.structs.replace(call, plan=plan, carries_on=False, last_resort=None)


def _wire(wire: Wire, request: WireRequest) -> Wire:
    other = copy(wire)
    other.dialect = _Verbatim(wire.dialect, request)
    other.ring = [copy(each) for each in wire.ring]
    for each in other.ring:
        each.dialect = other.dialect
    return other


class _Verbatim:
    """A dialect that has been told what to say; what comes back is read as ever."""

    def __init__(self, dialect: ClientHalf, request: WireRequest) -> None:
        self._dialect, self._request = dialect, request

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dialect, name)

    def encode_request(self, request: Request, target: Target) -> Encoded:
        return Encoded(self._request, (), Context(target=target, model=target.model, stream=True))

    def event_decoder(self, context: Context) -> EventDecoder:
        return _PieceDecoder(self._dialect.event_decoder(context))


class _PieceDecoder:
    """Hands out each frame before its events. Nothing is handed out before there is an event that tells something: until then
    another target may still answer."""

    def __init__(self, decoder: EventDecoder) -> None:
        self._decoder = decoder
        self._held: list[Event] | None = []
        self.done: bool = False
        self.error: ProviderError | None = None

    def feed(self, frames: Sequence[Frame]) -> list[Event]:
        events: list[Event] = []
        for frame in frames:
            if self._decoder.done:
                break
            events.append(OpaqueEvent(KIND, frame.data))
            events += self._decoder.feed([frame])
        return self._released(events)

    def finish(self) -> list[Event]:
        return self._released(self._decoder.finish())

    def _released(self, events: list[Event]) -> list[Event]:
        self.done, self.error = self._decoder.done, self._decoder.error
        if self._held is None:
            return events
        self._held += events
        well = self.done and self.error is None
        if not well and not tell([event for event in self._held if not isinstance(event, OpaqueEvent)]):
            return []
        events, self._held = self._held, None
        return events
