"""Which error a reply is: by the exception's name, wherever it stands, and by the text only where the name says nothing."""

from __future__ import annotations

import json

import pytest

from tests.dialects.bedrock_converse.judge import context
from tests.dialects.bedrock_converse.reading import framed, read, start, text
from trunkline.dialects.bedrock_converse import DIALECT
from trunkline.values import errors
from trunkline.values.errors import ProviderError
from trunkline.values.headers import Headers
from trunkline.wire.aws_event_stream import EventStreamDecoder
from trunkline.wire.http import HttpReply

TABLE: list[tuple[str, int, str, type[ProviderError]]] = [
    ("AccessDeniedException", 403, "no access", errors.PermissionDeniedError),
    ("UnrecognizedClientException", 403, "x", errors.AuthenticationError),
    ("ExpiredTokenException", 403, "x", errors.AuthenticationError),
    ("InvalidSignatureException", 403, "x", errors.AuthenticationError),
    ("MissingAuthenticationTokenException", 403, "x", errors.AuthenticationError),
    ("IncompleteSignatureException", 400, "x", errors.AuthenticationError),
    ("ValidationException", 400, "x", errors.InvalidRequestError),
    ("ValidationException", 400, "Input is too long for requested model.", errors.ContextLengthError),
    ("ValidationException", 400, "The provided model identifier is invalid.", errors.NotFoundError),
    ("ResourceNotFoundException", 404, "x", errors.NotFoundError),
    ("ServiceQuotaExceededException", 400, "x", errors.QuotaError),
    ("ConflictException", 400, "x", errors.InvalidRequestError),
    ("ModelTimeoutException", 408, "x", errors.ServerError),
    ("ModelErrorException", 424, "x", errors.ServerError),
    ("ThrottlingException", 429, "Too many requests", errors.RateLimitError),
    ("ThrottlingException", 429, "Too many tokens per day, please wait before trying again.", errors.QuotaError),
    ("ModelNotReadyException", 429, "x", errors.OverloadedError),
    ("InternalServerException", 500, "x", errors.ServerError),
    ("ServiceUnavailableException", 503, "x", errors.OverloadedError),
    ("", 502, "x", errors.ServerError),
]


def reply(status: int, body: object, **headers: str) -> HttpReply:
    return HttpReply(status, Headers((n.replace("_", "-"), v) for n, v in headers.items()), json.dumps(body).encode())


@pytest.mark.parametrize(("name", "status", "message", "kind"), TABLE)
def test_the_name_decides_wherever_it_stands(name, status, message, kind):
    url = ":http://internal.amazon.com/coral/com.amazon.bedrock/" if name else ""
    ways = [
        reply(status, {"message": message}, x_amzn_ErrorType=name + url, x_amzn_RequestId="r-1"),
        reply(status, {"Message": message, "__type": f"com.amazon.coral#{name}" if name else ""}, x_amzn_requestid="r-1"),
    ]
    for said in ways:
        error = DIALECT.decode_error(said, context())
        assert type(error) is kind
        assert (error.status, error.code, error.request_id, error.provider_message) == (status, name or None, "r-1", message)


@pytest.mark.parametrize(
    ("original", "kind"), [(429, errors.RateLimitError), (503, errors.OverloadedError), (400, errors.ServerError)]
)
def test_a_relayed_failure_is_what_it_was_at_its_origin(original, kind):
    body = {"message": "the model failed", "originalStatusCode": original, "originalMessage": "m"}
    assert type(DIALECT.decode_error(reply(424, body, x_amzn_errortype="ModelErrorException"), context())) is kind
    _, error = read(framed(start(), ("!modelStreamErrorException", body)))
    assert type(error) is kind
    assert error.code == "ModelStreamErrorException"


def test_a_bare_id_is_told_what_to_do():
    message = "Invocation of model ID x with on-demand throughput isn't supported. Retry with an inference profile."
    error = DIALECT.decode_error(reply(400, {"message": message}, x_amzn_errortype="ValidationException"), context())
    assert type(error) is errors.InvalidRequestError
    assert "inference profile" in str(error.hint)


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ("internalServerException", errors.ServerError),
        ("validationException", errors.InvalidRequestError),
        ("throttlingException", errors.RateLimitError),
        ("serviceUnavailableException", errors.OverloadedError),
        ("laterException", errors.ServerError),
    ],
)
def test_an_exception_ends_a_stream_and_what_came_before_is_kept(event, kind):
    events, error = read(framed(start(), *text(0, "Hel"), ("!" + event, {"message": "m"}), *text(1, "lo")))
    assert type(error) is kind
    assert (error.status, error.provider_message, error.code) == (None, "m", event[0].upper() + event[1:])
    assert "".join(event.text or "" for event in events) == "Hel"


def test_an_error_without_a_payload():
    frames = EventStreamDecoder()
    headers = b"".join(
        bytes([len(n)]) + n.encode() + b"\x07" + len(v).to_bytes(2, "big") + v.encode()
        for n, v in ((":message-type", "error"), (":error-code", "ThrottlingException"), (":error-message", "slow down"))
    )
    from zlib import crc32

    prelude = (16 + len(headers)).to_bytes(4, "big") + len(headers).to_bytes(4, "big")
    message = prelude + crc32(prelude).to_bytes(4, "big") + headers
    decoder = DIALECT.event_decoder(context())
    assert decoder.feed(frames.feed(message + crc32(message).to_bytes(4, "big"))) == []
    assert type(decoder.error) is errors.RateLimitError
    assert decoder.error.provider_message == "slow down"


def test_an_error_in_a_200():
    with pytest.raises(errors.RateLimitError):
        DIALECT.decode_response(reply(200, {"message": "slow"}, x_amzn_errortype="ThrottlingException"), context())
    with pytest.raises(errors.MalformedResponseError, match=r"\$\.output"):
        DIALECT.decode_response(reply(200, {}), context())


def test_no_key_is_told():
    key = "sk-abcdefghijklmnopqrstuvwxyz123456"
    for error in (
        errors.ServerError(f"bad {key}"),
        errors.InvalidRequestError(f"bad {key}"),
        errors.ContextLengthError(f"bad {key}"),
    ):
        assert key.encode() not in DIALECT.encode_error(error, context()).body
        assert key.encode() not in DIALECT.event_encoder(context()).error(error)
