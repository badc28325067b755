"""Whole replies, lists of models, errors."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.dialects.ollama.saying import AT, SECONDS, body, context, decode
from trunkline.dialects.ollama import DIALECT
from trunkline.values.errors import (
    AuthenticationError,
    ContextLengthError,
    InvalidRequestError,
    MalformedResponseError,
    NotFoundError,
    QuotaError,
    RateLimitError,
    ServerError,
)
from trunkline.values.headers import Headers
from trunkline.values.message import Reasoning, Text, ToolCall
from trunkline.values.model import Quirks
from trunkline.wire.http import HttpReply

CALL = {"function": {"index": 0, "name": "f", "arguments": {"city": "Oslo"}}}


def test_the_whole_of_a_reply():
    reply = decode(
        body(
            {"content": "Hi", "thinking": "hm", "tool_calls": [{"id": "c1", **CALL}], "odd": 1},
            total_duration=900, load_duration=0, prompt_eval_count=20, prompt_eval_duration=2, eval_count=5, eval_duration=3,
            remote_host="h", logprobs=[{"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": [{"token": "Yo", "logprob": -2}]}],
        )
    )  # fmt: skip
    assert reply.message.parts == (Reasoning("hm"), Text("Hi"), ToolCall("c1", "f", '{"city":"Oslo"}'))
    assert (reply.finish_reason, reply.raw_finish_reason) == ("tool_calls", "stop")
    usage = reply.usage
    assert (usage.input_tokens, usage.output_tokens, usage.raw) == (20, 5, {"prompt_eval_count": 20, "eval_count": 5})
    assert (reply.model, reply.created, reply.id, reply.request_id) == ("m1", SECONDS, None, "q1")
    assert reply.extra == {
        "total_duration": 900, "prompt_eval_duration": 2, "eval_duration": 3, "remote_host": "h", "message": {"odd": 1}
    }  # fmt: skip
    [token] = reply.logprobs
    assert (token.token, token.logprob, token.bytes, token.top[0].token) == ("Hi", -0.5, (72, 105), "Yo")


@pytest.mark.parametrize(
    ("raw", "reason"),
    [("stop", "stop"), ("length", "length"), ("load", "other"), ("custom", "other"), (None, "other"), (7, "other")],
)
def test_why_it_ended(raw, reason):
    reply = decode(body(done_reason=raw))
    assert (reply.finish_reason, reply.raw_finish_reason) == (reason, raw if isinstance(raw, str) else None)


def test_calls_without_ids_get_the_same_ones_whenever_they_are_read():
    said = body({"tool_calls": [CALL, CALL]})
    ids = [call.id for call in decode(said).tool_calls]
    assert len(set(ids)) == 2
    assert ids == [call.id for call in decode(said).tool_calls]
    assert ids != [call.id for call in decode(body({"tool_calls": [CALL, CALL]}, created_at="2026-09-21T14:13:21Z")).tool_calls]


@pytest.mark.parametrize(
    ("arguments", "raw"),
    [({}, "{}"), (None, ""), ('{"a": 1}', '{"a": 1}'), ([1], "[1]"), ({"a": 2**60}, '{"a":1152921504606846976}')],
)
def test_arguments(arguments, raw):
    said = json.dumps(body({"tool_calls": [{"function": {"name": "f", "arguments": arguments}}]})).encode()
    assert json.loads(decode(said).tool_calls[0].raw_arguments or "null") == json.loads(raw or "null")


def test_the_input_of_a_custom_tool():
    said = body({"tool_calls": [{"id": "c", "function": {"name": "f", "arguments": {"input": "x = 1"}}}]})
    assert decode(said, context(custom_tools=("f",))).tool_calls == (ToolCall("c", "f", "x = 1", "custom"),)


def test_usage_that_is_not_told():
    assert decode(body()).usage.raw == {}
    half = decode(body(prompt_eval_count=None, eval_count=4)).usage
    assert (half.input_tokens, half.output_tokens) == (None, 4)
    assert decode(body(prompt_eval_count="4", eval_count=-1)).usage.input_tokens is None


@pytest.mark.parametrize(
    ("moment", "seconds"),
    [(AT, SECONDS), ("2026-09-21T16:13:20.123456789+02:00", SECONDS), ("today", None), (7, None), ("9999-99-99T00:00:00Z", None)],
)
def test_when(moment, seconds):
    assert decode(body(created_at=moment)).created == seconds


def test_a_reply_to_a_completion():
    said = {
        "model": "m1",
        "created_at": AT,
        "response": "Hi",
        "thinking": "hm",
        "done": True,
        "done_reason": "stop",
        "context": [1, 2],
    }
    reply = decode(said)
    assert reply.message.parts == (Reasoning("hm"), Text("Hi"))
    assert reply.extra == {"context": [1, 2]}


def test_markup_where_the_server_leaves_it():
    said = body({"content": "<think>\nhm\n</think>\n\nHi"})
    assert decode(said).text == said["message"]["content"]
    assert decode(said, context(Quirks(markup="auto"))).message.parts == (Reasoning("hm"), Text("Hi"))


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (b"{", "$"), (b"[]", "$"), (b"{}", "$.message"), ({"message": 1}, "$.message"), (body({"content": 1}), "$.message.content"),
        (body({"thinking": []}), "$.message.thinking"), (body({"tool_calls": {}, "x": 1}), None), (body({"tool_calls": {"a": 1}}), "$.message.tool_calls"),
        (body({"tool_calls": [1]}), "$.message.tool_calls[0]"), (body({"tool_calls": [CALL, {}]}), "$.message.tool_calls[1]"),
        (body(done=False), "$.done"),
    ],
)  # fmt: skip
def test_what_is_no_reply(value, path):
    if path is None:
        assert decode(value).message.parts == ()
        return
    with pytest.raises(MalformedResponseError) as caught:
        decode(value)
    assert (caught.value.path, caught.value.status, caught.value.request_id) == (path, 200, "q1")


def test_an_error_under_200():
    with pytest.raises(ServerError, match="model runner has crashed"):
        decode({"error": "model runner has crashed"})


@pytest.mark.parametrize(
    ("status", "words", "kind"),
    [
        (429, "you have reached your weekly usage limit, upgrade for higher limits", QuotaError),
        (400, "invalid options: x", InvalidRequestError),
        (400, '"m1" does not support thinking', InvalidRequestError),
        (400, "the input length exceeds the context length", ContextLengthError),
        (401, "unauthorized", AuthenticationError),
        (404, 'model "m1" not found, try pulling it first', NotFoundError),
        (429, "server busy, please try again. maximum pending requests exceeded", RateLimitError),
        (500, "llama runner process has terminated", ServerError),
        (502, "upstream", ServerError),
    ],
)
def test_errors(status, words, kind):
    error = DIALECT.decode_error(HttpReply(status, Headers(), json.dumps({"error": words}).encode()), context())
    assert (type(error), error.status, error.provider_message) == (kind, status, words)


def models(value: Any) -> tuple[tuple[str, ...], str | None]:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return DIALECT.decode_models(HttpReply(200, Headers(), data))


def test_models():
    request = DIALECT.models_request()
    assert (request.method, request.path) == ("GET", "/api/tags")
    items = [{"name": "a:latest", "model": "a:latest", "size": 1}, {"name": "b"}, {"model": ""}, 7]
    assert models({"models": items}) == (("a:latest", "b"), None)
    assert models({}) == ((), None)
    for value in (b"x", [], {"models": {}}):
        with pytest.raises(MalformedResponseError):
            models(value)
    with pytest.raises(ServerError):
        models({"error": "no"})
