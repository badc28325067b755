"""Streams: every event of the grammar, and what strays from it."""

from __future__ import annotations

import json

import pytest

from tests.dialects.anthropic_messages.judge import context, target
from tests.dialects.anthropic_messages.reading import folded, read, sse
from trunkline.dialects.anthropic_messages import DIALECT
from trunkline.values.errors import MalformedResponseError, OverloadedError, RateLimitError, StreamInterruptedError
from trunkline.values.events import (
    CitationDelta,
    Finish,
    OpaqueEvent,
    PartDone,
    ReasoningDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    UsageUpdate,
)
from trunkline.values.fold import fold
from trunkline.values.message import HostedToolCall, HostedToolResult, Opaque, Reasoning, Text, ToolCall
from trunkline.wire.sse import Frame

USAGE = {"input_tokens": 40, "cache_read_input_tokens": 5, "output_tokens": 1, "service_tier": "standard"}
PING = {"type": "ping"}
STOP = {"type": "message_stop"}


def start(**message):
    whole = {"id": "msg_02", "type": "message", "role": "assistant", "model": "claude-x-1", "content": [], "stop_reason": None}
    return {"type": "message_start", "message": whole | {"stop_sequence": None, "usage": USAGE} | message}


def block(index, block, *deltas):
    yield {"type": "content_block_start", "index": index, "content_block": block}
    for delta in deltas:
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


def said(words):
    return {"type": "text_delta", "text": words}


def text(index, *words):
    return block(index, {"type": "text", "text": ""}, *map(said, words))


def json_piece(part):
    return {"type": "input_json_delta", "partial_json": part}


def end(reason="end_turn", usage=None, **delta):
    return {
        "type": "message_delta",
        "delta": {"stop_reason": reason, "stop_sequence": None} | delta,
        "usage": usage or {"output_tokens": 31},
    }


def names(events):
    return [type(event).__name__ for event in events]


def test_plain():
    body = sse(start(), PING, *text(0, "Hel", "", "lo"), end(), STOP)
    events, error = read(body)
    assert error is None
    assert names(events) == [
        "Start", "UsageUpdate", "TextDelta", "TextDelta", "TextDelta", "PartDone", "UsageUpdate", "Finish",
    ]  # fmt: skip
    assert (events[0].id, events[0].model, events[0].service_tier) == ("msg_02", "claude-x-1", "standard")
    assert (events[1].usage.input_tokens, events[1].usage.output_tokens) == (45, 1)
    assert [event.text for event in events] == [None, None, "Hel", "", "lo", None, None, None]
    assert (events[5].part, events[5].index) == (Text("Hello"), None)
    assert (events[6].usage.input_tokens, events[6].usage.output_tokens, events[6].usage.cache_read_tokens) == (45, 31, 5)
    assert (events[7].reason, events[7].raw_reason) == ("stop", "end_turn")
    reply = fold(events)
    assert (reply.text, reply.id, reply.model, reply.partial) == ("Hello", "msg_02", "claude-x-1", False)


def test_the_frame_stays_on_the_last_event_made_from_it():
    body = sse(start(), *text(0, "a"), end(), STOP)
    events, _ = read(body)
    kept = [json.loads(event.raw)["type"] for event in events if getattr(event, "raw", None)]
    assert kept == ["message_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop"]
    assert events[0].raw is None


def test_every_read_is_decoded_in_one_go_and_nothing_after_the_last_word():
    decoder = DIALECT.event_decoder(context())
    frames = [Frame(json.dumps(event).encode()) for event in (start(), *text(0, "a"), end(), STOP, PING, start())]
    events = decoder.feed(frames)
    assert decoder.done
    assert isinstance(events[-1], Finish)
    assert decoder.feed(frames) == []
    assert decoder.finish() == []
    assert decoder.error is None


def test_calls_in_pieces():
    tool = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}}
    body = sse(
        start(),
        *text(0, "hm"),
        *block(1, tool, json_piece(""), json_piece('{"city":'), json_piece(' "Oslo"}')),
        *block(2, tool | {"id": "toolu_2"}),
        *block(3, tool | {"id": "toolu_3", "caller": {"type": "direct"}}, json_piece("")),
        *block(4, tool | {"id": "toolu_4", "input": {"a": 1}}),
        end("tool_use"),
        STOP,
    )
    events, _ = read(body)
    deltas = [(event.index, event.id, event.name, event.arguments) for event in events if isinstance(event, ToolCallDelta)]
    assert deltas[:4] == [
        (0, "toolu_1", "weather", ""),
        (0, None, None, ""),
        (0, None, None, '{"city":'),
        (0, None, None, ' "Oslo"}'),
    ]
    assert [event.index for event in events if isinstance(event, PartDone)] == [None, 0, 1, 2, 3]
    reply = fold(events)
    assert [(call.id, call.raw_arguments) for call in reply.tool_calls] == [
        ("toolu_1", '{"city": "Oslo"}'),
        ("toolu_2", "{}"),
        ("toolu_3", "{}"),
        ("toolu_4", '{"a":1}'),
    ]
    assert reply.tool_calls[2].state.data == b'{"type":"tool_use","caller":{"type":"direct"}}'
    assert (reply.finish_reason, reply.raw_finish_reason) == ("tool_calls", "tool_use")


