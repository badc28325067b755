"""What the tests of this dialect share: contexts, bodies, and reading streams in pieces."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from tests.watch import Watched
from trunkline.dialects.cohere import DIALECT
from trunkline.dialects.dialect import Context, Served
from trunkline.values.errors import ProviderError
from trunkline.values.events import Event
from trunkline.values.headers import Headers
from trunkline.values.message import Message
from trunkline.values.model import Quirks, Target
from trunkline.values.request import Request
from trunkline.values.response import Response, Warning
from trunkline.wire.http import HttpReply, HttpRequest
from trunkline.wire.sse import Frame, SseDecoder

TARGET = Target("cohere", "cohere", "command-a")
CLIENT = Context(target=TARGET, model="command-a")
SERVER = Context(target=Target("cohere", "", "command-a"), model="command-a", stream=True, include_usage=True, served=Served())


def asked(*messages: Message, quirks: Quirks = Quirks(), **options: Any) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The body of a request, and the kinds and fields of its warnings."""
    target = Target("cohere", "cohere", "command-a", quirks)
    encoded = DIALECT.encode_request(Request(model="command-a", messages=messages or (Message.user("hi"),), **options), target)
    return json.loads(encoded.wire.body), [(warning.kind, warning.field) for warning in encoded.warnings]


def heard(body: dict[str, Any] | bytes) -> tuple[Request, tuple[Warning, ...]]:
    """The request that our server reads."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    decoded = DIALECT.decode_request(HttpRequest("POST", "/v2/chat", Headers(), data))
    return decoded.request, decoded.warnings


def reply(body: object, context: Context = CLIENT, status: int = 200, **headers: str) -> Response:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return DIALECT.decode_response(HttpReply(status, Headers(pairs), data), context)


def whole(content: object = "Hi", **message: Any) -> dict[str, Any]:
    """A whole reply."""
    return {"id": "r1", "finish_reason": "COMPLETE", "message": {"role": "assistant", "content": content, **message}}


def sse(frames: Iterable[Frame]) -> bytes:
    names = ((b"event: " + frame.event.encode() + b"\n" if frame.event else b"", frame.data) for frame in frames)
    return b"".join(name + b"data: " + data + b"\n\n" for name, data in names)


def read(frames: Sequence[Frame], context: Context = CLIENT) -> tuple[list[Event], ProviderError | None]:
    decoder = DIALECT.event_decoder(context)
    events = decoder.feed(frames)
    return events + ([] if decoder.done else decoder.finish()), decoder.error


def frames_of(data: bytes) -> list[Frame]:
    decoder = SseDecoder()
    return decoder.feed(data) + decoder.finish()


def told(events: Iterable[Event], context: Context = SERVER) -> tuple[list[Frame], list[Warning]]:
    """The stream that says ``events``, watched by the strict grammar, and what it could not say."""
    encoder = Watched(type(DIALECT).event_encoder(DIALECT, context), DIALECT.stream_grammar(strict=True))
    said = b"".join(map(encoder.push, events)) + encoder.finish()
    return frames_of(said), encoder.warnings
