"""Whole replies of this protocol as ours (bedrock-converse §5), and what replies and streams share: usage, finish reasons."""

from __future__ import annotations

from typing import Any

from ...values.errors import MalformedResponseError
from ...values.message import Message, ToolCall
from ...values.response import FinishReason, Response, Usage
from ...wire.http import HttpReply
from ...wire.loose_json import loads
from ..dialect import Context
from ..error_body import request_id_of
from ..reply_fields import Fields, fields_of, list_of, malformed, text_of, value_of
from .blocks import part_of
from .errors import error_in_reply
from .pieces import inner, values_of

NAMED = frozenset({"output", "stopReason", "usage", "p", "role"})
"""The fields of a reply and its events that we name; all others are kept in ``extra``. ``p`` is padding."""
_REASONS: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "malformed_model_output": "error",
    "malformed_tool_use": "error",
}


def decode_response(reply: HttpReply, context: Context) -> Response:
    """The reply that a whole body is. Raises ``MalformedResponseError``, or the provider's error where a 200 holds one."""
    fields = fields_of(reply.body, context, "$")
    if "output" not in fields:
        if fields.keys() & {"message", "Message", "__type"}:
            raise error_in_reply(reply, context)
        raise malformed(context, "$.output")
    message = inner(inner(fields, "output", context, "$"), "message", context, "$.output")
    path = "$.output.message"
    blocks = list_of(message, "content", context, path)
    parts = tuple([part_of(raw, context, f"{path}.content[{n}]") for n, raw in enumerate(blocks)])
    raw_reason = text_of(fields, "stopReason", context, "$") or None
    extra = extra_of(fields)
    return Response(
        message=Message("assistant", parts),
        finish_reason=reason_of(raw_reason, calls=any(type(part) is ToolCall for part in parts)),
        raw_finish_reason=raw_reason,
        stop_sequence=stop_sequence_of(extra),
        usage=usage_of(values_of(fields, "usage")),
        model=model_of(extra),
        request_id=request_id_of(reply.headers),
        service_tier=tier_of(extra),
        extra=extra,
    )


def reason_of(raw: str | None, *, calls: bool) -> FinishReason:
    return "tool_calls" if calls else _REASONS.get(raw or "", "other")


def extra_of(fields: Fields) -> dict[str, Any]:
    """The fields that only this protocol knows, nulls left out."""
    return {name: value for name, raw in fields.items() if name not in NAMED and (value := value_of(raw)) is not None}


def _within(value: Any, *names: str) -> str | None:
    """The text at the end of these names."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, str) and value else None


def stop_sequence_of(extra: dict[str, Any]) -> str | None:
    """The one that ended the reply, where it was asked for (``additionalModelResponseFieldPaths: ["/stop_sequence"]``)."""
    return _within(extra, "additionalModelResponseFields", "stop_sequence")


def model_of(extra: dict[str, Any]) -> str | None:
    """The model that a router chose; replies do not name their model otherwise."""
    return _within(extra, "trace", "promptRouter", "invokedModelId")


def tier_of(extra: dict[str, Any]) -> str | None:
    return _within(extra, "serviceTier", "type")


def usage_of(raw: dict[str, Any]) -> Usage:
    """Tokens in our convention. The protocol counts what went through the cache beside ``inputTokens``, not in it."""
    fresh = _count(raw.get("inputTokens"))
    read, written = _cached(raw, "Read"), _cached(raw, "Write")
    kept = raw.get("cacheDetails")
    hour = [_count(item.get("inputTokens")) or 0 for item in kept if isinstance(item, dict) and item.get("ttl") == "1h"] if (
        isinstance(kept, list)
    ) else []  # fmt: skip
    return Usage(
        None if fresh is None else fresh + (read or 0) + (written or 0),
        _count(raw.get("outputTokens")),
        read,
        written,
        cache_write_1h_tokens=sum(hour) if hour else None,
        raw=raw,
    )


def _cached(raw: dict[str, Any], what: str) -> int | None:
    """A figure that has two spellings."""
    said = _count(raw.get(f"cache{what}InputTokens"))
    return said if said is not None else _count(raw.get(f"cache{what}InputTokenCount"))


def _count(value: Any) -> int | None:
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and value >= 0 else None


_LISTS = (("modelSummaries", "modelId"), ("inferenceProfileSummaries", "inferenceProfileId"))


def decode_models(reply: HttpReply) -> tuple[tuple[str, ...], str | None]:
    """The ids of a list of models or of inference profiles, and the cursor of the next page (None: this was the last)."""
    if not reply.body.strip():
        return (), None
    try:
        page = loads(reply.body)
    except ValueError:
        page = None
    page = page if isinstance(page, dict) else {}
    for name, id in _LISTS:
        if isinstance(page.get(name), list):
            ids = tuple([item[id] for item in page[name] if isinstance(item, dict) and isinstance(item.get(id), str)])
            after = page.get("nextToken")
            return ids, after if isinstance(after, str) and after else None
    raise MalformedResponseError(path="$.modelSummaries")
