"""A connection that its user lost counts as busy no longer than it lives."""

from __future__ import annotations

import gc
import socket

from trunkline.io.blocking import BlockingExchange
from trunkline.io.pool import Connection, Pool


def test_a_connection_that_a_ctrl_c_tore_from_its_user_is_closed_and_forgotten() -> None:
    pool = Pool(None, None)
    ours, theirs = socket.socketpair()
    with theirs:
        connection = Connection(ours, pool.route("http://h.test"))
        pool.give(connection)
        taken = pool.take(connection.route)
        assert taken is connection
        assert pool.under_way() == [connection]
        del taken, connection  # as when the interrupt falls between the pool's hand and the exchange's
        gc.collect()
        assert pool.under_way() == []
        assert theirs.recv(1) == b""
        assert ours.fileno() == -1


def test_an_exchange_whose_making_was_interrupted_goes_in_silence() -> None:
    BlockingExchange.__new__(BlockingExchange)
    gc.collect()
