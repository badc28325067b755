"""Errors as this protocol says them: ``{id, message}`` with ``error_type`` where the status leaves open what went wrong; inside a
stream its last word with the reason ``ERROR``."""

from __future__ import annotations

import math
from typing import Any

from ....values import errors
from ....values.errors import NotFoundError, ProviderError
from ....values.headers import Headers
from ....values.secret import mask_keys
from ....wire.http import HttpReply
from ...dialect import Context
from ...error_kinds import in_our_words
from ...losses import Losses
from ...served_words import json_bytes
from ..errors import decode_error
from .heads import STAND_IN, json_headers, request_id

# Of each class: what it is read as, the usual status, the word. The first class that an error is an instance of counts.
_WORDS: tuple[tuple[type[ProviderError], type[ProviderError], int, str], ...] = (
    (errors.AuthenticationError, errors.AuthenticationError, 401, "INVALID_API_KEY"),
    (errors.PermissionDeniedError, errors.PermissionDeniedError, 403, "PERMISSION_DENIED"),
    (errors.NotFoundError, errors.NotFoundError, 404, "NOT_FOUND"),
    (errors.ContextLengthError, errors.ContextLengthError, 400, "TOO_MANY_TOKENS"),
    (errors.InvalidRequestError, errors.InvalidRequestError, 400, "INVALID_REQUEST"),
    (errors.ContentFilterError, errors.ContentFilterError, 400, "CONTENT_FILTER"),
    (errors.RateLimitError, errors.RateLimitError, 429, "RATE_LIMIT"),
    (errors.QuotaError, errors.QuotaError, 402, "QUOTA_EXCEEDED"),
    (errors.OverloadedError, errors.OverloadedError, 503, "OVERLOADED"),
    (errors.ConcurrencyLimitError, errors.OverloadedError, 503, "OVERLOADED"),
    (errors.CircuitOpenError, errors.OverloadedError, 503, "OVERLOADED"),
    (errors.DeadlineError, errors.ServerError, 504, "TIMEOUT"),
    (ProviderError, errors.ServerError, 500, "SERVER_ERROR"),
)


def encode_error(error: ProviderError, context: Context) -> HttpReply:
    """The reply that says ``error``: its status and its own word where these say no other kind of error, else the usual ones."""
    if isinstance(error, errors.AllTargetsFailedError) and error.errors:
        error = error.errors[-1]
    wanted, usual, word = _usual(error)
    own = error.status if error.status is not None and 400 <= error.status < 600 else usual
    told = [error.code] if error.code else []
    tries = [_reply(error, context, status, said) for status in (own, usual) for said in (*told, None, word)]
    return next((reply for reply in tries if type(decode_error(reply, context)) is wanted), tries[-1])


def _usual(error: ProviderError) -> tuple[type[ProviderError], int, str]:
    return next(row[1:] for row in _WORDS if isinstance(error, row[0]))


def _reply(error: ProviderError, context: Context, status: int, word: str | None) -> HttpReply:
    headers = list(json_headers(context, error.request_id))
    if error.retry_after is not None and math.isfinite(error.retry_after):
        wait = max(0.0, error.retry_after)
        whole = max(1, math.ceil(wait))
        headers.append(("retry-after", str(whole)))
        if whole != wait:
            headers.append(("retry-after-ms", f"{round(wait * 1000, 3):.3f}".rstrip("0").rstrip(".")))
    if error.should_retry is not None:
        headers.append(("x-should-retry", "true" if error.should_retry else "false"))
    said: dict[str, Any] = {"id": request_id(context, error.request_id) or STAND_IN, "message": _message(error)}
    if word is not None:
        said |= {"error_type": word} if word != error.code else {"error_type": word, "code": word}
    return HttpReply(status, Headers(headers), json_bytes(said, Losses()))


def error_end(error: ProviderError) -> dict[str, Any]:
    """What the last word of a stream says of the error that cut it off."""
    if isinstance(error, errors.AllTargetsFailedError) and error.errors:
        error = error.errors[-1]
    return {"finish_reason": "ERROR", "usage": {}, "error": _message(error), "error_type": _usual(error)[2]}


def _message(error: ProviderError) -> str:
    return mask_keys(error.provider_message or error.message or in_our_words(type(error)))


def encode_token_count(tokens: int, context: Context) -> HttpReply:
    """An error: this protocol counts no tokens of conversations."""
    return encode_error(NotFoundError("this protocol has no path that counts the tokens of a conversation", status=404), context)
