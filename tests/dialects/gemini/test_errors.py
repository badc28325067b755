"""Errors: the sheet's sample bodies, by reason and status, and text only where there is no word."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.dialects.gemini.judge import context
from trunkline.dialects.gemini import DIALECT
from trunkline.values.errors import (
    AuthenticationError,
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

INFO = "type.googleapis.com/google.rpc.ErrorInfo"
RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "46.3s"}


def read(status: int, body: bytes, **headers: str) -> ProviderError:
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return DIALECT.decode_error(HttpReply(status, Headers(pairs), body), context())


def error(status: int, word: str, message: str = "words", *details: dict[str, Any], wrapped: bool = False) -> ProviderError:
    body: Any = {"error": {"code": status, "message": message, "status": word, "details": list(details)}}
    return read(status, json.dumps([body] if wrapped else body).encode())


def quota(id: str) -> dict[str, Any]:
    return {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaMetric": "m", "quotaId": id}]}


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize(
    ("status", "word", "message", "details", "expected"),
    [
        (400, "INVALID_ARGUMENT", "Unknown name", [], InvalidRequestError),
        (400, "INVALID_ARGUMENT", "API key not valid.", [{"@type": INFO, "reason": "API_KEY_INVALID"}], AuthenticationError),
        (400, "INVALID_ARGUMENT", "API key expired. Please renew the API key.", [], AuthenticationError),
        (400, "INVALID_ARGUMENT", "The input token count (1250074) exceeds the maximum number of tokens allowed (1048576).", [],
         ContextLengthError),
        (400, "FAILED_PRECONDITION", "User location is not supported for the API use.", [], PermissionDeniedError),
        (400, "FAILED_PRECONDITION", "Please enable billing on project 1.", [], QuotaError),
        (400, "FAILED_PRECONDITION", "The file is not in an ACTIVE state.", [], InvalidRequestError),
        (401, "UNAUTHENTICATED", "Request had invalid authentication credentials.", [], AuthenticationError),
        (403, "PERMISSION_DENIED", "Generative Language API has not been used", [{"@type": INFO, "reason": "SERVICE_DISABLED"}],
         PermissionDeniedError),
        (404, "NOT_FOUND", "models/x is not found for API version v1beta", [], NotFoundError),
        (429, "RESOURCE_EXHAUSTED", "You exceeded your current quota", [quota("GenerateRequestsPerMinutePerProject"), RETRY],
         RateLimitError),
        (429, "RESOURCE_EXHAUSTED", "You exceeded your current quota", [quota("GenerateRequestsPerDayPerProject"), RETRY],
         QuotaError),
        (429, "RESOURCE_EXHAUSTED", "* Quota exceeded for metric: m, limit: 0, model: x", [], QuotaError),
        (429, "RESOURCE_EXHAUSTED", "* Quota exceeded for metric: m, limit: 1000000, model: x", [], RateLimitError),
        (499, "CANCELLED", "The operation was cancelled.", [], ServerError),
        (500, "INTERNAL", "An internal error has occurred.", [], ServerError),
        (503, "UNAVAILABLE", "The model is overloaded.", [], OverloadedError),
        (504, "DEADLINE_EXCEEDED", "Deadline expired", [], ServerError),
    ],
)  # fmt: skip
def test_each_row_of_the_sheet(status, word, message, details, expected, wrapped):
    found = error(status, word, message, *details, wrapped=wrapped)
    assert type(found) is expected
    assert (found.status, found.kind, found.provider, found.model) == (status, word, "g", "gemini-3.5-flash")
    assert message in str(found)


def test_how_long_to_wait_stands_in_the_details_or_in_the_text():
    assert error(429, "RESOURCE_EXHAUSTED", "slow", RETRY).retry_after == pytest.approx(46.3)
    assert error(429, "RESOURCE_EXHAUSTED", "Please retry in 48.939935699s.").retry_after == pytest.approx(48.94, abs=0.01)
    assert error(503, "UNAVAILABLE").retry_after is None


def test_the_reason_is_the_code_and_the_header_has_the_id():
    body = {"error": {"code": 400, "message": "no", "status": "INVALID_ARGUMENT", "details": [{"reason": "API_KEY_INVALID"}]}}
    found = read(400, json.dumps(body).encode(), x_goog_request_id="q1")
    assert (found.code, found.request_id) == ("API_KEY_INVALID", "q1")


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (502, b"<html><title>Bad Gateway</title></html>", ServerError),
        (500, b"", ServerError),
        (429, b"\xff\xfe", RateLimitError),
        (404, b"[]", NotFoundError),
        (400, b'{"error": "x"}', InvalidRequestError),
        (403, b'data: {"error": {"code": 403, "status": "PERMISSION_DENIED"}}\r\n\r\n', PermissionDeniedError),
    ],
)
def test_bodies_of_any_kind_are_some_error(status, body, expected):
    assert type(read(status, body)) is expected


def test_the_field_at_fault_and_when_to_try_again_stand_among_many_details():
    bad = {
        "@type": "type.googleapis.com/google.rpc.BadRequest",
        "fieldViolations": [{"field": "contents[0].parts", "description": "d"}],
    }
    found = error(400, "INVALID_ARGUMENT", "words", bad, wrapped=True)
    assert isinstance(found, InvalidRequestError) and found.param == "contents[0].parts"
    told = [{"@type": INFO, "reason": "RATE_LIMIT_EXCEEDED"}, {"@type": "m"}, quota("PerMinute"), {"@type": "Help"}, RETRY]
    assert error(429, "RESOURCE_EXHAUSTED", "words", *told).retry_after == 46.3


@pytest.mark.parametrize("details", ["x", [1], [{"fieldViolations": 3}], [{"fieldViolations": [None]}], {"fieldViolations": []}])
def test_details_of_any_shape_are_read_past(details):
    assert (
        type(read(400, json.dumps({"error": {"message": "m", "details": details, "fieldViolations": 1}}).encode()))
        is InvalidRequestError
    )
