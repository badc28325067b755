"""Bodies within limits, and credentials."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from typing import Any

import pytest
from hypothesis import given, strategies as st

from trunkline.serve.gate import Refusal
from trunkline.serve.intake import body_of, credential_of
from trunkline.values.headers import Headers

LIMIT = 1_000


def read(*pieces: bytes | None, **headers: str) -> bytes | int | None:
    """The body, or the status of the refusal; a piece None: the asker goes away."""
    messages: list[dict[str, Any]] = [
        {"type": "http.disconnect"}
        if piece is None
        else {"type": "http.request", "body": piece, "more_body": n < len(pieces) - 1}
        for n, piece in enumerate(pieces)
    ]

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    fields = Headers([(name.replace("_", "-"), value) for name, value in headers.items()])
    try:
        return asyncio.run(body_of(receive, fields, LIMIT))
    except Refusal as refusal:
        return refusal.error.status or 0


def bare(data: bytes) -> bytes:
    coder = zlib.compressobj(wbits=-15)
    return coder.compress(data) + coder.flush()


def test_pieces_are_joined() -> None:
    assert read(b"a", b"", b"bc") == b"abc"
    assert read(b"") == b""


def test_an_asker_who_leaves_is_noticed() -> None:
    assert read(b"a", None) is None


def test_what_is_too_long_is_refused() -> None:
    assert read(b"x" * LIMIT) == b"x" * LIMIT
    assert read(b"x" * LIMIT, b"x") == 413


def test_a_length_that_is_told_is_enough_to_refuse() -> None:
    assert read(content_length=str(LIMIT + 1)) == 413  # nothing was read: there is nothing to read
    assert read(b"x", content_length=str(LIMIT)) == b"x"


@pytest.mark.parametrize(
    "coding,pack", [("gzip", gzip.compress), ("x-gzip", gzip.compress), ("deflate", zlib.compress), ("DEFLATE", bare)]
)
def test_compressed_bodies(coding: str, pack: Any) -> None:
    data = b'{"text": "hello"}' * 50
    packed = pack(data)
    assert read(packed, content_encoding=coding) == data
    assert read(*(packed[n : n + 7] for n in range(0, len(packed), 7)), content_encoding=coding) == data
    assert read(packed[:-5], content_encoding=coding) == 400
    assert read(b"\xff" + packed[1:], content_encoding=coding) == 400
    assert read(pack(b"x" * LIMIT), content_encoding=coding) == b"x" * LIMIT
    assert read(pack(b"x" * (LIMIT + 1)), content_encoding=coding) == 413


def test_gzip_in_several_members() -> None:
    assert read(gzip.compress(b"ab") + gzip.compress(b"c"), content_encoding="gzip") == b"abc"
    assert read(gzip.compress(b"x" * 600) * 2, content_encoding="gzip") == 413


def test_a_bomb_is_not_unpacked() -> None:
    bomb = zlib.compress(b"\0" * 50_000_000, 9)[:LIMIT]  # the first thousand bytes are enough for a megabyte
    assert read(bomb, content_encoding="deflate") == 413


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "compress"])
def test_other_codings_are_refused(coding: str) -> None:
    assert read(b"x", content_encoding=coding) == 415


@given(st.binary(max_size=200), st.sampled_from(["gzip", "deflate"]))
def test_whatever_the_bytes_there_is_an_answer(data: bytes, coding: str) -> None:
    found = read(data, content_encoding=coding)
    assert found in {400, 413} or isinstance(found, bytes)


@pytest.mark.parametrize(
    "headers,key",
    [
        ({"authorization": "Bearer sk-1"}, "sk-1"),
        ({"authorization": "bearer  sk-1 "}, "sk-1"),
        (
            {"authorization": "AWS4-HMAC-SHA256 Credential=AKID/20261120/us-east-1/bedrock/aws4_request, SignedHeaders=host"},
            "AKID",
        ),
        ({"authorization": "AWS4-HMAC-SHA256 Signature=0"}, None),
        ({"x-api-key": "sk-2"}, "sk-2"),
        ({"x-goog-api-key": "sk-3"}, "sk-3"),
        ({"api-key": "sk-3"}, "sk-3"),
        ({"authorization": "Bearer sk-1", "x-api-key": "sk-2"}, "sk-1"),
        ({"authorization": "Basic dTpw", "x-api-key": "sk-2"}, "sk-2"),
        ({"authorization": "Basic dTpw"}, None),
        ({"authorization": "Bearer "}, None),
        ({"x-api-key": " "}, None),
        ({}, None),
    ],
)
def test_credentials(headers: dict[str, str], key: str | None) -> None:
    found = credential_of(Headers(headers.items()))
    assert (found and found.reveal()) == key
    assert "sk-" not in repr(found)


@pytest.mark.parametrize(
    "headers,query,key",
    [
        ({}, b"alt=sse&key=sk-%34", "sk-4"),
        ({"x-goog-api-key": "sk-3"}, b"key=sk-4", "sk-3"),
        ({}, b"monkey=sk-4", None),
        ({}, b"key=", None),
    ],
)
def test_a_key_in_the_query(headers: dict[str, str], query: bytes, key: str | None) -> None:
    found = credential_of(Headers(headers.items()), query)
    assert (found and found.reveal()) == key
