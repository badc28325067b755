"""Replies, streams, errors and lists as we say them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.dialects.ollama.saying import SECONDS, context, decode, faults, lines, losses, read, serving, written
from trunkline.dialects.dialect import RateLimit, RateLimits, ServedModel
from trunkline.dialects.ollama import DIALECT
from trunkline.values import errors
from trunkline.values.errors import ProviderError
from trunkline.values.events import (
    AudioDelta,
    CitationDelta,
    Finish,
    Moved,
    OpaqueEvent,
    PartDone,
    ReasoningDelta,
    RefusalDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    UsageUpdate,
)
from trunkline.values.fold import fold
from trunkline.values.media import Data
from trunkline.values.message import Citation, Image, Message, ProviderState, Reasoning, Refusal, Text, ToolCall
from trunkline.values.response import Alternative, Response, TokenLogprob, Usage

STATE = ProviderState("openai-chat", b"{}")
TOKEN = TokenLogprob("Hi", -0.5, (72, 105), (TokenLogprob("Yo", -2.0),))


def say(response: Response, **facts: Any) -> tuple[dict[str, Any], Any]:
    reply = DIALECT.encode_response(response, serving(**facts))
    return json.loads(reply.body), reply


def test_the_whole_of_a_reply():
    parts = (Reasoning("hm"), Text("Hi"), ToolCall("c1", "f", '{"a": 1}'))
    said, reply = say(
        Response(
            message=Message("assistant", parts), finish_reason="tool_calls", usage=Usage(20, 5), created=SECONDS, logprobs=(TOKEN,),
            extra={"total_duration": 900, "load_duration": "x", "odd": 1, "model": "no", "message": {"more": 2, "content": "no"}},
        ),
        served={"request_id": "q9"},
    )  # fmt: skip
    assert said == {
        "model": "m1", "created_at": "2026-09-21T14:13:20Z",
        "message": {
            "role": "assistant", "content": "Hi", "thinking": "hm", "more": 2,
            "tool_calls": [{"id": "c1", "function": {"index": 0, "name": "f", "arguments": {"a": 1}}}],
        },
        "done": True, "done_reason": "stop", "total_duration": 900, "load_duration": 0, "prompt_eval_duration": 0, "eval_duration": 0,
        "prompt_eval_count": 20, "eval_count": 5, "odd": 1,
        "logprobs": [{"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": [{"token": "Yo", "logprob": -2.0}]}],
    }  # fmt: skip
    assert dict(reply.headers) == {"content-type": "application/json; charset=utf-8", "x-request-id": "q9"}
    assert reply.warnings == ()


@pytest.mark.parametrize(
    ("reason", "raw", "said", "told"),
    [
        ("stop", None, "stop", []), ("length", None, "length", []), ("tool_calls", None, "stop", []), ("other", "load", "load", []),
        ("content_filter", None, "length", [("approximated", "finish_reason")]), ("other", None, "stop", [("approximated", "finish_reason")]),
    ],
)  # fmt: skip
def test_why_it_ended(reason, raw, said, told):
    body, reply = say(Response(message=Message.assistant("a"), finish_reason=reason, raw_finish_reason=raw))
    assert body["done_reason"] == said
    assert losses(reply) == told


def test_what_cannot_be_said_is_told():
    parts = (
        Reasoning("r", state=STATE), Reasoning("", True), Text("a", (Citation("url"),), state=STATE), Refusal("no"),
        Image(Data(b"x", "image/png")), ToolCall("c", "f", "[1]", state=STATE), ToolCall("", "g", "x = 1", "custom"),
    )  # fmt: skip
    said, reply = say(
        Response(
            message=Message("assistant", parts), finish_reason="stop", stop_sequence="END", usage=Usage(1, 2, 1, 1, 1),
            alternatives=(Alternative(index=1, message=Message.assistant("b"), finish_reason="stop"),),
        )
    )  # fmt: skip
    assert losses(reply) == [
        ("dropped", "reasoning.state"), ("dropped", "reasoning"), ("dropped", "citations"), ("dropped", "text.state"),
        ("approximated", "refusal"), ("dropped", "image"), ("approximated", "tool_call.arguments"), ("dropped", "tool_call.state"),
        ("approximated", "tool_call"),
        ("dropped", "usage.cache_read_tokens"), ("dropped", "usage.cache_write_tokens"), ("dropped", "usage.reasoning_tokens"),
        ("dropped", "alternatives"), ("dropped", "stop_sequence"),
    ]  # fmt: skip
    calls = said["message"]["tool_calls"]
    assert [call["function"]["arguments"] for call in calls] == [{"input": "[1]"}, {"input": "x = 1"}]
    assert said["message"]["content"] == "ano"


# --- streams ----------------------------------------------------------------------------------------------------------


def test_a_stream():
    data = written(
        [
            Start("x", "m2", created=SECONDS), ReasoningDelta("hm"), PartDone(Reasoning("hm")), TextDelta("H"), TextDelta("i"),
            PartDone(Text("Hi!")), ToolCallDelta(0, "c1", "f", '{"a"'), ToolCallDelta(0, None, None, ":1}"),
            ToolCallDelta(1, None, "g", ""), PartDone(ToolCall("c1", "f", '{"a":1}'), 0), UsageUpdate(Usage(20, 5)),
            Finish("tool_calls", extra={"odd": 1, "message": {"more": 2}}),
        ]
    )  # fmt: skip
    said = [json.loads(line) for line in data.splitlines()]
    assert {(line["model"], line["created_at"]) for line in said} == {("m2", "2026-09-21T14:13:20Z")}
    words = [(line["message"]["content"], line["message"].get("thinking")) for line in said]
    assert words == [("", "hm"), ("H", None), ("i", None), ("!", None), ("", None), ("", None), ("", None)]
    assert [line["message"]["tool_calls"] for line in said[4:6]] == [
        [{"id": "c1", "function": {"index": 0, "name": "f", "arguments": {"a": 1}}}],
        [{"id": "call_1", "function": {"index": 1, "name": "g", "arguments": {}}}],
    ]
    last = said[-1]
    assert (last["done"], last["done_reason"], last["prompt_eval_count"], last["eval_count"], last["odd"]) == (
        True,
        "stop",
        20,
        5,
        1,
    )
    assert last["message"]["more"] == 2
    headers = dict(DIALECT.stream_headers(serving(served={"request_id": "q9"})))
    assert headers == {"content-type": "application/x-ndjson", "x-request-id": "q9"}


def test_whatever_comes_in_whatever_order():
    encoder = DIALECT.event_encoder(serving(stream=True))
    events = [
        OpaqueEvent("zz"), Moved("a", "b", "r"), CitationDelta(Citation("url")), AudioDelta(b"x"), TextDelta("other", 1),
        RefusalDelta("no"), PartDone(Refusal("not")), TextDelta("a"), PartDone(Text("b")), PartDone(Image(Data(b"x", "image/png"))),
        PartDone(ToolCall("", "", "{}"), 0), TextDelta("", 0, None, (TOKEN,)), TextDelta("\ud800"), Finish("pause", stop_sequence="E"),
        Start("late", "m9"), TextDelta("more"),
    ]  # fmt: skip
    data = b"".join([encoder.push(event) for event in events]) + encoder.finish()
    assert faults(data) == []
    assert encoder.push(TextDelta("after")) == encoder.finish() == encoder.ping() == b""
    folded = fold(read(data)[0])
    assert folded.text == "nota�more"
    assert folded.logprobs == (TOKEN,)
    assert {warning.field for warning in encoder.warnings} == {
        "moved", "citations", "audio", "choice", "refusal", "text", "image", "tool_call", "stop_sequence", "event.zz", "finish_reason",
    }  # fmt: skip


def test_a_sign_of_life_is_a_line_that_says_nothing():
    encoder = DIALECT.event_encoder(serving(stream=True))
    data = encoder.ping() + encoder.push(TextDelta("a")) + encoder.ping() + encoder.finish()
    assert faults(data) == []
    events, decoder = read(data)
    assert (fold(events).text, decoder.error) == ("a", None)


def test_an_error_is_the_last_word():
    encoder = DIALECT.event_encoder(serving(stream=True))
    data = encoder.push(TextDelta("a")) + encoder.error(errors.OverloadedError("full", status=503))
    assert faults(data) == []
    assert encoder.finish() == encoder.error(errors.ServerError()) == b""
    assert json.loads(data.splitlines()[-1]) == {"error": "full", "status": 503}
    assert isinstance(read(data)[1].error, errors.OverloadedError)


# --- errors -----------------------------------------------------------------------------------------------------------

KINDS = [
    errors.AuthenticationError, errors.PermissionDeniedError, errors.NotFoundError, errors.InvalidRequestError, errors.ContextLengthError,
    errors.ContentFilterError, errors.RateLimitError, errors.QuotaError, errors.OverloadedError, errors.ServerError,
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("words", ["no", "", "too many tokens", "content policy", "insufficient quota", 'model "a" not found'])
@pytest.mark.parametrize("status", [None, 400, 429, 500])
def test_an_error_is_read_as_the_error_that_it_is(kind, words, status):
    error: ProviderError = kind("m", provider_message=words, status=status, retry_after=1.5, request_id="q1", should_retry=True)
    reply = DIALECT.encode_error(error, context())
    back = DIALECT.decode_error(reply, context())
    assert type(back) is kind
    assert (back.status, back.request_id) == (reply.status, "q1")
    assert words in (back.provider_message or "") or not back.provider_message.startswith(words)
    assert dict(reply.headers)["retry-after"] == "2"
    encoder = DIALECT.event_encoder(serving(stream=True))
    assert type(read(lines() + encoder.error(error))[1].error) is kind


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.RateLimitError(status=429), 429), (errors.ServerError(status=502), 502), (errors.InvalidRequestError(status=413), 413),
        (errors.DeadlineError(), 504), (errors.TransportError("no"), 502), (errors.CircuitOpenError(), 503), (errors.NotFoundError(status=200), 404),
        (errors.AllTargetsFailedError(errors=[errors.ServerError()]), 502),
    ],
)  # fmt: skip
def test_status(error, status):
    assert DIALECT.encode_error(error, serving()).status == status


def test_keys_are_masked_and_no_header_is_broken():
    error = errors.AuthenticationError(provider_message="bad key sk-abcdefghijklmnop1234567890", request_id="a\r\nb")
    reply = DIALECT.encode_error(error, context())
    assert b"abcdefghijklmnop" not in reply.body
    assert dict(reply.headers)["x-request-id"] == "a??b"


# --- lists ------------------------------------------------------------------------------------------------------------


def test_models():
    reply = DIALECT.encode_models([ServedModel("a:latest", SECONDS), ServedModel("b")], serving())
    assert DIALECT.decode_models(reply) == (("a:latest", "b"), None)
    first = json.loads(reply.body)["models"][0]
    assert (first["name"], first["modified_at"], len(first["digest"])) == ("a:latest", "2026-09-21T14:13:20Z", 64)
    assert "completion" in json.loads(DIALECT.encode_model(ServedModel("b"), serving()).body)["capabilities"]


def test_what_the_protocol_has_not():
    limit = RateLimit(10, 9, 1.0)
    assert DIALECT.limit_headers(RateLimits(now=0.0, requests=limit)) == ()
    assert DIALECT.encode_token_count(5, serving()).status == 404


def test_a_reply_that_names_nothing():
    said, _ = say(Response(message=Message.assistant("a"), finish_reason="stop"), model="", served={"created": None})
    assert (said["model"], said["created_at"]) == ("unknown", "1970-01-01T00:00:00Z")
    assert decode(json.dumps(said).encode()).usage == Usage()
