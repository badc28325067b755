"""An event that arrives alone is handed over within 5 ms. Timed: one after another, the median counts."""

from __future__ import annotations

import socket
import time
from statistics import median

import pytest

from tests.io.conftest import Certificates
from tests.io.loopback import CHUNKED, LAST, Port, Server, chunk, post
from trunkline.ports import IO, Deadlines


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("framing", ["chunked", "length"])
def test_an_event_is_handed_over_as_it_arrives(port: Port, certificates: Certificates, tls: bool, framing: str) -> None:
    count, event = 20, b"data: %d\n\n"
    port.options["verify"] = certificates.client
    sent: list[float] = []

    def handler(conn: socket.socket, server: Server) -> None:
        server.request(conn)
        conn.sendall(CHUNKED if framing == "chunked" else b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (count * 10))
        for i in range(count):
            time.sleep(0.02)
            data = event % (10 + i)
            sent.append(time.monotonic())
            conn.sendall(chunk(data) if framing == "chunked" else data)
        if framing == "chunked":
            conn.sendall(LAST)

    async def call(io: IO) -> list[float]:
        exchange = io.send(post(server.url), Deadlines(connect=5, first_byte=5, idle=5))
        await exchange.head()
        seen = []
        while data := await exchange.read():
            seen.append(time.monotonic())
            assert data == event % (9 + len(seen))
        await exchange.close()
        return seen

    with Server(handler, certificates.server if tls else None) as server:
        seen = port.run(call)
    assert len(seen) == count
    assert median(at - from_ for at, from_ in zip(seen, sent, strict=True)) < 0.005
