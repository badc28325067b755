"""Requests of ours judged by the SDK's types, and replies read in every way that they can come."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from google.genai import types

from trunkline.dialects.dialect import Context, Encoded
from trunkline.dialects.framings import frame_decoder, guess_framing
from trunkline.dialects.gemini import DIALECT
from trunkline.dialects.gemini.stream import GeminiEventDecoder
from trunkline.values.events import Event
from trunkline.values.message import Message
from trunkline.values.model import Quirks, Target
from trunkline.values.request import Request
from trunkline.values.response import Response, Warning
from trunkline.wire.http import HttpReply

MODEL = "gemini-3.5-flash"
_PARTS = {
    "tools": types.Tool,
    "toolConfig": types.ToolConfig,
    "generationConfig": types.GenerationConfig,
    "systemInstruction": types.Content,
    "contents": types.Content,
}


def target(*, provider: str = "g", model: str = MODEL, key: str = "k1", **quirks: Any) -> Target:
    return Target("gemini", provider, model, Quirks(**quirks), key=key)


def context(*, stream: bool = False, **facts: Any) -> Context:
    return Context(target=facts.pop("target", None) or target(), model=MODEL, stream=stream, **facts)


def encode(*messages: Message, judged: bool = True, to: Target | None = None, **fields: Any) -> tuple[dict[str, Any], Encoded]:
    """The body that goes out, which the SDK's types take, and all of what encoding gave."""
    request = Request(model=MODEL, messages=messages or (Message.user("q"),), **fields)
    encoded = DIALECT.encode_request(request, to or target())
    body = json.loads(encoded.wire.body)
    if judged:
        for name, kind in _PARTS.items():
            values = body.get(name, [])
            for value in values if isinstance(values, list) else [values]:
                kind.model_validate(value)
    return body, encoded


def contents(*messages: Message, **fields: Any) -> Any:
    return encode(*messages, **fields)[0]["contents"]


def told(warnings: Iterable[Warning]) -> list[str]:
    return [f"{warning.kind} {warning.field}" for warning in warnings]


def reply(*parts: dict[str, Any], finish: str | None = "STOP", **fields: Any) -> dict[str, Any]:
    """A reply of one candidate; ``candidate`` holds more of its fields."""
    candidate = {"content": {"role": "model", "parts": list(parts)}, **fields.pop("candidate", {})}
    if finish is not None:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "modelVersion": MODEL, "responseId": "r1"} | fields


def decode(body: Any, **facts: Any) -> Response:
    return DIALECT.decode_response(HttpReply(200, body=json.dumps(body).encode()), context(**facts))


def sse(*bodies: Any) -> bytes:
    return b"".join(b"data: " + json.dumps(body).encode() + b"\r\n\r\n" for body in bodies)


def array(*bodies: Any) -> bytes:
    return ("[" + "\n,\r\n".join(json.dumps(body, indent=1) for body in bodies) + "]").encode()


def read(stream: bytes, cuts: Iterable[int] = (), **facts: Any) -> tuple[list[Event], GeminiEventDecoder]:
    """The events of a stream that is cut at these places, and the decoder."""
    frames, decoder = frame_decoder(guess_framing(stream)), GeminiEventDecoder(context(stream=True, **facts))
    events: list[Event] = []
    places = [0, *sorted(cuts), len(stream)]
    for begin, end in pairwise(places):
        events += decoder.feed(frames.feed(stream[begin:end]))
    events += decoder.feed(frames.finish())
    return events + decoder.finish(), decoder
