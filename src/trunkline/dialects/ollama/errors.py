"""Errors of this protocol: ``{"error": "text"}``, with a status of its own or as a line of a stream under 200."""

from __future__ import annotations

from ...values.errors import MalformedResponseError, ProviderError
from ...values.headers import NO_HEADERS, Headers
from ...wire.http import HttpReply
from ..dialect import Context
from ..error_body import provider_error, read_error, read_error_body, request_id_of


def decode_error(reply: HttpReply, context: Context) -> ProviderError:
    """The error that a reply with an error status is. Never raises."""
    return provider_error(read_error_body(reply.body), context.target, status=reply.status, headers=reply.headers)


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
