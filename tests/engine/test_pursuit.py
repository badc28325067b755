"""Over targets and tries: what becomes of a call that is ended from elsewhere between two of them."""

from __future__ import annotations

import asyncio

import pytest

from tests.engine.calls import Book, stream_call, wire
from tests.engine.conftest import MakeIO
from trunkline.engine.station import Gate, Station
from trunkline.engine.stream import LiveStream
from trunkline.policy.rate_limit import RateLimit
from trunkline.sim.scripted import Scripted
from trunkline.values.errors import StreamInterruptedError


def test_a_call_that_was_ended_while_it_waited_for_its_next_try_takes_nothing_more(world: MakeIO) -> None:
    io, book = world([Scripted(500)]), Book()
    gate = Gate("p1", RateLimit(1, period=60.0))
    live = LiveStream(io, stream_call(wire(station=Station(gates=(gate,))), observers=(book,), limit={"total": 30.0}))

    def meddle(turn: int) -> None:
        if not io.blocking and turn == 1:
            asyncio.get_running_loop().call_later(1e-6, live.abort, "close")
        if io.sleeps:
            live.abort("close")

    io.meanwhile = meddle
    with pytest.raises(StreamInterruptedError):  # and not that the limit is reached
        io.run(live.open())
    assert len(io.sleeps) == len(io.exchanges) == 1
    assert [end.how for end in book.ends] == ["close"]
    assert live._settlement.open == []
    assert gate.window is not None
    assert gate.window.used(io.now()) == (1, 0)
