"""Whole replies of this protocol as ours, and what replies and streams share: usage, finish reasons."""

from __future__ import annotations

from typing import Any

import msgspec

from ...values.errors import MalformedResponseError
from ...values.message import Message, ToolCall
from ...values.response import FinishReason, Response, Usage
from ...wire.http import HttpReply
from ...wire.loose_json import loads
from ..dialect import Context
from ..error_body import request_id_of
from ..reply_fields import Fields, fields_of, list_of, malformed, text_of
from .blocks import part_of
from .errors import error_in_reply

NAMED = frozenset({"type", "role", "id", "model", "content", "stop_reason", "stop_sequence", "usage"})
"""The fields of a message that we name; all others are kept in ``extra``."""

_REASONS: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "pause_turn": "pause",
    "refusal": "content_filter",
}


def decode_response(reply: HttpReply, context: Context) -> Response:
    """The reply that a whole body is. Raises ``MalformedResponseError``, or the provider's error where a 200 holds one."""
    fields = fields_of(reply.body, context, "$")
    if "content" not in fields:
        if "error" in fields:
            raise error_in_reply(reply, context)
        raise malformed(context, "$.content")
    blocks = list_of(fields, "content", context, "$")
    message = Message("assistant", tuple(part_of(raw, context, f"$.content[{n}]") for n, raw in enumerate(blocks)))
    raw_reason = text_of(fields, "stop_reason", context, "$") or None
    usage = usage_of(values_of(fields, "usage"))
    return Response(
        message=message,
        finish_reason=reason_of(raw_reason, calls=any(type(part) is ToolCall for part in message.parts)),
        raw_finish_reason=raw_reason,
        stop_sequence=text_of(fields, "stop_sequence", context, "$") or None,
        usage=usage,
        model=text_of(fields, "model", context, "$") or None,
        id=text_of(fields, "id", context, "$") or None,
        request_id=request_id_of(reply.headers),
        service_tier=tier_of(usage.raw),
        extra=extra_of(fields),
    )


def reason_of(raw: str | None, *, calls: bool) -> FinishReason:
    return "tool_calls" if calls else _REASONS.get(raw or "", "other")


def values_of(fields: Fields, name: str) -> dict[str, Any]:
    """A field that is an object, parsed; anything else is an empty one."""
    raw = fields.get(name)
    if raw is None:
        return {}
    value = value_of(raw)
    return value if isinstance(value, dict) else {}


def value_of(raw: msgspec.Raw) -> Any:
    try:
        return loads(bytes(raw))
    except ValueError:
        return None


def extra_of(fields: Fields) -> dict[str, Any]:
    """The fields that only this protocol knows, nulls left out."""
    return {name: value for name, raw in fields.items() if name not in NAMED and (value := value_of(raw)) is not None}


def tier_of(usage: dict[str, Any]) -> str | None:
    tier = usage.get("service_tier")
    return tier if isinstance(tier, str) else None


def usage_of(raw: dict[str, Any]) -> Usage:
    """Tokens in our convention. The protocol counts what went through the cache beside ``input_tokens``, not in it."""
    fresh = _count(raw.get("input_tokens"))
    written, read = _count(raw.get("cache_creation_input_tokens")), _count(raw.get("cache_read_input_tokens"))
    kept, details = raw.get("cache_creation"), raw.get("output_tokens_details")
    return Usage(
        None if fresh is None else fresh + (written or 0) + (read or 0),
        _count(raw.get("output_tokens")),
        read,
        written,
        _count(details.get("thinking_tokens")) if isinstance(details, dict) else None,
        cache_write_1h_tokens=_count(kept.get("ephemeral_1h_input_tokens")) if isinstance(kept, dict) else None,
        raw=raw,
    )


def _count(value: Any) -> int | None:
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and value >= 0 else None


def decode_models(reply: HttpReply) -> tuple[tuple[str, ...], str | None]:
    """The ids of one page of models, and the cursor of the next page (None: this was the last)."""
    if not reply.body.strip():
        return (), None
    try:
        page = loads(reply.body)
    except ValueError:
        page = None
    data = page.get("data") if isinstance(page, dict) else None
    if not isinstance(page, dict) or not isinstance(data, list):
        raise MalformedResponseError(path="$.data")
    ids = tuple(model["id"] for model in data if isinstance(model, dict) and isinstance(model.get("id"), str))
    last = page.get("last_id")
    if page.get("has_more") is not True or not ids:
        return ids, None
    return ids, last if isinstance(last, str) and last else ids[-1]
