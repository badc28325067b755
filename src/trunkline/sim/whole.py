"""A whole reply, and what goes wrong in the midst of its body."""

from __future__ import annotations

import random
from collections.abc import Sequence

from ..serve.answers import Answer, Bytes, HangUp, Whole
from ..values.headers import Headers
from ..wire.http import HttpReply
from .garbling import garbled
from .playback import Tempo
from .recorder import Entry
from .steps import Close, Cut, Down, Garble, Raw, Reset, Stall, Step

Write = bytes | Step
"""A piece of a body, or what happens between two of them."""


class Pieces:
    """A body in pieces (``ByteSource``), with stalls and the end of the connection in between."""

    def __init__(self, writes: Sequence[Write], tempo: Tempo, entry: Entry) -> None:
        self._writes = list(writes)
        self._tempo = tempo
        self._entry = entry

    async def next(self) -> bytes:
        while self._writes:
            write = self._writes.pop(0)
            match write:
                case bytes():
                    if write:
                        return write
                case Stall():
                    await self._tempo.wait(write.seconds)
                case Close() | Cut():
                    self._entry.outcome = "cut"
                    raise HangUp(reset=False)
                case _:
                    self._entry.outcome = "reset"
                    if isinstance(write, Down):
                        await self._tempo.down(write.seconds)
                    raise HangUp(reset=True)
        return b""

    async def close(self) -> None:
        """Nothing is held."""


def spoilt_whole(
    reply: HttpReply,
    spoils: Sequence[Step],
    headers: Sequence[tuple[str, str]],
    tempo: Tempo,
    entry: Entry,
    chance: random.Random,
) -> Answer:
    """``reply`` with further ``headers``, garbled, cut, stalled or broken off as ``spoils`` say."""
    body = reply.body
    for step in spoils:
        if isinstance(step, Raw):
            body += b"".join(step.chunks)
        elif isinstance(step, Garble):
            body = garbled(body, step.how, chance)
    taken = {name.lower() for name, _ in headers}
    kept = [pair for pair in reply.headers.pairs if pair[0].lower() not in taken]
    reply = HttpReply(reply.status, Headers([*kept, *headers]), body)
    breaks = [step for step in spoils if isinstance(step, (Stall, Cut, Close, Reset, Down))]
    if not breaks:
        return Whole(reply)
    length = ("content-length", str(len(body)))
    pairs = (*(pair for pair in reply.headers.pairs if pair[0].lower() != "content-length"), length)
    return Bytes(reply.status, pairs, Pieces(_broken(body, breaks), tempo, entry))


def _broken(body: bytes, breaks: Sequence[Step]) -> list[Write]:
    first = next((step.bytes for step in breaks if isinstance(step, Cut) and step.bytes is not None), len(body) // 2)
    if first >= len(body) and isinstance(breaks[0], Cut):
        return [body, *breaks[1:]]
    return [body[:first], *breaks, body[first:]]
