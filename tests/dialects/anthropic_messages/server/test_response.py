"""Replies of anybody's in this protocol's words."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.dialects.anthropic_messages.server.said import answered, fields_of, served
from trunkline.dialects.anthropic_messages import DIALECT
from trunkline.dialects.anthropic_messages.server import stand_in
from trunkline.values.events import UsageUpdate
from trunkline.values.media import Data
from trunkline.values.message import (
    Audio,
    Citation,
    HostedToolCall,
    HostedToolResult,
    Image,
    Message,
    Opaque,
    ProviderState,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
)
from trunkline.values.response import Alternative, Response, TokenLogprob, Usage

OURS, FOREIGN = "anthropic-messages", "openai-chat"


def reply(*parts, **facts):
    counted = {"usage": Usage(10, 5), "finish_reason": "stop", "id": "msg_1", "model": "m"}
    return Response(message=Message("assistant", parts), **(counted | facts))


def test_a_plain_reply():
    body, warnings = answered(reply(Text("hi")))
    assert body == {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [{"type": "text", "text": "hi"}],
        "stop_reason": "end_turn", "stop_sequence": None, "usage": {"input_tokens": 10, "output_tokens": 5},
    }  # fmt: skip
    assert warnings == ()


def test_a_call_without_a_name_is_told():
    body, warnings = answered(reply(ToolCall("c1", ""), finish_reason="tool_calls"))
    assert body["content"] == [{"type": "tool_use", "id": "c1", "name": "unknown", "input": {}}]
    assert [(warning.kind, warning.field) for warning in warnings] == [("approximated", "message.tool_call.name")]


def test_what_it_cost_is_not_said():
    costly = reply(Text("a"), reported_cost=Decimal("0.5"))
    assert [warning.field for warning in answered(costly)[1]] == ["reported_cost"]
    encoder = DIALECT.event_encoder(served())
    encoder.push(UsageUpdate(Usage(1, 1), reported_cost=Decimal("0.5")))
    assert [warning.field for warning in encoder.warnings] == ["reported_cost"]


def test_stand_ins_and_headers():
    body, _ = answered(reply(Text("hi"), id=None, model=None), served(reply_id="msg_served", request_id="req_served"))
    assert (body["id"], body["model"]) == ("msg_served", "claude-test")
    assert answered(reply(id=None))[0]["id"] == stand_in.MESSAGE_ID
    headers = DIALECT.encode_response(reply(Text("hi")), served(request_id="req_served")).headers
    assert dict(headers) == {"content-type": "application/json", "request-id": "req_served"}
    assert DIALECT.encode_response(reply(request_id="a\nb"), served()).headers["request-id"] == "a_b"


@pytest.mark.parametrize(
    ("arguments", "sent", "warned"),
    [
        ('{"a": 1}', {"a": 1}, False),
        ("", {}, False),
        (" ", {}, False),
        ("{", {"INVALID_JSON": "{"}, True),
        ("[1]", {"INVALID_JSON": "[1]"}, True),
        ('"x"', {"INVALID_JSON": '"x"'}, True),
        ('{"a": "\ud800"}', {"a": "�"}, False),
        ('{"a": NaN}', {"a": None}, False),
    ],
)
def test_arguments_are_an_object(arguments, sent, warned):
    body, warnings = answered(reply(ToolCall("", "n", arguments), finish_reason="tool_calls"))
    assert body["content"] == [{"type": "tool_use", "id": stand_in.call_id(0), "name": "n", "input": sent}]
    assert body["stop_reason"] == "tool_use"
    assert bool(warnings) is warned


def test_plain_input_stands_in_an_object():
    body, warnings = answered(reply(ToolCall("a", "n", "go", "custom")))
    assert body["content"][0]["input"] == {"input": "go"}
    assert fields_of(warnings) == [("approximated", "message.tool_call")]


def test_reasoning_is_signed_whoever_thought_it():
    own = ProviderState(OURS, b'{"type":"thinking","thinking":"own","signature":"s"}')
    unsigned = ProviderState(OURS, b'{"type":"thinking","thinking":"own","signature":""}')
    sealed = ProviderState(FOREIGN, b"{}")
    body, warnings = answered(
        reply(
            Reasoning("x", state=own), Reasoning("x", state=unsigned), Reasoning("y", state=sealed), Reasoning("", redacted=True)
        )
    )
    assert body["content"] == [
        {"type": "thinking", "thinking": "own", "signature": "s"},
        {"type": "thinking", "thinking": "own", "signature": stand_in.SIGNATURE},
        {"type": "thinking", "thinking": "y", "signature": stand_in.SIGNATURE},
        {"type": "redacted_thinking", "data": stand_in.SIGNATURE},
    ]
    assert fields_of(warnings) == [("dropped", "message.reasoning.state")]


def test_hosted_tools_and_items_of_others():
    mine = ProviderState(OURS, b'{"type":"server_tool_use"}')
    body, warnings = answered(
        reply(
            HostedToolCall("a", "web_search", '{"q":1}', state=mine),
            HostedToolResult("a", "web_search_tool_result", b"{}"),
            HostedToolResult("b", "web_search_tool_result", b"null"),
            HostedToolResult("b", "web_search_tool_result", b"{"),
            Opaque("future", ProviderState(OURS, b'{"type":"future","x" :1}')),
            Opaque("item", ProviderState(FOREIGN, b'{"type":"item"}')),
            HostedToolCall("c", "n", state=ProviderState(FOREIGN, b"{}")),
            Opaque("broken", ProviderState(OURS, b"{")),
        )
    )
    assert [block["type"] for block in body["content"]] == [
        "server_tool_use", "web_search_tool_result", "web_search_tool_result", "future",
    ]  # fmt: skip
    assert fields_of(warnings) == [
        ("dropped", "message.hosted_tool"), ("dropped", "message.item.state"), ("dropped", "message.hosted_tool.state"),
        ("dropped", "message.broken.state"),
    ]  # fmt: skip


def test_what_has_no_word_here():
    body, warnings = answered(
        reply(
            Text(""),
            Refusal("no"),
            Audio(transcript="said"),
            Audio(Data(b"x", "audio/wav")),
            Image(Data(b"x", "image/png")),
            alternatives=(Alternative(index=1, message=Message.assistant("b"), finish_reason="stop"),),
            logprobs=(TokenLogprob("a", 0.0),),
            service_tier="flex",
        )
    )
    assert [block["text"] for block in body["content"]] == ["no", "said"]
    assert body["stop_reason"] == "refusal"
    assert fields_of(warnings) == [
        ("approximated", "message.refusal"), ("approximated", "message.audio"), ("dropped", "message.audio"),
        ("dropped", "message.image"), ("dropped", "alternatives"), ("dropped", "logprobs"), ("dropped", "service_tier"),
    ]  # fmt: skip


def test_citations_of_others_are_rebuilt_where_they_can_be():
    told = [
        Citation("url", title="t", url="https://x"),
        Citation("char", cited_text="c", title="t", document=0, start=1, end=2),
        Citation("search_result", document=0, source="s", start=1, end=2),
        Citation("odd"),
        Citation("page", cited_text="c"),
    ]
    body, warnings = answered(reply(Text("x", tuple(told))))
    kinds = [citation["type"] for citation in body["content"][0]["citations"]]
    assert kinds == ["web_search_result_location", "char_location", "search_result_location"]
    assert fields_of(warnings) == [("dropped", "message.citations")]


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"finish_reason": "stop", "raw_finish_reason": "stop"}, "end_turn"),
        ({"finish_reason": "stop", "stop_sequence": "END"}, "stop_sequence"),
        ({"finish_reason": "length", "raw_finish_reason": "length"}, "max_tokens"),
        ({"finish_reason": "length", "raw_finish_reason": "model_context_window_exceeded"}, "model_context_window_exceeded"),
        ({"finish_reason": "content_filter"}, "refusal"),
        ({"finish_reason": "pause"}, "pause_turn"),
        ({"finish_reason": "error"}, "end_turn"),
        ({"finish_reason": "other", "raw_finish_reason": "future"}, "future"),
        ({"finish_reason": "tool_calls"}, "end_turn"),
    ],
)
def test_reasons(facts, reason):
    body, warnings = answered(reply(Text("x"), **facts))
    assert body["stop_reason"] == reason
    assert body["stop_sequence"] == facts.get("stop_sequence")
    assert bool(warnings) is (facts["finish_reason"] in ("error", "tool_calls"))


def test_usage_counts_the_cache_beside_the_input():
    body, warnings = answered(reply(usage=Usage(100, 50, 30, 20, 40, cache_write_1h_tokens=5), service_tier="default"))
    assert body["usage"] == {
        "input_tokens": 50, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 30,
        "cache_creation": {"ephemeral_5m_input_tokens": 15, "ephemeral_1h_input_tokens": 5}, "output_tokens": 50,
        "output_tokens_details": {"thinking_tokens": 40}, "service_tier": "standard",
    }  # fmt: skip
    assert warnings == ()
    body, warnings = answered(reply(usage=Usage(raw={"prompt_tokens": 3})))
    assert body["usage"] == {"input_tokens": 0, "output_tokens": 0}
    assert fields_of(warnings) == [("approximated", "usage.input_tokens"), ("approximated", "usage.output_tokens")]


def test_a_cache_that_holds_more_than_the_input_does_not_make_it_longer():
    """So does one provider count (record 048102eb8f8d0e16)."""
    body, warnings = answered(reply(usage=Usage(29, 6, 157, 3)))
    assert body["usage"] == {
        "input_tokens": 0, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 29, "output_tokens": 6,
    }  # fmt: skip
    assert fields_of(warnings) == [("approximated", "usage.cache_read_tokens")]


def test_its_own_figures_and_fields_come_back():
    figures = {"input_tokens": 3, "output_tokens": 4, "server_tool_use": {"web_search_requests": 1}, "new": None}
    body, _ = answered(reply(usage=Usage(3, 4, raw=figures), extra={"stop_details": {"type": "refusal"}, "id": "no", "new": 1}))
    assert body["usage"] == figures
    assert (body["stop_details"], body["id"], body["new"]) == ({"type": "refusal"}, "msg_1", 1)


def test_what_json_cannot_hold_does_not_break_the_reply():
    body, warnings = answered(reply(Text("a\ud800"), extra={"new": object(), "big": 2**70}))
    assert body["content"] == [{"type": "text", "text": "a�"}]
    assert (body["new"], body["big"]) == (None, None)
    assert fields_of(warnings) == [("approximated", "message.text"), ("dropped", "extra")]
