"""Error bodies, whoever wrote them: what they say, and which of our errors that is.

Some sixty shapes are in use (``errors-and-limits`` §3 and recorded traffic): an object, a text or a list under ``error``,
flat bodies, lists, JSON inside JSON, HTML, nothing at all. ``read_error_body`` takes any bytes; ``error_class`` judges by
stable words first (code, then type), then by status, and by the text only where no code says it.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from ..values.errors import (
    ContentFilterError,
    ContextLengthError,
    InvalidRequestError,
    OverloadedError,
    ProviderError,
    QuotaError,
    RateLimitError,
)
from ..values.headers import NO_HEADERS, Headers
from ..values.late_pattern import LatePattern
from ..values.model import NO_QUIRKS, Quirks, Target
from ..wire.loose_json import loads
from .error_kinds import Kind, generic_kind, in_our_words, kind_of_status, kind_of_text, kind_of_words, normal, says_nothing
from .filtered import filtered

WORDS_KEPT = 500
_A_DAY = 86_400  # seconds; a limit that lifts no sooner is a quota (azure-openai §6)
REQUEST_ID_HEADERS = (
    "x-request-id",
    "request-id",
    "apim-request-id",
    "x-ms-request-id",
    "x-amzn-requestid",
    "x-generation-id",
    "x-goog-request-id",
    "mistral-correlation-id",
    "x-kong-request-id",
    "x-debug-trace-id",
    "cf-ray",
)


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    """What an error body says. ``words`` are all its stable words, the most telling first, as ``normal`` writes them."""

    message: str | None = None
    code: str | None = None
    type: str | None = None
    param: str | None = None
    request_id: str | None = None
    retry_after: float | None = None
    """Seconds."""
    status: int | None = None
    """An HTTP status that stands in the body."""
    words: tuple[str, ...] = ()
    filtered: dict[str, str] = {}
    """What a content filter found: categories and their severity."""


# --- durations --------------------------------------------------------------------------------------------------------

_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PIECE = LatePattern(
    r"(\d+(?:\.\d+)?)\s*(ms|milliseconds?|ns|us|µs|seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|s|m|h|d)(?![a-z])"
)
_AGO = LatePattern(r"(?:try again|retry)\s+(?:in|after)\s+(?:about\s+)?((?:\d+(?:\.\d+)?\s*[a-zµ]+[\s,]*(?:and\s+)?)+)")


def _unit(word: str) -> float:
    if word.startswith("milli"):
        return 1e-3
    return _SECONDS.get(word) or _SECONDS[word[0]]


def duration(text: str) -> float | None:
    """Seconds of ``1m2.5s``, ``20ms``, ``45 seconds``; None where it is no duration."""
    text = re.sub(r"(?<=[a-zµ])(?=\d)", " ", text.strip().lower())
    pieces = _PIECE().findall(text)
    return sum(float(amount) * _unit(unit) for amount, unit in pieces) if pieces else None


def retry_hint(text: str) -> float | None:
    """Seconds of a "try again in 1m2.5s" or "retry after 45 seconds" in a sentence; None where there is none."""
    found = _AGO().search(text.lower())
    return duration(found[1]) if found else None


def _seconds(value: object) -> float | None:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return duration(str(value))
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e9:
        return float(value)
    return None


# --- reading ----------------------------------------------------------------------------------------------------------

_TITLE = LatePattern(r"<title[^<>]*>([^<]*)</title>", re.IGNORECASE)
_TAG = LatePattern(r"<(script|style)\b(?:(?!<\1\b).)*?</\1>|<[^<>]*>", re.IGNORECASE | re.DOTALL)


def read_error_body(body: bytes) -> ErrorBody:
    """What the body of an error reply says, whatever the bytes. Never raises."""
    data = _event_data(body)
    try:
        value = loads(data)
    except ValueError:
        return ErrorBody(message=_plain(data))
    return read_error(value)


def _event_data(body: bytes) -> bytes:
    """The first data of a body that is framed as a stream of events though it is one error."""
    if body[:6].lstrip().startswith((b"data:", b"event:", b"id:", b":")):
        for line in body.splitlines():
            if line.startswith(b"data:"):
                return line[5:].strip()
    return body


def _plain(data: bytes) -> str | None:
    text = data[:100_000].decode("utf-8", "replace").removeprefix("\ufeff").strip()
    if text.startswith("<"):
        title = _TITLE().search(text)
        text = (title[1].strip() if title else "") or _TAG().sub(" ", text)
        text = " ".join(text.split())
    return text[:WORDS_KEPT] or None


def read_error(value: object) -> ErrorBody:
    """The same of a parsed body, or of the object that a stream brought. Never raises."""
    layers = _layers(value)
    message = _message(value)
    raw = _first_text(layers, ("raw",))
    words = _words(layers)
    if raw is not None:
        message, words = _with_upstream(message, words, raw)
    code, status = _code(layers)
    return ErrorBody(
        message=message,
        code=code,
        type=_first_text(layers, ("type", "error_type", "__type", "status")),
        param=_param(layers),
        request_id=_first_text(layers, ("request_id", "requestId")) or _first_text(layers[:1], ("id",)),
        retry_after=_retry_after(layers, message),
        status=status,
        words=words,
        filtered=filtered(layers),
    )


def _layers(value: object) -> list[dict[str, Any]]:
    """The objects that may hold facts: the body, its ``error`` (or first of ``errors``), and what hangs on those."""
    if isinstance(value, list):
        value = next((item for item in value if isinstance(item, dict)), None)
    if not isinstance(value, dict):
        return []
    found = [value]
    for layer in found:  # grows while it is walked
        for name in ("error", "errors", "detail", "details", "metadata", "innererror", "base_resp", "response"):
            inner = layer.get(name)
            items = inner[:8] if isinstance(inner, list) else [inner]
            found.extend(item for item in items if isinstance(item, dict))
        if len(found) > 12:
            break
    return found[1:2] + found[:1] + found[2:] if isinstance(value.get("error"), dict) else found


def _message(value: object, depth: int = 0) -> str | None:
    if isinstance(value, str):
        return value.strip()[: 20 * WORDS_KEPT] or None
    if depth > 4:
        return None
    if isinstance(value, list):
        said = [text for item in value[:10] if (text := _message(item, depth + 1))]
        return "; ".join(said) or None
    if not isinstance(value, dict):
        return None
    for name in (
        "error",
        "message",
        "Message",
        "msg",
        "detail",
        "errors",
        "status_msg",
        "base_resp",
        "error_description",
        "reason",
    ):
        if text := _message(value.get(name), depth + 1):
            place = value.get("loc")
            return f"{_dotted(place)}: {text}" if isinstance(place, list) and name == "msg" else text
    return None


def _dotted(place: list[Any]) -> str:
    return ".".join(str(step) for step in place)


def _first_text(layers: list[dict[str, Any]], names: tuple[str, ...]) -> str | None:
    for layer in layers:
        for name in names:
            value = layer.get(name)
            if isinstance(value, str) and value:
                return value[:WORDS_KEPT]
    return None


def _code(layers: list[dict[str, Any]]) -> tuple[str | None, int | None]:
    """The stable code, and the HTTP status that some write in its place."""
    status: int | None = None
    for layer in layers:
        for name in ("code", "status_code", "error_code", "reason"):
            value = layer.get(name)
            if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 9:
                value = int(value)
            if isinstance(value, str) and value:
                return value[:WORDS_KEPT], status
            if isinstance(value, int) and not isinstance(value, bool) and value:
                if 300 <= value < 600:
                    status = status or value
                else:
                    return str(value), status
        if status is None and type(layer.get("status")) is int and 300 <= layer["status"] < 600:
            status = layer["status"]
    return None, status


def _param(layers: list[dict[str, Any]]) -> str | None:
    if named := _first_text(layers, ("param",)):
        return named
    for layer in layers:
        if isinstance(place := layer.get("loc"), list) and place:
            return _dotted(place[1:] if place[0] == "body" and len(place) > 1 else place)
    return None


def _retry_after(layers: list[dict[str, Any]], message: str | None) -> float | None:
    for layer in layers:
        for name in ("retryDelay", "retry_after", "retry_after_seconds", "resets_in_seconds", "estimated_time"):
            seconds = _seconds(layer.get(name))
            if seconds is not None:
                return seconds
    return retry_hint(message) if message else None


def _words(layers: list[dict[str, Any]]) -> tuple[str, ...]:
    found: list[str] = []
    for name in ("code", "reason", "error_code", "error_type", "provider_code", "type", "__type", "status"):
        for layer in layers:
            value = layer.get(name)
            if isinstance(value, str) and value:
                found.append("" if name == "error_type" and value == "invalid_prompt" else normal(value))
    for layer in layers:
        if "flagged_input" in layer:
            found.append("moderationblocked")
        if type(layer.get("status_code")) is int:
            found.append(f"baseresp{layer['status_code']}")
        violations = layer.get("violations")
        for violation in violations if isinstance(violations, list) else ():
            if isinstance(violation, dict) and "PerDay" in str(violation.get("quotaId")):
                found.insert(0, "quotaexceeded")
    return tuple(word for word in found if word)


def _with_upstream(message: str | None, words: tuple[str, ...], raw: str) -> tuple[str, tuple[str, ...]]:
    """A relay's message and words, with those of the reply that it relays."""
    try:
        upstream = loads(raw.encode("utf-8", "surrogatepass"))
    except ValueError:
        upstream = None
    if not isinstance(upstream, (dict, list)):
        return f"{message}: {raw}" if message else raw, words
    said = _message(upstream) or raw
    return f"{message}: {said}" if message else said, words + _words(_layers(upstream))


