"""Which of our errors a reply of this protocol is (bedrock-converse §8): by the exception's name, which stands in a header, in
the body, or in the frame; by the text only where that name says no more than the status does."""

from __future__ import annotations

import re

from msgspec.structs import replace

from ...values.errors import AuthenticationError, OverloadedError, ProviderError, QuotaError, RateLimitError, ServerError
from ...values.headers import NO_HEADERS, Headers
from ...wire.aws_event_stream import EXCEPTION
from ...wire.http import HttpReply
from ...wire.loose_json import loads
from ..dialect import Context
from ..error_body import ErrorBody, error_class, provider_error, read_error_body
from ..error_kinds import kind_of_status, normal

TYPE_HEADER = "x-amzn-errortype"
_KINDS: dict[str, type[ProviderError]] = {
    "MissingAuthenticationTokenException": AuthenticationError,
    "MissingAuthenticationToken": AuthenticationError,
    "IncompleteSignatureException": AuthenticationError,
    "InvalidClientTokenId": AuthenticationError,
    "InvalidSignature": AuthenticationError,
    "SignatureDoesNotMatch": AuthenticationError,
    "ExpiredToken": AuthenticationError,
}
"""Words of this cloud that the shared table does not have."""
_RELAYED = ("ModelErrorException", "ModelStreamErrorException")
"""Exceptions that tell of the model's own failure, and of its status."""
_SPENT = re.compile(r"tokens? per day|daily", re.IGNORECASE)
_BARE_ID = re.compile(r"on-demand throughput", re.IGNORECASE)
PROFILE_HINT = "Name an inference profile (the model's id with us., eu., apac. or global. before it, or an ARN)"


def decode_error(reply: HttpReply, context: Context) -> ProviderError:
    """The error that an unsuccessful reply is. Never raises."""
    return _error(reply.body, reply.headers.get(TYPE_HEADER), context, reply.status, reply.headers)


def error_in_reply(reply: HttpReply, context: Context) -> ProviderError:
    """The error that stands in a reply whose status said that all was well."""
    return _error(reply.body, reply.headers.get(TYPE_HEADER), context, None, reply.headers)


def error_in_stream(event: str, data: bytes, context: Context) -> ProviderError:
    """The error that came as an exception of a stream (``event`` with its mark, see ``wire.aws_event_stream``)."""
    return _error(data, event.removeprefix(EXCEPTION), context, None, NO_HEADERS)


def word_of(name: str) -> str:
    """An exception's name without what is written around it, as replies spell it: streams begin it small."""
    word = name.partition(":")[0].rpartition("#")[2].strip()
    return word[:1].upper() + word[1:]


def _error(data: bytes, name: str | None, context: Context, status: int | None, headers: Headers) -> ProviderError:
    body = read_error_body(data)
    word = word_of(name or body.type or "")
    if word:
        body = replace(body, code=word, type=None, words=(normal(word), *body.words))
    kind = _kind(body, word, data, context, status)
    error = provider_error(body, context.target, status=status, headers=headers, kind=kind)
    if body.message and _BARE_ID.search(body.message):
        error.hint = PROFILE_HINT
    return error


def _kind(body: ErrorBody, word: str, data: bytes, context: Context, status: int | None) -> type[ProviderError]:
    known = _KINDS.get(word)
    if known is not None:
        return known
    if word in _RELAYED and (own := _original_status(data)) is not None:
        relayed = kind_of_status(own)
        return relayed if relayed in (RateLimitError, OverloadedError) else ServerError
    kind = error_class(body, status, context.target.quirks)
    return QuotaError if kind is RateLimitError and _SPENT.search(body.message or "") else kind


def _original_status(data: bytes) -> int | None:
    try:
        status = loads(data).get("originalStatusCode")
    except (ValueError, AttributeError):
        return None
    return status if type(status) is int else None
