"""Errors in this protocol's words (gemini §9): ``google.rpc`` statuses and details."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from ....values import errors
from ....values.errors import AllTargetsFailedError, ContextLengthError, ProviderError
from ....values.headers import Headers
from ....values.secret import mask_keys
from ....wire.http import HttpReply
from ....wire.loose_json import sound
from ...dialect import Context
from ...error_kinds import in_our_words
from ..errors import decode_error, error_within
from .response import reply_headers

_encode = msgspec.json.Encoder().encode
_RPC = "type.googleapis.com/google.rpc."
_KINDS: tuple[tuple[type[ProviderError], type[ProviderError], int, str], ...] = (
    (errors.InvalidRequestError, errors.InvalidRequestError, 400, "INVALID_ARGUMENT"),
    (errors.ContentFilterError, errors.ContentFilterError, 400, "INVALID_ARGUMENT"),
    (errors.AuthenticationError, errors.AuthenticationError, 400, "INVALID_ARGUMENT"),
    (errors.PermissionDeniedError, errors.PermissionDeniedError, 403, "PERMISSION_DENIED"),
    (errors.NotFoundError, errors.NotFoundError, 404, "NOT_FOUND"),
    (errors.QuotaError, errors.QuotaError, 429, "RESOURCE_EXHAUSTED"),
    (errors.RateLimitError, errors.RateLimitError, 429, "RESOURCE_EXHAUSTED"),
    (errors.ConcurrencyLimitError, errors.RateLimitError, 429, "RESOURCE_EXHAUSTED"),
    (errors.OverloadedError, errors.OverloadedError, 503, "UNAVAILABLE"),
    (errors.CircuitOpenError, errors.OverloadedError, 503, "UNAVAILABLE"),
    (errors.DeadlineError, errors.ServerError, 504, "DEADLINE_EXCEEDED"),
    (ProviderError, errors.ServerError, 500, "INTERNAL"),
)
"""An error, what it is read as, its usual status and its word."""
_WORDS = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 409: "ABORTED",
    429: "RESOURCE_EXHAUSTED", 499: "CANCELLED", 500: "INTERNAL", 501: "UNIMPLEMENTED", 503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}  # fmt: skip
_REASONS: dict[type[ProviderError], str] = {
    errors.AuthenticationError: "API_KEY_INVALID", errors.ContentFilterError: "CONTENT_FILTERED",
    errors.ContextLengthError: "TOO_MANY_TOKENS", errors.QuotaError: "QUOTA_EXCEEDED",
}  # fmt: skip
"""The ``ErrorInfo.reason`` of an error that its word does not tell."""
_PER_DAY = "GenerateRequestsPerDayPerProjectPerModel"


def encode_error(error: ProviderError, context: Context) -> HttpReply:
    """The reply that says ``error``: its own status and code where these say no other kind of error, else the usual ones."""
    error = _told(error)
    _, wanted, usual, _ = _row(error)
    wanted = ContextLengthError if isinstance(error, ContextLengthError) else wanted
    own = error.status if error.status is not None and 400 <= error.status < 600 else usual
    headers = [*reply_headers(context, error.request_id)]
    if error.should_retry is not None:
        headers.append(("x-should-retry", "true" if error.should_retry else "false"))
    tries = [_body(error, status, reason) for status in (own, usual) for reason in _reasons(error)]
    replies = [HttpReply(body["error"]["code"], Headers(headers), _bytes(body)) for body in tries]
    return next((reply for reply in replies if type(decode_error(reply, context)) is wanted), replies[-1])


def stream_error(error: ProviderError, context: Context) -> bytes:
    """The error as the last piece of a stream."""
    error = _told(error)
    _, wanted, usual, _ = _row(error)
    wanted = ContextLengthError if isinstance(error, ContextLengthError) else wanted
    own = error.status if error.status is not None and 400 <= error.status < 600 else usual
    tries = [_body(error, status, reason) for status in (own, usual) for reason in _reasons(error)]
    return _bytes(next((body for body in tries if type(error_within(body, context)) is wanted), tries[-1]))


def _told(error: ProviderError) -> ProviderError:
    return error.errors[-1] if isinstance(error, AllTargetsFailedError) and error.errors else error


def _row(error: ProviderError) -> tuple[type[ProviderError], type[ProviderError], int, str]:
    return next(row for row in _KINDS if isinstance(error, row[0]))


def _reasons(error: ProviderError) -> list[str | None]:
    """What may stand as ``ErrorInfo.reason``, the likeliest first: the error's own code, none, the usual word of its kind."""
    usual = next((reason for kind, reason in _REASONS.items() if isinstance(error, kind)), None)
    found = [error.code] if error.code and error.code.strip() else []
    return list(dict.fromkeys([*found, None, usual]))


def _body(error: ProviderError, status: int, reason: str | None) -> dict[str, Any]:
    _, _, usual, word = _row(error)
    said: dict[str, Any] = {
        "code": status,
        "message": mask_keys(error.provider_message or error.message or in_our_words(type(error))),
        "status": word if status == usual else _WORDS.get(status, word),
    }
    if details := _details(error, reason):
        said["details"] = details
    return {"error": said}


def _details(error: ProviderError, reason: str | None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if reason is not None:
        found.append({"@type": f"{_RPC}ErrorInfo", "reason": reason, "domain": "googleapis.com"})
    if isinstance(error, errors.QuotaError):
        found.append({"@type": f"{_RPC}QuotaFailure", "violations": [{"quotaId": _PER_DAY}]})
    param = error.param if isinstance(error, errors.InvalidRequestError) else None
    if param:
        found.append({"@type": f"{_RPC}BadRequest", "fieldViolations": [{"field": param, "description": "see the message"}]})
    if error.retry_after is not None and math.isfinite(error.retry_after) and 0 <= error.retry_after < 1e9:
        seconds = f"{error.retry_after:.9f}".rstrip("0").rstrip(".")
        found.append({"@type": f"{_RPC}RetryInfo", "retryDelay": f"{seconds}s"})
    return found


def _bytes(body: dict[str, Any]) -> bytes:
    try:
        return _encode(body)
    except UnicodeEncodeError:
        return _encode(sound(body))
