"""Error replies, and the way there and back."""

from __future__ import annotations

import json

import pytest

from tests.dialects.cohere.saying import CLIENT, SERVER
from trunkline.dialects.cohere import DIALECT
from trunkline.dialects.cohere.server.errors import _WORDS
from trunkline.values.errors import (
    AllTargetsFailedError,
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


def decoded(status: int, body: object, **headers: str) -> ProviderError:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return DIALECT.decode_error(
        HttpReply(status, Headers((name.replace("_", "-"), value) for name, value in headers.items()), data), CLIENT
    )


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (400, "invalid request: no", InvalidRequestError),
        (400, "too many tokens: size limit exceeded by 5 tokens", ContextLengthError),
        (401, "invalid api token", AuthenticationError),
        (402, "please add a payment method", QuotaError),
        (403, "forbidden", PermissionDeniedError),
        (404, "model 'x' not found", NotFoundError),
        (429, "You are using a Trial key, which is limited to 1000 API calls / month.", QuotaError),
        (422, "No valid response generated", InvalidRequestError),
        (429, "trial key limited to 20 calls a minute", RateLimitError),
        (498, "invalid token", AuthenticationError),
        (499, "request cancelled", ServerError),
        (501, "not implemented", ServerError),
        (503, "try later", OverloadedError),
    ],
)
def test_classes(status, message, kind):
    error = decoded(status, {"id": "r1", "message": message})
    assert (type(error), error.status, error.provider_message, error.request_id) == (kind, status, message, "r1")


def test_its_facts():
    error = decoded(429, {"message": "m", "error_type": "LATER"}, x_debug_trace_id="t1", retry_after="3")
    assert (error.request_id, error.kind) == ("t1", "LATER")
    assert type(decoded(400, {"message": "m", "error_type": "TOO_MANY_TOKENS"})) is ContextLengthError
    assert type(decoded(502, b"<html>bad</html>")) is ServerError


# --- ours -----------------------------------------------------------------------------------------------------------------


KINDS = [row[0] for row in _WORDS]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", [None, 400, 429, 500])
def test_what_is_told_is_read_as_what_it_was(kind, status):
    error = kind("it failed", status=status, request_id="r9", retry_after=1.5)
    reply = DIALECT.encode_error(error, SERVER)
    again = DIALECT.decode_error(reply, CLIENT)
    assert type(again) is next(read for known, read, *_ in _WORDS if isinstance(error, known))
    assert (again.request_id, again.provider_message, again.status) == ("r9", "it failed", reply.status)
    assert dict(reply.headers)["retry-after-ms"] == "1500"
    assert type(json.loads(reply.body)["id"]) is str


def test_the_own_word_where_it_tells_the_same():
    own = ContextLengthError("m", status=400, code="context_length_exceeded")
    reply = DIALECT.encode_error(own, SERVER)
    assert json.loads(reply.body)["error_type"] == "context_length_exceeded"
    assert DIALECT.decode_error(reply, CLIENT).code == "context_length_exceeded"
    assert "error_type" not in json.loads(DIALECT.encode_error(NotFoundError("m", status=404), SERVER).body)


def test_the_last_of_many_and_no_key():
    reply = DIALECT.encode_error(AllTargetsFailedError(errors=[ServerError("a"), RateLimitError("b")]), SERVER)
    assert reply.status == 429
    assert b"sk-abcdefghijklmnopqrstuvwx" not in DIALECT.encode_error(ServerError("key sk-abcdefghijklmnopqrstuvwx"), SERVER).body


def test_no_tokens_are_counted():
    assert DIALECT.encode_token_count(5, SERVER).status == 404
