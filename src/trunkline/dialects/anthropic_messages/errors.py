"""Which of our errors a reply of this protocol is: by ``error.type``, then ``details.error_code``, then the status.

The text is asked only where the protocol has no word for it: a prompt that is too long, credit that is used up, a spend
limit, output that was filtered (all plain ``invalid_request_error``), and a 429 that no waiting will cure.
"""

from __future__ import annotations

import re

from ...values.errors import ContentFilterError, InvalidRequestError, ProviderError, QuotaError, RateLimitError, ServerError
from ...values.headers import NO_HEADERS, Headers
from ...wire.http import HttpReply
from ..dialect import Context
from ..error_body import ErrorBody, error_class, provider_error, read_error_body

_KINDS: dict[str, type[ProviderError]] = {
    "request_too_large": InvalidRequestError,
    "conflict_error": ServerError,
    "timeout_error": ServerError,
}
"""Words of this protocol that the shared table leaves to the status, which a stream's error has not."""
_SPENT = re.compile(r"credit balance|spend(?:ing)? (?:limit|cap)|usage limits?\b|monthly (?:spend|limit|usage)", re.IGNORECASE)
_FILTERED = re.compile(r"content filtering policy", re.IGNORECASE)


def decode_error(reply: HttpReply, context: Context) -> ProviderError:
    """The error that an unsuccessful reply is. Never raises."""
    return _error(read_error_body(reply.body), context, reply.status, reply.headers)


def error_in_reply(reply: HttpReply, context: Context) -> ProviderError:
    """The error that stands in a reply whose status said that all was well."""
    return _error(read_error_body(reply.body), context, None, reply.headers)


def error_in_stream(data: bytes, context: Context) -> ProviderError:
    """The error that came as an event of a stream."""
    return _error(read_error_body(data), context, None, NO_HEADERS)


def _error(body: ErrorBody, context: Context, status: int | None, headers: Headers) -> ProviderError:
    error = provider_error(body, context.target, status=status, headers=headers, kind=_kind(body, context, status, headers))
    error.request_id = headers.get("request-id") or error.request_id
    return error


def _kind(body: ErrorBody, context: Context, status: int | None, headers: Headers) -> type[ProviderError]:
    known = _KINDS.get(body.type or "")
    if known is not None:
        return known
    kind = error_class(body, status, context.target.quirks)
    said = body.message or ""
    if kind is RateLimitError and "retry-after" not in headers and body.retry_after is None and _SPENT.search(said):
        return QuotaError
    if kind is InvalidRequestError:
        return QuotaError if _SPENT.search(said) else ContentFilterError if _FILTERED.search(said) else kind
    return kind
