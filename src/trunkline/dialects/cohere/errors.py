"""Errors of this protocol: ``{id, message}``, and sometimes ``error_type``."""

from __future__ import annotations

from typing import Any

from ...values.errors import AuthenticationError, MalformedResponseError, ProviderError, QuotaError
from ...values.headers import NO_HEADERS, Headers
from ...values.late_pattern import LatePattern
from ...wire.http import HttpReply
from ..dialect import Context
from ..error_body import error_class, provider_error, read_error, read_error_body, request_id_of
from ..error_kinds import kind_of_words, normal, says_nothing
from .pieces import text_or_none

_TOO_MANY = 429
_MONTHLY = LatePattern(r"(?:/|per) month|monthly")
_INVALID_TOKEN = 498  # errors-and-limits §2; elsewhere it says that there is no capacity


def decode_error(reply: HttpReply, context: Context) -> ProviderError:
    """The error that a reply with an error status is. Never raises."""
    body = read_error_body(reply.body)
    kind: type[ProviderError] | None = None
    if reply.status == _INVALID_TOKEN and error_class(body, _INVALID_TOKEN) is error_class(read_error({}), _INVALID_TOKEN):
        kind = AuthenticationError
    elif (
        reply.status == _TOO_MANY and kind_of_words(body.words) is None and _MONTHLY().search((body.message or "")[:2000].lower())
    ):
        kind = QuotaError  # a trial key's calls of the month: waiting is no use
    return provider_error(body, context.target, status=reply.status, headers=reply.headers, kind=kind)


def says_error(value: dict[str, Any]) -> bool:
    """Whether a body or an event under status 200 is an error: it has words where a message or a reply would stand."""
    if value.get("finish_reason") is not None or "event_type" in value:
        return False
    if value.get("error") or value.get("type") == "error":
        return True
    return "delta" not in value and "text" not in value and isinstance(value.get("message") or value.get("detail"), (str, list))


def ends_in_error(delta: dict[str, Any]) -> bool:
    """Whether the last word of a stream is an error: it names one of a kind that we know (an overload, a limit). What the model
    brought upon itself (``INVALID_TOOL_GENERATION``, or a reason ``ERROR`` without a kind) is an end like others."""
    word = text_or_none(delta.get("error_type"))
    return word is not None and (kind_of_words((normal(word),)) is not None or says_nothing(word))


def error_within(value: object, context: Context, *, status: int | None = None, headers: Headers = NO_HEADERS) -> ProviderError:
    """The error that stands in a reply that had begun well. ``status`` None: inside a stream."""
    return provider_error(read_error(value), context.target, status=status, headers=headers)


def malformed(
    path: str, context: Context, *, status: int | None = None, headers: Headers = NO_HEADERS, message: str | None = None
) -> MalformedResponseError:
    """A reply that breaks the protocol at ``path``."""
    target = context.target
    return MalformedResponseError(
        message or "the reply breaks its protocol",
        path=path,
        provider=target.provider,
        model=target.model,
        status=status,
        request_id=request_id_of(headers),
    )
