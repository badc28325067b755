"""Small replies and headers: models, a count of tokens. The protocol tells nothing of limits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ....values.headers import Headers
from ....wire.http import HttpReply
from ...dialect import Context, RateLimits, ServedModel
from .response import reply_headers

STREAM_TYPE = "application/vnd.amazon.eventstream"
_encode = msgspec.json.Encoder().encode


def encode_models(models: Sequence[ServedModel], context: Context) -> HttpReply:
    """All models, as ``ListFoundationModels`` gives them."""
    return _reply({"modelSummaries": list(map(_model, models))}, context)


def encode_model(model: ServedModel, context: Context) -> HttpReply:
    return _reply({"modelDetails": _model(model)}, context)


def encode_token_count(tokens: int, context: Context) -> HttpReply:
    return _reply({"inputTokens": tokens}, context)


def limit_headers(limits: RateLimits) -> tuple[tuple[str, str], ...]:
    """None: see the module's word."""
    return ()


def stream_headers(context: Context) -> tuple[tuple[str, str], ...]:
    _, request_id = reply_headers(context)
    return ("content-type", STREAM_TYPE), request_id


def _model(model: ServedModel) -> dict[str, Any]:
    return {
        "modelArn": f"arn:aws:bedrock:us-east-1::foundation-model/{model.id}",
        "modelId": model.id,
        "modelName": model.id,
        "providerName": model.owner,
        "inputModalities": ["TEXT"],
        "outputModalities": ["TEXT"],
        "responseStreamingSupported": True,
        "customizationsSupported": [],
        "inferenceTypesSupported": ["ON_DEMAND"],
        "modelLifecycle": {"status": "ACTIVE"},
    }


def _reply(body: dict[str, Any], context: Context) -> HttpReply:
    return HttpReply(200, Headers(reply_headers(context)), _encode(body))
