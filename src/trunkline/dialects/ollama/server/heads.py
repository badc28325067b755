"""Headers, and the list of models."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from ....values.headers import Headers
from ....wire.http import HttpReply
from ...dialect import Context, RateLimits, ServedModel
from ..pieces import moment_of

Pairs = tuple[tuple[str, str], ...]


def json_headers(request_id: str | None) -> Pairs:
    """The headers of a reply in JSON. The id of a request is ours: the protocol has none."""
    kind = (("content-type", "application/json; charset=utf-8"),)
    return kind if request_id is None else (*kind, ("x-request-id", request_id))


def stream_headers(context: Context) -> Pairs:
    """The headers of a stream."""
    request_id = None if context.served is None else context.served.request_id
    return (("content-type", "application/x-ndjson"), *json_headers(request_id)[1:])


def limit_headers(limits: RateLimits) -> Pairs:
    """None: this protocol does not tell what is left."""
    return ()


def encode_models(models: Sequence[ServedModel], context: Context) -> HttpReply:
    """The list of models, as ``/api/tags`` has it."""
    return _reply({"models": [_model(model) for model in models]}, context)


def encode_model(model: ServedModel, context: Context) -> HttpReply:
    """One model, as ``/api/show`` has it."""
    shown = {"capabilities": ["completion", "tools", "vision", "thinking"], "model_info": {}, "template": "", "parameters": ""}
    return _reply({**shown, "details": _details(), "modified_at": moment_of(model.created)}, context)


def _model(model: ServedModel) -> dict[str, Any]:
    """Readers take size and digest for granted: of a model that is no file they are nothing, and made of its name."""
    digest = hashlib.sha256(model.id.encode("utf-8", "surrogatepass")).hexdigest()
    named = {"name": model.id, "model": model.id, "modified_at": moment_of(model.created)}
    return {**named, "size": 0, "digest": digest, "details": _details()}


def _details() -> dict[str, Any]:
    return {"parent_model": "", "format": "", "family": "", "families": [], "parameter_size": "", "quantization_level": ""}


def _reply(body: object, context: Context) -> HttpReply:
    request_id = None if context.served is None else context.served.request_id
    return HttpReply(200, Headers(json_headers(request_id)), msgspec.json.encode(body))
