"""Requests of this protocol (``POST /v1/messages``, ``…/count_tokens``) as ours. Both API versions, and what came before them."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ....values.errors import InvalidRequestError, MalformedResponseError
from ....values.message import CacheMark
from ....values.model import Target
from ....values.request import Request
from ....wire.http import HttpRequest
from ...dialect import Context, Decoded, Served
from ...losses import Losses
from ...reply_fields import Fields
from ..request import VERSION
from ..turns import ID
from .fields import cache_mark, fields_of_body, flag, items_at, number, refuse, required_text, text, value_at, whole
from .options import Object, object_of, output_of, reasoning_of
from .tools import choice_of, tools_of
from .turns import messages_of

_VERSION_HEADER, _BETA_HEADER = "anthropic-version", "anthropic-beta"
_NAMED = frozenset({
    "model", "max_tokens", "messages", "system", "stream", "stop_sequences", "tools", "tool_choice", "thinking", "output_config",
    "output_format", "cache_control", "metadata", "service_tier", "temperature", "top_p", "top_k",
})  # fmt: skip


def decode_request(http: HttpRequest) -> Decoded:
    """The request that ``http`` is; fields, headers and query of this protocol only go into ``extra_…``, as they are.

    A user's turn becomes the messages that the client half would say with it: results of tools apart, and first. Raises
    ``InvalidRequestError`` (400, ``param`` the path) for what is none.
    """
    try:
        return _decode(http)
    except MalformedResponseError as error:  # from the reader of blocks that replies have too
        refuse(error.path or "$", "not what the protocol has there")


def _decode(http: HttpRequest) -> Decoded:
    fields = fields_of_body(http.body)
    model = required_text(fields, "model", "")
    stream = flag(fields, "stream", "") or False
    context = _context(http, model, stream=stream)
    losses = Losses()
    messages = messages_of(fields, context, losses)
    choice, parallel, choice_rest = choice_of(fields.get("tool_choice"))
    thinking, output, older = (object_of(fields.get(name), name) for name in ("thinking", "output_config", "output_format"))
    reasoning = reasoning_of(thinking, output, losses)
    shape = output_of(output, older)
    metadata, cache = object_of(fields.get("metadata"), "metadata"), _cache(fields)
    rest = {"tool_choice": choice_rest, "thinking": thinking, "output_config": output, "output_format": older}
    request = Request(
        model=model,
        messages=messages,
        stream=stream,
        tools=tools_of(fields),
        tool_choice=choice,
        parallel_tool_calls=parallel,
        output=shape,
        max_tokens=whole(fields, "max_tokens", ""),
        temperature=number(fields, "temperature", ""),
        top_p=number(fields, "top_p", ""),
        top_k=whole(fields, "top_k", ""),
        stop=_stop(fields),
        reasoning=reasoning,
        service_tier=text(fields, "service_tier", "") or None,
        user=_user(metadata),
        cache=cache,
        extra_headers=_extra_headers(http),
        extra_query=_extra_query(http, losses),
        extra_body=_extra_body(fields, rest | {"metadata": metadata}),
    )
    return Decoded(request, tuple(losses.warnings), context)


def _cache(fields: Fields) -> CacheMark | None:
    return cache_mark(fields, "")


def _stop(fields: Fields) -> tuple[str, ...]:
    raw = fields.get("stop_sequences")
    if raw is None or bytes(raw) == b"null":
        return ()
    found = [value_at(item, f"stop_sequences[{n}]") for n, item in enumerate(items_at(raw, "stop_sequences"))]
    for n, sequence in enumerate(found):
        if not isinstance(sequence, str):
            refuse(f"stop_sequences[{n}]", "text is expected")
    return tuple(found)


def _user(metadata: Object) -> str | None:
    user = metadata.get("user_id")
    if user is None or user == "":
        return None
    if not isinstance(user, str):
        refuse("metadata.user_id", "text is expected")
    del metadata["user_id"]
    return user


def _extra_body(fields: Fields, rest: dict[str, Object]) -> dict[str, Any]:
    """The fields that we do not name, and what is left of those that we do."""
    extra = {name: left for name, left in rest.items() if left}
    for name, raw in fields.items():
        if name not in _NAMED:
            extra[name] = value_at(raw, "$")
    if "cache_control" in fields:  # in words that are not ours
        extra["cache_control"] = value_at(fields["cache_control"], "cache_control")
    return extra


# --- around the body --------------------------------------------------------------------------------------------------------


def _extra_headers(http: HttpRequest) -> dict[str, str]:
    found = {}
    if (version := http.headers.get(_VERSION_HEADER)) is not None and version != VERSION:
        found[_VERSION_HEADER] = version
    if betas := http.headers.get(_BETA_HEADER):
        found[_BETA_HEADER] = betas
    return found


def _extra_query(http: HttpRequest, losses: Losses) -> dict[str, str]:
    try:
        query = urlsplit(http.url).query
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=100) if query else []
    except ValueError:
        losses.dropped("query", "it cannot be read")
        return {}
    found = dict(pairs)
    if len(found) < len(pairs):
        losses.dropped("query", "of a parameter that is given twice, the last counts")
    return found


def _context(http: HttpRequest, model: str, *, stream: bool) -> Context:
    return Context(
        target=Target(dialect=ID, provider="", model=model),
        model=model,
        stream=stream,
        version=http.headers.get(_VERSION_HEADER) or VERSION,
        served=Served(),
    )


def context_of(http: HttpRequest) -> Context:
    """The context of a request that could not be decoded: its model and whether it wants a stream, where these can be told."""
    try:
        fields = fields_of_body(http.body)
    except InvalidRequestError:
        return _context(http, "", stream=False)
    return _context(http, _told(fields, "model") or "", stream=_told(fields, "stream") is True)


def _told(fields: Fields, name: str) -> Any:
    wanted = str if name == "model" else bool
    try:
        value = value_at(fields[name], name)
    except (KeyError, InvalidRequestError):
        return None
    return value if isinstance(value, wanted) else None