def test_arguments_that_were_cut_off():
    tool = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    reply = folded(sse(start(), *block(0, tool, json_piece('{"city":"Os')), end("max_tokens"), STOP))
    assert (reply.tool_calls[0].raw_arguments, reply.finish_reason) == ('{"city":"Os', "tool_calls")
    assert reply.raw_finish_reason == "max_tokens"


def test_tools_with_plain_input_and_renamed_ones():
    where = context(tool_names={"s_ql": "s ql"}, custom_tools=("s_ql",))
    tool = {"type": "tool_use", "id": "t", "name": "s_ql", "input": {}}
    events, _ = read(
        sse(start(), *block(0, tool, json_piece('{"input":'), json_piece('"select 1"}')), end("tool_use"), STOP), where
    )
    deltas = [(event.name, event.arguments) for event in events if isinstance(event, ToolCallDelta)]
    assert deltas == [("s ql", ""), (None, "select 1")]
    assert [event.kind for event in events if isinstance(event, OpaqueEvent)] == ["input_json_delta"] * 2
    assert fold(events).tool_calls == (ToolCall("t", "s ql", "select 1", "custom"),)


def test_thinking():
    thinking = {"type": "thinking", "thinking": "", "signature": ""}
    pieces = [{"type": "thinking_delta", "thinking": words} for words in ("h", "m")]
    signed = {"type": "signature_delta", "signature": "c2ln"}
    hidden = {"type": "redacted_thinking", "data": "ZW5j"}
    events, _ = read(
        sse(start(), *block(0, thinking, *pieces, signed), *block(1, thinking, signed), *block(2, hidden), end(), STOP)
    )
    assert [event.text for event in events if isinstance(event, ReasoningDelta)] == ["h", "m"]
    reply = fold(events)
    assert reply.reasoning == "hm"
    assert [(part.text, part.redacted, json.loads(part.state.data)) for part in reply.parts if isinstance(part, Reasoning)] == [
        ("hm", False, {"type": "thinking", "thinking": "hm", "signature": "c2ln"}),
        ("", False, {"type": "thinking", "thinking": "", "signature": "c2ln"}),
        ("", True, hidden),
    ]
    assert all(part.state.must_return for part in reply.parts)


def test_a_signature_is_set_and_not_added():
    thinking = {"type": "thinking", "thinking": "a"}
    signed = [{"type": "signature_delta", "signature": words} for words in ("old", "new")]
    reply = folded(sse(start(), *block(0, thinking, *signed), end(), STOP))
    assert json.loads(reply.parts[0].state.data) == {"type": "thinking", "thinking": "a", "signature": "new"}
    assert reply.reasoning == "a"


def test_citations():
    place = {"type": "web_search_result_location", "cited_text": "c", "url": "https://x", "title": "T", "encrypted_index": "e"}
    cited = {"type": "citations_delta", "citation": place}
    body = sse(
        start(), *block(0, {"type": "text", "text": "", "citations": []}, said("a"), cited, cited), *text(1, "b"), end(), STOP
    )
    events, _ = read(body)
    assert [event.citation.url for event in events if isinstance(event, CitationDelta)] == ["https://x"] * 2
    first, second = fold(events).parts
    assert (first.text, [citation.kind for citation in first.citations]) == ("a", ["web", "web"])
    assert second == Text("b")


def test_tools_that_the_provider_runs():
    call = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
    mcp = {"type": "mcp_tool_use", "id": "m", "name": "echo", "server_name": "s", "input": {}}
    result = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [{"url": "https://x"}]}
    events, _ = read(
        sse(start(), *block(0, call, json_piece('{"query":"q"}')), *block(1, result), *block(2, mcp), end("pause_turn"), STOP)
    )
    reply = fold(events)
    assert [type(part) for part in reply.parts] == [HostedToolCall, HostedToolResult, HostedToolCall]
    assert [part.raw_arguments for part in reply.parts if isinstance(part, HostedToolCall)] == ['{"query":"q"}', "{}"]
    assert (reply.finish_reason, reply.tool_calls) == ("pause", ())
    assert reply.parts[1].data == b'[{"url":"https://x"}]'


