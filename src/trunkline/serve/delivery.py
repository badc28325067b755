"""Answers that come piece by piece, brought to the asker as fast as he reads."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from ..dialects.dialect import EventEncoder, ServerHalf
from ..values.errors import ProviderError, ServerError
from ..values.events import Event
from .answers import Bytes, EventSource, HangUp, Streamed
from .faults import told
from .outlet import Outlet, over
from .pings import Pings
from .presence import Presence

_log = logging.getLogger("trunkline.serve")
AT_ONCE = 256
"""How many events are encoded in one go."""
TURN_EVENTS = 64
TURN_BYTES = 65_536
"""After so much without a pause the others have their turn, and a lost connection is noticed, however much the source has."""


class Turns:
    """Lets the loop run now and then, and ends what goes on though its asker has left."""

    def __init__(self, presence: Presence) -> None:
        self._presence = presence
        self._events = self._bytes = 0

    async def taken(self, events: int, size: int) -> None:
        self._events += events
        self._bytes += size
        if self._events >= TURN_EVENTS or self._bytes >= TURN_BYTES:
            self._events = self._bytes = 0
            await asyncio.sleep(0)
            if self._presence.gone:  # and the source took no notice
                raise asyncio.CancelledError


async def stream(outlet: Outlet, presence: Presence, half: ServerHalf, answer: Streamed, request_id: str) -> None:
    """The reply in events, encoded. A ``ProviderError`` of the source, or what else it raises, is its last word."""
    encoder = half.event_encoder(answer.context)
    await outlet.start(200, over(half.stream_headers(answer.context), answer.headers))
    pings = Pings(outlet, encoder, answer.ping_every)
    try:
        last = await _events(outlet, presence, encoder, answer.source, request_id)
        await pings.close()
    finally:
        pings.drop()
        if answer.warned is not None:
            answer.warned(tuple(encoder.warnings))
    await outlet.end(last)


async def _events(outlet: Outlet, presence: Presence, encoder: EventEncoder, source: EventSource, request_id: str) -> bytes:
    """All that the source has; gives the last word."""
    turns = Turns(presence)
    while True:
        try:
            events = await source.next()
        except ProviderError as error:
            return encoder.error(error)
        except HangUp:
            raise
        except Exception as error:  # noqa: BLE001 - the outermost frame: the asker is told that it failed, the log where
            _log.error("request %s: the stream failed with %s", request_id, told(error))
            return encoder.error(ServerError("internal error", status=500))
        if not events:
            return encoder.finish()
        for start in range(0, len(events), AT_ONCE):
            data = _encoded(encoder, events[start : start + AT_ONCE] if len(events) > AT_ONCE else events)
            if data:
                await outlet.more(data)
            await turns.taken(min(AT_ONCE, len(events) - start), len(data))


def _encoded(encoder: EventEncoder, events: Sequence[Event]) -> bytes:
    push = encoder.push
    return push(events[0]) if len(events) == 1 else b"".join([push(event) for event in events])


async def pour(outlet: Outlet, presence: Presence, answer: Bytes) -> None:
    """The reply in bytes, as they come."""
    await outlet.start(answer.status, answer.headers)
    turns = Turns(presence)
    while data := await answer.source.next():
        await outlet.more(data)
        await turns.taken(1, len(data))
    await outlet.end()
