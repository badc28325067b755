"""Requests in this protocol's words."""

from __future__ import annotations

import msgspec

from ...values.model import Target
from ...values.request import Request
from ..dialect import Context, Encoded, WireRequest


def encode_request(request: Request, target: Target) -> Encoded:
    """The call on the wire."""
    path = f"/models/{target.model}:" + ("streamGenerateContent" if request.stream else "generateContent")
    body = {"contents": [{"role": "user", "parts": [{"text": m.text}]} for m in request.messages]}
    return Encoded(
        WireRequest(
            path=path,
            query=(("alt", "sse"),) if request.stream else (),
            headers=(("content-type", "application/json"),),
            body=msgspec.json.encode(body),
        ),
        (),
        Context(target=target, model=target.model, stream=request.stream),
    )
