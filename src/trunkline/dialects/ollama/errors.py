"""Errors of this protocol: ``{"error": "text"}``, with a status of its own or as a line of a stream under 200."""

from __future__ import annotations

from ...values.errors import MalformedResponseError, ProviderError, QuotaError
from ...values.headers import NO_HEADERS, Headers
from ...values.late_pattern import LatePattern
from ...values.model import NO_QUIRKS, Quirks
from ...wire.http import HttpReply
from ..dialect import Context
from ..error_body import ErrorBody, error_class, provider_error, read_error, read_error_body, request_id_of

_TOO_MANY = 429
_LONG = LatePattern(r"\b(?:daily|weekly|monthly) usage limit")


def decode_error(reply: HttpReply, context: Context) -> ProviderError:
    """The error that a reply with an error status is. Never raises."""
    body = read_error_body(reply.body)
    return provider_error(
        body, context.target, status=reply.status, headers=reply.headers, kind=kind_of(body, reply.status, context.target.quirks)
    )


def kind_of(body: ErrorBody, status: int | None, quirks: Quirks = NO_QUIRKS) -> type[ProviderError]:
    """Which of our errors it is. The cloud's limits of a day and longer are no rate: waiting is no use."""
    told = status if status is not None and status >= 300 else body.status
    if told in (None, _TOO_MANY) and _LONG().search((body.message or "")[:2000].lower()):
        return QuotaError
    return error_class(body, status, quirks)


def error_within(value: object, context: Context, *, status: int | None = None, headers: Headers = NO_HEADERS) -> ProviderError:
    """The error that stands in a reply that had begun well. ``status`` None: inside a stream."""
    body = read_error(value)
    return provider_error(body, context.target, status=status, headers=headers, kind=kind_of(body, status, context.target.quirks))


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
