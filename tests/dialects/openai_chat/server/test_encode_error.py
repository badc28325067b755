"""Errors as a caller is told them."""

from __future__ import annotations

import json

import pytest

from tests.dialects.openai_chat.judge import context
from tests.dialects.openai_chat.server.drawn import serving
from trunkline.dialects.openai_chat import DIALECT
from trunkline.values import errors
from trunkline.values.errors import (
    InvalidRequestError,
    NotFoundError,
    OverloadedError,
    ProviderError,
    RateLimitError,
    ServerError,
)


@pytest.mark.parametrize(
    ("error", "status", "kind", "code"),
    [
        (errors.AuthenticationError("no"), 401, "invalid_request_error", "invalid_api_key"),
        (errors.PermissionDeniedError("no"), 403, "invalid_request_error", "permission_denied"),
        (NotFoundError("no", model="m"), 404, "invalid_request_error", "model_not_found"),
        (NotFoundError("no"), 404, "invalid_request_error", "unknown_url"),
        (InvalidRequestError("no"), 400, "invalid_request_error", None),
        (InvalidRequestError("no", code="unsupported_value"), 400, "invalid_request_error", "unsupported_value"),
        (InvalidRequestError("no", status=422), 422, "invalid_request_error", None),
        (errors.ContextLengthError("no"), 400, "invalid_request_error", "context_length_exceeded"),
        (errors.ContentFilterError("no"), 400, "invalid_request_error", "content_policy_violation"),
        (RateLimitError("no"), 429, "requests", "rate_limit_exceeded"),
        (errors.QuotaError("no"), 429, "insufficient_quota", "credit_balance_exhausted"),
        (OverloadedError("no"), 503, "service_unavailable_error", "server_is_overloaded"),
        (OverloadedError("no", status=529), 529, "service_unavailable_error", "server_is_overloaded"),
        (ServerError("no"), 500, "server_error", None),
        (errors.DeadlineError(), 504, "server_error", None),
        (errors.ConnectionResetByHostError("no"), 502, "server_error", None),
        (errors.CircuitOpenError("no"), 503, "service_unavailable_error", "server_is_overloaded"),
        (errors.AllTargetsFailedError(), 502, "server_error", None),
        (errors.MalformedResponseError(), 502, "server_error", None),
        (errors.StreamInterruptedError(status=200), 502, "server_error", None),
    ],
)
def test_words(error, status, kind, code):
    reply = DIALECT.encode_error(error, serving())
    told = json.loads(reply.body)["error"]
    assert (reply.status, told["type"], told["code"], told["param"]) == (status, kind, code, None)
    assert told["message"]
    assert reply.headers.pairs == (("content-type", "application/json"),)


def test_a_code_that_would_be_taken_for_another_error_is_not_said():
    reply = DIALECT.encode_error(ServerError("no", code="invalid_api_key"), serving())
    assert isinstance(DIALECT.decode_error(reply, context()), ServerError)


def test_words_that_would_be_taken_for_another_error_stand_beside_a_code():
    error = InvalidRequestError("no", provider_message="maximum context length")
    reply = DIALECT.encode_error(error, serving())
    assert json.loads(reply.body)["error"]["message"] == "maximum context length"
    assert type(DIALECT.decode_error(reply, context())) is InvalidRequestError


@pytest.mark.parametrize(
    ("wait", "pairs"),
    [
        (None, {}),
        (12.0, {"retry-after": "12"}),
        (0.0, {"retry-after-ms": "0", "retry-after": "1"}),
        (1.25, {"retry-after-ms": "1250", "retry-after": "2"}),
    ],
)
def test_waiting(wait, pairs):
    headers = DIALECT.encode_error(RateLimitError("no", retry_after=wait), serving()).headers
    assert {name: value for name, value in headers.items() if name.startswith("retry")} == pairs


@pytest.mark.parametrize(("order", "said"), [(True, "true"), (False, "false"), (None, None)])
def test_orders(order, said):
    assert DIALECT.encode_error(ServerError("no", should_retry=order), serving()).headers.get("x-should-retry") == said


def test_our_request_id_goes_before_the_providers():
    error = ServerError("no", request_id="theirs")
    assert DIALECT.encode_error(error, serving()).headers["x-request-id"] == "theirs"
    assert DIALECT.encode_error(error, serving(request_id="ours")).headers["x-request-id"] == "ours"
    assert DIALECT.encode_error(ServerError("no", request_id="a\r\nb: c"), serving()).headers["x-request-id"] == "a??b: c"


def test_no_key_is_told():
    error: ProviderError = errors.AuthenticationError("Incorrect API key provided: sk-proj-abcdefghijklmnopqrstuvwxyz123456")
    assert b"abcdefghijklmnop" not in DIALECT.encode_error(error, serving()).body


def test_tokens_are_counted_as_some_servers_do():
    reply = DIALECT.encode_token_count(5, serving())
    assert (reply.status, json.loads(reply.body)) == (200, {"input_tokens": 5})
    assert reply.headers.get("content-type") == "application/json"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.InvalidRequestError("no", status=500), 400),
        (errors.InvalidRequestError("no", status=422), 422),
        (errors.ServerError("no", status=429), 500),
        (errors.DeadlineError("no", status=418), 504),
        (errors.ContextLengthError("no", status=413), 413),
    ],
)
def test_a_status_that_says_another_class_is_not_told(error, status):
    reply = DIALECT.encode_error(error, serving())
    assert reply.status == status
    assert isinstance(DIALECT.decode_error(reply, serving()), (type(error), errors.ServerError))
