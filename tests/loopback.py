"""Scripted replies over real sockets: a small HTTP server in threads, on loopback, at a port of the system's choosing."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

from trunkline.sim.scripted import Scripted


class Asked:
    """One request as it came."""

    def __init__(self, head: bytes, body: bytes) -> None:
        line, _, fields = head.partition(b"\r\n")
        self.method, self.path, _ = line.decode("latin-1").split(" ")
        self.headers = {
            name.lower(): value.strip()
            for name, _, value in (field.partition(":") for field in fields.decode("latin-1").split("\r\n") if field)
        }
        self.body = body


Answer = Callable[[Asked], Scripted]


class Loopback:
    """Answers every request with what ``answer`` says: pieces go out as chunks of their own, delays and ``end`` as in ``virtual.Scripted``."""

    def __init__(self, answer: Answer | Scripted) -> None:
        self.answer = (lambda _: answer) if isinstance(answer, Scripted) else answer
        self.asked: list[Asked] = []
        self.connections = 0
        self.gone = threading.Event()
        """Set once a peer has closed a connection that was stalled."""
        self._over = threading.Event()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> Loopback:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._over.set()
        for connection in (self._listener, *self._open.copy()):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while not self._over.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.add(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        data = b""
        with connection, suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while (asked := _request(connection, data)) is not None:
                one, data = asked
                self.asked.append(one)
                if not self._reply(connection, self.answer(one)):
                    break
        self._open.discard(connection)

    def _reply(self, connection: socket.socket, reply: Scripted) -> bool:
        """Whether the connection lives on."""
        self._over.wait(min(reply.wait, 30))
        if reply.reset_head:
            return _reset(connection)
        fields = "".join(f"{name}: {value}\r\n" for name, value in reply.headers.items())
        connection.sendall(f"HTTP/1.1 {reply.status} Word\r\n{fields}transfer-encoding: chunked\r\n\r\n".encode("latin-1"))
        for piece in reply.pieces:
            delay, data = piece if isinstance(piece, tuple) else (0.0, piece)
            if delay:
                time.sleep(delay)
            if data:
                connection.sendall(b"%x\r\n%s\r\n" % (len(data), data))
        if reply.end == "reset":
            return _reset(connection)
        if reply.end == "stall":
            with suppress(OSError):  # a peer that has not read everything ends with a reset
                connection.recv(1)
            self.gone.set()
        if reply.end != "end":
            return False
        connection.sendall(b"0\r\n\r\n")
        return True


def _reset(connection: socket.socket) -> bool:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def _request(connection: socket.socket, data: bytes) -> tuple[Asked, bytes] | None:
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return None
        data += more
    head, _, data = data.partition(b"\r\n\r\n")
    asked = Asked(head, b"")
    length = int(asked.headers.get("content-length", "0"))
    while len(data) < length:
        data += connection.recv(1 << 20)
    asked.body = data[:length]
    return asked, data[length:]
