"""Errors in this protocol's words."""

from __future__ import annotations

import msgspec
import pytest

from tests.dialects.anthropic_messages.server.said import served
from trunkline.dialects.anthropic_messages import DIALECT
from trunkline.dialects.anthropic_messages.server import stand_in
from trunkline.values.errors import (
    AllTargetsFailedError,
    AuthenticationError,
    CircuitOpenError,
    ConcurrencyLimitError,
    ContentFilterError,
    ContextLengthError,
    DeadlineError,
    InvalidRequestError,
    NotFoundError,
    OverloadedError,
    ProviderError,
    QuotaError,
    RateLimitError,
    ServerError,
    TransportError,
)


def said(error: ProviderError, **facts: str):
    reply = DIALECT.encode_error(error, served(**facts))
    return reply.status, msgspec.json.decode(reply.body)["error"], dict(reply.headers)


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (AuthenticationError(), 401, "authentication_error"),
        (QuotaError(), 402, "billing_error"),
        (NotFoundError(status=404), 404, "not_found_error"),
        (InvalidRequestError(status=413), 413, "request_too_large"),
        (RateLimitError(), 429, "rate_limit_error"),
        (ServerError(status=409), 409, "conflict_error"),
        (ServerError(status=502), 502, "api_error"),
        (OverloadedError(status=503), 503, "overloaded_error"),
        (OverloadedError(), 529, "overloaded_error"),
        (DeadlineError(), 504, "timeout_error"),
        (TransportError("no"), 500, "api_error"),
        (CircuitOpenError(), 529, "overloaded_error"),
        (ConcurrencyLimitError(), 429, "rate_limit_error"),
        (InvalidRequestError(status=404), 400, "invalid_request_error"),
        (RateLimitError(status=200), 429, "rate_limit_error"),
        (AllTargetsFailedError(errors=[ServerError(), OverloadedError()]), 529, "overloaded_error"),
    ],
)
def test_status_and_type(error, status, kind):
    assert (said(error)[0], said(error)[1]["type"]) == (status, kind)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("prompt is too long: 9 tokens > 8 maximum", "prompt is too long: 9 tokens > 8 maximum"),
        ("This model's maximum context length is 4096 tokens. However, you requested 5000 tokens", "prompt is too long: 5000 tokens > 4096 maximum"),
        ("The input has 5000 tokens, and the limit is 4096", "prompt is too long: 5000 tokens > 4096 maximum"),
        ("too much", "prompt is too long: too much"),
    ],
)  # fmt: skip
def test_a_prompt_that_is_too_long_is_told_by_text(words, message):
    status, body, _ = said(ContextLengthError(provider_message=words, status=400, code="context_length_exceeded"))
    assert (status, body["type"], body["message"]) == (400, "invalid_request_error", message)


def test_filtered_output_is_told_by_text():
    assert said(ContentFilterError("no"))[1]["message"] == "Output blocked by content filtering policy: no"


def test_codes_that_would_say_something_else_stay_out():
    assert said(RateLimitError(code="enforced_rate"))[1]["details"] == {"error_code": "enforced_rate"}
    assert "details" not in said(ServerError(code="rate_limit_exceeded"))[1]


def test_headers():
    _, _, headers = said(
        RateLimitError("slow", retry_after=1.5, should_retry=True, request_id="req_theirs"), request_id="req_ours"
    )
    assert headers == {
        "content-type": "application/json", "request-id": "req_ours", "retry-after": "2", "retry-after-ms": "1500",
        "x-should-retry": "true",
    }  # fmt: skip
    assert said(OverloadedError(retry_after=3))[2]["retry-after"] == "3"
    at_once = said(OverloadedError(retry_after=0))[2]
    assert (at_once["retry-after"], at_once["retry-after-ms"]) == ("1", "0")
    assert said(OverloadedError())[2]["request-id"] == stand_in.REQUEST_ID


def test_the_body_names_the_request():
    reply = DIALECT.encode_error(OverloadedError("full", request_id="req_1"), served())
    assert msgspec.json.decode(reply.body) == {
        "type": "error", "error": {"type": "overloaded_error", "message": "full"}, "request_id": "req_1",
    }  # fmt: skip


def test_a_refused_request_tells_its_path_and_no_more():
    refused = InvalidRequestError("messages[0].role: user, assistant or system is expected", status=400)
    assert said(refused)[1] == {
        "type": "invalid_request_error", "message": "messages[0].role: user, assistant or system is expected",
    }  # fmt: skip


def test_no_key_is_told():
    key = "sk-abcdefghijklmnopqrstuvwxyz123456"
    for error in (ServerError(f"bad {key}"), InvalidRequestError(f"bad {key}"), ContextLengthError(f"bad {key}")):
        assert key.encode() not in DIALECT.encode_error(error, served()).body
        assert key.encode() not in DIALECT.event_encoder(served()).error(error)
