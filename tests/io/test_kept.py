"""What is over is forgotten: no error that somebody keeps for ever holds on to an exchange, its bytes or its key."""

from __future__ import annotations

import asyncio
import gc
import socket
import weakref

import pytest

from tests.io.loopback import CHUNKED, Port, Server, chunk, post
from trunkline.ports import IO, Deadlines
from trunkline.values.errors import ClosedByCallerError


def handler(conn: socket.socket, server: Server) -> None:
    server.request(conn)
    conn.sendall(CHUNKED + chunk(b"x"))
    server.watch(conn)


@pytest.mark.parametrize("reads", ["waits", "comes later"])
def test_an_exchange_that_another_task_closes_under_its_reader(reads: str) -> None:
    """aiohttp tells a reader so with one exception for the whole process: each raise of it would stay in its traceback."""
    port = Port("async")
    known: list[weakref.ref[object]] = []

    async def call(io: IO) -> None:
        exchange = io.send(post(server.url), Deadlines())
        known.append(weakref.ref(exchange))
        await exchange.head()
        await exchange.read()
        reading = asyncio.create_task(exchange.read()) if reads == "waits" else None
        await asyncio.sleep(0)
        await exchange.close()
        with pytest.raises(ClosedByCallerError, match="closed from elsewhere in the middle of the reply"):
            await (reading or exchange.read())

    with Server(handler) as server:
        port.run(call)
    gc.collect()
    assert [ref() for ref in known] == [None]
