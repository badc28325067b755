"""Errors of this protocol, by their codes: as HTTP replies, in a stream, in a response that failed."""

from __future__ import annotations

import json

import pytest

from tests.dialects.openai_responses.judge import context, target
from tests.dialects.openai_responses.replies import decode, event, read, reply, sse, started
from trunkline.dialects.openai_responses import DIALECT
from trunkline.values.errors import (
    AuthenticationError,
    ContentFilterError,
    ContextLengthError,
    InvalidRequestError,
    PermissionDeniedError,
    ProviderError,
    QuotaError,
    RateLimitError,
    ServerError,
)
from trunkline.values.headers import Headers
from trunkline.wire.http import HttpReply

CODES = [
    ("server_error", ServerError),
    ("rate_limit_exceeded", RateLimitError),
    ("insufficient_quota", QuotaError),
    ("invalid_prompt", ContentFilterError),
    ("bio_policy", ContentFilterError),
    ("misalignment_policy_violation", ContentFilterError),
    ("image_content_policy_violation", ContentFilterError),
    ("context_length_exceeded", ContextLengthError),
    ("invalid_image_url", InvalidRequestError),
    ("image_too_large", InvalidRequestError),
    ("unsupported_image_media_type", InvalidRequestError),
    ("failed_to_download_image", InvalidRequestError),
    ("image_file_not_found", InvalidRequestError),
    ("invalid_base64_image", InvalidRequestError),
    ("data_residency_mismatch", PermissionDeniedError),
    ("vector_store_timeout", ServerError),
    ("something_new", ServerError),
]


@pytest.mark.parametrize(("code", "kind"), CODES)
def test_codes(code, kind):
    fault = {"code": code, "message": "Oh"}
    with pytest.raises(ProviderError) as caught:
        decode(reply(status="failed", error=fault))
    events = (
        event("failed", response=reply(status="failed", error=fault)),
        {"type": "error", "sequence_number": 3, **fault, "param": None},
        {"type": "error", "sequence_number": 3, "error": fault},
    )
    found = [caught.value, *(read(sse(started(), one))[1] for one in events)]
    assert [type(error) for error in found] == [kind] * 4
    assert {(error.code, error.provider_message, error.provider, error.status) for error in found} == {
        (code, "Oh", "openai", None)
    }


def test_what_was_used_before_it_failed_is_told():
    events, error = read(sse(started(), event("failed", response=reply(status="failed"))))
    assert isinstance(error, ServerError)
    assert events[-1].usage.input_tokens == 9


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"error": {"message": "Incorrect API key", "type": "invalid_request_error", "code": "invalid_api_key"}}, AuthenticationError),
        (400, {"error": {"message": "m", "type": "invalid_request_error", "param": "input[0].id", "code": None}}, InvalidRequestError),
        (429, {"error": {"message": "try again in 2s", "type": "tokens", "code": "rate_limit_exceeded"}}, RateLimitError),
        (400, {"code": "invalid-argument", "error": "Incorrect API key provided."}, AuthenticationError),
        (500, "oops", ServerError),
    ],
)  # fmt: skip
def test_replies(status, body, kind):
    data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    error = DIALECT.decode_error(HttpReply(status, Headers([("x-request-id", "q1")]), data), context(target(provider="azure")))
    assert (type(error), error.status, error.request_id, error.provider) == (kind, status, "q1", "azure")
    if isinstance(error, InvalidRequestError) and status == 400:
        assert error.param == "input[0].id"
