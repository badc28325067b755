"""Errors as this protocol says them: one text, in a reply of their own or as the last line of a stream."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from ....values import errors
from ....values.errors import ProviderError
from ....values.headers import Headers
from ....values.secret import mask_keys
from ....wire.http import HttpReply
from ....wire.loose_json import sound
from ...dialect import Context
from ...error_body import read_error
from ...error_kinds import in_our_words
from ..errors import kind_of
from .heads import json_headers

# Of each class: the usual status, and words that tell it where the status does not. The first that an error is an instance of.
_WORDS: tuple[tuple[type[ProviderError], int, str | None], ...] = (
    (errors.AuthenticationError, 401, None),
    (errors.PermissionDeniedError, 403, None),
    (errors.NotFoundError, 404, None),
    (errors.ContextLengthError, 400, "the input exceeds the context length"),
    (errors.InvalidRequestError, 400, None),
    (errors.ContentFilterError, 400, "refused under the content moderation policy"),
    (errors.RateLimitError, 429, None),
    (errors.QuotaError, 402, None),
    (errors.OverloadedError, 503, None),
    (errors.ConcurrencyLimitError, 503, None),
    (errors.CircuitOpenError, 503, None),
    (errors.DeadlineError, 504, None),
    (errors.TransportError, 502, None),
    (errors.MalformedResponseError, 502, None),
    (errors.StreamInterruptedError, 502, None),
    (errors.AllTargetsFailedError, 502, None),
    (ProviderError, 500, None),
)


def encode_error(error: ProviderError, context: Context) -> HttpReply:
    """The reply that says ``error``: its own status, or the usual one of its class where its own says another class."""
    status, message = _told(error)
    request_id = error.request_id if context.served is None else context.served.request_id or error.request_id
    pairs = list(json_headers(None if request_id is None else _one_line(request_id)))
    if error.retry_after is not None and math.isfinite(error.retry_after):
        pairs += _wait(max(0.0, error.retry_after))
    if error.should_retry is not None:
        pairs.append(("x-should-retry", "true" if error.should_retry else "false"))
    return HttpReply(status, Headers(pairs), _json({"error": message}))


def error_line(error: ProviderError) -> bytes:
    """The line that ends a stream. It has the status that a reply would have: a text alone does not tell what went wrong."""
    status, message = _told(error)
    return _json({"error": message, "status": status}) + b"\n"


def _told(error: ProviderError) -> tuple[int, str]:
    """Status and text: the error's own where they are read as the error that it is, else those of its class."""
    usual, words = next(row[1:] for row in _WORDS if isinstance(error, row[0]))
    own = mask_keys(error.provider_message or error.message or in_our_words(type(error)))
    words = words or in_our_words(_as_read(error))
    own_status = error.status if error.status is not None and 400 <= error.status < 600 else usual
    tries = [(status, said) for status in (own_status, usual) for said in (own, f"{words}: {own}", words)]
    return next((pair for pair in tries if _is_told(error, *pair)), (usual, words))


def _is_told(error: ProviderError, status: int, message: str) -> bool:
    """Whether a reader takes this for the error that it is."""
    return bool(message.strip()) and kind_of(read_error({"error": message}), status) is _as_read(error)


def _as_read(error: ProviderError) -> type[ProviderError]:
    """The class that a caller can be told: our own troubles are for him a server that failed or has no capacity."""
    for kind, status, _ in _WORDS:
        if isinstance(error, kind):
            if kind in (errors.ConcurrencyLimitError, errors.CircuitOpenError):
                return errors.OverloadedError
            return kind if status < 500 or kind is errors.OverloadedError else errors.ServerError
    return errors.ServerError


def _wait(seconds: float) -> list[tuple[str, str]]:
    """Whole seconds for those who know no more, at least 1; milliseconds beside them where that is not all."""
    whole = max(1, math.ceil(seconds))
    exact = [] if whole == seconds else [("retry-after-ms", f"{round(seconds * 1000, 3):.3f}".rstrip("0").rstrip("."))]
    return [*exact, ("retry-after", str(whole))]


def _json(body: dict[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError:
        return msgspec.json.encode(sound(body))


def _one_line(text: str) -> str:
    """Text as a header can carry it."""
    return "".join(char if " " <= char <= "~" else "?" for char in text)
