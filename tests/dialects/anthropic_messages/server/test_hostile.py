"""Whatever comes in as a request is read, or refused by its path and without its words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests.dialects.anthropic_messages.server.said import (
    fields_of,
    http,
)
from tests.dialects.anthropic_messages.test_laws import VALUES
from trunkline.dialects.anthropic_messages import DIALECT
from trunkline.values.errors import InvalidRequestError

ODD = VALUES | st.sampled_from([1e400, float("nan"), 2**70, "\ud800", True, [], {}, [[]], "x" * 99, -1, 0.5])
BODY = {
    "model": "m", "max_tokens": 10, "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
    "messages": [
        {"role": "user", "content": [
            {"type": "text", "text": "t", "citations": [{"type": "char_location", "cited_text": "c", "document_index": 0}]},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"}},
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "d"}, "citations": {"enabled": True}},
        ]},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "t", "signature": "s"}, {"type": "redacted_thinking", "data": "d"},
            {"type": "tool_use", "id": "a", "name": "n", "input": {"x": 1}, "caller": {"type": "direct"}},
            {"type": "server_tool_use", "id": "b", "name": "n", "input": {}},
            {"type": "web_search_tool_result", "tool_use_id": "b", "content": []}, {"type": "future", "x": 1},
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "r"}], "is_error": False},
            {"type": "text", "text": "then"},
        ]},
        {"role": "system", "content": "now"},
    ],
    "tools": [{"name": "n", "description": "d", "input_schema": {"type": "object"}}, {"type": "web_search_20250305", "name": "w"}],
    "tool_choice": {"type": "tool", "name": "n", "disable_parallel_tool_use": True},
    "thinking": {"type": "enabled", "budget_tokens": 1024, "display": "omitted"},
    "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {"type": "object"}}},
    "metadata": {"user_id": "u"}, "stop_sequences": ["x"], "temperature": 1, "service_tier": "auto", "cache_control": {"type": "ephemeral"},
}  # fmt: skip


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at] + [place for name, item in inner for place in places(item, (*at, name))]


PLACES = places(BODY)[1:]


def mutated(place: tuple[Any, ...], value: Any, *, gone: bool) -> dict[str, Any]:
    body = json.loads(json.dumps(BODY))
    holder = body
    for step in place[:-1]:
        holder = holder[step]
    if gone:
        del holder[place[-1]]
    else:
        holder[place[-1]] = value
    return body


def judge_refusal(data: bytes) -> None:
    try:
        decoded = DIALECT.decode_request(http(data))
    except InvalidRequestError as error:
        assert error.status == 400
        assert error.param
        assert error.param in str(error)
        return
    DIALECT.encode_request(decoded.request, decoded.context.target)


@given(st.sampled_from(PLACES), ODD, st.booleans())
def test_a_body_with_something_odd_in_it_is_read_or_refused(place, value, gone):
    judge_refusal(json.dumps(mutated(place, value, gone=gone)).encode("utf-8", "surrogatepass"))


@given(st.sampled_from(PLACES), st.text(min_size=30, max_size=40), st.booleans())
def test_a_refusal_quotes_nothing(place, secret, key):
    value = {secret: secret} if key else [secret]
    try:
        DIALECT.decode_request(http(json.dumps(mutated(place, value, gone=False)).encode()))
    except InvalidRequestError as error:
        assert secret not in str(error)
        assert secret not in repr(error)
        assert error.provider_message is None


WHOLE = json.dumps(BODY).encode()


@given(st.binary(max_size=60), st.integers(0, len(WHOLE)), st.integers(0, 20))
def test_whatever_the_bytes(data, at, cut):
    judge_refusal(data)
    judge_refusal(WHOLE[:at] + data + WHOLE[at + cut :])
    assert DIALECT.context_of(http(data)).target.dialect == DIALECT.id
    assert DIALECT.context_of(http(WHOLE[:at] + data)).served is not None


@pytest.mark.parametrize(
    "data",
    [
        b"", b"null", b"[]", b"1e999", b"\xef\xbb\xbf" + WHOLE, WHOLE.replace(b'"hi"', b'"\xff"'), b'{"messages":' * 5_000,
        b'{"model":"m","messages":' + b"[" * 100_000, b'{"model":"m","messages":[],"x":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        b'{"model":"m","messages":[],"x":' + b"[" * 300 + b"]" * 300 + b"}",
        b'{"model":"m","model":"n","messages":[]}', b'{"model":"m","messages":[],"max_tokens":' + b"9" * 5_000 + b"}",
        b'{"model":"m","messages":[],"x":NaN}', b'{"model":"m\\ud800","messages":[{"role":"user","content":"\\udfff"}]}',
    ],
)  # fmt: skip
def test_hostile_bodies(data):
    judge_refusal(data)


def test_of_a_field_that_stands_twice_the_last_counts():
    decoded = DIALECT.decode_request(http(b'{"model":"m","model":"n","messages":[]}'))
    assert decoded.request.model == "n"
    assert fields_of(decoded.warnings) == []
