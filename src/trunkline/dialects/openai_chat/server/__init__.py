"""The half of Chat Completions that answers."""

from __future__ import annotations

import msgspec

from ....values.headers import Headers
from ....wire.http import HttpReply
from ...dialect import Context
from ...openai_errors import encode_error
from ...openai_heads import encode_model, encode_models, limit_headers, stream_headers
from .request import context_of, decode_request
from .response import encode_response
from .stream import ChatEventEncoder

event_encoder = ChatEventEncoder


def encode_token_count(tokens: int, context: Context) -> HttpReply:
    """How many tokens a chat has, as llama.cpp tells it (local-servers)."""
    return HttpReply(200, Headers((("content-type", "application/json"),)), msgspec.json.encode({"input_tokens": tokens}))


__all__ = [
    "context_of", "decode_request", "encode_error", "encode_model", "encode_models", "encode_response", "encode_token_count",
    "event_encoder", "limit_headers", "stream_headers",
]  # fmt: skip
