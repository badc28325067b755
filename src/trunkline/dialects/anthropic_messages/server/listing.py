"""Small replies and headers: models, a count of tokens, limits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from ....values.headers import Headers
from ....wire.http import HttpReply
from ...dialect import Context, RateLimits, ServedModel
from .response import reply_headers

_encode = msgspec.json.Encoder().encode
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = 253_402_300_799.0


def encode_models(models: Sequence[ServedModel], context: Context) -> HttpReply:
    """All models, as one page."""
    ends = (models[0].id, models[-1].id) if models else (None, None)
    page = {"data": list(map(_model, models)), "has_more": False, "first_id": ends[0], "last_id": ends[1]}
    return _reply(page, context)


def encode_model(model: ServedModel, context: Context) -> HttpReply:
    return _reply(_model(model), context)


def encode_token_count(tokens: int, context: Context) -> HttpReply:
    return _reply({"input_tokens": tokens}, context)


def limit_headers(limits: RateLimits) -> tuple[tuple[str, str], ...]:
    """``anthropic-ratelimit-…`` (§9); resets are moments, to the second above."""
    found: list[tuple[str, str]] = []
    for name in ("requests", "tokens", "input_tokens", "output_tokens"):
        limit = getattr(limits, name)
        if limit is not None:
            prefix = f"anthropic-ratelimit-{name.replace('_', '-')}"
            found.append((f"{prefix}-limit", str(limit.limit)))
            found.append((f"{prefix}-remaining", str(max(0, limit.remaining))))
            found.append((f"{prefix}-reset", moment(-(-(limits.now + limit.reset) // 1))))
    return tuple(found)


def stream_headers(context: Context) -> tuple[tuple[str, str], ...]:
    _, request_id = reply_headers(context)
    return ("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"), request_id


def moment(seconds: float) -> str:
    """RFC 3339 of Unix seconds."""
    return (_EPOCH + timedelta(seconds=int(max(0.0, min(seconds, _LATEST))))).strftime("%Y-%m-%dT%H:%M:%SZ")


def _model(model: ServedModel) -> dict[str, Any]:
    return {
        "type": "model",
        "id": model.id,
        "display_name": model.id,
        "created_at": moment(model.created),
        "lifecycle": "active",
    }


def _reply(body: dict[str, Any], context: Context) -> HttpReply:
    return HttpReply(200, Headers(reply_headers(context)), _encode(body))
