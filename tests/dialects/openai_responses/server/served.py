"""What is said to the server half and by it, and how it comes back."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import msgspec

from tests.watch import Watched
from trunkline.dialects.dialect import Context, Decoded, Served
from trunkline.dialects.openai_responses import DIALECT
from trunkline.values.events import Event
from trunkline.values.fold import fold
from trunkline.values.headers import Headers
from trunkline.values.message import ProviderState
from trunkline.values.model import Target
from trunkline.values.response import Response, Warning
from trunkline.wire.http import HttpRequest
from trunkline.wire.sse import SseDecoder

TARGET = Target(dialect="openai-responses", provider="", model="m")
ASKED = Context(target=TARGET, model="m", served=Served())
"""Of a client that binds nothing."""


def serving(**facts: Any) -> Context:
    return Context(target=TARGET, model="m", served=Served(**{"reply_id": "resp_abc", "created": 7} | facts))


def http(body: Any) -> HttpRequest:
    data = body if isinstance(body, bytes) else json.dumps(body).encode("utf-8", "surrogatepass")
    return HttpRequest("POST", "https://host/v1/responses", Headers(), data)


def decode(input: Any = "hi", **fields: Any) -> Decoded:
    return DIALECT.decode_request(http({"model": "m", "input": input, **fields}))


def own(data: Any, *, must_return: bool = False) -> ProviderState:
    return ProviderState("openai-responses", msgspec.json.encode(data), must_return=must_return)


def encoder(context: Context | None = None) -> Any:
    """An encoder that the strict grammar watches."""
    context = context or serving()
    made = DIALECT.event_encoder(context)
    return made if isinstance(made, Watched) else Watched(made, DIALECT.stream_grammar(strict=True, context=context))


def streamed(events: Iterable[Event], context: Context | None = None) -> tuple[bytes, list[Warning]]:
    """The whole stream that tells ``events``."""
    said = encoder(context)
    body = b"".join([*[said.push(event) for event in events], said.finish()])
    return body, said.warnings


def events_of(body: bytes) -> list[Event]:
    frames, decoder = SseDecoder(), DIALECT.event_decoder(ASKED)
    events = decoder.feed(frames.feed(body) + frames.finish()) + decoder.finish()
    assert decoder.error is None, decoder.error
    return events


def read(body: bytes) -> Response:
    return fold(events_of(body))


def said(body: bytes) -> list[dict[str, Any]]:
    """The events of a stream, parsed."""
    frames = SseDecoder()
    return [json.loads(frame.data) for frame in frames.feed(body) + frames.finish()]


def kinds(body: bytes) -> list[str]:
    return [event["type"].removeprefix("response.") for event in said(body)]


def losses(warnings: Iterable[Warning]) -> list[tuple[str, str]]:
    return [(warning.kind, warning.field) for warning in warnings]
