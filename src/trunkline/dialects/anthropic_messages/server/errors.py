"""Errors in this protocol's words (§9)."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from ....values import errors
from ....values.errors import ProviderError
from ....values.headers import Headers
from ....values.late_pattern import LatePattern
from ....values.secret import mask_keys
from ....wire.http import HttpReply
from ....wire.loose_json import clean_text
from ...dialect import Context
from ...served_errors import last_error, retry_headers
from ..errors import decode_error
from .response import reply_headers, request_id

_encode = msgspec.json.Encoder().encode
_KINDS: tuple[tuple[type[ProviderError], type[ProviderError], int, str], ...] = (
    (errors.ContextLengthError, errors.ContextLengthError, 400, "invalid_request_error"),
    (errors.ContentFilterError, errors.ContentFilterError, 400, "invalid_request_error"),
    (errors.InvalidRequestError, errors.InvalidRequestError, 400, "invalid_request_error"),
    (errors.AuthenticationError, errors.AuthenticationError, 401, "authentication_error"),
    (errors.QuotaError, errors.QuotaError, 402, "billing_error"),
    (errors.PermissionDeniedError, errors.PermissionDeniedError, 403, "permission_error"),
    (errors.NotFoundError, errors.NotFoundError, 404, "not_found_error"),
    (errors.RateLimitError, errors.RateLimitError, 429, "rate_limit_error"),
    (errors.ConcurrencyLimitError, errors.RateLimitError, 429, "rate_limit_error"),
    (errors.DeadlineError, errors.ServerError, 504, "timeout_error"),
    (errors.OverloadedError, errors.OverloadedError, 529, "overloaded_error"),
    (errors.CircuitOpenError, errors.OverloadedError, 529, "overloaded_error"),
    (ProviderError, errors.ServerError, 500, "api_error"),
)
"""An error, what it is read as, and its usual status and ``error.type``."""
_TYPES_OF_STATUS = {409: "conflict_error", 413: "request_too_large", 504: "timeout_error"}
"""Where the protocol has a word of its own for a status of the broader kind."""
_BROAD = ("api_error", "invalid_request_error")
_LIMIT_FIRST = LatePattern(r"maximum context length (?:is|of) (\d+)\D+?(\d+)")
_PROMPT_FIRST = LatePattern(r"(\d+) tokens?\D+?(?:maximum|limit|context)\D*?(\d+)")


def encode_error(error: ProviderError, context: Context) -> HttpReply:
    """The reply that says ``error``: its status and code where these say no other kind of error, else the usual status."""
    error = last_error(error)
    usual, kind = usual_of(error)
    own = error.status if error.status is not None and 400 <= error.status < 600 else usual
    code = error.code if error.code and error.code.strip() else None
    wanted = next(read for known, read, *_ in _KINDS if isinstance(error, known))
    tries = [_reply(error, context, status, _type(kind, status), said) for status in (own, usual) for said in (code, None)]
    return next((reply for reply in tries if type(decode_error(reply, context)) is wanted), tries[-1])


def usual_of(error: ProviderError) -> tuple[int, str]:
    """The status and the ``error.type`` of such an error."""
    return next((status, kind) for known, _, status, kind in _KINDS if isinstance(error, known))


def _type(kind: str, status: int) -> str:
    return _TYPES_OF_STATUS.get(status, kind) if kind in _BROAD else kind


def error_body(error: ProviderError, kind: str, code: str | None, context: Context) -> bytes:
    """The body, which is also the data of the event that ends a stream."""
    said: dict[str, Any] = {"type": kind, "message": clean_text(_message(error))}
    if code is not None:
        said["details"] = {"error_code": clean_text(code)}
    return _encode({"type": "error", "error": said, "request_id": clean_text(request_id(context, error.request_id))})


def stream_error(error: ProviderError, context: Context) -> bytes:
    """The data of that event."""
    error = last_error(error)
    _, kind = usual_of(error)
    return error_body(error, _type(kind, error.status or 0), error.code or None, context)


def _reply(error: ProviderError, context: Context, status: int, kind: str, code: str | None) -> HttpReply:
    headers = [*reply_headers(context, error.request_id), *retry_headers(error)]
    return HttpReply(status, Headers(headers), error_body(error, kind, code, context))


# --- words ------------------------------------------------------------------------------------------------------------------


def _message(error: ProviderError) -> str:
    """What people read; for two kinds of error the only place where the protocol says which it is."""
    words = mask_keys(error.provider_message or error.message or "an error without a word")
    if isinstance(error, errors.ContextLengthError) and "prompt is too long" not in words:
        return _too_long(words)
    if isinstance(error, errors.ContentFilterError) and "content filtering policy" not in words.lower():
        return f"Output blocked by content filtering policy: {words}"
    return words


def _too_long(words: str) -> str:
    """A prompt that is too long, with the figures that ``words`` hold."""
    if found := _LIMIT_FIRST().search(words):
        return f"prompt is too long: {found[2]} tokens > {found[1]} maximum"
    if (found := _PROMPT_FIRST().search(words)) and len(re.sub(r"\D", "", found[0])) == len(found[1]) + len(found[2]):
        return f"prompt is too long: {found[1]} tokens > {found[2]} maximum"
    return f"prompt is too long: {words}"
