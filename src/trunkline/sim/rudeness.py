"""Replies past HTTP: heads that dribble, and bytes that are none of its."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from ..serve.answers import Answer, Bytes, ByteSource, Connection, HangUp, Taken, Whole
from .playback import Tempo
from .recorder import Entry
from .steps import Pause, Raw, Stall, Step
from .whole import Pieces, Write

_HEAD = "HTTP/1.1 {status} {reason}\r\n{headers}connection: close\r\n\r\n"
_FRAMING = ("content-length", "transfer-encoding", "connection")


def raw_answer(steps: Sequence[Step], stream: bool, tempo: Tempo, entry: Entry) -> Bytes:
    """Bytes past the encoders: the body that the ``Raw`` among ``steps`` make, with what happens between them."""
    raw = next(step for step in steps if isinstance(step, Raw))
    writes: list[Write] = []
    for step in steps:
        match step:
            case Raw():
                writes += step.chunks
            case Pause():
                writes.append(Stall(step.seconds))
            case _:
                writes.append(step)
    named = {name.lower() for name in raw.headers}
    kind = () if "content-type" in named else (("content-type", "text/event-stream" if stream else "application/json"),)
    return Bytes(raw.status or 200, (*kind, *raw.headers.items()), Pieces(writes, tempo, entry))


async def past_http(connection: Connection, answer: Bytes, entry: Entry) -> Taken:
    """Every byte as it is, then the end of the connection."""
    entry.outcome = "cut"
    try:
        while data := await answer.source.next():
            connection.write(data)
        connection.close()
    except HangUp as hang_up:
        _hang_up(connection, hang_up)
    return Taken()


async def dribbled(connection: Connection, answer: Answer, seconds: float, tempo: Tempo, entry: Entry) -> Taken:
    """``answer``, which is in bytes, with its head byte by byte over so many seconds; its end is the end of the connection."""
    status, headers, source = _in_bytes(answer, tempo, entry)
    entry.status = status
    told = "".join(f"{name}: {value}\r\n" for name, value in headers if name.lower() not in _FRAMING)
    length = next((f"{name}: {value}\r\n" for name, value in headers if name.lower() == "content-length"), "")
    head = _HEAD.format(
        status=status, reason=HTTPStatus(status).phrase if status in _KNOWN else "Simulated", headers=told + length
    )
    try:
        for byte in head.encode("latin-1"):
            connection.write(bytes([byte]))
            await tempo.wait(seconds / len(head))
        while data := await source.next():
            connection.write(data)
        if entry.outcome == "open":
            entry.outcome = "end" if status < 400 else "failed"
        connection.close()
    except HangUp as hang_up:
        _hang_up(connection, hang_up)
    finally:
        await source.close()
    return Taken()


_KNOWN = frozenset(status.value for status in HTTPStatus)


def _in_bytes(answer: Answer, tempo: Tempo, entry: Entry) -> tuple[int, Sequence[tuple[str, str]], ByteSource]:
    if isinstance(answer, Whole):
        reply = answer.reply
        length = ("content-length", str(len(reply.body)))
        return reply.status, (*reply.headers.pairs, length), Pieces([reply.body], tempo, entry)
    assert isinstance(answer, Bytes)
    return answer.status, answer.headers, answer.source


def _hang_up(connection: Connection, hang_up: HangUp) -> None:
    if hang_up.reset:
        connection.reset()
    else:
        connection.close()
