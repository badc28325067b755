"""How many streamed events a second one server process can send: ``.venv/bin/python bench/served.py [events] [rounds]``.

The server runs in a process of its own, pinned to one core, with an answer that always has more, in batches; the client is a
bare socket on another core that reads and counts. For each dialect and size of batch: events a second (median of the rounds,
and all of them), CPU of the server for an event, bytes of an event. ``--profile DIALECT`` shows where the server's time goes.
"""

from __future__ import annotations

import cProfile
import os
import pstats
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from trunkline.dialects.dialect import Operation
from trunkline.dialects.known import DIALECTS, dialect_of
from trunkline.serve.answers import Answer, Asked, Streamed, Whole
from trunkline.serve.asgi import App
from trunkline.serve.server import Server
from trunkline.values.errors import NotFoundError
from trunkline.values.events import Event, Finish, Start, TextDelta, UsageUpdate
from trunkline.values.response import Usage
from trunkline.wire.http import HttpReply

WORDS = ("The ", "quick ", "brown ", "fox ", "jumps ", "over ", "the ", "lazy ", "dog", ". ")
BATCHES = (1, 16, 64)
ASK = {
    "openai-chat": (
        "/v1/chat/completions",
        b'{"model": "m/%d", "stream": true, "messages": [{"role": "user", "content": "%d"}]}',
    ),
    "anthropic-messages": (
        "/v1/messages",
        b'{"model": "m/%d", "stream": true, "max_tokens": 9, "messages": [{"role": "user", "content": "%d"}]}',
    ),
}


class Words:
    """So many words in batches, without ever having to wait."""

    def __init__(self, count: int, batch: int) -> None:
        self._left, self._batch = count, batch
        self._words = [TextDelta(WORDS[number % len(WORDS)]) for number in range(batch)]
        self._begun = self._ended = False

    async def next(self) -> Sequence[Event]:
        if not self._begun:
            self._begun = True
            return (Start(id="bench", model="m"),)
        if self._left > 0:
            self._left -= self._batch
            return self._words
        if not self._ended:
            self._ended = True
            return (UsageUpdate(Usage(input_tokens=1, output_tokens=1)), Finish("stop"))
        return ()

    async def close(self) -> None:
        pass


class Bench:
    """Streams as many words as the message says, in batches as the model's name says; a list of models is the CPU used so far."""

    async def answer(self, asked: Asked) -> Answer:
        if asked.operation is Operation.MODELS:
            return Whole(HttpReply(200, body=str(time.process_time()).encode()))
        if asked.decoded is None:
            raise NotFoundError(status=404)
        request = asked.decoded.request
        batch = int(request.model.partition("/")[2])
        return Streamed(Words(int(request.messages[-1].text), batch), asked.context)


def pin(core: int) -> None:
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[core % len(cores)]})


def serve() -> None:
    pin(0)
    server = Server(App(Bench(), [dialect_of(name) for name in DIALECTS]))
    server.serve(lambda: print(server.port, flush=True))


def read(port: int, head: bytes) -> int:
    """Bytes of one reply, which ends the connection."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(head)
        room = bytearray(1 << 20)
        size = 0
        while got := connection.recv_into(room):
            size += got
    return size


def ask(port: int, dialect: str, batch: int, count: int) -> int:
    path, body = ASK[dialect]
    body = body % (batch, count)
    fields = f"host: localhost\r\nanthropic-version: 2023-06-01\r\nconnection: close\r\ncontent-length: {len(body)}"
    return read(port, f"POST {path} HTTP/1.1\r\n{fields}\r\n\r\n".encode() + body)


def used(port: int) -> float:
    """CPU seconds of the server."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        data = b""
        while more := connection.recv(65_536):
            data += more
    return float(data.partition(b"\r\n\r\n")[2])


def measure(port: int, dialect: str, batch: int, count: int, rounds: int) -> str:
    ask(port, dialect, batch, count // 10)
    rates, cpu, size = [], [], 0
    for _ in range(rounds):
        begun, before = time.perf_counter(), used(port)
        size = ask(port, dialect, batch, count)
        rates.append(count / (time.perf_counter() - begun))
        cpu.append((used(port) - before) / count * 1e6)
    all_rates = " ".join(f"{rate / 1e3:.0f}" for rate in rates)
    each = f"{median(rates):10,.0f} events/s  {median(cpu):6.2f} µs CPU  {size / count:6.1f} bytes"
    return f"{dialect:20} batches of {batch:3}  {each}   (thousands: {all_rates})"


def main(count: int, rounds: int) -> None:
    with subprocess.Popen([sys.executable, str(Path(__file__)), "--serve"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        pin(1)
        try:
            for dialect in DIALECTS:
                for batch in BATCHES:
                    print(measure(port, dialect, batch, count, rounds), flush=True)
        finally:
            process.terminate()


def profile(dialect: str, count: int) -> None:
    """Encoding, sending and all, in one process; the reading is done by another."""
    server = Server(App(Bench(), [dialect_of(name) for name in DIALECTS]))
    reader = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import served; served.ask(%d, {dialect!r}, 16, {count})"
    )
    running: list[subprocess.Popen[bytes]] = []

    def listens() -> None:
        running.append(
            subprocess.Popen([sys.executable, "-c", reader % server.port + f"; import os; os.kill({os.getpid()}, 15)"])
        )

    watch = cProfile.Profile()
    watch.runcall(server.serve, listens)
    running[0].wait()
    pstats.Stats(watch).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--serve"]:
            serve()
        case ["--profile", dialect, *rest]:
            profile(dialect, int(rest[0]) if rest else 100_000)
        case [*rest]:
            main(int(rest[0]) if rest else 100_000, int(rest[1]) if len(rest) > 1 else 5)
