"""Headers of OpenAI's replies, and its lists of models: the same in all of its protocols."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ..values.headers import Headers
from ..wire.http import HttpReply
from .dialect import Context, RateLimit, RateLimits, ServedModel

Pairs = tuple[tuple[str, str], ...]


def json_headers(request_id: str | None) -> Pairs:
    """The headers of a reply in JSON."""
    kind = (("content-type", "application/json"),)
    return kind if request_id is None else (*kind, ("x-request-id", request_id))


def stream_headers(context: Context) -> Pairs:
    """The headers of a stream: nobody on the way shall keep it back (openai-chat §12)."""
    found = (("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"), ("x-accel-buffering", "no"))
    request_id = None if context.served is None else context.served.request_id
    return found if request_id is None else (*found, ("x-request-id", request_id))


def limit_headers(limits: RateLimits) -> Pairs:
    """What is left of the limits (openai-chat §10)."""
    pairs: list[tuple[str, str]] = []
    for name, limit in (("requests", limits.requests), ("tokens", limits.tokens)):
        if limit is not None:
            pairs += _limit(name, limit)
    return tuple(pairs)


def _limit(name: str, limit: RateLimit) -> Pairs:
    return (
        (f"x-ratelimit-limit-{name}", str(limit.limit)),
        (f"x-ratelimit-remaining-{name}", str(max(0, limit.remaining))),
        (f"x-ratelimit-reset-{name}", go_duration(limit.reset)),
    )


def go_duration(seconds: float) -> str:
    """Seconds as Go writes a duration: ``12ms``, ``1.5s``, ``6m0s``, ``1h2m3.5s``."""
    if seconds < 1e-3:  # nobody waits for less
        return "0s" if seconds <= 0 else "1ms"
    if seconds < 1:
        return f"{round(seconds * 1e3, 3):g}ms"
    whole = round(seconds, 3)
    hours, rest = divmod(whole, 3600)
    minutes, rest = divmod(rest, 60)
    text = f"{round(rest, 3):g}s"
    if hours:
        return f"{int(hours)}h{int(minutes)}m{text}"
    return f"{int(minutes)}m{text}" if minutes else text


def encode_models(models: Sequence[ServedModel], context: Context) -> HttpReply:
    """The list of models."""
    return _reply({"object": "list", "data": [_model(model) for model in models]}, context)


def encode_model(model: ServedModel, context: Context) -> HttpReply:
    """One model."""
    return _reply(_model(model), context)


def _model(model: ServedModel) -> dict[str, str | int]:
    return {"id": model.id, "object": "model", "created": model.created, "owned_by": model.owner}


def _reply(body: object, context: Context) -> HttpReply:
    request_id = None if context.served is None else context.served.request_id
    return HttpReply(200, Headers(json_headers(request_id)), msgspec.json.encode(body))
