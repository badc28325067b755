"""Whole replies as they go out, models, limits and headers."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from openai.types.chat import ChatCompletion
from pydantic import TypeAdapter

from tests.dialects.openai_chat.judge import context, target
from tests.dialects.openai_chat.server.drawn import serving, state
from trunkline.dialects.dialect import EncodedReply, RateLimit, RateLimits, ServedModel
from trunkline.dialects.openai_chat import DIALECT
from trunkline.values.media import Data, FileId, Url
from trunkline.values.message import (
    Audio,
    Citation,
    File,
    HostedToolCall,
    Image,
    Message,
    Opaque,
    ProviderState,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    Video,
)
from trunkline.values.model import Quirks
from trunkline.values.response import Response, TokenLogprob, Usage

FOREIGN = ProviderState("anthropic-messages", b'{"signature":"s"}')


def encode(*parts: Any, aim: Any = None, **fields: Any) -> EncodedReply:
    response = Response(message=Message.assistant(*parts), **{"finish_reason": "stop"} | fields)
    return DIALECT.encode_response(response, aim or serving())


def body(*parts: Any, **fields: Any) -> dict[str, Any]:
    """The body; nothing is lost on the way to it, and the vendor's own type holds it."""
    reply = encode(*parts, **fields)
    assert reply.warnings == ()
    read: dict[str, Any] = json.loads(reply.body)
    TypeAdapter(ChatCompletion).validate_python(read)
    return read


def message(*parts: Any, **fields: Any) -> dict[str, Any]:
    said: dict[str, Any] = body(*parts, **fields)["choices"][0]["message"]
    return said


def lost(*parts: Any, **fields: Any) -> list[tuple[str, str]]:
    return [(warning.kind, warning.field) for warning in encode(*parts, **fields).warnings]


def test_the_least_reply():
    assert body("hi") == {
        "id": "chatcmpl-0",
        "object": "chat.completion",
        "created": 0,
        "model": "gpt-test",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "hi", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
    }


def test_what_the_server_says_of_itself_stands_where_the_reply_says_nothing():
    aim = serving(reply_id="chatcmpl-9", created=7, request_id="q")
    reply = encode("hi", aim=aim)
    told = json.loads(reply.body)
    assert (told["id"], told["created"]) == ("chatcmpl-9", 7)
    assert reply.headers.pairs == (("content-type", "application/json"), ("x-request-id", "q"))
    told = json.loads(encode("hi", aim=aim, id="own", created=8, model="m-1").body)
    assert (told["id"], told["created"], told["model"]) == ("own", 8, "m-1")


def test_content_is_null_where_nothing_was_said():
    assert message(ToolCall("c", "f", "{}"), finish_reason="tool_calls")["content"] is None
    assert "tool_calls" not in message("hi")


def test_calls():
    said = body(ToolCall("c", "f", '{"a":1}'), ToolCall("d", "g", "x", "custom"), finish_reason="tool_calls")["choices"][0]
    assert said["message"]["tool_calls"] == [
        {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}},
        {"id": "d", "type": "custom", "custom": {"name": "g", "input": "x"}},
    ]
    assert said["finish_reason"] == "tool_calls"


def test_who_asks_with_functions_is_answered_with_one():
    calls = (ToolCall("c", "f", "{}"), ToolCall("d", "g", "{}"))
    reply = encode(*calls, aim=serving(functions=True), finish_reason="tool_calls")
    choice = json.loads(reply.body)["choices"][0]
    assert choice["message"]["function_call"] == {"name": "f", "arguments": "{}"}
    assert "tool_calls" not in choice["message"]
    assert choice["finish_reason"] == "function_call"
    assert [warning.field for warning in reply.warnings] == ["tool_call"]


@pytest.mark.parametrize(
    ("reason", "raw", "said"),
    [
        ("stop", None, "stop"),
        ("length", None, "length"),
        ("content_filter", None, "content_filter"),
        ("error", None, "error"),
        ("stop", "eos", "eos"),
        ("stop", "", "stop"),
    ],
)
def test_reasons(reason, raw, said):
    reply = encode("a", finish_reason=reason, raw_finish_reason=raw)  # not all of them the vendor's own
    assert json.loads(reply.body)["choices"][0]["finish_reason"] == said
    assert reply.warnings == ()


