"""Which of our errors a reply of this protocol is: an HTTP error, an ``error`` event, or a response that failed (§4, §7, §8)."""

from __future__ import annotations

import re
from typing import Any

from ...values.errors import (
    ContentFilterError,
    InvalidRequestError,
    MalformedResponseError,
    PermissionDeniedError,
    ProviderError,
)
from ...values.headers import NO_HEADERS, Headers
from ...wire.http import HttpReply
from ...wire.loose_json import loads
from ..dialect import Context
from ..error_body import ErrorBody, error_class, provider_error, read_error, read_error_body, request_id_of
from ..error_kinds import kind_of_words

_FILTERED = frozenset({"biopolicy", "misalignmentpolicyviolation"})
_ELSEWHERE = "dataresidencymismatch"
_BAD_INPUT = re.compile(
    r"invalid\w*image\w*|imagetoo\w+|imageparseerror|\w*imagemediatype|emptyimagefile|\w*downloadimage|imagefile\w+"
)
"""Codes of a response that failed for what was asked (§4): without a status, nothing else would say so."""


def decode_error(reply: HttpReply, context: Context) -> ProviderError:
    """The error that an unsuccessful reply is. Never raises."""
    return _error(read_error_body(reply.body), context, reply.status, reply.headers)


def error_within(value: object, context: Context, headers: Headers = NO_HEADERS) -> ProviderError:
    """The error that stands in a reply that had begun well: ``value`` is the parsed body, event, or ``error`` of a response."""
    return _error(read_error(value), context, None, headers)


def error_in_stream(data: bytes, context: Context) -> ProviderError:
    """The error that an ``error`` event is: flat, or (traffic) with an object of its own."""
    try:
        value: Any = loads(data)
    except ValueError:
        return _error(read_error_body(data), context, None, NO_HEADERS)
    if isinstance(value, dict):
        value = {name: item for name, item in value.items() if name != "type"}  # "error": says nothing of what went wrong
    return error_within(value, context)


def malformed(path: str, context: Context, *, headers: Headers = NO_HEADERS) -> MalformedResponseError:
    """A reply that breaks the protocol at ``path``."""
    target = context.target
    return MalformedResponseError(
        path=path, provider=target.provider, model=target.model, request_id=request_id_of(headers)
    )  # fmt: skip


def _error(body: ErrorBody, context: Context, status: int | None, headers: Headers) -> ProviderError:
    return provider_error(body, context.target, status=status, headers=headers, kind=_kind(body, context, status))


def _kind(body: ErrorBody, context: Context, status: int | None) -> type[ProviderError]:
    if kind_of_words(body.words) is None:
        for word in body.words:
            if word in _FILTERED:
                return ContentFilterError
            if word == _ELSEWHERE:
                return PermissionDeniedError
            if _BAD_INPUT.fullmatch(word):
                return InvalidRequestError
    return error_class(body, status, context.target.quirks)
