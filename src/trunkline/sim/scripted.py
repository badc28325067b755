"""A world that follows a script: what each request is answered with, and when, without a socket and in virtual time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, get_args

import msgspec

from ..dialects.dialect import Context, Served
from ..dialects.known import dialect_of
from ..ports import INFINITY
from ..values.errors import ProviderError, UsageError
from ..values.events import Event
from ..values.expect import kind_of, number, whole, wrong
from ..values.fold import unfold
from ..values.headers import Headers
from ..values.message import Message
from ..values.model import Target
from ..values.response import Response, Warning
from ..wire.http import HttpReply

Piece = bytes | tuple[float, bytes]
"""What one read brings, or after so many seconds."""
End = Literal["end", "reset", "truncated", "stall"]
_ENDS: Final = get_args(End)
_MODEL: Final = "scripted"


class Scripted(msgspec.Struct, frozen=True):
    """What the other side does with one request.

    ``body`` comes piece by piece, each after its own seconds of waiting. ``end`` is what follows the last: ``end``, ``reset``
    (the connection is reset), ``truncated`` (closed in the middle) or ``stall`` (nothing, for ever). ``connect`` is the seconds
    until the connection stands, ``wait`` those from there to the head. ``refuse``: nobody listens. ``reset_head``: the connection
    is reset in place of a head. Of a child process ``body`` is its output, and an ``end`` but ``end`` a failure.
    Raises ``UsageError`` for an ``end`` that there is not.
    """

    status: int = 200
    headers: Mapping[str, str] | Headers = {}
    body: bytes | Sequence[Piece] = ()
    end: End = "end"
    connect: float = 0.0
    wait: float = 0.0
    refuse: bool = False
    reset_head: bool = False

    def __post_init__(self) -> None:
        if self.end not in _ENDS:
            raise UsageError("no such end", field="end", got=repr(self.end), allowed=", ".join(_ENDS))
        whole(self.status, "status", 100, 599)
        if not isinstance(self.headers, Mapping):
            raise UsageError("wrong type", field="headers", got=kind_of(self.headers), allowed="a dict, or Headers")
        if isinstance(self.body, str) or not isinstance(self.body, Sequence):
            raise UsageError("wrong type", field="body", got=kind_of(self.body), allowed="bytes, or a list of them")
        for name in ("connect", "wait"):
            if (seconds := getattr(self, name)) != INFINITY:
                number(seconds, name, 0)

    def __repr__(self) -> str:
        return f"Scripted({self.status}, {len(self.pieces)} pieces, {self.end})"

    @property
    def pieces(self) -> Sequence[Piece]:
        return (self.body,) if isinstance(self.body, bytes) else self.body

    @classmethod
    def of(
        cls,
        response: Response | str,
        *,
        dialect: str = "openai-chat",
        stream: bool = False,
        model: str = _MODEL,
        every: float = 0.0,
        first: float = 0.0,
        end: End = "end",
    ) -> Scripted:
        """The reply that says ``response`` (or a text) in a dialect: whole, or streamed, each event a piece of its own.

        ``first`` is the seconds until the reply begins, ``every`` those between two pieces of a stream; ``end`` as in
        ``Scripted``: any but ``end`` leaves the protocol's last words away. Raises ``UsageError`` for an unknown dialect,
        and for what is no response.
        """
        if isinstance(response, str):
            response = Response(message=Message.assistant(response), finish_reason="stop", model=model)
        elif not isinstance(response, Response):
            wrong("response", response, "a text or a Response")
        if stream:
            return cls.telling(
                unfold(response), dialect=dialect, model=response.model or model, every=every, first=first, end=end
            )
        reply = dialect_of(dialect).encode_response(response, _context(dialect, response.model or model, stream=False))
        _refuse_losses(reply.warnings, dialect)
        return cls(
            reply.status, reply.headers, reply.body if end == "end" else reply.body[: len(reply.body) // 2], end, wait=first
        )

    @classmethod
    def telling(
        cls,
        events: Iterable[Event],
        *,
        dialect: str = "openai-chat",
        model: str = _MODEL,
        every: float = 0.0,
        first: float = 0.0,
        end: End = "end",
    ) -> Scripted:
        """The stream that tells ``events`` in a dialect, each a piece of its own."""
        half, context = dialect_of(dialect), _context(dialect, model, stream=True)
        encoder = half.event_encoder(context)
        spoken = [encoder.push(event) for event in events]
        if end == "end":
            spoken.append(encoder.finish())
        _refuse_losses(encoder.warnings, dialect)
        said = [data for data in spoken if data]
        pieces = [(every if n else 0.0, data) for n, data in enumerate(said)]
        return cls(200, Headers(half.stream_headers(context)), pieces, end, wait=first)

    @classmethod
    def failing(cls, error: ProviderError, *, dialect: str = "openai-chat", model: str = _MODEL, first: float = 0.0) -> Scripted:
        """The reply of a provider that fails like this."""
        reply: HttpReply = dialect_of(dialect).encode_error(error, _context(dialect, model, stream=False))
        return cls(reply.status, reply.headers, reply.body, wait=first)


def _refuse_losses(warnings: Sequence[Warning], dialect: str) -> None:
    """A script that says less than it was told to would test something else."""
    lost = [warning for warning in warnings if warning.kind == "dropped"]
    if lost:
        raise UsageError(f"{dialect} cannot say this: {lost[0].reason}", field=lost[0].field)


def _context(dialect: str, model: str, *, stream: bool) -> Context:
    served = Served(request_id="req_scripted", reply_id="scripted", created=1_795_000_000)
    return Context(target=Target(dialect, "", model), model=model, stream=stream, include_usage=True, served=served)


REFUSED: Final = Scripted(refuse=True)
NO_CONNECTION: Final = Scripted(connect=INFINITY)
NO_HEAD: Final = Scripted(wait=INFINITY)

__all__ = ["NO_CONNECTION", "NO_HEAD", "REFUSED", "End", "Piece", "Scripted"]