@pytest.mark.parametrize(
    ("reason", "raw", "said"),
    [
        ("length", None, "length"),
        ("content_filter", None, "content_filter"),
        ("tool_calls", "length", "length"),
        ("stop", None, "tool_calls"),
        ("other", None, "tool_calls"),
    ],
)
def test_a_reply_that_is_cut_off_in_a_call_does_not_end_for_calls(reason, raw, said):
    cut = ToolCall("c1", "weather", '{"city": "Os')
    reply = encode(cut, finish_reason=reason, raw_finish_reason=raw)
    assert json.loads(reply.body)["choices"][0]["finish_reason"] == said
    assert reply.warnings == ()


def test_what_is_kept_an_hour_is_not_said_apart():
    written = Usage(10, 5, cache_write_tokens=4, cache_write_1h_tokens=3)
    assert lost("a", usage=written) == [("dropped", "usage.cache_write_1h_tokens")]


def test_a_reason_without_a_word_is_told():
    assert lost("a", finish_reason="pause") == [("approximated", "finish_reason")]
    assert lost("a", finish_reason="tool_calls", raw_finish_reason="tool_calls") == [("approximated", "finish_reason")]


def test_a_forced_call_ends_with_stop():
    choice = body(ToolCall("c", "f", "{}"), finish_reason="tool_calls", raw_finish_reason="stop")["choices"][0]
    assert choice["finish_reason"] == "stop"


def test_reasoning():
    assert message(Reasoning("why"), "hi")["reasoning_content"] == "why"
    aim = context(target(Quirks(reasoning_field="reasoning")))
    assert json.loads(encode(Reasoning("why"), aim=aim).body)["choices"][0]["message"]["reasoning"] == "why"


def test_sealed_reasoning_goes_back_whole():
    details = [{"type": "reasoning.text", "text": "a", "signature": "s"}]
    said = message(Reasoning("a", False, state({"reasoning_details": details})), "hi")
    assert (said["reasoning_details"], said["reasoning_content"]) == (details, "a")
    part = {"type": "thinking", "thinking": [{"type": "text", "text": "a"}]}
    reply = json.loads(encode(Reasoning("a", False, state(part)), "hi").body)["choices"][0]["message"]
    assert reply["content"] == [part, {"type": "text", "text": "hi"}]
    assert "reasoning_content" not in reply


def test_citations():
    own = Citation("url", None, "t", "https://a", text_start=0, text_end=2)
    foreign = Citation("web", "words", None, "https://b", state=FOREIGN)
    reply = encode(Text("ab", (own,)), Text("cde", (foreign,)))
    assert json.loads(reply.body)["choices"][0]["message"]["annotations"] == [
        {"type": "url_citation", "url_citation": {"start_index": 0, "end_index": 2, "title": "t", "url": "https://a"}},
        {"type": "url_citation", "url_citation": {"start_index": 2, "end_index": 5, "url": "https://b", "content": "words"}},
    ]
    assert [warning.field for warning in reply.warnings] == ["citations.state"]
    assert lost(Text("a", (Citation("page", document=0, start=1, end=2),))) == [("dropped", "citations")]


def test_media():
    said = message(Image(Data(b"hi", "image/png")), Image(Url("https://a")), finish_reason="stop")
    assert [item["image_url"]["url"] for item in said["images"]] == ["data:image/png;base64,aGk=", "https://a"]
    sound = Audio(Data(b"hi", "audio/wav"), "hi", "audio_1", 5)
    assert message(sound)["audio"] == {"id": "audio_1", "data": "aGk=", "transcript": "hi", "expires_at": 5}


def test_refusals():
    said = message(Refusal("no"), logprobs=(TokenLogprob("no", -0.5, (110, 111), (TokenLogprob("yes", float("-inf")),)),))
    assert (said["content"], said["refusal"]) == (None, "no")


def test_log_probabilities():
    tokens = (TokenLogprob("no", -0.5, (110, 111), (TokenLogprob("yes", float("-inf")),)),)
    one = {
        "token": "no",
        "logprob": -0.5,
        "bytes": [110, 111],
        "top_logprobs": [{"token": "yes", "logprob": -9999.0, "bytes": None}],
    }
    assert body("no", logprobs=tokens)["choices"][0]["logprobs"] == {"content": [one], "refusal": None}
    assert body(Refusal("no"), logprobs=tokens)["choices"][0]["logprobs"] == {"content": None, "refusal": [one]}


