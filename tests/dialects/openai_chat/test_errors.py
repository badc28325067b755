"""Error replies: all facts, from body and headers; and what is an error under status 200."""

from __future__ import annotations

import pytest

from tests.dialects.openai_chat.judge import context, target
from trunkline.dialects.openai_chat import DIALECT
from trunkline.dialects.openai_chat.errors import says_error
from trunkline.values.errors import ContextLengthError, NotFoundError, PermissionDeniedError, RateLimitError, ServerError
from trunkline.values.headers import Headers
from trunkline.values.model import Quirks
from trunkline.wire.http import HttpReply


def test_all_facts():
    body = b'{"error":{"message":"try again in 1.2s","type":"tokens","param":null,"code":"rate_limit_exceeded"}}'
    error = DIALECT.decode_error(HttpReply(429, Headers([("X-Request-Id", "r1"), ("Retry-After", "9")]), body), context())
    assert type(error) is RateLimitError
    assert (error.provider, error.model, error.status, error.code, error.kind, error.request_id, error.retry_after) == (
        "openai", "gpt-test", 429, "rate_limit_exceeded", "tokens", "r1", 1.2,
    )  # fmt: skip
    assert error.provider_message == "try again in 1.2s"
    assert str(error).endswith("The provider said: try again in 1.2s")


@pytest.mark.parametrize(
    ("status", "body", "kind"), [(500, b"", ServerError), (502, b"<html>", ServerError), (404, b"\xff\xfe", NotFoundError)]
)
def test_bodies_that_say_nothing(status, body, kind):
    assert type(DIALECT.decode_error(HttpReply(status, body=body), context())) is kind


def test_forbidden_may_mean_context():
    reply = HttpReply(403, body=b'{"error":{"message":"no"}}')
    assert type(DIALECT.decode_error(reply, context(target(Quirks(forbidden_is_context=True))))) is ContextLengthError
    assert type(DIALECT.decode_error(reply, context())) is PermissionDeniedError


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ({"error": {"message": "m"}}, True),
        ({"error": "m"}, True),
        ({"error": None, "choices": []}, False),
        ({"error": {}, "message": "m", "code": 1}, True),
        ({"message": "m", "type": "x"}, True),
        ({"message": "m"}, False),
        ({"message": "m", "code": 1, "choices": []}, False),
        ({"detail": "m"}, True),
        ({"success": False}, True),
        ({"base_resp": {"status_code": 0}}, False),
        ({"base_resp": {"status_code": 1000}, "choices": []}, True),
        ({"usage": {}}, False),
    ],
)
def test_what_says_that_it_is_an_error(value, error):
    assert says_error(value) is error
