"""The half of the Responses API that answers."""

from __future__ import annotations

import msgspec

from ....values.headers import Headers
from ....wire.http import HttpReply
from ...dialect import Context
from ...openai_errors import encode_error
from ...openai_heads import encode_model, encode_models, json_headers, limit_headers, stream_headers
from .request import context_of, decode_request
from .response import encode_response
from .stream import ResponsesEncoder

event_encoder = ResponsesEncoder


def encode_token_count(tokens: int, context: Context) -> HttpReply:
    """How many tokens a request's input has (§1)."""
    request_id = None if context.served is None else context.served.request_id
    body = {"object": "response.input_tokens", "input_tokens": tokens}
    return HttpReply(200, Headers(json_headers(request_id)), msgspec.json.encode(body))


__all__ = [
    "context_of", "decode_request", "encode_error", "encode_model", "encode_models", "encode_response", "encode_token_count",
    "event_encoder", "limit_headers", "stream_headers",
]  # fmt: skip
