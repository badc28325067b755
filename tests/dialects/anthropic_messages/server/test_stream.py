"""Events in the order in which others say them, as streams of this protocol."""

from __future__ import annotations

import json
from typing import Any

from tests.dialects.anthropic_messages.reading import folded
from tests.dialects.anthropic_messages.server.said import fields_of, served, stream_of
from trunkline.dialects.anthropic_messages import DIALECT
from trunkline.dialects.anthropic_messages.server import stand_in
from trunkline.values.events import (
    AudioDelta,
    CitationDelta,
    Event,
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
    Warned,
)
from trunkline.values.message import Citation, HostedToolCall, HostedToolResult, ProviderState, Reasoning, Text, ToolCall
from trunkline.values.response import TokenLogprob, Usage, Warning
from trunkline.wire.sse import SseDecoder


def frames(data: bytes) -> list[dict[str, Any]]:
    decoder = SseDecoder()
    found = [(frame.event, json.loads(frame.data)) for frame in decoder.feed(data) + decoder.finish()]
    assert all(name == said["type"] for name, said in found)
    return [said for _, said in found]


def told(*events: Event) -> list[str]:
    """A stream in short: what begins, what is said, what ends."""
    return [_short(said) for said in frames(stream_of(events)[0])]


def _short(said: dict[str, Any]) -> str:
    kind = said["type"]
    if kind == "content_block_start":
        block = said["content_block"]
        return f"{said['index']} {block['type']} {block.get('name', '')}".strip()
    if kind == "content_block_delta":
        delta = said["delta"]
        return f"{said['index']} + " + str(next(value for name, value in delta.items() if name != "type"))
    if kind == "content_block_stop":
        return f"{said['index']} ."
    return kind if kind != "message_delta" else said["delta"]["stop_reason"]


def blocks(*events: Event) -> list[str]:
    """The same without head and end."""
    found = told(*events)
    assert (found[0], found[-1]) == ("message_start", "message_stop")
    return found[1:-2]


def lost(warnings: list[Warning]) -> list[tuple[str, str]]:
    """Of what there are warnings; that no usage is known is no matter here."""
    return [told for told in fields_of(warnings) if not told[1].startswith("usage.")]