def test_blocks_and_deltas_that_are_new():
    compaction = {"type": "compaction_delta", "content": "so far", "encrypted_content": "e"}
    body = sse(
        start(),
        *block(0, {"type": "compaction", "content": None}, compaction),
        *block(1, {"type": "text", "text": ""}, {"type": "glow_delta", "glow": 1}, said("a")),
        *block(2, {"type": "future", "x": 1}, said("lost?"), json_piece("{}")),
        {"type": "weather_report", "sun": True},
        end(),
        STOP,
    )
    events, error = read(body)
    assert error is None
    reply = fold(events)
    assert [type(part) for part in reply.parts] == [Opaque, Text, Opaque]
    assert json.loads(reply.parts[0].state.data) == {"type": "compaction", "content": "so far", "encrypted_content": "e"}
    assert reply.text == "a"
    opaque = {event.kind: json.loads(event.data) for event in events if isinstance(event, OpaqueEvent)}
    assert opaque["weather_report"] == {"type": "weather_report", "sun": True}
    assert opaque["glow_delta"]["delta"]["glow"] == 1
    assert opaque["content_block_delta"]["delta"] == said("lost?")


def test_a_fallback_names_the_model_that_answers():
    fallback = {"type": "fallback", "from": {"model": "a"}, "to": {"model": "b"}, "trigger": {"type": "refusal"}}
    reply = folded(sse(start(), *block(0, fallback), *text(1, "x"), end(), STOP))
    assert (reply.model, reply.text) == ("b", "x")
    assert json.loads(reply.parts[0].state.data) == fallback


def test_usage_is_cumulative_and_nulls_say_nothing():
    first = {"input_tokens": 50, "cache_read_input_tokens": None, "cache_creation_input_tokens": 7, "output_tokens": 10}
    second = {"output_tokens": 12, "output_tokens_details": {"thinking_tokens": 4}}
    reply = folded(sse(start(), *text(0, "a"), end(None, first), end("end_turn", second), STOP))
    usage = reply.usage
    assert (usage.input_tokens, usage.output_tokens, usage.cache_read_tokens, usage.cache_write_tokens) == (62, 12, 5, 7)
    assert usage.reasoning_tokens == 4
    assert usage.raw == USAGE | {"input_tokens": 50, "cache_creation_input_tokens": 7} | second


def test_the_last_message_delta_wins():
    reply = folded(sse(start(), end("max_tokens"), end("stop_sequence", stop_sequence="END"), STOP))
    assert (reply.raw_finish_reason, reply.stop_sequence) == ("stop_sequence", "END")


def test_a_stop_is_the_last_message_delta():
    late = {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 9}}
    reply = folded(sse(start(), end("max_tokens"), late, STOP))
    assert (reply.raw_finish_reason, reply.usage.output_tokens) == ("max_tokens", 9)


def test_fields_that_we_do_not_name():
    details = {"type": "refusal", "category": "bio", "explanation": None}
    body = sse(
        start(diagnostics={"cache_miss_reason": "x"}, container=None),
        end("refusal", stop_details=details, container={"id": "c"}) | {"context_management": {"applied_edits": []}},
        STOP | {"metrics": {"latency": 1}},
    )
    reply = folded(body)
    assert reply.finish_reason == "content_filter"
    assert reply.extra == {
        "diagnostics": {"cache_miss_reason": "x"},
        "stop_details": details,
        "container": {"id": "c"},
        "context_management": {"applied_edits": []},
        "metrics": {"latency": 1},
    }


def test_two_messages_in_one_body():
    first = sse(start(), *text(0, "one"), end(), STOP)
    second = sse(start(id="msg_03"), *text(0, "two"), end(), STOP)
    assert folded(first + second).text == "one"
    joined = folded(first.removesuffix(sse(STOP)) + second)
    assert (joined.text, joined.id) == ("onetwo", "msg_03")


def test_done_and_pings_anywhere():
    body = sse(PING, start(), PING, *text(0, "a"), PING, end(), PING) + b"data: [DONE]\n\ndata:\n\ndata:  \n\n" + sse(STOP)
    body += b"event: data\ndata: [DONE]\n\n" + sse(PING)
    assert folded(body).text == "a"


