"""One try of one endpoint: encode, send, read, decode."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from ..dialects.dialect import Context, Encoded, WireRequest
from ..dialects.error_body import request_id_of
from ..policy.retry import asked_wait, should_retry
from ..ports import IO, Deadlines, Exchange
from ..providers.catalog import retired_note
from ..values.check import check_built
from ..values.errors import DeadlineError, MalformedResponseError, NotFoundError, ProviderError, TrunklineError
from ..values.response import Response
from ..wire.http import Head, HttpReply
from ..wire.own_headers import GATEWAY
from .call import Call, refuse_losses, seconds
from .destination import Destination, Note, Wire


def encode(call: Call, wire: Wire) -> Encoded:
    """The request in the endpoint's protocol. Raises ``UsageError`` for what it cannot say when the call is strict."""
    request, warnings = call.request, call.warnings
    if request.output is not None:
        from .shaping import shaped  # few calls ask for an output

        request, told = shaped(request, wire)
        warnings += told
    try:
        encoded = wire.dialect.encode_request(request, wire.target)
    except TrunklineError:
        raise
    except Exception:  # a message that was built of wrong types is told by its place; anything else is a mistake of ours
        check_built(call.request.messages)
        raise
    if warnings:
        encoded = msgspec.structs.replace(encoded, warnings=warnings + encoded.warnings)
    if encoded.warnings:
        refuse_losses(call, encoded.warnings)
    return encoded


DENSEST = 2
"""Bytes of a body for each token, at least: one that is shorter than the room in the model, times this, is not looked into."""


def encode_to_fit(call: Call, wire: Wire) -> Encoded:
    """The request in the endpoint's protocol. Raises ``ContextLengthError`` too, where it surely does not fit the model."""
    encoded = encode(call, wire)
    if wire.room is not None and len(encoded.wire.body) > DENSEST * wire.room:
        from .room import refuse_too_long  # few prompts are that long

        refuse_too_long(call, wire, wire.room)
    return encoded


def deadlines(call: Call, until: float, another: bool) -> Deadlines:
    limits = call.limits
    return Deadlines(
        seconds(limits.connect_with_fallback if another else limits.connect),
        seconds(limits.first_byte),
        seconds(limits.idle),
        until,
        seconds(limits.total),
    )


def late(call: Call, destination: Destination) -> DeadlineError:
    """The call's time is up before another try could begin."""
    total = call.limits.total
    return DeadlineError(phase="total", seconds=total, provider=destination.provider, model=destination.model or None)


LARGEST_ERROR = 1 << 20
"""Bytes of an error's reply that are read: its words are cut far below that."""


async def read_all(exchange: Exchange, most: float) -> bytes:
    """The whole body. Raises ``MalformedResponseError`` for one of more than ``most`` bytes, compression undone."""
    pieces: list[bytes] = []
    size = 0
    piece = b""
    try:
        while piece := await exchange.read():
            pieces.append(piece)
            size += len(piece)
            if size > most:
                raise MalformedResponseError(f"the reply is longer than {most:.0f} bytes (option max_line)")
    except BaseException:
        del piece, pieces  # a traceback that shows local variables shows nothing of what a provider quoted
        raise
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def read_error(exchange: Exchange) -> bytes:
    """The beginning of the body of an error's reply, which may be all of it."""
    pieces: list[bytes] = []
    left = LARGEST_ERROR
    piece = b""
    try:
        while left > 0 and (piece := await exchange.read()):
            pieces.append(piece[:left])
            left -= len(piece)
    except BaseException:
        del piece, pieces  # as above
        raise
    return b"".join(pieces)


def failure(io: IO, wire: Wire, reply: HttpReply, context: Context) -> ProviderError:
    """The error that a reply with an error's status is."""
    reply = wire.masked(reply)
    error = wire.dialect.decode_error(reply, context)
    return complete(io, wire, error, reply)


def complete(io: IO, wire: Wire, error: ProviderError, reply: HttpReply | Head) -> ProviderError:
    """``error`` with what the reply's headers and the catalog add, and without the decoder's frames: their variables hold the
    body."""
    error = bare(error)
    error.request_id = error.request_id or request_id_of(reply.headers)
    if (order := should_retry(reply.headers)) is not None:  # else what the dialect judged stands
        error.should_retry = order
    elif reply.headers.has_any(GATEWAY):
        error.should_retry = False  # it has tried whatever there was to try
    error.retry_after = asked_wait(reply.headers, io.wall(), error.retry_after)
    if isinstance(error, NotFoundError) and wire.record is not None:
        note = retired_note(wire.record, datetime.fromtimestamp(io.wall(), UTC).date().isoformat())
        if note is not None:
            error.retired, error.successor = wire.record.retires, wire.record.successor
            error.hint = note
    return error


def bare(error: ProviderError) -> ProviderError:
    """``error`` without the frames that it came through."""
    error.__context__ = None
    return error.with_traceback(None)


async def fetch(io: IO, wire: Wire, request: WireRequest, limits: Deadlines, most: float, note: Note | None = None) -> HttpReply:
    """The whole reply, whatever its status; ``most`` bytes of it at most, and of an error's the beginning."""
    exchange = await wire.exchange(io, request, limits, note)
    try:
        head = await exchange.head()
        if note is not None:
            note.replied(head, io.now(), io.wall())
        body = await (read_all(exchange, most) if 200 <= head.status < 300 else read_error(exchange))
    finally:
        await exchange.close()
    return HttpReply(head.status, head.headers, body)


async def unary(io: IO, call: Call, note: Note, wire: Wire, limits: Deadlines) -> tuple[Encoded, HttpReply, Response]:
    """One try that is answered whole."""
    encoded = encode_to_fit(call, wire)
    reply = await fetch(io, wire, encoded.wire, limits, call.limits.max_line, note)
    if not 200 <= reply.status < 300:
        raise failure(io, wire, reply, encoded.context)
    if wire.secret is not None and wire.secret.stands_in(reply.body):
        reply = wire.masked(reply)
    try:
        response = wire.dialect.decode_response(reply, encoded.context)
    except ProviderError as error:
        raise complete(io, wire, error, reply) from None
    return encoded, reply, decoded(call, wire, response)


def decoded(call: Call, wire: Wire, response: Response) -> Response:
    """``response`` as other targets would have said it: the answer is its text."""
    if call.request.output is None:
        return response
    from .shaping import answer_name, as_text

    name = answer_name(call.request, wire)
    return response if name is None else as_text(response, name)