def test_usage():
    usage = Usage(10, 5, 4, 2, 3, 1, 1, 2, 1)
    assert body("a", usage=usage, reported_cost=Decimal("0.5"))["usage"] == {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "total_tokens": 15,
        "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2, "audio_tokens": 1, "image_tokens": 2},
        "completion_tokens_details": {"reasoning_tokens": 3, "audio_tokens": 1, "image_tokens": 1},
        "cost": 0.5,
    }
    assert "usage" not in body("a")
    assert lost("a", usage=Usage(3)) == [("approximated", "usage")]


def test_the_providers_own_figures_are_said_where_they_read_as_ours():
    raw = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "queue_time": 0.5, "prompt_tokens_details": None}
    assert body("a", usage=Usage(10, 5, raw=raw))["usage"] == {name: value for name, value in raw.items() if value is not None}
    added = {"prompt_tokens": 10, "completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 3}}
    assert body("a", usage=Usage(10, 8, reasoning_tokens=3, raw=added))["usage"]["total_tokens"] == 18


def test_fields_that_only_this_protocol_knows_stand_where_they_stood():
    extra = {
        "provider": "P",
        "id": "other",
        "error": {},
        "choice": {"native_finish_reason": "x", "index": 9},
        "message": {"channel": "final", "content": "z"},
    }
    told = body("a", id="r", extra=extra)
    choice = told["choices"][0]
    assert (told["id"], told["provider"], choice["native_finish_reason"], choice["index"]) == ("r", "P", "x", 0)
    assert (choice["message"]["channel"], choice["message"]["content"]) == ("final", "a")
    assert "error" not in told


@pytest.mark.parametrize(
    ("part", "field"),
    [
        (HostedToolCall("h", "web_search"), "hosted_tool_call"),
        (Video(Url("https://a")), "video"),
        (File(FileId("f")), "file"),
        (Image(FileId("f")), "image"),
        (Audio(Url("https://a")), "audio"),
        (Opaque("fallback", FOREIGN), "fallback"),
        (Reasoning("a", False, FOREIGN), "reasoning.state"),
        (ToolCall("c", "f", "{}", state=FOREIGN), "tool_call.state"),
        (Text("a", state=FOREIGN), "text.state"),
        (Reasoning("", False, ProviderState("openai-chat", b"[")), "reasoning.state"),
    ],
)
def test_what_cannot_be_said_is_told(part, field):
    assert ("dropped", field) in lost(part, "hi")


def test_a_stop_sequence_is_not_told():
    assert lost("a", stop_sequence="x") == [("dropped", "stop_sequence")]


def test_half_surrogates_are_replaced():
    reply = encode("a\ud800")
    assert json.loads(reply.body)["choices"][0]["message"]["content"] == "a\ufffd"
    assert [warning.kind for warning in reply.warnings] == ["approximated"]


# --- models, limits, headers ------------------------------------------------------------------------------------------


def test_models():
    models = [ServedModel("a/b", 5, "me"), ServedModel("c")]
    reply = DIALECT.encode_models(models, serving(request_id="q"))
    assert reply.headers["x-request-id"] == "q"
    assert json.loads(reply.body) == {
        "object": "list",
        "data": [
            {"id": "a/b", "object": "model", "created": 5, "owned_by": "me"},
            {"id": "c", "object": "model", "created": 0, "owned_by": "trunkline"},
        ],
    }
    assert DIALECT.decode_models(reply) == (("a/b", "c"), None)
    assert json.loads(DIALECT.encode_model(models[0], serving()).body)["id"] == "a/b"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (1e-9, "1ms"), (0.012, "12ms"), (1, "1s"), (1.5, "1.5s"), (60, "1m0s"), (360, "6m0s"), (3723.5, "1h2m3.5s"), (86400, "24h0m0s"),
     (0.9999, "999.9ms"), (59.9999, "1m0s")],
)  # fmt: skip
def test_limits(seconds, text):
    found = dict(DIALECT.limit_headers(RateLimits(now=0.0, requests=RateLimit(10, 9, seconds), tokens=RateLimit(100, -5, 0))))
    assert found == {
        "x-ratelimit-limit-requests": "10",
        "x-ratelimit-remaining-requests": "9",
        "x-ratelimit-reset-requests": text,
        "x-ratelimit-limit-tokens": "100",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "0s",
    }


def test_no_limits_no_headers():
    assert DIALECT.limit_headers(RateLimits(now=0.0)) == ()


def test_stream_headers():
    assert dict(DIALECT.stream_headers(serving(request_id="q"))) == {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-cache",
        "x-accel-buffering": "no",
        "x-request-id": "q",
    }
