"""Requests of this protocol (``…:generateContent``, ``…:streamGenerateContent``, ``…:countTokens``) as ours."""

from __future__ import annotations

from typing import Any

from ....values.model import Target
from ....values.request import Request
from ....wire.http import HttpRequest
from ...dialect import Context, Decoded, Served
from ...losses import Losses
from ...served_fields import Fields, is_null
from ..pieces import ID
from .fields import fields_of_body, object_at, plain_object, refuse, take_flag, text, value_at
from .options import options_of
from .paths import COUNT, GENERATE, PUBLISHERS, STREAM, Address, address_of, plain_model
from .tools import choice_of, tools_of
from .turns import messages_of

_NAMED = frozenset({
    "contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "serviceTier", "store", "model",
    "generateContentRequest",
})  # fmt: skip


def decode_request(http: HttpRequest) -> Decoded:
    """The request that ``http`` is; fields and query of this protocol only go into ``extra_…``, as they are.

    Raises ``InvalidRequestError`` (400, ``param`` the path) for what is none, and for other methods of a model.
    """
    address = address_of(http)
    if address.method not in (GENERATE, STREAM, COUNT):
        said = f"{address.method!r}" if address.method.isalnum() and len(address.method) < 60 else "this"
        refuse("method", f"{said} is not served here: {GENERATE}, {STREAM} and {COUNT} are")
    if not address.model:
        refuse("model", "the path names none")
    fields = fields_of_body(http.body)
    if address.method == COUNT:
        fields = _counted(fields)
    losses = Losses()
    if address.twice:
        losses.dropped("query", "of a parameter that is given twice, the last counts")
    request = _request(fields, address, losses)
    return Decoded(request, tuple(losses.warnings), _context(address))


def _request(fields: Fields, address: Address, losses: Losses) -> Request:
    config, tool_config = plain_object(fields, "generationConfig"), plain_object(fields, "toolConfig")
    options = {name: value for name, value in options_of(config).items() if value is not None}
    choice = choice_of(tool_config)
    named = text(fields, "model", "")
    if named and plain_model(named.rpartition("/models/")[2]) != plain_model(address.model.rpartition("/")[2]):
        losses.dropped("model", "the path names another one, which counts")
    stored = {"store": value_at(fields["store"], "store")} if "store" in fields else {}
    return Request(
        model=address.model,
        messages=messages_of(fields, losses),
        stream=address.method == STREAM,
        tools=tools_of(fields),
        tool_choice=choice,
        service_tier=text(fields, "serviceTier", "") or None,
        store=take_flag(stored, "store", ""),
        extra_query=address.query,
        extra_body=_extra_body(fields, {"generationConfig": config, "toolConfig": tool_config}),
        **options,
    )


def _counted(fields: Fields) -> Fields:
    """The request whose tokens are to be counted: it may stand within, whole (gemini §1)."""
    inner = fields.get("generateContentRequest")
    return fields if inner is None or is_null(inner) else object_at(inner, "generateContentRequest")


def _extra_body(fields: Fields, rest: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The fields that we do not name, and what is left of those that we do."""
    extra: dict[str, Any] = {name: left for name, left in rest.items() if left}
    for name, raw in fields.items():
        if name not in _NAMED and not is_null(raw):
            extra[name] = value_at(raw, name)
    return extra


# --- around the body --------------------------------------------------------------------------------------------------------


def _context(address: Address) -> Context:
    stream = address.method == STREAM
    return Context(
        target=Target(dialect=ID, provider="", model=address.model),
        model=address.model,
        stream=stream,
        include_usage=True,
        version=PUBLISHERS if address.published else None,
        served=Served(array=stream and address.array),
    )


def context_of(http: HttpRequest) -> Context:
    """The context of a request that could not be decoded: its model and whether it wants a stream, where these can be told."""
    return _context(address_of(http))
