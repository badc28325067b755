"""A whole reply, and the list of models."""

from __future__ import annotations

from typing import Any

import msgspec

from ...values.errors import MalformedResponseError, ProviderError
from ...values.message import Message, ToolCall
from ...values.model import Target
from ...values.response import Response, Usage
from ...wire.http import HttpReply
from ...wire.loose_json import loads
from ..dialect import Context
from ..error_body import provider_error, read_error, request_id_of
from .errors import error_within, malformed, says_error
from .message import read_message
from .pieces import ID, finish_reason, logprobs_of, object_of, other_fields, text_or_none
from .usage import read_usage

_NAMED = frozenset({"id", "finish_reason", "message", "usage", "logprobs"})


def decode_response(reply: HttpReply, context: Context) -> Response:
    """The reply as our value. Raises the provider's error that stands in it, or ``MalformedResponseError``."""
    try:
        response = _decoded(reply, context)
    except RecursionError:
        raise malformed("$", context, status=reply.status, headers=reply.headers) from None
    except ProviderError as error:
        error.status, error.request_id = reply.status, request_id_of(reply.headers) or error.request_id
        raise
    request_id = request_id_of(reply.headers)
    return response if request_id is None else msgspec.structs.replace(response, request_id=request_id)


def _decoded(reply: HttpReply, context: Context) -> Response:
    try:
        body = loads(reply.body)
    except ValueError as reason:
        if b'"event_type"' in reply.body:
            from . import elder  # version 1: hardly anybody needs it

            return elder.lines(reply.body, context)
        raise malformed("$", context, message=f"the reply is {reason}") from None
    if not isinstance(body, dict):
        raise malformed("$", context)
    message = body.get("message")
    if isinstance(message, dict):
        return _whole(body, message, context)
    if says_error(body):
        raise error_within(body, context, status=reply.status, headers=reply.headers)
    if isinstance(body.get("text"), str) or "event_type" in body:
        from . import elder

        return elder.lines(reply.body, context) if "event_type" in body else elder.whole(body, context)
    raise malformed("$.message", context)


def _whole(body: dict[str, Any], message: dict[str, Any], context: Context) -> Response:
    reply_id, raw_reason, usage = text_or_none(body.get("id")), text_or_none(body.get("finish_reason")), body.get("usage")
    said = read_message(message, context, reply_id)
    extra = other_fields(body, _NAMED)
    if said.extra:
        extra["message"] = said.extra
    return Response(
        message=Message("assistant", tuple(said.parts)),
        finish_reason=finish_reason(raw_reason, calls=any(type(part) is ToolCall for part in said.parts)),
        raw_finish_reason=raw_reason,
        usage=read_usage(usage) if isinstance(usage, dict) and usage else Usage(),
        id=reply_id,
        logprobs=logprobs_of(body.get("logprobs")),
        extra=extra,
    )


# --- models -----------------------------------------------------------------------------------------------------------


def decode_models(reply: HttpReply) -> tuple[tuple[str, ...], str | None]:
    """The models' names and, where there are more, what to ask ``after``."""
    try:
        body = loads(reply.body)
    except ValueError as reason:
        raise MalformedResponseError(f"the list of models is {reason}", path="$", status=reply.status) from None
    body = object_of(body)
    models = body.get("models")
    if not isinstance(models, list):
        if body and says_error(body):
            raise provider_error(read_error(body), Target(ID, "", ""), status=reply.status, headers=reply.headers)
        raise MalformedResponseError(path="$.models", status=reply.status)
    names = [text_or_none(object_of(model).get("name")) for model in models]
    return tuple([name for name in names if name is not None]), text_or_none(body.get("next_page_token"))
