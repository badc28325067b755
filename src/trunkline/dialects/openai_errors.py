"""Errors as OpenAI's protocols say them (openai-chat §10, openai-responses §8), in a reply of their own and inside a stream."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from ..values import errors
from ..values.errors import InvalidRequestError, NotFoundError, ProviderError
from ..values.headers import Headers
from ..values.secret import mask_keys
from ..wire.http import HttpReply
from ..wire.loose_json import sound
from .dialect import Context
from .error_body import error_class, read_error
from .error_kinds import in_our_words
from .openai_heads import json_headers

_REQUEST = "invalid_request_error"
# Of each class: the usual status, the type, the code. The first class that an error is an instance of counts.
_WORDS: tuple[tuple[type[ProviderError], int, str, str | None], ...] = (
    (errors.AuthenticationError, 401, _REQUEST, "invalid_api_key"),
    (errors.PermissionDeniedError, 403, _REQUEST, "permission_denied"),
    (errors.NotFoundError, 404, _REQUEST, "model_not_found"),
    (errors.ContextLengthError, 400, _REQUEST, "context_length_exceeded"),
    (errors.InvalidRequestError, 400, _REQUEST, None),
    (errors.ContentFilterError, 400, _REQUEST, "content_policy_violation"),
    (errors.RateLimitError, 429, "requests", "rate_limit_exceeded"),
    (errors.QuotaError, 429, "insufficient_quota", "credit_balance_exhausted"),
    (errors.OverloadedError, 503, "service_unavailable_error", "server_is_overloaded"),
    (errors.ConcurrencyLimitError, 503, "service_unavailable_error", "server_is_overloaded"),
    (errors.CircuitOpenError, 503, "service_unavailable_error", "server_is_overloaded"),
    (errors.DeadlineError, 504, "server_error", None),
    (errors.TransportError, 502, "server_error", None),
    (errors.MalformedResponseError, 502, "server_error", None),
    (errors.StreamInterruptedError, 502, "server_error", None),
    (errors.AllTargetsFailedError, 502, "server_error", None),
    (ProviderError, 500, "server_error", None),
)
# Where no code is told, a reader may take the message for what it is not: these say no more than that class.
_PLAIN = {_REQUEST: "invalid_value", "server_error": "upstream_failure"}


def encode_error(error: ProviderError, context: Context) -> HttpReply:
    """The reply that says ``error``: its own status, or the usual one of its class, also where its own says another class."""
    status = error.status if error.status is not None and 400 <= error.status < 600 else _usual(error)[0]
    if not _is_told(error, _said(error, status), status):
        status = _usual(error)[0]
    request_id = error.request_id if context.served is None else context.served.request_id or error.request_id
    pairs = list(json_headers(None if request_id is None else _one_line(request_id)))
    if error.retry_after is not None and math.isfinite(error.retry_after):
        pairs += _wait(max(0.0, error.retry_after))
    if error.should_retry is not None:
        pairs.append(("x-should-retry", "true" if error.should_retry else "false"))
    return HttpReply(status, Headers(pairs), error_json(error, status))


def _wait(seconds: float) -> list[tuple[str, str]]:
    """Whole seconds for those who know no more, at least 1; milliseconds beside them where that is not all."""
    whole = max(1, math.ceil(seconds))
    exact = [] if whole == seconds else [("retry-after-ms", f"{round(seconds * 1000, 3):.3f}".rstrip("0").rstrip("."))]
    return [*exact, ("retry-after", str(whole))]


def error_words(error: ProviderError) -> dict[str, Any]:
    """Message, type, param and code, as they stand inside a stream: the words alone must tell what it is."""
    return _said(error, None)


def telling_code(error: ProviderError) -> str:
    """The code that tells what it is where nothing stands beside it but the message."""
    said = _said(error, None)
    _, kind, code = _usual(error)
    tries = [word for word in (said["code"], said["type"], code, kind) if word]
    message = said["message"]
    return next((word for word in tries if _is_told(error, {"message": message, "code": word}, None)), tries[0])


def error_json(error: ProviderError, status: int | None = None) -> bytes:
    """The object with ``error``. ``status`` None: inside a stream, where the words alone must tell what it is."""
    body = {"error": _said(error, status)}
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError:
        return msgspec.json.encode(sound(body))


def _usual(error: ProviderError) -> tuple[int, str, str | None]:
    return next(row[1:] for row in _WORDS if isinstance(error, row[0]))


def _said(error: ProviderError, status: int | None) -> dict[str, Any]:
    """The error's own words where they are read as the error that it is, else those of its class."""
    _, kind, code = _usual(error)
    message = mask_keys(error.provider_message or error.message or in_our_words(type(error)))
    param = error.param if isinstance(error, InvalidRequestError) else None
    if isinstance(error, NotFoundError) and error.model is None:
        code = "unknown_url"
    tries = [(error.kind or kind, code), (kind, code), (kind, _PLAIN.get(kind, code))]
    if error.code is not None:
        tries = [(error.kind or kind, error.code), (kind, error.code), *tries]
    said: dict[str, Any] = {}
    for said_kind, said_code in tries:
        said = {"message": message, "type": said_kind, "param": param, "code": said_code}
        if _is_told(error, said, status):
            break
    return said


def _is_told(error: ProviderError, said: dict[str, Any], status: int | None) -> bool:
    """Whether a reader of these words takes them for the error that it is."""
    return error_class(read_error({"error": said}), status) is _as_read(error)


def _as_read(error: ProviderError) -> type[ProviderError]:
    """The class that a caller can be told: our own troubles are for him a server that failed or has no capacity."""
    for kind, status, _, _ in _WORDS:
        if isinstance(error, kind):
            if kind in (errors.ConcurrencyLimitError, errors.CircuitOpenError):
                return errors.OverloadedError
            return kind if status < 500 or kind is errors.OverloadedError else errors.ServerError
    return errors.ServerError


def _one_line(text: str) -> str:
    """Text as a header can carry it."""
    return "".join(char if " " <= char <= "~" else "?" for char in text)
