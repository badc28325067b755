"""From half to half without a network: what one has encoded, as the other is handed it."""

from __future__ import annotations

from urllib.parse import urlencode

from trunkline.dialects.dialect import Context, WireRequest
from trunkline.dialects.framings import frame_decoder
from trunkline.dialects.known import dialect_of
from trunkline.providers.provider import Endpoint
from trunkline.providers.table import default_path
from trunkline.values.fold import fold, unfold
from trunkline.values.headers import Headers
from trunkline.values.model import Target
from trunkline.values.response import Response, Warning
from trunkline.wire.http import HttpRequest


def target(dialect: str) -> Target:
    return Target(dialect, "p", "m")


def context(dialect: str, *, stream: bool = False) -> Context:
    return Context(target=target(dialect), model="m", stream=stream, include_usage=stream)


def arrived(dialect: str, wire: WireRequest) -> HttpRequest:
    """The request at the server that was asked, under the path that clients know it by."""
    query = f"?{urlencode(wire.query)}" if wire.query else ""
    url = f"http://127.0.0.1{default_path(Endpoint(dialect=dialect))}{wire.path}{query}"
    return HttpRequest(wire.method, url, Headers(wire.headers), wire.body)


def whole(reply: Response, dialect: str) -> tuple[Response, list[Warning]]:
    """The reply as a client of the dialect reads it, and what its server could not say."""
    half = dialect_of(dialect)
    encoded = half.encode_response(reply, context(dialect))
    return half.decode_response(encoded, context(dialect)), list(encoded.warnings)


def streamed(reply: Response, dialect: str) -> tuple[Response, list[Warning]]:
    """The same, told in a stream."""
    half = dialect_of(dialect)
    encoder = half.event_encoder(context(dialect, stream=True))
    body = b"".join([encoder.push(event) for event in unfold(reply)]) + encoder.finish()
    return read(dialect, body), encoder.warnings


def read(dialect: str, body: bytes) -> Response:
    """What a client of the dialect reads in a stream."""
    half = dialect_of(dialect)
    frames, decoder = frame_decoder(half.framing), half.event_decoder(context(dialect, stream=True))
    events = decoder.feed(frames.feed(body) + frames.finish()) + decoder.finish()
    assert decoder.error is None, decoder.error
    return fold(events)
