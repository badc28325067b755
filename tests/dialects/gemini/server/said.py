"""What is said to the server half and by it, and how it comes back."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

import msgspec

from tests.watch import Watched
from trunkline.dialects.dialect import Context, Decoded, EventEncoder, Framing, Served, WireRequest
from trunkline.dialects.framings import frame_decoder
from trunkline.dialects.gemini import DIALECT
from trunkline.dialects.gemini.server.stream import GeminiEncoder
from trunkline.values.errors import ProviderError
from trunkline.values.events import Event
from trunkline.values.fold import fold
from trunkline.values.headers import Headers
from trunkline.values.model import Target
from trunkline.values.request import Request
from trunkline.values.response import Response, Warning
from trunkline.wire.http import HttpReply, HttpRequest

MODEL = "gemini-test"
PATH = f"/v1beta/models/{MODEL}:generateContent"


def target(model: str = MODEL) -> Target:
    """As a server names whom it was asked for."""
    return Target(dialect="gemini", provider="", model=model)


def served(**facts: Any) -> Context:
    return Context(target=target(), model=MODEL, served=Served(**facts))


def client_context(model: str = MODEL) -> Context:
    return Context(target=Target(dialect="gemini", provider="p", model=model, key="k"), model=model)


def http(body: bytes | dict[str, Any], *, path: str = PATH, **headers: str) -> HttpRequest:
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return HttpRequest("POST", path, Headers((name.replace("_", "-"), value) for name, value in headers.items()), data)


def on_the_wire(wire: WireRequest) -> HttpRequest:
    query = f"?{urlencode(wire.query)}" if wire.query else ""
    return HttpRequest(wire.method, f"http://127.0.0.1:9/v1beta{wire.path}{query}", Headers(wire.headers), wire.body)


def decoded(body: dict[str, Any], *, path: str = PATH) -> Decoded:
    """A body with what every request must have, decoded."""
    return DIALECT.decode_request(http({"contents": "hi"} | body, path=path))


def asked(body: dict[str, Any], *, path: str = PATH) -> Request:
    return decoded(body, path=path).request


def said_again(request: Request) -> dict[str, Any]:
    """The body that our client makes of a request that our server read."""
    body: dict[str, Any] = json.loads(DIALECT.encode_request(request, target(request.model)).wire.body)
    return body


def answered(response: Response, where: Context | None = None) -> tuple[dict[str, Any], tuple[Warning, ...]]:
    reply = DIALECT.encode_response(response, where or served())
    return json.loads(reply.body), reply.warnings


def read_again(response: Response) -> Response:
    """A reply as a client of this protocol reads it."""
    reply = DIALECT.encode_response(response, served())
    return DIALECT.decode_response(HttpReply(reply.status, body=reply.body), client_context())


def watched(where: Context | None = None) -> EventEncoder:
    """An encoder that is held to the strict grammar."""
    context = where or served()
    array = context.served is not None and context.served.array
    grammar = DIALECT.stream_grammar(strict=True, context=context)
    return Watched(GeminiEncoder(context), grammar, Framing.JSON_ARRAY if array else Framing.SSE)


def stream_of(
    events: Iterable[Event], where: Context | None = None, error: ProviderError | None = None
) -> tuple[bytes, list[Warning]]:
    encoder = watched(where)
    data = b"".join([*map(encoder.push, events), encoder.finish() if error is None else encoder.error(error)])
    return data, encoder.warnings


def pieces(data: bytes, *, array: bool = False) -> list[dict[str, Any]]:
    """The replies that a stream is made of."""
    frames = frame_decoder(Framing.JSON_ARRAY if array else Framing.SSE)
    return [json.loads(frame.data) for frame in frames.feed(data) + frames.finish()]


def parts_of(data: bytes) -> list[dict[str, Any]]:
    """All parts of the first candidate, in order."""
    candidates = [c for piece in pieces(data) for c in piece.get("candidates", ()) if not c["index"]]
    return [part for candidate in candidates for part in candidate["content"].get("parts", ())]


def streamed_again(events: Iterable[Event]) -> Response:
    frames = frame_decoder(Framing.SSE)
    decoder = DIALECT.event_decoder(client_context())
    data, _ = stream_of(events)
    told = decoder.feed(frames.feed(data) + frames.finish()) + decoder.finish()
    if decoder.error is not None:
        raise decoder.error
    return fold(told)
