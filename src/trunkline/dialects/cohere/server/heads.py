"""Headers, and the lists of models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ....values.headers import Headers
from ....wire.http import HttpReply
from ...dialect import Context, RateLimits, ServedModel

Pairs = tuple[tuple[str, str], ...]
TRACE = "x-debug-trace-id"
STAND_IN = "00000000-0000-0000-0000-000000000000"


def request_id(context: Context, known: str | None = None) -> str | None:
    """The id of this exchange: the server's own, else the one that is ``known``."""
    return (context.served.request_id if context.served is not None else None) or known


def json_headers(context: Context, known: str | None = None) -> Pairs:
    """The headers of a reply in JSON."""
    return (("content-type", "application/json"), *_trace(context, known))


def stream_headers(context: Context) -> Pairs:
    """The headers of a stream."""
    return (("content-type", "text/event-stream"), ("cache-control", "no-cache"), *_trace(context, None))


def _trace(context: Context, known: str | None) -> Pairs:
    found = request_id(context, known)
    return () if found is None else ((TRACE, "".join(char if " " <= char <= "~" else "_" for char in found[:200])),)


def limit_headers(limits: RateLimits) -> Pairs:
    """What is left of the calls: as the provider tells those who try it. It counts no tokens, and names no reset."""
    limit = limits.requests
    if limit is None:
        return ()
    return (
        ("x-trial-endpoint-call-limit", str(limit.limit)),
        ("x-trial-endpoint-call-remaining", str(max(0, limit.remaining))),
    )


def encode_models(models: Sequence[ServedModel], context: Context) -> HttpReply:
    """The list of models, as one page."""
    return _reply({"models": [_model(model) for model in models], "next_page_token": None}, context)


def encode_model(model: ServedModel, context: Context) -> HttpReply:
    """One model."""
    return _reply(_model(model), context)


def _model(model: ServedModel) -> dict[str, Any]:
    return {"name": model.id, "is_deprecated": False, "endpoints": ["chat"], "finetuned": False, "default_endpoints": []}


def _reply(body: object, context: Context) -> HttpReply:
    return HttpReply(200, Headers(json_headers(context)), msgspec.json.encode(body))
