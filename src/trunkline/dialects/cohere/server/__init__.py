"""The half of Cohere's chat that answers."""

from __future__ import annotations

from .errors import encode_error, encode_token_count
from .heads import encode_model, encode_models, limit_headers, stream_headers
from .request import context_of, decode_request
from .response import encode_response
from .stream import CohereEventEncoder

event_encoder = CohereEventEncoder

__all__ = [
    "context_of", "decode_request", "encode_error", "encode_model", "encode_models", "encode_response", "encode_token_count",
    "event_encoder", "limit_headers", "stream_headers",
]  # fmt: skip
