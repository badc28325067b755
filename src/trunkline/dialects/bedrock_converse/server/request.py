"""Requests of this protocol (``/model/{id}/converse``, ``…/converse-stream``, ``…/count-tokens``) as ours."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from ....values.errors import InvalidRequestError, MalformedResponseError
from ....values.model import Target
from ....values.request import Request
from ....wire.http import HttpRequest
from ...dialect import Context, Decoded, Served
from ...losses import Losses
from ...reply_fields import Fields
from ...served_fields import is_null
from ..pieces import ID
from .fields import fields_of_body, inner_object, inner_values, items_at, number, object_at, refuse, text, value_at, whole
from .options import Object, output_of, reasoning_of
from .tools import choice_of, tools_of
from .turns import messages_of

_PATH = re.compile(r"/model/(.+)/(converse|converse-stream|count-tokens)/?$", re.DOTALL)
_NAMED = frozenset({
    "modelId", "messages", "system", "inferenceConfig", "toolConfig", "additionalModelRequestFields", "outputConfig",
    "requestMetadata", "serviceTier",
})  # fmt: skip
_INFERENCE = ("maxTokens", "temperature", "topP", "stopSequences")


def decode_request(http: HttpRequest) -> Decoded:
    """The request that ``http`` is; fields of this protocol only go into ``extra_body``, as they are.

    The model stands in the path (or, as libraries have it, in ``modelId``). A user's turn becomes the messages that the client
    half would say with it: results of tools apart, and first. Raises ``InvalidRequestError`` (400, ``param`` the path) for what
    is none."""
    try:
        return _decode(http)
    except MalformedResponseError as error:  # from the reader of blocks that replies have too
        refuse((error.path or "$").removeprefix("$."), "not what the protocol has there")


def _decode(http: HttpRequest) -> Decoded:
    model, operation = _asked(http)
    fields = fields_of_body(http.body)
    if operation == "count-tokens":
        fields = _counted(fields)
    model = model or text(fields, "modelId", "") or ""
    if not model:
        refuse("modelId", "this field is required")
    context = _context(model, stream=operation == "converse-stream")
    losses = Losses()
    inference = inner_object(fields, "inferenceConfig", "")
    config = inner_object(fields, "toolConfig", "")
    own = inner_values(fields, "additionalModelRequestFields", "")
    output, tier = inner_values(fields, "outputConfig", ""), inner_values(fields, "serviceTier", "")
    asked_tier = tier.pop("type", None)
    reasoning, form = reasoning_of(own, output), output_of(output)
    rest: dict[str, Any] = {"additionalModelRequestFields": own, "outputConfig": output, "serviceTier": tier}
    rest["inferenceConfig"] = _others(inference, _INFERENCE, "inferenceConfig")
    rest["toolConfig"] = _others(config, ("tools", "toolChoice"), "toolConfig")
    request = Request(
        model=model,
        messages=messages_of(fields, context, losses),
        stream=context.stream,
        tools=tools_of(config, losses),
        tool_choice=choice_of(config, losses),
        output=form,
        max_tokens=whole(inference, "maxTokens", "inferenceConfig."),
        temperature=number(inference, "temperature", "inferenceConfig."),
        top_p=number(inference, "topP", "inferenceConfig."),
        stop=_stop(inference),
        reasoning=reasoning,
        service_tier=asked_tier if isinstance(asked_tier, str) else None,
        metadata=_metadata(fields),
        extra_query=_extra_query(http),
        extra_body=_extra_body(fields, rest),
    )
    return Decoded(request, tuple(losses.warnings), context)


def _asked(http: HttpRequest) -> tuple[str, str]:
    """The model and the operation that the path names; ids of models hold slashes, encoded or not."""
    try:
        path = urlsplit(http.url).path
    except ValueError:
        path = ""
    found = _PATH.search(path)
    return (unquote(found[1]), found[2]) if found else ("", "converse")


def _counted(fields: Fields) -> Fields:
    asked = inner_object(fields, "input", "")
    if is_null(asked.get("converse")):
        refuse("input.converse", "this field is required; only requests of Converse are counted here")
    return object_at(asked["converse"], "input.converse")


def _stop(inference: Fields) -> tuple[str, ...]:
    raw, path = inference.get("stopSequences"), "inferenceConfig.stopSequences"
    if raw is None or is_null(raw):
        return ()
    found = [value_at(item, path) for item in items_at(raw, path)]
    for n, sequence in enumerate(found):
        if not isinstance(sequence, str):
            refuse(f"{path}[{n}]", "text is expected")
    return tuple(found)


def _metadata(fields: Fields) -> dict[str, str] | None:
    said = inner_values(fields, "requestMetadata", "")
    for value in said.values():
        if not isinstance(value, str):
            refuse("requestMetadata", "texts by name are expected")
    return said or None


def _others(fields: Fields, ours: tuple[str, ...], path: str) -> Object:
    return {name: value_at(raw, path) for name, raw in fields.items() if name not in ours and not is_null(raw)}


def _extra_body(fields: Fields, rest: dict[str, Object]) -> dict[str, Any]:
    """The fields that we do not name, and what is left of those that we do."""
    extra: dict[str, Any] = {name: left for name, left in rest.items() if left}
    for name, raw in fields.items():
        if name not in _NAMED and not is_null(raw):
            extra[name] = value_at(raw, "$")
    return extra


# --- around the body --------------------------------------------------------------------------------------------------------


def _extra_query(http: HttpRequest) -> dict[str, str]:
    try:
        query = urlsplit(http.url).query
        return dict(parse_qsl(query, keep_blank_values=True, max_num_fields=100)) if query else {}
    except ValueError:
        return {}


def _context(model: str, *, stream: bool) -> Context:
    return Context(
        target=Target(dialect=ID, provider="", model=model), model=model, stream=stream, include_usage=True, served=Served()
    )


def context_of(http: HttpRequest) -> Context:
    """The context of a request that could not be decoded: its model and whether it wants a stream, where these can be told."""
    model, operation = _asked(http)
    if not model:
        try:
            model = text(fields_of_body(http.body), "modelId", "") or ""
        except InvalidRequestError:
            model = ""
    return _context(model, stream=operation == "converse-stream")
