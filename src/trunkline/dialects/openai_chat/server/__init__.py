"""The half of Chat Completions that answers."""

from __future__ import annotations

from ....values.errors import NotFoundError
from ....wire.http import HttpReply
from ...dialect import Context
from ...openai_errors import encode_error
from ...openai_heads import encode_model, encode_models, limit_headers, stream_headers
from .request import context_of, decode_request
from .response import encode_response
from .stream import ChatEventEncoder

event_encoder = ChatEventEncoder


def encode_token_count(tokens: int, context: Context) -> HttpReply:
    """An error: this protocol counts no tokens."""
    return encode_error(NotFoundError("this protocol has no path that counts tokens", status=404), context)


__all__ = [
    "context_of", "decode_request", "encode_error", "encode_model", "encode_models", "encode_response", "encode_token_count",
    "event_encoder", "limit_headers", "stream_headers",
]  # fmt: skip
