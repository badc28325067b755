"""Errors in this protocol's words (bedrock-converse §8)."""

from __future__ import annotations

import re

import msgspec

from ....values import errors
from ....values.errors import ProviderError
from ....values.headers import Headers
from ....values.secret import mask_keys
from ....wire.aws_event_stream import EXCEPTION, encode_frame
from ....wire.http import HttpReply
from ....wire.loose_json import clean_text
from ...dialect import Context
from ...served_errors import last_error, retry_headers
from ..errors import TYPE_HEADER, decode_error, error_in_stream
from .response import reply_headers

_encode = msgspec.json.Encoder().encode
_KINDS: tuple[tuple[type[ProviderError], type[ProviderError], int, str], ...] = (
    (errors.ContextLengthError, errors.ContextLengthError, 400, "ValidationException"),
    (errors.ContentFilterError, errors.ContentFilterError, 400, "ValidationException"),
    (errors.InvalidRequestError, errors.InvalidRequestError, 400, "ValidationException"),
    (errors.AuthenticationError, errors.AuthenticationError, 403, "UnrecognizedClientException"),
    (errors.QuotaError, errors.QuotaError, 400, "ServiceQuotaExceededException"),
    (errors.PermissionDeniedError, errors.PermissionDeniedError, 403, "AccessDeniedException"),
    (errors.NotFoundError, errors.NotFoundError, 404, "ResourceNotFoundException"),
    (errors.RateLimitError, errors.RateLimitError, 429, "ThrottlingException"),
    (errors.ConcurrencyLimitError, errors.RateLimitError, 429, "ThrottlingException"),
    (errors.DeadlineError, errors.ServerError, 408, "ModelTimeoutException"),
    (errors.OverloadedError, errors.OverloadedError, 503, "ServiceUnavailableException"),
    (errors.CircuitOpenError, errors.OverloadedError, 503, "ServiceUnavailableException"),
    (ProviderError, errors.ServerError, 500, "InternalServerException"),
)
"""An error, what it is read as, and its usual status and exception."""
_EXCEPTION = re.compile(r"[A-Z][A-Za-z0-9]{2,60}Exception").fullmatch
_TOO_LONG = "Input is too long for requested model."
_FILTERED = "Blocked by the content filtering policy"


def encode_error(error: ProviderError, context: Context) -> HttpReply:
    """The reply that says ``error``: its status and its own word, where that is one of this protocol's, as far as these say no
    other kind of error; else the usual ones."""
    error, wanted, usual, word = _judged(error)
    own = error.status if error.status is not None and 400 <= error.status < 600 else usual
    words = (error.code, word) if error.code and _EXCEPTION(error.code) else (word,)
    ways = [(status, said, message) for message in _messages(error) for status in (own, usual) for said in words]
    tries = [_reply(error, context, *way) for way in ways]
    return next((reply for reply in tries if type(decode_error(reply, context)) is wanted), tries[-1])


def stream_error(error: ProviderError, context: Context) -> bytes:
    """The message that ends a stream: an exception."""
    error, wanted, _, word = _judged(error)
    words = (error.code, word) if error.code and _EXCEPTION(error.code) else (word,)
    tries = [(_event(said), _body(message)) for message in _messages(error) for said in words]
    found = next((said for said in tries if type(error_in_stream(*said, context)) is wanted), tries[-1])
    event, data = found
    return encode_frame(data, event)


def _judged(error: ProviderError) -> tuple[ProviderError, type[ProviderError], int, str]:
    """The error that counts, what it is to be read as, its usual status and exception."""
    error = last_error(error)
    return error, *next((wanted, status, word) for known, wanted, status, word in _KINDS if isinstance(error, known))


def _event(word: str) -> str:
    return EXCEPTION + word[:1].lower() + word[1:]


def _reply(error: ProviderError, context: Context, status: int, word: str, message: str) -> HttpReply:
    headers = [*reply_headers(context, error.request_id), (TYPE_HEADER, word), *retry_headers(error)]
    return HttpReply(status, Headers(headers), _body(message))


def _body(message: str) -> bytes:
    return _encode({"message": clean_text(message)})


def _messages(error: ProviderError) -> tuple[str, str]:
    """What people read, and the same without the provider's words, should these tell another kind of error. For two kinds the
    words are the only place where the protocol says which it is."""
    words = mask_keys(error.provider_message or error.message or "an error without a word")
    if isinstance(error, errors.ContextLengthError):
        return (words if "too long" in words.lower() else f"{_TOO_LONG} {words}"), _TOO_LONG
    if isinstance(error, errors.ContentFilterError):
        return (words if "content filtering policy" in words.lower() else f"{_FILTERED}: {words}"), _FILTERED
    return words, "the request failed"