# --- errors of ours ---------------------------------------------------------------------------------------------------


def error_class(body: ErrorBody, status: int | None = None, quirks: Quirks = NO_QUIRKS) -> Kind:
    """Which of our errors a body is. ``status`` None (or below 300): it came inside a reply that had begun well."""
    if status is None or status < 300:
        status = body.status
    kind = _kind(body, status, quirks)
    if kind is RateLimitError and status == 429 and (retry_hint(body.message or "") or 0) >= _A_DAY:
        return QuotaError
    return kind


def _kind(body: ErrorBody, status: int | None, quirks: Quirks) -> Kind:
    if (kind := kind_of_words(body.words)) is not None:
        return kind
    if quirks.forbidden_is_context and status == 403:
        return ContextLengthError
    if (
        body.message
        and (body.code is None or says_nothing(body.code))
        and (kind := kind_of_text(body.message, status)) is not None
    ):
        return kind
    if quirks.bad_gateway_is_overloaded and status == 502:
        return OverloadedError
    return kind_of_status(status) if status is not None else generic_kind(body.words)


def request_id_of(headers: Headers) -> str | None:
    """The id under which the provider's support finds this exchange; None where no header has one."""
    return headers.first(REQUEST_ID_HEADERS)


def provider_error(
    body: ErrorBody, target: Target, *, status: int | None = None, headers: Headers = NO_HEADERS, kind: Kind | None = None
) -> ProviderError:
    """The error that a body is, with all its facts. ``kind`` overrules the judgement of ``error_class``."""
    kind = kind or error_class(body, status, target.quirks)
    error = kind(
        in_our_words(kind),
        provider=target.provider,
        model=target.model,
        status=status,
        code=body.code,
        kind=body.type,
        request_id=request_id_of(headers) or body.request_id,
        retry_after=body.retry_after,
        provider_message=body.message,
        should_retry=False if kind is RateLimitError and status == 413 else None,  # larger than the limit: waiting is no use
    )
    if isinstance(error, InvalidRequestError):
        error.param = body.param
    if isinstance(error, ContentFilterError) and body.filtered:
        error.categories = body.filtered
        error.message += f" ({', '.join(f'{name}: {severity}' for name, severity in body.filtered.items())})"
    return error
