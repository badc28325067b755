"""Errors: the sheet's sample bodies, by type, code, status, and text only where no code says it."""

from __future__ import annotations

import json

import pytest

from tests.dialects.anthropic_messages.judge import MODEL, context
from trunkline.dialects.anthropic_messages import DIALECT
from trunkline.values.errors import (
    AuthenticationError,
    ContentFilterError,
    ContextLengthError,
    InvalidRequestError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    ProviderError,
    QuotaError,
    RateLimitError,
    ServerError,
)
from trunkline.values.headers import Headers
from trunkline.wire.http import HttpReply


def read(status: int, body: bytes, **headers: str) -> ProviderError:
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return DIALECT.decode_error(HttpReply(status, Headers(pairs), body), context())


def error(status: int, kind: str, message: str = "words", code: str | None = None, **headers: str) -> ProviderError:
    inner = {"type": kind, "message": message} | ({"details": {"error_code": code}} if code else {})
    return read(status, json.dumps({"type": "error", "error": inner, "request_id": "req_body"}).encode(), **headers)


@pytest.mark.parametrize(
    ("status", "kind", "message", "code", "headers", "expected"),
    [
        (401, "authentication_error", "invalid x-api-key", None, {}, AuthenticationError),
        (400, "invalid_request_error", "prompt is too long: 1100000 tokens > 1000000 maximum", None, {}, ContextLengthError),
        (400, "invalid_request_error", "input length and `max_tokens` exceed context limit: 199000 + 8192 > 200000", None, {},
         ContextLengthError),
        (400, "invalid_request_error", "max_tokens: Field required", None, {}, InvalidRequestError),
        (400, "invalid_request_error", "Your credit balance is too low to access the API.", None, {}, QuotaError),
        (400, "invalid_request_error", "You have reached your specified API usage limits.", None, {}, QuotaError),
        (400, "invalid_request_error", "Output blocked by content filtering policy", None, {}, ContentFilterError),
        (402, "billing_error", "pay", None, {}, QuotaError),
        (403, "permission_error", "no", None, {}, PermissionDeniedError),
        (404, "not_found_error", "model: x", None, {}, NotFoundError),
        (409, "conflict_error", "twice", None, {}, ServerError),
        (413, "request_too_large", "Request exceeds the maximum size", None, {}, InvalidRequestError),
        (429, "rate_limit_error", "…", None, {"retry_after": "12"}, RateLimitError),
        (429, "rate_limit_error", "This would exceed your rate limit", None, {}, RateLimitError),
        (429, "rate_limit_error", "…", "enforced_spend_limit_reached", {}, QuotaError),
        (429, "rate_limit_error", "…", "enforced_spend_limit_reached", {"retry_after": "12"}, QuotaError),
        (429, "rate_limit_error", "You have reached your monthly spend limit", None, {}, QuotaError),
        (429, "rate_limit_error", "Close to your spend limit, slow down", None, {"retry_after": "12"}, RateLimitError),
        (500, "api_error", "oops", None, {}, ServerError),
        (504, "timeout_error", "slow", None, {}, ServerError),
        (529, "overloaded_error", "Overloaded", None, {}, OverloadedError),
        # The type speaks before the status.
        (400, "overloaded_error", "Overloaded", None, {}, OverloadedError),
        (500, "authentication_error", "invalid x-api-key", None, {}, AuthenticationError),
        # The text of a prompt that a message quotes decides nothing.
        (500, "api_error", "content filtering policy, credit balance, 429", None, {}, ServerError),
        (404, "not_found_error", "model: prompt is too long", None, {}, NotFoundError),
    ],
)  # fmt: skip
def test_classes(status, kind, message, code, headers, expected):
    found = error(status, kind, message, code, **headers)
    assert type(found) is expected
    assert (found.status, found.kind, found.code, found.provider_message) == (status, kind, code, message)
    assert (found.provider, found.model, found.request_id) == ("anthropic", MODEL, "req_body")
    assert found.retry_after is None


def test_request_id_of_the_header_first():
    assert error(500, "api_error", request_id="req_head", x_request_id="proxy").request_id == "req_head"
    assert read(500, b"{}", x_request_id="proxy").request_id == "proxy"


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, b"", InvalidRequestError),
        (401, b"", AuthenticationError),
        (402, b"", QuotaError),
        (403, b"<html><title>Forbidden</title></html>", PermissionDeniedError),
        (404, b'{"error":"model not found"}', NotFoundError),
        (429, b"slow down", RateLimitError),
        (502, b"<html>Bad gateway</html>", ServerError),
        (503, b"", OverloadedError),
        (529, b"", OverloadedError),
        (500, b"\xff\xfe[" + b"[" * 5000, ServerError),
        (400, b'{"error":{"message":"nope","type":"invalid_request_error","param":"x","code":null}}', InvalidRequestError),
        (418, b'{"type":"error","error":{"type":null,"message":null}}', InvalidRequestError),
        (302, b"", InvalidRequestError),
    ],
)
def test_other_bodies_go_by_status(status, body, expected):
    found = read(status, body)
    assert type(found) is expected
    assert found.status == status


def test_keys_in_the_providers_words_are_masked():
    found = error(401, "authentication_error", "invalid x-api-key sk-ant-api03-abcdefghijklmnop")
    assert "abcdefghijklmnop" not in str(found)
