"""Requests, replies and streams of this protocol, and both halves at work on them."""

from __future__ import annotations

import json
from typing import Any

from trunkline.dialects.dialect import Context, Encoded, EventDecoder, Served
from trunkline.dialects.framings import frame_decoder
from trunkline.dialects.ollama import DIALECT
from trunkline.values.events import Event
from trunkline.values.headers import Headers
from trunkline.values.message import Message
from trunkline.values.model import NO_QUIRKS, Quirks, Target
from trunkline.values.request import Request
from trunkline.values.response import Response
from trunkline.wire.http import HttpReply, HttpRequest
from trunkline.wire.sse import Frame

AT = "2026-09-21T14:13:20.5Z"
SECONDS = 1_790_000_000


def target(quirks: Quirks = NO_QUIRKS, **facts: Any) -> Target:
    return Target(**{"dialect": "ollama", "provider": "ollama", "model": "m1"} | facts, quirks=quirks)


def context(quirks: Quirks = NO_QUIRKS, **facts: Any) -> Context:
    return Context(target=target(quirks), model="m1", **facts)


def serving(**facts: Any) -> Context:
    """The context of a request that was served."""
    served = {"created": SECONDS} | facts.pop("served", {})
    aim = Target(dialect="ollama", provider="", model="m1")
    return Context(**{"target": aim, "model": "m1", "served": Served(**served)} | facts)


def encode(*messages: Message | str, aim: Target | Quirks = NO_QUIRKS, **fields: Any) -> tuple[dict[str, Any], Encoded]:
    """The body that goes out, parsed, and all the rest."""
    said = tuple(Message.user(message) if isinstance(message, str) else message for message in messages) or (Message.user("hi"),)
    encoded = DIALECT.encode_request(
        Request(model="m1", messages=said, **fields), target(aim) if isinstance(aim, Quirks) else aim
    )
    return json.loads(encoded.wire.body), encoded


def losses(found: Any) -> list[tuple[str, str]]:
    return [(warning.kind, warning.field) for warning in found.warnings]


def body(message: Any = None, **fields: Any) -> dict[str, Any]:
    """A whole reply."""
    said = {"role": "assistant", "content": ""} | (message or {})
    return {"model": "m1", "created_at": AT, "message": said, "done": True, "done_reason": "stop"} | fields


def decode(value: Any, aim: Context | None = None, status: int = 200) -> Response:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return DIALECT.decode_response(HttpReply(status, Headers([("x-request-id", "q1")]), data), aim or context())


def line(message: Any = None, **fields: Any) -> dict[str, Any]:
    """A line of a stream."""
    return {
        "model": "m1",
        "created_at": AT,
        "message": {"role": "assistant", "content": ""} | (message or {}),
        "done": False,
    } | fields


def lines(*items: Any) -> bytes:
    return b"".join((item if isinstance(item, bytes) else json.dumps(item).encode()) + b"\n" for item in items)


def frames(data: bytes, cuts: tuple[int, ...] = ()) -> list[list[Frame]]:
    """The frames of each piece of a stream's bytes."""
    decoder = frame_decoder(DIALECT.framing)
    found = [decoder.feed(data[begin:end]) for begin, end in zip((0, *cuts), (*cuts, len(data)), strict=True)]
    return [*found, decoder.finish()]


def read(data: bytes, aim: Context | None = None, cuts: tuple[int, ...] = ()) -> tuple[list[Event], EventDecoder]:
    """The events of a stream's bytes, cut where ``cuts`` says, and the decoder when it is over."""
    decoder = DIALECT.event_decoder(aim or context(stream=True))
    events = [event for held in frames(data, cuts) for event in decoder.feed(held)]
    return events + decoder.finish(), decoder


def asked(value: Any) -> HttpRequest:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return HttpRequest("POST", "/api/chat", Headers(), data)


def faults(data: bytes, *, strict: bool = True) -> list[str]:
    grammar = DIALECT.stream_grammar(strict=strict)
    return [str(fault) for fault in grammar.feed([frame for held in frames(data) for frame in held]) + grammar.finish()]


def written(events: list[Event], aim: Context | None = None) -> bytes:
    """What the encoder makes of ``events``, which the strict grammar has to take."""
    encoder = DIALECT.event_encoder(aim or serving(stream=True))
    data = b"".join([encoder.push(event) for event in events]) + encoder.finish()
    assert faults(data) == []
    return data
