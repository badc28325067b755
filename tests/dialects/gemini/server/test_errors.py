"""Errors in ``google.rpc``'s words (gemini §9), and how they are read again."""

from __future__ import annotations

import json

import pytest

from tests.dialects.gemini.server.said import client_context, served
from trunkline.dialects.gemini import DIALECT
from trunkline.values import errors

RPC = "type.googleapis.com/google.rpc."


def said(error):
    reply = DIALECT.encode_error(error, served(request_id="req_1"))
    assert reply.headers["x-goog-request-id"] == "req_1"
    return reply.status, json.loads(reply.body)["error"]


@pytest.mark.parametrize(
    "error,status,word",
    [
        (errors.InvalidRequestError("m"), 400, "INVALID_ARGUMENT"),
        (errors.ContextLengthError("m"), 400, "INVALID_ARGUMENT"),
        (errors.ContentFilterError("m"), 400, "INVALID_ARGUMENT"),
        (errors.AuthenticationError("m"), 400, "INVALID_ARGUMENT"),
        (errors.AuthenticationError("m", status=401), 401, "UNAUTHENTICATED"),
        (errors.PermissionDeniedError("m"), 403, "PERMISSION_DENIED"),
        (errors.NotFoundError("m"), 404, "NOT_FOUND"),
        (errors.RateLimitError("m"), 429, "RESOURCE_EXHAUSTED"),
        (errors.ConcurrencyLimitError("m"), 429, "RESOURCE_EXHAUSTED"),
        (errors.QuotaError("m"), 429, "RESOURCE_EXHAUSTED"),
        (errors.OverloadedError("m"), 503, "UNAVAILABLE"),
        (errors.OverloadedError("m", status=529), 529, "UNAVAILABLE"),
        (errors.DeadlineError("m"), 504, "DEADLINE_EXCEEDED"),
        (errors.ServerError("m"), 500, "INTERNAL"),
        (errors.MalformedResponseError("m"), 500, "INTERNAL"),
        (errors.ServerError("m", status=200), 500, "INTERNAL"),
    ],
)
def test_words_and_statuses(error, status, word):
    found, body = said(error)
    assert (found, body["code"], body["status"]) == (status, status, word)
    assert body["message"] == error.message


def test_details():
    _, body = said(errors.RateLimitError("m", retry_after=46.25, code="RATE_LIMIT_EXCEEDED"))
    assert body["details"] == [
        {"@type": f"{RPC}ErrorInfo", "reason": "RATE_LIMIT_EXCEEDED", "domain": "googleapis.com"},
        {"@type": f"{RPC}RetryInfo", "retryDelay": "46.25s"},
    ]
    _, body = said(errors.AuthenticationError("m"))
    assert body["details"][0]["reason"] == "API_KEY_INVALID"
    _, body = said(errors.QuotaError("m"))
    assert "PerDay" in body["details"][0]["violations"][0]["quotaId"]
    wrong = errors.InvalidRequestError("contents: what", status=400)
    wrong.param = "contents"
    _, body = said(wrong)
    assert body["details"] == [
        {"@type": f"{RPC}BadRequest", "fieldViolations": [{"field": "contents", "description": "see the message"}]}
    ]
    assert "details" not in said(errors.ServerError("m", retry_after=float("inf")))[1]


def test_the_provider_s_own_words_come_first_and_keys_never():
    _, body = said(errors.ServerError("ours", provider_message="theirs, with AIza" + "x" * 35))
    assert body["message"].startswith("theirs, with ") and "x" * 30 not in body["message"]
    assert said(errors.ServerError(""))[1]["message"] == "the provider failed"
    assert said(errors.ServerError("\ud800"))[1]["message"] == "\ufffd"


def test_a_status_that_says_something_else_gives_way():
    """A reader goes by the status where there is no word."""
    assert said(errors.InvalidRequestError("m", status=404))[0] == 400
    assert said(errors.InvalidRequestError("m", status=405))[0] == 405


def test_an_order_to_retry_is_passed_on():
    reply = DIALECT.encode_error(errors.ServerError("m", should_retry=False), served())
    assert reply.headers["x-should-retry"] == "false"
    assert "retry-after" not in reply.headers


@pytest.mark.parametrize("retry_after", [None, 0.0, 1.0, 46.3, 1e-9, 12345.678])
def test_how_long_to_wait_comes_through(retry_after):
    reply = DIALECT.encode_error(errors.RateLimitError("m", retry_after=retry_after), served())
    assert DIALECT.decode_error(reply, client_context()).retry_after == retry_after
