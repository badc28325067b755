"""Small replies and headers."""

from __future__ import annotations

import msgspec

from tests.dialects.anthropic_messages.server.said import served
from trunkline.dialects.anthropic_messages import DIALECT
from trunkline.dialects.dialect import Operation, RateLimit, RateLimits, ServedModel, ServerHalf


def body(reply):
    assert reply.headers["request-id"] == "req_1"
    return msgspec.json.decode(reply.body)


WHERE = served(request_id="req_1")


def test_models():
    models = [ServedModel("a/b", 86_400), ServedModel("c")]
    first = {
        "type": "model",
        "id": "a/b",
        "display_name": "a/b",
        "created_at": "1970-01-02T00:00:00Z",
        "lifecycle": "active",  # the vendor's SDK demands it
    }
    page = body(DIALECT.encode_models(models, WHERE))
    assert page["data"][0] == first
    assert (page["has_more"], page["first_id"], page["last_id"]) == (False, "a/b", "c")
    assert DIALECT.decode_models(DIALECT.encode_models(models, WHERE)) == (("a/b", "c"), None)
    assert body(DIALECT.encode_model(models[0], WHERE)) == first
    assert body(DIALECT.encode_models([], WHERE)) == {"data": [], "has_more": False, "first_id": None, "last_id": None}


def test_a_count_of_tokens():
    assert body(DIALECT.encode_token_count(12, WHERE)) == {"input_tokens": 12}


def test_limits():
    limits = RateLimits(now=1_700_000_000.2, requests=RateLimit(50, 49, 60.0), output_tokens=RateLimit(9, -1, 0.5))
    assert DIALECT.limit_headers(limits) == (
        ("anthropic-ratelimit-requests-limit", "50"),
        ("anthropic-ratelimit-requests-remaining", "49"),
        ("anthropic-ratelimit-requests-reset", "2023-11-14T22:14:21Z"),
        ("anthropic-ratelimit-output-tokens-limit", "9"),
        ("anthropic-ratelimit-output-tokens-remaining", "0"),
        ("anthropic-ratelimit-output-tokens-reset", "2023-11-14T22:13:21Z"),
    )
    assert DIALECT.limit_headers(RateLimits(now=0.0)) == ()


def test_streams_say_that_they_are_some():
    headers = dict(DIALECT.stream_headers(WHERE))
    assert headers == {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache", "request-id": "req_1"}


def test_it_is_a_server_half():
    assert isinstance(DIALECT, ServerHalf)
    assert [(route.method, route.path) for route in DIALECT.routes if route.operation is Operation.GENERATE] == [
        ("POST", "/v1/messages")
    ]
