"""Whole replies of this protocol as ours, what replies and streams share (heads, finish reasons), and the list of models."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from ...values.errors import MalformedResponseError
from ...values.message import Message, Part, Refusal, ToolCall
from ...values.model import Target
from ...values.response import FinishReason, Response, TokenLogprob, Usage
from ...wire.http import HttpReply
from ...wire.loose_json import loads
from ..dialect import Context
from ..error_body import provider_error, read_error, request_id_of
from ..reply_fields import Fields, fields_of, list_of, text_of, value_of
from .errors import error_within, malformed
from .items import logprobs_of, parts_of
from .pieces import ID
from .usage import read_usage, reported_cost

NAMED = frozenset({
    "id", "object", "created_at", "model", "status", "error", "incomplete_details", "output", "output_text", "usage",
    "service_tier", "system_fingerprint",
})  # fmt: skip
"""The fields of a response that we name (``output_text`` is an SDK's own, and says the text again); the others are ``extra``."""
_INCOMPLETE: dict[str, FinishReason] = {"max_output_tokens": "length", "content_filter": "content_filter", "steered": "pause"}


def decode_response(reply: HttpReply, context: Context) -> Response:
    """The reply that a whole body is. Raises ``MalformedResponseError``, or the provider's error where a 200 holds one."""
    fields = fields_of(reply.body, context, "$")
    if failed(fields):
        raise error_within(what_failed(fields), context, reply.headers)
    if "output" not in fields:
        raise malformed("$.output", context, headers=reply.headers)
    parts: list[Part] = []
    logprobs: list[TokenLogprob] = []
    for n, raw in enumerate(list_of(fields, "output", context, "$")):
        parts += parts_of(raw, context, f"$.output[{n}]")
        if b'"logprobs"' in bytes(raw):
            logprobs += logprobs_of(raw, context, f"$.output[{n}]")
    reason, raw_reason = reason_of(fields, parts, context)
    usage = value_of(fields.get("usage"))
    usage = usage if isinstance(usage, dict) else None
    return Response(
        message=Message("assistant", tuple(parts)),
        finish_reason=reason,
        raw_finish_reason=raw_reason,
        usage=Usage() if usage is None else read_usage(usage),
        reported_cost=None if usage is None else reported_cost(usage, context.target.quirks),
        request_id=request_id_of(reply.headers),
        logprobs=tuple(logprobs),
        extra=extra_of(fields),
        **head_of(fields, context, "$"),
    )


def head_of(fields: Fields, context: Context, path: str) -> dict[str, Any]:
    """Id, model, moment, tier and fingerprint of a response, where it says them."""
    created = value_of(fields.get("created_at"))
    return {
        "id": text_of(fields, "id", context, path) or None,
        "model": text_of(fields, "model", context, path) or None,
        "created": int(created) if type(created) in (int, float) and abs(created) < 1e18 else None,
        "service_tier": text_of(fields, "service_tier", context, path) or None,
        "system_fingerprint": text_of(fields, "system_fingerprint", context, path) or None,
    }


def failed(fields: Fields) -> bool:
    """Whether a response is an error: it says so, or it is nothing but one."""
    if value_of(fields.get("status")) == "failed":
        return True
    return value_of(fields.get("error")) is not None and not list_or_none(fields.get("output"))


def list_or_none(raw: msgspec.Raw | None) -> list[Any] | None:
    value = value_of(raw)
    return value if isinstance(value, list) else None


def what_failed(fields: Fields) -> dict[str, Any]:
    """What a failed response says of its error."""
    if value_of(fields.get("status")) is not None:
        return {"error": value_of(fields.get("error"))}
    return {name: value_of(raw) for name, raw in fields.items()}


def reason_of(fields: Fields, parts: Iterable[Part], context: Context) -> tuple[FinishReason, str | None]:
    """Why it ended, in our words and the protocol's: the reason of what is incomplete, else the status (§4)."""
    status = text_of(fields, "status", context, "$") or None
    details = value_of(fields.get("incomplete_details"))
    why = details.get("reason") if isinstance(details, dict) else None
    raw = why if isinstance(why, str) and why else status
    kinds = {type(part) for part in parts}
    if ToolCall in kinds:
        return "tool_calls", raw
    if status == "incomplete":
        return _INCOMPLETE.get(raw or "", "other"), raw
    if Refusal in kinds:
        return "content_filter", raw
    return "stop" if status in ("completed", "complete") else "other", raw


def extra_of(fields: Fields) -> dict[str, Any]:
    """The fields that only this protocol knows, nulls left out."""
    return {name: value for name, raw in fields.items() if name not in NAMED and (value := value_of(raw)) is not None}


# --- models -----------------------------------------------------------------------------------------------------------


def decode_models(reply: HttpReply) -> tuple[tuple[str, ...], str | None]:
    """The models' ids and, where there are more, what to ask ``after``. An empty body is an empty list."""
    if not reply.body.strip():
        return (), None
    try:
        body = loads(reply.body)
    except ValueError:
        body = None
    if isinstance(body, dict) and body.get("error"):
        raise provider_error(read_error(body), Target(ID, "", ""), status=reply.status, headers=reply.headers)
    items = body if isinstance(body, list) else _listed(body)
    if items is None:
        raise MalformedResponseError(path="$.data", status=reply.status)
    ids = tuple([name for item in items if (name := _model_id(item)) is not None])
    if isinstance(body, dict) and body.get("has_more") is True and ids:
        last = body.get("last_id")
        return ids, last if isinstance(last, str) and last else ids[-1]
    return ids, None


def _listed(body: Any) -> list[Any] | None:
    if not isinstance(body, dict):
        return None
    found = next((body[name] for name in ("data", "models") if isinstance(body.get(name), list)), None)
    return [] if found is None and ("data" in body or body.get("object") == "list") else found


def _model_id(item: object) -> str | None:
    if isinstance(item, dict):
        item = next((item[name] for name in ("id", "model", "name") if isinstance(item.get(name), str) and item[name]), None)
    return item if isinstance(item, str) and item else None
