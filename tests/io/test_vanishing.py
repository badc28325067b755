"""A thousand connections that vanish in mid-stream leave no task, no socket, no source, and memory where it was.

The server is a process of its own, so that what it holds can be counted. Memory is held against what it was after a first round:
in that one Python and the C library take what a thousand open connections need, and they keep most of it for the next time
(CPython's arenas stay while one block in them is used). What Python has given out, in blocks, hides nothing of that sort.

Here because tests/io runs alone.
"""

from __future__ import annotations

import json
import resource
import select
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONNECTIONS = 1_000
ROUNDS = 6
MOST_GROWTH = 5 * 1024
"""KiB."""
MOST_BLOCKS = 1_000
"""One object left behind by each connection would be five times as many."""
PATHS = {
    "/v1/chat/completions": b'{"model": "%s", "stream": true, "messages": [{"role": "user", "content": "hi"}]}',
    "/v1/messages": b'{"model": "%s", "stream": true, "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}',
}
KINDS = (b"waits", b"trickles", b"thinks")
"""How the server answers: one event and no more; one every so often; not at all yet. Every 25th: as much as the connection takes."""

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc here")

SERVER = """if True:
    import asyncio, gc, json, os, pathlib, resource, sys
    from trunkline.dialects.known import DIALECTS, dialect_of
    from trunkline.serve.answers import Streamed
    from trunkline.serve.asgi import App
    from trunkline.serve.server import Server
    from trunkline.values.events import Start, TextDelta

    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    counts = {"asked": 0, "opened": 0, "closed": 0, "left": 0}
    words = [TextDelta("word " * 20)] * 20

    class Source:
        def __init__(self, kind):
            self.kind, self.begun = kind, False
            counts["opened"] += 1

        async def next(self):
            if not self.begun:
                self.begun = True
                return [Start(id="x", model="m"), TextDelta("hello")]
            if self.kind == "waits":
                await asyncio.get_running_loop().create_future()
            if self.kind == "trickles":
                await asyncio.sleep(0.5)
                return [TextDelta("more")]
            return words

        async def close(self):
            counts["closed"] += 1

    class Answering:
        async def answer(self, asked):
            counts["asked"] += 1
            kind = asked.decoded.request.model
            if kind == "thinks":
                try:
                    await asyncio.get_running_loop().create_future()
                finally:
                    counts["left"] += 1
            return Streamed(Source(kind), asked.context, ping_every=1.0)

    async def tasks():
        return len(asyncio.all_tasks()) - 2  # the server's own and this

    def held():
        fields = dict(line.split(":", 1) for line in pathlib.Path("/proc/self/status").read_text().splitlines() if ":" in line)
        files = len(os.listdir("/proc/self/fd"))
        waiting = asyncio.run_coroutine_threadsafe(tasks(), server._loop).result()
        return counts | {"tasks": waiting, "files": files, "blocks": sys.getallocatedblocks(), "rss": int(fields["VmRSS"].split()[0])}

    server = Server(App(Answering(), [dialect_of(name) for name in DIALECTS])).start()
    print(server.port, flush=True)
    for line in sys.stdin:
        if line == "collect\\n":
            gc.collect()
        print(json.dumps(held()), flush=True)
    server.close()
    """


class Server:
    """The child process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.port = int(self._line())

    def held(self, word: str = "look") -> dict[str, int]:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        found: dict[str, int] = json.loads(self._line())
        return found

    def when(self, **expected: int) -> dict[str, int]:
        """What it holds once the counts are these."""
        for _ in range(400):
            found = self.held()
            if found.items() >= expected.items():
                return found
            threading.Event().wait(0.025)
        raise AssertionError(f"expected {expected}, found {found}")

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@pytest.fixture
def server() -> Iterator[Server]:
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", SERVER], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Server(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(20) == 0


@pytest.fixture(autouse=True)
def room_for_sockets() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS + 500
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip("not so many sockets allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted) if soft != resource.RLIM_INFINITY else soft, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def kind(number: int) -> bytes:
    return b"floods" if number % 25 == 0 else KINDS[number % len(KINDS)]


THINKING = sum(kind(number) == b"thinks" for number in range(CONNECTIONS))


def request(number: int) -> bytes:
    path, body = list(PATHS.items())[number % len(PATHS)]
    body = body % kind(number)
    return b"POST %s HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n%s" % (path.encode(), len(body), body)


def vanish_all(server: Server) -> None:
    """Open them all, wait until each that shall hear something has, and be gone: half by RST, half by FIN."""
    connections: list[Any] = []
    for number in range(CONNECTIONS):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.settimeout(20)
        connection.connect(("127.0.0.1", server.port))
        connection.sendall(request(number))
        connections.append(connection)
    for number, connection in enumerate(connections):
        if kind(number) != b"thinks":
            heard = b""
            while b"hello" not in heard:
                assert select.select([connection], [], [], 20)[0], "nothing came"
                heard += connection.recv(4_096)
    for number, connection in enumerate(connections):
        if number % 3 == 0:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()


@pytest.mark.timeout(300)
def test_a_thousand_that_vanish_leave_nothing(server: Server) -> None:
    begin = server.held("collect")
    assert (begin["tasks"], begin["asked"]) == (0, 0)
    held = []
    for turn in range(1, ROUNDS + 2):
        vanish_all(server)
        streams = turn * (CONNECTIONS - THINKING)
        server.when(asked=turn * CONNECTIONS, opened=streams, closed=streams, left=turn * THINKING, tasks=0, files=begin["files"])
        held.append(server.held("collect"))
    rss, blocks = ([now[what] for now in (begin, *held)] for what in ("rss", "blocks"))
    assert rss[-1] - rss[1] < MOST_GROWTH, f"KiB: {rss}"
    assert blocks[-1] - blocks[1] < MOST_BLOCKS, f"blocks: {blocks}"
