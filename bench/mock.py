"""A mock upstream that is not the bottleneck: prebuilt bytes, written by a bare protocol.

    POST …/chat/completions     a chat completion, or a stream of them when the body says so
    POST …/messages             the same in the messages protocol
    GET  anything               200

The stream has as many words as the body's ``max_tokens`` (16 without). The first segment of the path says how it is sent:
``/burst/…`` (and anything else) in batches of 16 events, ``/every-5/…`` one event each 5 ms, ``/alone-5/…`` the first event by
itself and the rest 5 ms later. The port stands on standard output.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import ssl
from collections.abc import Iterator
from functools import lru_cache
from itertools import cycle, islice

from wire_bytes import CHAT, MESSAGES, STATUS, STREAM_HEAD

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE).search
_COUNT = re.compile(rb'"max_(?:completion_)?tokens": ?(\d+)').search
_STREAM = re.compile(rb'"stream": ?true').search
_PACE = re.compile(rb"POST /(every|alone)-(\d+)/").match


@lru_cache(maxsize=64)
def burst(messages: bool, count: int) -> list[bytes]:
    return (MESSAGES if messages else CHAT).burst(count)


class Upstream(asyncio.Protocol):
    """One connection."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._held = b""
        self._writes: Iterator[bytes] = iter(())
        self._paused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._go_on()

    def data_received(self, data: bytes) -> None:
        data = self._held + data
        while (end := data.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH(data, 0, end)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(data) < whole:
                break
            self._answer(data[:end], data[end + 4 : whole])
            data = data[whole:]
        self._held = data

    def _answer(self, head: bytes, body: bytes) -> None:
        if not head.startswith(b"POST"):
            self._write(STATUS)
            return
        shape = MESSAGES if b"/messages " in head[: head.find(b"\r")] else CHAT
        if not _STREAM(body):
            self._write(shape.reply)
            return
        said = _COUNT(body)
        count = int(said[1]) if said else 16
        pace = _PACE(head)
        if pace is None:
            self._writes = iter(burst(shape is MESSAGES, count))
            self._go_on()
        elif pace[1] == b"every":
            self._write(STREAM_HEAD + shape.first)
            self._later(int(pace[2]) / 1000, islice(cycle(shape.words), count), shape.last)
        else:
            self._write(STREAM_HEAD + shape.alone)
            rest = b"".join(islice(cycle(shape.words), max(count - 1, 0)))
            self._loop.call_later(int(pace[2]) / 1000, self._write, rest + shape.last)

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def _go_on(self) -> None:
        while not self._paused and (data := next(self._writes, None)) is not None:
            self._write(data)

    def _later(self, gap: float, words: Iterator[bytes], last: bytes) -> None:
        """One event each ``gap`` seconds, by the clock, so that lateness does not add up."""
        due = self._loop.time()

        def tick() -> None:
            nonlocal due
            word = next(words, None)
            self._write(last if word is None else word)
            if word is not None and self._transport is not None:
                due += gap
                self._loop.call_at(due, tick)

        due += gap
        self._loop.call_at(due, tick)


async def serve(host: str, cert: str | None) -> None:
    loop = asyncio.get_running_loop()
    context = None
    if cert is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert)
    server = await loop.create_server(lambda: Upstream(loop), host, 0, ssl=context, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description="A mock upstream")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--cert", help="a PEM file with key and certificate: speak TLS")
    said = parser.parse_args()
    try:
        from uvloop import run
    except ImportError:
        run = asyncio.run
    run(serve(said.host, said.cert))


if __name__ == "__main__":
    main()
