"""The short readings of a usual reply and of a stream's usual beginning agree with the full ones on whatever they take, and take what
is usual."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, given, settings, strategies as st

from tests.dialects.openai_chat.judge import context, target
from tests.recorded.records import records
from tests.strategies import json_values
from trunkline.dialects.openai_chat import stream
from trunkline.dialects.openai_chat.plain import plain_first, plain_reply
from trunkline.dialects.openai_chat.response import full_reply
from trunkline.values.headers import Headers
from trunkline.wire.http import HttpReply
from trunkline.wire.sse import Frame

USUAL = {
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1763600000, "model": "m-1", "service_tier": "default",
    "system_fingerprint": "fp_1",
    "choices": [{
        "index": 0, "finish_reason": "stop", "logprobs": None,
        "message": {"role": "assistant", "content": "hi", "refusal": None, "annotations": []},
    }],
    "usage": {
        "prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5, "prompt_tokens_details": {"cached_tokens": 1, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    },
}  # fmt: skip
HEADERS = Headers(raw=((b"X-Request-Id", b"q1"), (b"content-type", b"application/json")))


def reply(body):
    return HttpReply(200, HEADERS, json.dumps(body).encode("utf-8", "surrogatepass"))


def places(value, path=()):
    """Every place in a JSON value."""
    if path:
        yield path
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from places(value[key], (*path, key))


def changed(path, value, usual=USUAL):
    """The usual body with another value at one place."""
    body = json.loads(json.dumps(usual))
    at = body
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    return body


def agree(given_reply):
    plain = plain_reply(given_reply, context())
    if plain is not None:
        assert plain == full_reply(given_reply, context())
    return plain


def test_the_usual_reply_is_taken():
    plain = agree(reply(USUAL))
    assert plain is not None
    assert (plain.text, plain.request_id, plain.usage.cache_read_tokens) == ("hi", "q1", 1)


@given(st.sampled_from(list(places(USUAL))), json_values)
def test_agrees_whatever_stands_where(path, value):
    agree(reply(changed(path, value)))


@given(
    st.sampled_from([(), ("choices", 0), ("choices", 0, "message"), ("usage",), ("usage", "prompt_tokens_details")]),
    st.sampled_from(["error", "reasoning", "usage", "cost", "tool_calls", "text", "delta", "x", "base_resp", "reasoning_tokens", "input_tokens"]),
    json_values,
)  # fmt: skip
def test_agrees_whatever_else_is_said(path, name, value):
    agree(reply(changed((*path, name), value)))


def test_agrees_on_recorded_traffic(corpus):
    taken = 0
    for record in records(corpus):
        if record.dialect == "openai-chat" and record.status < 400 and not record.stream:
            given_reply = HttpReply(record.status, Headers(record.headers.items()), record.body)
            where = context(target(provider=record.provider, model=record.model))
            if (plain := plain_reply(given_reply, where)) is not None:
                assert plain == full_reply(given_reply, where)
                taken += 1
    assert taken > 20


# --- the first chunk of a stream

FIRST = {
    "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1763600000, "model": "m-1", "service_tier": "default",
    "system_fingerprint": "fp_1", "usage": None,
    "choices": [{"index": 0, "finish_reason": None, "logprobs": None, "delta": {"role": "assistant", "content": "hi", "refusal": None}}],
}  # fmt: skip
SECOND = json.dumps(
    {"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {"content": " you"}, "finish_reason": "stop"}]}
).encode()


def begun(first, monkeypatch, *, short):
    """The events of a stream of two chunks, and what is wrong with it."""
    with monkeypatch.context() as patch:
        if not short:
            patch.setattr(stream, "plain_first", lambda data: None)
        decoder = stream.ChatEventDecoder(context(stream=True))
        frames = [Frame(json.dumps(first).encode("utf-8", "surrogatepass")), Frame(SECOND), Frame(b"[DONE]")]
        events = decoder.feed(frames)
        return events, type(decoder.error), decoder.done


def agree_on(first, monkeypatch):
    assert begun(first, monkeypatch, short=True) == begun(first, monkeypatch, short=False)


def test_the_usual_beginning_is_taken(monkeypatch):
    assert plain_first(json.dumps(FIRST).encode()) is not None
    for text in ("hi", "", None):
        agree_on(changed(("choices", 0, "delta", "content"), text, FIRST), monkeypatch)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(list(places(FIRST))), json_values)
def test_a_beginning_agrees_whatever_stands_where(monkeypatch, path, value):
    agree_on(changed(path, value, FIRST), monkeypatch)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from([(), ("choices", 0), ("choices", 0, "delta")]),
    st.sampled_from(["error", "reasoning", "usage", "tool_calls", "text", "message", "x", "base_resp", "annotations", "obfuscation", "p"]),
    json_values,
)  # fmt: skip
def test_a_beginning_agrees_whatever_else_is_said(monkeypatch, path, name, value):
    agree_on(changed((*path, name), value, FIRST), monkeypatch)
