"""Small replies and headers: models, a count of tokens. Limits are never told (gemini §9)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ....values.headers import Headers
from ....wire.http import HttpReply
from ....wire.loose_json import clean_text
from ...dialect import Context, RateLimits, ServedModel
from .paths import COUNT, GENERATE, PUBLISHERS, STREAM, plain_model
from .response import reply_headers, request_id_header

_encode = msgspec.json.Encoder().encode


def encode_models(models: Sequence[ServedModel], context: Context) -> HttpReply:
    """All models, as one page."""
    said = [_model(model, context) for model in models]
    return _reply({"publisherModels" if context.version == PUBLISHERS else "models": said}, context)


def encode_model(model: ServedModel, context: Context) -> HttpReply:
    return _reply(_model(model, context), context)


def encode_token_count(tokens: int, context: Context) -> HttpReply:
    return _reply({"totalTokens": tokens}, context)


def limit_headers(limits: RateLimits) -> tuple[tuple[str, str], ...]:
    """None: replies of this protocol say nothing of limits."""
    return ()


def stream_headers(context: Context) -> tuple[tuple[str, str], ...]:
    array = context.served is not None and context.served.array
    kind = "application/json; charset=UTF-8" if array else "text/event-stream"
    return ("content-type", kind), ("cache-control", "no-cache"), ("x-accel-buffering", "no"), *request_id_header(context)


def _model(model: ServedModel, context: Context) -> dict[str, Any]:
    name = clean_text(plain_model(model.id))
    if context.version == PUBLISHERS:
        return {"name": f"publishers/google/models/{name}"}
    return {
        "name": name if name.startswith("tunedModels/") else f"models/{name}",
        "version": "001",
        "displayName": name,
        "supportedGenerationMethods": [GENERATE, STREAM, COUNT],
    }


def _reply(body: dict[str, Any], context: Context) -> HttpReply:
    return HttpReply(200, Headers(reply_headers(context)), _encode(body))
