"""HTTP/1.1 by hand: what goes out and what comes back, byte by byte; and answers made to measure."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from tests.serve.plain import PlainHalf
from trunkline.serve.answers import Answer, Asked, HangUp, Streamed
from trunkline.serve.asgi import App
from trunkline.serve.server import Server
from trunkline.values.events import Event, TextDelta

PATIENCE = 20.0


def request(method: str = "POST", path: str = "/v1/say", body: bytes | None = None, **headers: str) -> bytes:
    """One request; underscores in names of headers are hyphens, a value of "" leaves one out."""
    if body is None and method == "POST":
        body = b'{"text": "hi"}'
    fields = {"host": "127.0.0.1", **{name.replace("_", "-"): value for name, value in headers.items()}}
    if body is not None and "transfer-encoding" not in fields:
        fields.setdefault("content-length", str(len(body)))
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items() if value)]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")


class Reply:
    """A whole reply. ``cut``: the connection ended before the body's own end."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes, *, cut: bool = False) -> None:
        self.status, self.headers, self.body, self.cut = status, headers, body, cut

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Raw:
    """One connection."""

    def __init__(self, server: Server, *, receive_buffer: int | None = None) -> None:
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(PATIENCE)
        self._held = b""
        try:
            self.socket.connect(("127.0.0.1", server.port))
        except OSError:
            self.socket.close()
            raise

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def ask(self, *args: Any, **options: Any) -> Reply:
        self.send(request(*args, **options))
        return self.reply(head_only=args[:1] == ("HEAD",))

    def reply(self, *, head_only: bool = False) -> Reply:
        """The next reply, whole."""
        status, headers = self.head()
        if head_only or status in {204, 304}:
            return Reply(status, headers, b"")
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while (piece := self.chunk()) is not None:
                if not piece:
                    return Reply(status, headers, body)
                body += piece
            return Reply(status, headers, body, cut=True)
        size = int(headers["content-length"])
        body = self._exactly(size)
        return Reply(status, headers, body, cut=len(body) < size)

    def head(self) -> tuple[int, dict[str, str]]:
        raw = self._until(b"\r\n\r\n")
        assert raw, "closed before a head came"
        line, *fields = raw.decode("latin-1").split("\r\n")
        pairs = (field.partition(":") for field in fields if field)
        return int(line.split(" ")[1]), {name.lower(): value.strip() for name, _, value in pairs}

    def chunk(self) -> bytes | None:
        """One chunk; b"" for the last, None where the connection ends instead."""
        size = self._until(b"\r\n")
        if not size:
            return None
        return self._exactly(int(size, 16) + 2)[:-2]

    def until(self, text: bytes) -> bytes:
        """Chunks, until ``text`` has come."""
        data = b""
        while text not in data:
            piece = self.chunk()
            assert piece, f"ended without {text!r}: {data!r}"
            data += piece
        return data

    def at_end(self) -> bytes:
        """What comes until the other side closes properly."""
        data, self._held = self._held, b""
        while more := self.socket.recv(65_536):
            data += more
        return data

    def vanish(self) -> None:
        """Gone without a word (RST)."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._held:
            more = self.socket.recv(65_536)
            if not more:
                return b""
            self._held += more
        found, _, self._held = self._held.partition(mark)
        return found + mark

    def _exactly(self, size: int) -> bytes:
        while len(self._held) < size and (more := self.socket.recv(65_536)):
            self._held += more
        found, self._held = self._held[:size], self._held[size:]
        return found


class Source:
    """Batches in order: a list of events or bytes is given, a number waited for, an event of asyncio awaited, an error raised."""

    def __init__(self, *batches: Any, end: Any = ()) -> None:
        self.batches = list(batches)
        self.end = end
        self.asked = self.closed = self.cancelled = 0
        self.over = threading.Event()
        """Set when it is closed."""

    async def next(self) -> Any:
        self.asked += 1
        try:
            while self.batches:
                batch = self.batches.pop(0)
                if isinstance(batch, BaseException):
                    raise batch
                if isinstance(batch, int | float):
                    await asyncio.sleep(batch)
                elif batch == "forever":
                    await asyncio.get_running_loop().create_future()
                elif isinstance(batch, str):
                    return [TextDelta(batch)]
                else:
                    return batch
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return self.end

    async def close(self) -> None:
        self.closed += 1
        self.over.set()


class Ready:
    """Always has more."""

    def __init__(self, batch: Sequence[Event] | bytes, most: int | None = None) -> None:
        self.batch, self.most = batch, most
        self.asked = self.closed = 0
        self.over = threading.Event()

    async def next(self) -> Any:
        if self.most is not None and self.asked >= self.most:
            return self.batch[:0]
        self.asked += 1
        return self.batch

    async def close(self) -> None:
        self.closed += 1
        self.over.set()


class Answering:
    """An ``Answerer``: ``how`` gives the answer, or raises it."""

    def __init__(self, how: Callable[[Asked], Awaitable[Answer]]) -> None:
        self._how = how
        self.asked: list[Asked] = []

    async def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        return await self._how(asked)


def always(answer: Any) -> Answering:
    """The same answer for everybody: one of ``answers``, a source of events, an error to raise, or a function of the asked."""

    async def how(asked: Asked) -> Answer:
        found = answer(asked) if callable(answer) else answer
        if hasattr(found, "__await__"):
            found = await found
        if isinstance(found, BaseException):
            raise found
        if isinstance(found, Source | Ready):
            return Streamed(found, asked.context)
        return found

    return Answering(how)


def served(answer: Any, **options: Any) -> Server:
    """A server of the plain protocol; not started."""
    answerer = answer if isinstance(answer, Answering) else always(answer)
    return Server(App(answerer, options.pop("halves", (PlainHalf(),)), **options))


__all__ = ["Answering", "HangUp", "Raw", "Ready", "Reply", "Source", "always", "request", "served"]
