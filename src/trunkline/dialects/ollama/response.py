"""A whole reply, and the list of models."""

from __future__ import annotations

from typing import Any

from ...values.errors import MalformedResponseError, ProviderError
from ...values.message import Message
from ...values.model import Target
from ...values.response import Response
from ...wire.http import HttpReply
from ...wire.loose_json import loads
from ..dialect import Context
from ..error_body import provider_error, read_error, request_id_of
from .errors import error_within, malformed
from .gathered import Gathered
from .pieces import ID, text_or_none


def decode_response(reply: HttpReply, context: Context) -> Response:
    """The reply as our value. Raises the server's error that stands in it, or ``MalformedResponseError``.

    ``extra`` has the durations (nanoseconds) and what else only this protocol knows. A reply to ``/api/generate`` is read too.
    """
    try:
        body = loads(reply.body)
    except ValueError as reason:
        raise malformed("$", context, status=reply.status, headers=reply.headers, message=f"the reply is {reason}") from None
    if not isinstance(body, dict):
        raise malformed("$", context, status=reply.status, headers=reply.headers)
    if body.get("error"):
        raise error_within(body, context, status=reply.status, headers=reply.headers)
    try:
        return _response(body, reply, context)
    except RecursionError:
        raise malformed("$", context, status=reply.status, headers=reply.headers) from None
    except ProviderError as error:
        error.status, error.request_id = reply.status, request_id_of(reply.headers)
        raise


def _response(body: dict[str, Any], reply: HttpReply, context: Context) -> Response:
    if body.get("message") is None and body.get("response") is None and body.get("done") is None:
        raise malformed("$.message", context)
    if body.get("done") is False:
        raise malformed("$.done", context, message="the reply is a piece of a stream, which goes on")
    said = Gathered(context)
    said.take(body, [])
    said.close([])
    return Response(
        message=Message("assistant", said.parts()),
        finish_reason=said.reason(),
        raw_finish_reason=said.raw_reason,
        usage=said.usage,
        model=said.model,
        created=said.created,
        request_id=request_id_of(reply.headers),
        logprobs=tuple(said.logprobs),
        extra=said.extra,
    )


# --- models -----------------------------------------------------------------------------------------------------------


def decode_models(reply: HttpReply) -> tuple[tuple[str, ...], str | None]:
    """The names of the models that the server has on its disk; there is never another page."""
    try:
        body = loads(reply.body)
    except ValueError as reason:
        raise MalformedResponseError(f"the list of models is {reason}", path="$", status=reply.status) from None
    if isinstance(body, dict) and body.get("error"):
        raise provider_error(read_error(body), Target(ID, "", ""), status=reply.status, headers=reply.headers)
    items = body.get("models", []) if isinstance(body, dict) else None
    if not isinstance(items, list) and items is not None:
        raise MalformedResponseError(path="$.models", status=reply.status)
    if items is None:
        raise MalformedResponseError(path="$", status=reply.status)
    return tuple([name for item in items if (name := _name(item)) is not None]), None


def _name(item: object) -> str | None:
    if not isinstance(item, dict):
        return None
    return text_or_none(item.get("model")) or text_or_none(item.get("name"))
