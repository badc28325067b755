"""A raw loopback server that replays recorded replies, whole or in random pieces."""

from __future__ import annotations

import random
import socket
from threading import Thread

from tests.recorded.records import Record

_DROPPED = frozenset({"content-length", "transfer-encoding", "content-encoding", "connection", "keep-alive", "date"})


class Replay:
    """Answers ``/ID/SEED/…`` with the record of that id: whole where the seed is 0, else in pieces that the seed chooses."""

    def __init__(self, records: tuple[Record, ...]) -> None:
        self._records = {record.id: record for record in records}
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._socket.getsockname()[1]
        self._open: set[socket.socket] = set()
        Thread(target=self._accept, daemon=True).start()

    def url(self, record: Record, seed: int) -> str:
        return f"http://127.0.0.1:{self.port}/{record.id}/{seed}/v1"

    def close(self) -> None:
        self._socket.close()
        for connection in list(self._open):
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open.add(connection)
            Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rb") as stream:
                while line := stream.readline():
                    length = 0
                    while (field := stream.readline()).strip():
                        name, _, value = field.partition(b":")
                        length = int(value) if name.lower() == b"content-length" else length
                    stream.read(length)
                    _, record_id, seed, *_ = line.split()[1].decode().split("/")
                    self._answer(connection, self._records[record_id], int(seed))
        except OSError:
            pass  # the client closed: it had what it wanted
        finally:
            self._open.discard(connection)

    def _answer(self, connection: socket.socket, record: Record, seed: int) -> None:
        fields = "".join(f"{n}: {v}\r\n" for n, v in record.headers.items() if n.lower() not in _DROPPED and "\n" not in v)
        head = f"HTTP/1.1 {record.status} Recorded\r\n{fields}".encode("latin-1", "replace")
        if seed == 0:
            connection.sendall(head + b"content-length: %d\r\n\r\n" % len(record.body) + record.body)
            return
        connection.sendall(head + b"transfer-encoding: chunked\r\n\r\n")
        chance = random.Random(f"{record.id}/{seed}")
        at = 0
        while at < len(record.body):
            piece = record.body[at : at + chance.choice((1, 2, 3, 7, 40, 200, 1500, 9000))]
            connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
            at += len(piece)
        connection.sendall(b"0\r\n\r\n")
