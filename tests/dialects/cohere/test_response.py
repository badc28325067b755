"""Whole replies, and lists of models."""

from __future__ import annotations

import json

import msgspec
import pytest

from tests.dialects.cohere.saying import TARGET, reply, whole
from trunkline.dialects.cohere import DIALECT
from trunkline.dialects.dialect import Context
from trunkline.values.errors import InvalidRequestError, MalformedResponseError, ServerError
from trunkline.values.headers import Headers
from trunkline.values.message import Opaque, Reasoning, Text, ToolCall
from trunkline.wire.http import HttpReply

CITED = {
    "start": 0,
    "end": 2,
    "text": "Hi",
    "sources": [{"type": "document", "id": "d:0", "document": {"title": "T"}}, {"id": "d:1"}],
}


def test_text_and_a_thought():
    said = reply(whole([{"type": "thinking", "thinking": "Hm"}, {"type": "text", "text": "Hi"}, {"type": "text", "text": ""}]))
    assert said.parts == (Reasoning("Hm"), Text("Hi"))
    assert (said.id, said.model, said.finish_reason, said.raw_finish_reason) == ("r1", None, "stop", "COMPLETE")
    assert reply(whole("Hi")).text == "Hi"


def test_a_plan_and_calls():
    calls = [
        {"id": "a", "type": "function", "function": {"name": "f", "arguments": None}},
        {"type": "function", "function": {"name": "g", "arguments": {"x": 1}}, "later": 1},
    ]
    said = reply(whole(None, tool_plan="I look.", tool_calls=calls) | {"finish_reason": "TOOL_CALL"})
    plan, first, second = said.parts
    assert type(plan) is Reasoning and plan.text == "I look." and plan.state.data == b'{"tool_plan":"I look."}'
    assert first == ToolCall("a", "f", "{}")
    assert (second.id, second.arguments, second.state.data) == ("g_r1_1", {"x": 1}, b'{"later":1}')
    assert said.finish_reason == "tool_calls"


def test_renamed_and_custom_tools():
    context = Context(target=TARGET, model="m", tool_names={"get_it": "get-it"}, custom_tools=("run",))
    calls = [
        {"id": str(n), "function": {"name": name, "arguments": arguments}}
        for n, (name, arguments) in enumerate([("get_it", "{}"), ("run", '{"input":"a b"}'), ("run", "bare")])
    ]
    names = [(call.name, call.kind, call.raw_arguments) for call in reply(whole(None, tool_calls=calls), context).tool_calls]
    assert names == [("get-it", "function", "{}"), ("run", "custom", "a b"), ("run", "custom", "bare")]


def test_citations_stand_at_their_text():
    texts = [{"type": "text", "text": "Hi"}, {"type": "text", "text": "there"}]
    first, last = CITED | {"content_index": 0}, CITED
    thought = CITED | {"type": "THINKING_CONTENT"}
    said = reply(whole(texts, citations=[first, last, thought]))
    one, two = said.parts
    citation = one.citations[0]
    assert (citation.kind, citation.title, citation.source) == ("search_result", "T", "d:0,d:1")
    assert (citation.cited_text, citation.text_start, citation.text_end) == ("Hi", 0, 2)
    assert msgspec.json.decode(citation.state.data) == first
    assert len(two.citations) == 1
    assert said.extra == {"message": {"citations": [thought]}}


def test_what_only_this_protocol_knows_is_kept():
    said = reply(whole([{"type": "later", "x": 1}], note=2) | {"prompt": "p"})
    assert type(said.parts[0]) is Opaque and said.parts[0].kind == "later"
    assert said.extra == {"prompt": "p", "message": {"note": 2}}


def test_usage():
    raw = {
        "billed_units": {"input_tokens": 9, "output_tokens": 4.0},
        "tokens": {"input_tokens": 90, "output_tokens": 8, "reasoning_tokens": 3, "image_tokens": 5},
        "cached_tokens": 64,
    }
    usage = reply(whole() | {"usage": raw}).usage
    assert (usage.input_tokens, usage.output_tokens, usage.cache_read_tokens) == (90, 8, 64)
    assert (usage.reasoning_tokens, usage.input_image_tokens, usage.raw) == (3, 5, raw)
    billed = reply(whole() | {"usage": {"billed_units": raw["billed_units"], "tokens": None}}).usage
    assert (billed.input_tokens, billed.output_tokens) == (9, 4)
    assert reply(whole() | {"usage": {"tokens": {"input_tokens": -1, "output_tokens": "x"}}}).usage.input_tokens is None


@pytest.mark.parametrize(
    ("raw", "reason"),
    [("COMPLETE", "stop"), ("STOP_SEQUENCE", "stop"), ("MAX_TOKENS", "length"), ("ERROR", "error"), ("TIMEOUT", "error"),
     ("TOOL_CALL", "tool_calls"), ("LATER", "other"), (None, "other")],
)  # fmt: skip
def test_reasons(raw, reason):
    assert (reply(whole() | {"finish_reason": raw}).finish_reason) == reason


def test_log_probabilities():
    items = [
        {"text": "Hi", "token_ids": [1, 2], "logprobs": [-0.5, -0.25]},
        {"text": "x", "logprobs": []},
        {"text": "y", "logprobs": ["z"]},
    ]
    assert [(token.token, token.logprob) for token in reply(whole() | {"logprobs": items}).logprobs] == [("Hi", -0.75)]


def test_version_1():
    said = reply({
        "text": "Hi", "generation_id": "g", "response_id": "r", "finish_reason": "COMPLETE",
        "citations": [{"start": 0, "end": 2, "text": "Hi", "document_ids": ["d"]}], "documents": [{"id": "d", "url": "https://d"}],
        "tool_calls": [{"name": "f", "parameters": {"a": 1}}], "meta": {"billed_units": {"input_tokens": 3}},
    })  # fmt: skip
    assert (said.id, said.text, said.tool_calls[0].arguments, said.usage.input_tokens) == ("g", "Hi", {"a": 1}, 3)
    assert said.parts[0].citations[0].url == "https://d"
    with pytest.raises(MalformedResponseError):
        reply(b'{"event_type":"stream-start"}\n{"event_type":"text-generation","text":"a"}\n')


def test_the_id_of_the_exchange():
    assert reply(whole(), x_debug_trace_id="t1").request_id == "t1"


def test_an_error_inside_a_reply_that_began_well():
    with pytest.raises(ServerError, match="broken") as caught:
        reply({"id": "1", "message": "broken"})
    assert (caught.value.status, caught.value.request_id) == (200, "1")
    with pytest.raises(InvalidRequestError):
        reply({"message": "no", "error_type": "INVALID_REQUEST"})


@pytest.mark.parametrize(
    ("body", "path"),
    [(b"x", "$"), ([1], "$"), ({}, "$.message"), (whole(3), "$.message.content"), (whole([3]), "$.message.content[0]"),
     (whole("a", tool_calls=3), "$.message.tool_calls")],
)  # fmt: skip
def test_what_breaks_the_protocol(body, path):
    with pytest.raises(MalformedResponseError) as caught:
        reply(body)
    assert caught.value.path == path


def test_models():
    def listed(body: object, status: int = 200):
        return DIALECT.decode_models(HttpReply(status, Headers(), json.dumps(body).encode()))

    assert listed({"models": [{"name": "a"}, {"name": None}, 3], "next_page_token": "t"}) == (("a",), "t")
    assert listed({"models": [], "next_page_token": ""}) == ((), None)
    with pytest.raises(MalformedResponseError):
        listed({"data": []})
    with pytest.raises(ServerError):
        listed({"message": "broken"})
