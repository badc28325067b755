"""A whole reply, and the list of models."""

from __future__ import annotations

from typing import Any

from ...values.errors import MalformedResponseError, ProviderError
from ...values.events import Event
from ...values.model import Target
from ...values.response import Response
from ...wire.http import HttpReply
from ...wire.loose_json import loads
from ..dialect import Context
from ..error_body import provider_error, read_error, request_id_of
from .errors import malformed
from .pieces import ID
from .reply import Reply


def decode_response(reply: HttpReply, context: Context) -> Response:
    """The reply as our value; the array of a stream's pieces is one too. Raises the provider's error that stands in it, or
    ``MalformedResponseError``."""
    try:
        body = loads(reply.body)
    except ValueError:
        raise malformed("$", context, status=reply.status) from None
    found = Reply(context)
    events: list[Event] = []
    try:
        found.take(body, events)
        return found.response(request_id_of(reply.headers))
    except ProviderError as error:
        error.request_id = request_id_of(reply.headers) or error.request_id
        raise


def decode_models(reply: HttpReply) -> tuple[tuple[str, ...], str | None]:
    """The ids of one page of models, without what stands before them, and the token of the next page (None: the last)."""
    if not reply.body.strip():
        return (), None
    try:
        page = loads(reply.body)
    except ValueError:
        page = None
    if isinstance(page, dict) and isinstance(page.get("error"), dict):
        raise provider_error(read_error(page), Target(ID, "", ""), status=reply.status, headers=reply.headers)
    items = _items(page) if isinstance(page, dict) else None
    if not isinstance(page, dict) or not isinstance(items, list):
        raise MalformedResponseError(path="$.models", status=reply.status)
    names = [item["name"] for item in items if isinstance(item, dict) and isinstance(item.get("name"), str)]
    after = page.get("nextPageToken")
    return tuple(map(_id, names)), after if isinstance(after, str) and after else None


def _items(page: dict[str, Any]) -> object:
    return next((page[name] for name in ("models", "publisherModels", "tunedModels") if page.get(name)), [])


def _id(name: str) -> str:
    """``models/x`` and ``publishers/google/models/x`` are ``x``; a tuned model keeps its whole name."""
    return name.rpartition("models/")[2] if name.startswith(("models/", "publishers/google/models/")) else name
