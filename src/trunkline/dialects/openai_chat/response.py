"""A whole reply, and the list of models."""

from __future__ import annotations

from typing import Any

from ...values.errors import MalformedResponseError, ProviderError
from ...values.message import Message
from ...values.model import Target
from ...values.response import Alternative, Response, Usage
from ...wire.http import HttpReply
from ...wire.loose_json import loads
from ..dialect import Context
from ..error_body import provider_error, read_error, request_id_of
from .errors import error_within, malformed, says_error
from .gathered import Gathered
from .pieces import ID
from .plain import plain_reply
from .usage import read_usage, reported_cost

TOP_FIELDS = frozenset(
    {"id", "object", "created", "model", "choices", "usage", "system_fingerprint", "service_tier", "error", "obfuscation", "p"}
)
CHOICE_FIELDS = frozenset({"index", "delta", "message", "finish_reason", "logprobs", "error", "usage", "text"})


def decode_response(reply: HttpReply, context: Context) -> Response:
    """The reply as our value. Raises the provider's error that stands in it, or ``MalformedResponseError``."""
    return plain_reply(reply, context) or full_reply(reply, context)


def full_reply(reply: HttpReply, context: Context) -> Response:
    """The reply, whatever its shape."""
    try:
        body = loads(reply.body)
    except ValueError as reason:
        raise malformed("$", context, status=reply.status, headers=reply.headers, message=f"the reply is {reason}") from None
    if isinstance(body, list) and len(body) == 1:
        body = body[0]
    if not isinstance(body, dict):
        raise malformed("$", context, status=reply.status, headers=reply.headers)
    if says_error(body):
        raise error_within(body, context, status=reply.status, headers=reply.headers)
    choices = body.get("choices")
    if not isinstance(choices, list):
        raise malformed("$.choices", context, status=reply.status, headers=reply.headers)
    try:
        return _whole(body, choices, reply, context)
    except RecursionError:
        raise malformed("$", context, status=reply.status, headers=reply.headers) from None
    except ProviderError as error:
        error.status, error.request_id = reply.status, request_id_of(reply.headers) or error.request_id
        raise


def _whole(body: dict[str, Any], choices: list[Any], reply: HttpReply, context: Context) -> Response:
    found = [_choice(n, choice, body, context) for n, choice in enumerate(choices)] or [gathered(0, context)]
    return _response(body, found, reply, context)


def _choice(n: int, choice: object, body: dict[str, Any], context: Context) -> Gathered:
    if not isinstance(choice, dict):
        raise malformed(f"$.choices[{n}]", context)
    if isinstance(choice.get("error"), dict) and choice["error"]:
        raise error_within(choice, context)
    found = gathered(choice_number(choice, n), context)
    found.reply_id = text_or_none(body.get("id"))
    message = choice.get("message")
    if message is None:
        message = choice.get("delta") or {"content": choice.get("text")}
    if not isinstance(message, dict):
        raise malformed(f"$.choices[{n}].message", context)
    found.take(message, [], choice.get("logprobs"), whole=True)
    found.raw_reason = text_or_none(choice.get("finish_reason"))
    return found


def gathered(number: int, context: Context) -> Gathered:
    """A choice of which nothing is known yet."""
    style = context.target.quirks.markup
    if style is None:
        return Gathered(number, context)
    from .marked import Marked  # only endpoints with that quirk need it

    return Marked(number, context, style)


def _response(body: dict[str, Any], found: list[Gathered], reply: HttpReply, context: Context) -> Response:
    first, quirks = found[0], context.target.quirks
    raw_usage = find_usage(body)
    created = body.get("created")
    choice = body["choices"][0] if body["choices"] else {}
    return Response(
        message=Message("assistant", first.parts()),
        finish_reason=first.reason(),
        raw_finish_reason=first.raw_reason,
        usage=Usage() if raw_usage is None else read_usage(raw_usage, quirks),
        reported_cost=None if raw_usage is None else reported_cost(raw_usage, quirks),
        model=text_or_none(body.get("model")),
        id=text_or_none(body.get("id")),
        created=int(created) if isinstance(created, (int, float)) and abs(created) < 1e18 else None,
        request_id=request_id_of(reply.headers),
        service_tier=text_or_none(body.get("service_tier")),
        system_fingerprint=text_or_none(body.get("system_fingerprint")),
        alternatives=tuple([_alternative(one) for one in found[1:]]),
        logprobs=tuple(first.logprobs),
        extra=extra_fields(body, choice, first),
    )


def _alternative(choice: Gathered) -> Alternative:
    return Alternative(
        index=choice.number,
        message=Message("assistant", choice.parts()),
        finish_reason=choice.reason(),
        raw_finish_reason=choice.raw_reason,
        logprobs=tuple(choice.logprobs),
    )


def text_or_none(value: object) -> str | None:
    """A text that says something."""
    return value if isinstance(value, str) and value else None


def choice_number(choice: dict[str, Any], default: int = 0) -> int:
    """Which choice it is."""
    index = choice.get("index")
    return index if type(index) is int and index >= 0 else default


def find_usage(body: dict[str, Any]) -> dict[str, Any] | None:
    """The ``usage`` object, wherever it stands: at the top, in Groq's own corner, or (older Moonshot) in the first choice."""
    usage = body.get("usage")
    if isinstance(usage, dict) and usage:
        return usage
    own = body.get("x_groq")
    if isinstance(own, dict) and isinstance(own.get("usage"), dict):
        return own["usage"]  # type: ignore[no-any-return]
    choices = body.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], dict) and isinstance(choices[0].get("usage"), dict):
        return choices[0]["usage"]  # type: ignore[no-any-return]
    return None


def extra_fields(body: dict[str, Any], choice: dict[str, Any], first: Gathered) -> dict[str, Any]:
    """What we have no field for: the body's own, and under ``choice`` and ``message`` those of the first choice."""
    extra = {name: value for name, value in body.items() if name not in TOP_FIELDS and value is not None}
    own = {name: value for name, value in choice.items() if name not in CHOICE_FIELDS and value is not None}
    if own:
        extra["choice"] = own
    if first.extra:
        extra["message"] = dict(first.extra)
    return extra


# --- models -----------------------------------------------------------------------------------------------------------


def decode_models(reply: HttpReply) -> tuple[tuple[str, ...], str | None]:
    """The models' ids and, where there are more, what to ask ``after``. An empty body is an empty list (``mlx_lm.server``)."""
    if not reply.body.strip():
        return (), None
    try:
        body = loads(reply.body)
    except ValueError as reason:
        raise MalformedResponseError(f"the list of models is {reason}", path="$", status=reply.status) from None
    if isinstance(body, dict) and says_error(body):
        raise provider_error(read_error(body), Target(ID, "", ""), status=reply.status, headers=reply.headers)
    items = body if isinstance(body, list) else _model_list(body)
    if items is None:
        raise MalformedResponseError(path="$.data", status=reply.status)
    ids = tuple([name for item in items if (name := _model_id(item)) is not None])
    if isinstance(body, dict) and body.get("has_more") is True and ids:
        return ids, text_or_none(body.get("last_id")) or ids[-1]
    return ids, None


def _model_list(body: object) -> list[Any] | None:
    if not isinstance(body, dict):
        return None
    for name in ("data", "models"):
        if isinstance(body.get(name), list):
            return body[name]  # type: ignore[no-any-return]
    return [] if body.get("object") == "list" or "data" in body else None


def _model_id(item: object) -> str | None:
    if isinstance(item, dict):
        return next((name for field in ("id", "model", "name") if (name := text_or_none(item.get(field))) is not None), None)
    return text_or_none(item)