def test_the_example_of_the_sheet():
    usage = Usage(40, 31, raw={"input_tokens": 40, "output_tokens": 31})
    data, warnings = stream_of(
        [
            Start("msg_02", "claude-opus-5-5"),
            UsageUpdate(Usage(40, 1, raw={"input_tokens": 40, "output_tokens": 1})),
            ToolCallDelta(0, "toolu_01", "weather"),
            ToolCallDelta(0, arguments='{"city":'),
            ToolCallDelta(0, arguments='"Oslo"}'),
            PartDone(ToolCall("toolu_01", "weather", '{"city":"Oslo"}'), 0),
            UsageUpdate(usage),
            Finish("tool_calls", "tool_use"),
        ]
    )
    expected = [
        {"type": "message_start", "message": {
            "id": "msg_02", "type": "message", "role": "assistant", "model": "claude-opus-5-5", "content": [], "stop_reason": None,
            "stop_sequence": None, "usage": {"input_tokens": 40, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {
            "type": "tool_use", "id": "toolu_01", "name": "weather", "input": {}}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": '{"city":'}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": '"Oslo"}'}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": None},
         "usage": {"input_tokens": 40, "output_tokens": 31}},
        {"type": "message_stop"},
    ]  # fmt: skip
    assert frames(data) == expected
    assert warnings == []


def test_the_head_waits_for_the_first_word():
    encoder = DIALECT.event_encoder(served(reply_id="msg_1"))
    assert encoder.ping() == b": ping\n\n"
    assert encoder.push(Start()) == encoder.push(UsageUpdate(Usage(7, 1))) == encoder.push(Start(model="later")) == b""
    head, block, delta = frames(encoder.push(TextDelta("a")))
    assert head["message"]["usage"] == {"input_tokens": 7, "output_tokens": 1}
    assert (head["message"]["id"], head["message"]["model"]) == ("msg_1", "later")
    assert (block["type"], delta["delta"]["text"]) == ("content_block_start", "a")
    assert encoder.ping() == b'event: ping\ndata: {"type":"ping"}\n\n'
    assert encoder.push(TextDelta("b")) == (
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"b"}}\n\n'
    )
    assert encoder.push(TextDelta("")) == b""
    assert encoder.finish().endswith(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')
    assert encoder.finish() == encoder.ping() == encoder.push(TextDelta("c")) == b""


def test_nothing_said_is_a_reply_too():
    assert told() == ["message_start", "end_turn", "message_stop"]
    assert told(Start("a", "m"), Finish("length")) == ["message_start", "max_tokens", "message_stop"]


def test_calls_that_are_written_at_once_come_one_after_the_other():
    assert blocks(
        ToolCallDelta(0, "a", "x", ""),
        ToolCallDelta(1, "b", "y", '{"n":'),
        ToolCallDelta(0, arguments='{"m":1'),
        ToolCallDelta(1, arguments="2}"),
        ToolCallDelta(0, arguments="}"),
        Finish("tool_calls"),
    ) == ["0 tool_use x", '0 + {"m":1', "0 + }", "0 .", "1 tool_use y", '1 + {"n":2}', "1 ."]


def test_a_call_that_is_done_lets_the_next_one_go_on_at_once():
    encoder = DIALECT.event_encoder(served())
    encoder.push(ToolCallDelta(0, "a", "x", "{}"))
    assert encoder.push(ToolCallDelta(1, "b", "y", "{")) == b""
    waited = [_short(said) for said in frames(encoder.push(PartDone(ToolCall("a", "x", "{}"), 0)))]
    assert waited == ["0 .", "1 tool_use y", "1 + {"]
    assert [_short(said) for said in frames(encoder.push(ToolCallDelta(1, arguments="}")))] == ["1 + }"]


def test_a_call_without_a_name_waits_for_it():
    encoder = DIALECT.event_encoder(served())
    assert encoder.push(ToolCallDelta(0, "a", None, "{")) == b""
    assert [_short(said) for said in frames(encoder.push(ToolCallDelta(0, None, "x", "}")))] == [
        "message_start",
        "0 tool_use x",
        "0 + {}",
    ]
    assert blocks(ToolCallDelta(0, arguments="{}")) == ["0 tool_use unknown", "0 + {}", "0 ."]


def test_text_within_a_call_waits():
    assert blocks(ToolCallDelta(0, "a", "x", "{"), TextDelta("t"), TextDelta("u"), ToolCallDelta(0, arguments="}")) == [
        "0 tool_use x", "0 + {", "0 + }", "0 .", "1 text", "1 + tu", "1 .",
    ]  # fmt: skip


def test_parts_are_said_whole_where_no_pieces_were():
    own = ProviderState("anthropic-messages", b'{"type":"thinking","thinking":"hm","signature":"s"}')
    assert blocks(
        PartDone(Reasoning("hm", state=own)),
        PartDone(Text("hi")),
        PartDone(Text("")),
        PartDone(ToolCall("a", "x", '{"a":1}'), 0),
        PartDone(ToolCall("b", "y"), None),
        PartDone(HostedToolCall("c", "web_search", '{"q":1}')),
        PartDone(HostedToolResult("c", "web_search_tool_result", b"[]")),
    ) == [
        "0 thinking", "0 + hm", "0 + s", "0 .", "1 text", "1 + hi", "1 .", "2 tool_use x", '2 + {"a":1}', "2 .", "3 tool_use y", "3 .",
        "4 server_tool_use web_search", '4 + {"q":1}', "4 .", "5 web_search_tool_result", "5 .",
    ]  # fmt: skip


def test_a_part_that_is_done_says_what_its_pieces_left_out():
    own = ProviderState("anthropic-messages", b'{"type":"thinking","thinking":"hmm","signature":"s"}')
    cited = Citation("web", url="u", state=ProviderState("anthropic-messages", b'{"type":"x"}'))
    assert blocks(
        ReasoningDelta("h"), PartDone(Reasoning("hmm", state=own)), TextDelta("a"), PartDone(Text("ab", (cited,))),
        ToolCallDelta(0, "c", "x", ""), PartDone(ToolCall("c", "x", '{"a":1}'), 0), TextDelta("last"),
    ) == [
        "0 thinking", "0 + h", "0 + mm", "0 + s", "0 .", "1 text", "1 + a", "1 + b", "1 + {'type': 'x'}", "1 .",
        "2 tool_use x", '2 + {"a":1}', "2 .", "3 text", "3 + last", "3 .",
    ]  # fmt: skip


def test_thinking_without_a_signature_gets_ours():
    assert blocks(ReasoningDelta("hm"), TextDelta("hi")) == [
        "0 thinking", "0 + hm", f"0 + {stand_in.SIGNATURE}", "0 .", "1 text", "1 + hi", "1 .",
    ]  # fmt: skip


def test_parts_that_are_done_at_the_very_end_are_not_said_twice():
    """So do streams of chat protocols tell it."""
    data, warnings = stream_of(
        [
            ReasoningDelta("hm"), TextDelta("hi"), ToolCallDelta(0, "a", "x", "{}"), ToolCallDelta(1, "b", "y", "{}"),
            PartDone(Reasoning("hm")), PartDone(Text("hi")), PartDone(ToolCall("a", "x", "{}"), 0),
            PartDone(ToolCall("b", "y", "{}"), 1), Finish("tool_calls"), UsageUpdate(Usage(3, 4)),
        ]
    )  # fmt: skip
    reply = folded(data)
    assert (reply.text, reply.reasoning, [call.id for call in reply.tool_calls]) == ("hi", "hm", ["a", "b"])
    assert (len(reply.message.parts), reply.usage.output_tokens) == (4, 4)
    assert warnings == []


def test_citations_wait_for_the_text_they_belong_to():
    cited = Citation("url", url="u")
    found = blocks(CitationDelta(cited), TextDelta("a"), CitationDelta(cited), PartDone(Text("a", (cited, cited))))
    assert [line.partition(" ")[2].partition(":")[0] for line in found] == ["text", "+ a", "+ {'type'", "+ {'type'", "."]
    _, warnings = stream_of([CitationDelta(cited)])
    assert lost(warnings) == [("dropped", "message.citations")]


def test_refusals_and_sound_are_text():
    data, warnings = stream_of([RefusalDelta("no"), RefusalDelta("!"), Finish("stop")])
    assert [_short(said) for said in frames(data)] == [
        "message_start", "0 text", "0 + no", "0 + !", "0 .", "refusal", "message_stop",
    ]  # fmt: skip
    assert lost(warnings) == [("approximated", "message.refusal")]
    data, warnings = stream_of([AudioDelta(b"x", "said")])
    assert folded(data).text == "said"
    assert lost(warnings) == [("approximated", "message.audio")]


def test_other_choices_and_logprobs_are_left_out_with_a_warning():
    data, warnings = stream_of(
        [
            TextDelta("a", 0, None, (TokenLogprob("a", 0.0),)),
            TextDelta("b", 1),
            TextDelta("c", 1),
            Finish("stop"),
            Finish("stop", choice=1),
        ]
    )
    assert folded(data).text == "a"
    assert lost(warnings) == [("dropped", "logprobs"), ("dropped", "alternatives")]


def test_what_is_no_part_of_the_reply_is_not_said():
    assert blocks(Warned(Warning("dropped", "x", "y")), Moved("a/b", "c/d", "overloaded"), TextDelta("a")) == [
        "0 text",
        "0 + a",
        "0 .",
    ]


def test_events_of_this_protocol_go_out_as_they_came():
    future, odd = b'{"type":"future","x" :1}', b'{"type":"odd"}'
    data, warnings = stream_of(
        [
            OpaqueEvent("future", future),
            OpaqueEvent("content_block_start", b'{"type":"content_block_start","index":9}'),
            OpaqueEvent("other", odd),
            OpaqueEvent("broken", b"{"),
            OpaqueEvent("lines", b'{"type":\n"lines"}'),
        ]
    )
    assert b"event: future\ndata: " + future + b"\n\n" in data
    assert b'event: lines\ndata: {"type":"lines"}\n\n' in data
    assert b"content_block_start" not in data
    assert odd not in data
    assert lost(warnings) == [("dropped", "event 'other'"), ("dropped", "event 'broken'")]


def test_what_a_call_says_beside_what_we_name_is_said_again():
    raw = (
        b'{"type":"content_block_start","index":3,"content_block":'
        b'{"type":"tool_use","id":"a","name":"x","input":{},"caller":{"type":"direct"}}}'
    )
    state = ProviderState("anthropic-messages", b'{"type":"tool_use","caller":{"type":"direct"}}')
    data, warnings = stream_of([ToolCallDelta(0, "a", "x", "", 0, raw), PartDone(ToolCall("a", "x", "{}", state=state), 0)])
    assert frames(data)[1]["content_block"]["caller"] == {"type": "direct"}
    assert lost(warnings) == []


def test_what_comes_too_late_is_a_warning():
    own = ProviderState("anthropic-messages", b'{"type":"thinking","thinking":"hm","signature":"s"}')
    late = ProviderState("anthropic-messages", b'{"type":"tool_use","caller":{"type":"direct"}}')
    _, warnings = stream_of(
        [
            ReasoningDelta("hm"), TextDelta("a"), PartDone(Reasoning("hm", state=own)), PartDone(Text("b")),
            ToolCallDelta(0, "a", "x", "[1"), PartDone(ToolCall("a", "x", "[1]", state=late), 0),
        ]
    )  # fmt: skip
    assert fields_of(warnings) == [
        ("dropped", "message.reasoning.state"), ("approximated", "message.text"), ("dropped", "message.tool_call.state"),
        ("approximated", "message.tool_call.arguments"), ("approximated", "usage.input_tokens"), ("approximated", "usage.output_tokens"),
    ]  # fmt: skip


def test_totals_do_not_shrink_and_fields_of_the_reply_come_with_the_end():
    data, warnings = stream_of(
        [
            UsageUpdate(Usage(1, 9)), TextDelta("a"), UsageUpdate(Usage(1, 3)),
            Finish("stop", "stop_sequence", 0, "END", {"stop_details": None, "context_management": {"x": 1}, "delta": 1}),
        ]
    )  # fmt: skip
    end = frames(data)[-2]
    assert end["delta"] == {"stop_reason": "stop_sequence", "stop_sequence": "END", "stop_details": None}
    assert end["usage"]["output_tokens"] == 9
    assert end["context_management"] == {"x": 1}
    assert fields_of(warnings) == [("approximated", "usage.output_tokens")]


def test_half_a_surrogate_pair_does_not_break_a_stream():
    data, warnings = stream_of([TextDelta("a"), TextDelta("\ud800"), TextDelta("b"), UsageUpdate(Usage(1, 1))])
    assert folded(data).text == "a�b"
    assert fields_of(warnings) == [("approximated", "message.text")]