@pytest.mark.parametrize("keep", range(6))
def test_bytes_that_end_before_message_stop(keep):
    events = [start(), *text(0, "Hel", "lo"), end()][: keep + 1]
    seen, error = read(sse(*events))
    assert isinstance(error, StreamInterruptedError)
    assert (error.provider, error.model) == ("anthropic", target().model)
    reply = fold(seen)
    assert reply.partial
    assert reply.text == "Hello"[: max(0, min(keep - 1, 2)) * 3]


@pytest.mark.parametrize(
    ("frame", "kind", "words"),
    [
        (b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_7"}\n\n',
         OverloadedError, "Overloaded"),
        (b'data: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_7"}\n\n',
         OverloadedError, "Overloaded"),
        (b'event: error\ndata: {"error":{"type":"rate_limit_error","message":"slow"},"request_id":"req_7"}\n\n', RateLimitError, "slow"),
        (b'data: {"error":{"type":"rate_limit_error","message":"slow"},"request_id":"req_7"}\n\n', RateLimitError, "slow"),
    ],
)  # fmt: skip
def test_errors_inside_a_stream(frame, kind, words):
    events, error = read(sse(start(), *list(text(0, "Hel"))[:2]) + frame + sse(*text(1, "never"), end(), STOP))
    assert type(error) is kind
    assert (error.status, error.request_id, error.provider_message) == (None, "req_7", words)
    assert fold(events).text == "Hel"


def test_an_error_in_plain_words():
    events, error = read(sse(start()) + b"event: error\ndata: upstream went away\n\n")
    assert (error.provider_message, names(events)) == ("upstream went away", ["Start", "UsageUpdate"])


def test_a_server_that_leaves_out_what_can_be_guessed():
    body = (
        b'event: message_start\ndata: {"message":{"id":"m"}}\n\n'
        b'data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"h"}}\n\n'
        b'data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"a"}}\n\n'
        b'data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":null}}\n\n'
        b'data: {"type":"content_block_stop","index":0}\n\n'
        b'data: {"type":"content_block_delta","delta":{"type":"text_delta","text":"b"}}\n\n'
        b'data: {"type":"content_block_stop"}\n\n'
        b'data: {"type":"content_block_start","content_block":{"type":"text","text":"c"}}\n\n'
        b'data: {"type":"message_delta","delta":{"stop_reason":"end_turn"}}\n\n'
        b'data: {"type":"message_stop"}\n\n'
    )
    reply = folded(body)
    assert (reply.text, reply.reasoning, reply.finish_reason) == ("abc", "h", "stop")


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (b"nonsense", "$"),
        (b"[]", "$"),
        (b'{"type":"content_block_delta","index":"the content","delta":{"type":"text_delta","text":"x"}}', "$.index"),
        (b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":["the content"]}}', "$.delta.text"),
        (b'{"type":"content_block_delta","index":0,"delta":7}', "$.delta"),
        (b'{"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","citation":7}}', "$.delta.citations"),
        (b'{"type":"content_block_start","index":1,"content_block":7}', "$.content_block"),
        (b'{"type":"message_start","message":[]}', "$.message"),
        (b'{"type":"message_delta","delta":{"stop_reason":{"the content":1}}}', "$.delta.stop_reason"),
        (b'{"type":["the content"]}', "$.type"),
        (b'{"type":"new","x":' + b"[" * 200_000 + b"]" * 200_000 + b"}", "$"),
    ],
)
def test_malformed_frames_name_the_path_and_lose_nothing_before_them(data, path):
    events, error = read(sse(start(), *list(text(0, "Hel"))[:2]) + b"data: " + data + b"\n\n" + sse(*text(1, "never")))
    assert isinstance(error, MalformedResponseError)
    assert (error.path, error.provider) == (path, "anthropic")
    assert "the content" not in str(error)
    assert fold(events).text == "Hel"


def test_hostile_but_plain():
    words = b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\\ud83d \xff","text":"\\ud83d \xff!"}}'
    reply = folded(sse(start(), *list(text(0))[:1]) + b"data: " + words + b"\n\n" + sse(end(), STOP))
    assert reply.text == "\ufffd \ufffd!"
    big = "x" * 10_000_000
    assert folded(sse(start(), *text(0, big), end(), STOP)).text == big
    usage = (
        b'data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":NaN,"x":1'
        + b"0" * 400
        + b"}}\n\n"
    )
    assert folded(sse(start()) + usage + sse(STOP)).finish_reason == "stop"


def test_the_types_of_a_plain_stream():
    events, _ = read(sse(start(), *text(0, "a"), end(), STOP))
    assert {type(event) for event in events} == {Start, UsageUpdate, TextDelta, PartDone, Finish}
