"""Error bodies of every known shape become the right error with all the facts that they hold."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, strategies as st

from tests.strategies import json_values
from trunkline.dialects.error_body import (
    duration,
    error_class,
    provider_error,
    read_error,
    read_error_body,
    request_id_of,
    retry_hint,
)
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
from trunkline.values.model import Quirks, Target

TARGET = Target(dialect="d", provider="p", model="m")


def openai(message="m", type="invalid_request_error", param=None, code=None):
    return {"error": {"message": message, "type": type, "param": param, "code": code}}


def anthropic(type, message, **more):
    return {"type": "error", "error": {"type": type, "message": message, **more}, "request_id": "req_1"}


# Status, body, class: the sample bodies of errors-and-limits.md §8 and the rows of its §2.
SAMPLES = [
    (401, openai("Incorrect API key provided: sk-…", code="invalid_api_key"), AuthenticationError),
    (400, openai("Unsupported parameter: 'max_tokens'", param="max_tokens", code="unsupported_parameter"), InvalidRequestError),
    (400, openai("maximum context length …", param="messages", code="context_length_exceeded"), ContextLengthError),
    (404, openai("The model `x` does not exist", code="model_not_found"), NotFoundError),
    (429, openai("Rate limit reached … try again in 1.2s", "tokens", code="rate_limit_exceeded"), RateLimitError),
    (429, openai("…", "insufficient_quota", code="credit_balance_exhausted"), QuotaError),
    (429, openai("…", "insufficient_quota", code="a_code_of_tomorrow"), QuotaError),
    (429, {"error": {"type": "usage_limit_reached", "message": "m", "plan_type": "plus", "resets_in_seconds": 9}}, QuotaError),
    (429, {"error": {"code": "429", "message": "Please retry after 86400 seconds."}}, QuotaError),
    (429, {"error": {"code": "429", "message": "Please retry after 86399 seconds."}}, RateLimitError),
    (400, {"error": {"code": "model_error", "message": "m"}}, ServerError),
    (429, openai("Slow down", "requests", code="slow_down"), OverloadedError),
    (500, openai("The server had an error", "server_error"), ServerError),
    (503, openai("…", "service_unavailable_error", code="server_is_overloaded"), OverloadedError),
    (403, openai("…", code="unsupported_country_region_territory"), PermissionDeniedError),
    (401, openai("You have insufficient permissions. Missing scopes: model.request"), PermissionDeniedError),
    (400, openai("…", code="content_policy_violation"), ContentFilterError),
    (400, openai("too long", code="string_above_max_length"), ContextLengthError),
    (400, openai("context length is no matter here", code="invalid_value"), InvalidRequestError),
    (408, {}, ServerError),
    (409, {}, ServerError),
    (413, {}, InvalidRequestError),
    (422, {}, InvalidRequestError),
    (401, anthropic("authentication_error", "invalid x-api-key"), AuthenticationError),
    (400, anthropic("invalid_request_error", "prompt is too long: 1100000 tokens > 1000000 maximum"), ContextLengthError),
    (400, anthropic("invalid_request_error", "max_tokens: Field required"), InvalidRequestError),
    (400, anthropic("invalid_request_error", "Your credit balance is too low"), QuotaError),
    (400, anthropic("invalid_request_error", "Output blocked by content filtering policy"), ContentFilterError),
    (429, anthropic("rate_limit_error", "…"), RateLimitError),
    (429, anthropic("rate_limit_error", "…", details={"error_code": "enforced_spend_limit_reached"}), QuotaError),
    (402, anthropic("billing_error", "…"), QuotaError),
    (529, anthropic("overloaded_error", "Overloaded"), OverloadedError),
    (504, anthropic("timeout_error", "…"), ServerError),
    (None, anthropic("overloaded_error", "Overloaded"), OverloadedError),
    (None, anthropic("api_error", "…"), ServerError),
    (None, anthropic("invalid_request_error", "…"), InvalidRequestError),
    (
        400,
        {"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT", "details": [
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]}},
        AuthenticationError,
    ),
    (429, {"error": {"code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED", "details": [
        {"violations": [{"quotaId": "GenerateRequestsPerMinutePerProjectPerModel"}]}]}}, RateLimitError),
    (429, {"error": {"code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED", "details": [
        {"violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel"}]}]}}, QuotaError),
    (503, [{"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}], OverloadedError),
    (400, {"message": "Input is too long for requested model."}, ContextLengthError),
    (403, {"message": "You don't have access to the model with the specified model ID."}, PermissionDeniedError),
    (429, {"message": "Too many requests, please wait before trying again."}, RateLimitError),
    (400, {"error": {"message": "…content management policy…", "type": None, "param": "prompt", "code": "content_filter", "status": 400,
        "innererror": {"code": "ResponsibleAIPolicyViolation"}}}, ContentFilterError),
    (429, {"error": {"code": "429", "message": "… Please retry after 45 seconds."}}, RateLimitError),
    (402, {"error": {"code": 402, "message": "Insufficient credits"}}, QuotaError),
    (200, {"error": {"code": 502, "message": "Provider returned error", "metadata": {
        "provider_name": "P", "raw": "…", "error_type": "provider_unavailable"}}}, OverloadedError),
    (400, {"error": {"code": 400, "message": "m", "metadata": {"error_type": "invalid_prompt"}}}, InvalidRequestError),
    (403, {"error": {"code": 403, "message": "m", "metadata": {"reasons": ["x"], "flagged_input": "y"}}}, ContentFilterError),
    (422, {"detail": [{"type": "extra_forbidden", "loc": ["body", "stream_options"], "msg": "not permitted"}]}, InvalidRequestError),
    (404, {"error": "model 'x' not found"}, NotFoundError),
    (400, {"error": {"code": 400, "message": "…exceeds the available context size…", "type": "exceed_context_size_error"}},
        ContextLengthError),
    (400, {"error": {"message": "This model's maximum context length is 4096 tokens…", "type": "BadRequestError", "code": 400}},
        ContextLengthError),
    (400, {"code": "invalid-argument", "error": "Incorrect API key provided. Get one."}, AuthenticationError),
    (401, {"error": {"message": "Unauthorized", "type": "api_error", "param": None, "code": None}}, AuthenticationError),
    (401, {"error": {"message": "m", "type": "authentication_error", "code": "invalid_request_error"}}, AuthenticationError),
    (412, {"error": {"message": "account suspended"}}, QuotaError),
    (498, {"message": "invalid api token"}, AuthenticationError),
    (498, {"error": {"message": "capacity exceeded"}}, OverloadedError),
    (429, {"error": {"type": "engine_overloaded_error", "message": "m"}}, OverloadedError),
    (429, {"error": {"type": "exceeded_current_quota_error", "message": "m"}}, QuotaError),
    (403, {"success": False, "errors": [{"code": 5023, "message": "m"}]}, PermissionDeniedError),
    (200, {"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}, QuotaError),
    (200, {"base_resp": {"status_code": 1002, "status_msg": "rate limit"}}, RateLimitError),
    (302, {"error": {"code": 302, "message": "Unknown"}}, InvalidRequestError),
    (599, {}, ServerError),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "kind"), SAMPLES)
def test_each_body_is_the_right_error(status, body, kind):
    error = provider_error(read_error_body(json.dumps(body).encode()), TARGET, status=status)
    assert type(error) is kind
    assert (error.status, error.provider, error.model) == (status, "p", "m")


def test_forbidden_may_mean_context():
    body = read_error({"error": {"message": "no", "type": "invalid_request_error"}})
    together = Target(dialect="d", provider="p", model="m", quirks=Quirks(forbidden_is_context=True))
    assert type(provider_error(body, together, status=403)) is ContextLengthError
    assert type(provider_error(body, TARGET, status=403)) is PermissionDeniedError
    assert type(provider_error(read_error({"error": {"code": "invalid_api_key"}}), together, status=403)) is AuthenticationError


def test_a_bad_gateway_may_mean_that_there_is_no_capacity():
    body = read_error({"error": {"code": 502, "message": "upstream"}})
    relay = Target(dialect="d", provider="p", model="m", quirks=Quirks(bad_gateway_is_overloaded=True))
    assert type(provider_error(body, relay, status=502)) is OverloadedError
    assert type(provider_error(body, relay)) is OverloadedError  # inside a stream
    assert type(provider_error(body, TARGET, status=502)) is ServerError
    assert type(provider_error(read_error({"error": {"code": 500, "message": "x"}}), relay, status=500)) is ServerError


def test_a_sentence_is_no_code():
    body = read_error({"code": "Client specified an invalid argument", "error": "Incorrect API key provided: xai***."})
    assert type(provider_error(body, TARGET, status=400)) is AuthenticationError


def test_a_request_larger_than_the_limit_is_not_worth_a_second_try():
    error = provider_error(read_error(openai("Request too large", "tokens", code="rate_limit_exceeded")), TARGET, status=413)
    assert type(error) is RateLimitError
    assert error.should_retry is False


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error":{"message":"words"}}', "words"),
        (b'{"error":"words"}', "words"),
        (b'{"error":["words","more"]}', "words; more"),
        (b'{"detail":"words"}', "words"),
        (b'{"detail":[{"loc":["body","n"],"msg":"words"}]}', "body.n: words"),
        (b'{"message":"words"}', "words"),
        (b'{"Message":"words","__type":"x#y"}', "words"),
        (b'{"errors":[{"message":"words"}]}', "words"),
        (b'{"object":"error","message":"words","type":"x","code":"1"}', "words"),
        (b'\xef\xbb\xbf  {"error":{"message":"words"}}\n', "words"),
        (b'data: {"error":{"message":"words"}}\n\n', "words"),
        (b"just words", "just words"),
        (b"<!DOCTYPE html><html><head><title> words </title><style>x{}</style></head><body>y</body></html>", "words"),
        (b"<html><style>x{}</style><body><h1>some</h1> words</body></html>", "some words"),
        (b"", None),
        (b"{}", None),
        (b"null", None),
        (b'{"error":{"message":"\\ud800 words"}}', "\ufffd words"),
        (b'{"error":{"message":"caf\xe9"}}', "caf\ufffd"),
        (b'{"error":{"message":"relayed","metadata":{"raw":"{\\"detail\\":\\"why\\"}"}}}', "relayed: why"),
        (b'{"error":{"message":"relayed","metadata":{"raw":"why"}}}', "relayed: why"),
    ],
)
def test_words_are_found(body, message):
    assert read_error_body(body).message == message


def test_what_a_relay_was_told_counts():
    body = {
        "error": {
            "message": "Provider returned error",
            "code": 400,
            "metadata": {"raw": '{"error":{"code":"context_length_exceeded"}}'},
        }
    }
    assert error_class(read_error(body), 400) is ContextLengthError


def test_facts():
    body = read_error(openai("m", "invalid_request_error", "messages[0]", "invalid_value") | {"request_id": "r1"})
    assert (body.code, body.type, body.param, body.request_id, body.status) == (
        "invalid_value", "invalid_request_error", "messages[0]", "r1", None,
    )  # fmt: skip
    error = provider_error(body, TARGET, status=400, headers=Headers([("X-Request-Id", "r2")]))
    assert isinstance(error, InvalidRequestError)
    assert (error.param, error.request_id, error.code, error.kind) == (
        "messages[0]",
        "r2",
        "invalid_value",
        "invalid_request_error",
    )


def test_a_status_in_the_place_of_a_code_is_a_status():
    assert read_error({"error": {"code": 502}}).status == 502
    assert read_error({"error": {"code": "404"}}).code is None
    assert read_error({"code": "3051", "message": "m"}).code == "3051"


def test_key_in_the_words_is_masked():
    error = provider_error(read_error(openai("Incorrect API key provided: sk-proj-abcdefghijklmnop1234")), TARGET, status=401)
    assert "abcdefghijklmnop" not in str(error)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Rate limit reached. Please try again in 1m2.5s. Visit", 62.5),
        ("Please retry after 45 seconds.", 45),
        ("try again in 20ms", 0.02),
        ("Please retry in 46.3s.", 46.3),
        ("try again in 6m0s", 360),
        ("try again in 1h2m3.5s", 3723.5),
        ("try again in 2 minutes and 5 seconds", 125),
        ("try again later", None),
        ("try again in 3 models", None),
        ("", None),
    ],
)
def test_hints_in_the_text(text, seconds):
    assert retry_hint(text) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("text", "seconds"), [("12ms", 0.012), ("1s", 1), ("1h", 3600), ("250us", 0.00025), ("2d", 172_800), ("soon", None)]
)
def test_durations(text, seconds):
    assert duration(text) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        ({"error": {"message": "m", "details": [{"@type": "x/google.rpc.RetryInfo", "retryDelay": "46.3s"}]}}, 46.3),
        ({"error": {"message": "m", "metadata": {"retry_after": 7}}}, 7),
        ({"error": {"message": "m", "metadata": {"retry_after": "7"}}}, 7),
        ({"error": "loading", "estimated_time": 20.5}, 20.5),
        ({"error": {"message": "m", "metadata": {"retry_after": -1}}}, None),
        ({"error": {"message": "m", "metadata": {"retry_after": True}}}, None),
    ],
)
def test_hints_in_the_body(body, seconds):
    assert provider_error(read_error(body), TARGET, status=429).retry_after == seconds


@pytest.mark.parametrize(
    "name", ["x-request-id", "Request-Id", "apim-request-id", "X-Generation-Id", "mistral-correlation-id", "cf-ray"]
)
def test_request_ids_in_headers(name):
    assert request_id_of(Headers([("content-type", "x"), (name, "r1")])) == "r1"


def test_no_request_id():
    assert request_id_of(Headers([("content-type", "x")])) is None


def judged(body):
    assert isinstance(provider_error(body, TARGET, status=400), ProviderError)
    assert isinstance(provider_error(body, TARGET), ProviderError)
    msgspec.json.encode(body)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_error(data):
    judged(read_error_body(data))


NAMES = st.sampled_from(
    ["error", "message", "code", "type", "details", "metadata", "detail", "errors", "raw", "retry_after", "loc", "msg"]
)
BODIES = st.recursive(
    json_values, lambda inner: st.dictionaries(NAMES, inner, max_size=5) | st.lists(inner, max_size=3), max_leaves=20
)


@given(BODIES)
def test_any_json_is_an_error(value):
    judged(read_error(value))


@pytest.mark.parametrize(
    "data", [b"[" * 5000, b'{"error":' * 5000 + b"1" + b"}" * 5000, b'{"error":{"message":"' + b"x" * 10_000_000 + b'"}}']
)
def test_hostile_bodies(data):
    judged(read_error_body(data))


@pytest.mark.parametrize("piece", [b"<title>", b"<title", b"<script>", b"<style ", b"<"])
def test_pages_that_open_what_they_never_close_are_read_once(piece: bytes) -> None:
    assert read_error_body(piece * 20_000 + b"</p>busy</title>").words is not None
