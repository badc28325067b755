"""Streams: every event, every odd shape, and the end."""

from __future__ import annotations

import base64
import json

import msgspec
import pytest
from hypothesis import given, strategies as st

from tests.dialects.openai_chat.judge import context, target
from tests.dialects.openai_chat.replies import body, chunk, decode, read, sse
from tests.strategies import json_values
from trunkline.dialects.dialect import Frame
from trunkline.dialects.openai_chat import DIALECT
from trunkline.values.errors import (
    InvalidRequestError,
    MalformedResponseError,
    OverloadedError,
    ProviderError,
    RateLimitError,
    ServerError,
    StreamInterruptedError,
)
from trunkline.values.events import (
    AudioDelta,
    CitationDelta,
    Finish,
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
from trunkline.values.message import Reasoning, Text, ToolCall
from trunkline.values.model import Quirks

STOP = chunk({}, finish="stop")


def events_of(*chunks, **options):
    events, decoder = read(sse(*chunks, **options))
    assert decoder.error is None, decoder.error
    assert decoder.done
    return events


def bare(events):
    return [msgspec.structs.replace(event, raw=None) for event in events]


def piece(index=0, arguments="", **fields):
    return {"index": index, "function": {"arguments": arguments}} | fields


def begin(index=0, id="c1", name="t", arguments=""):
    return {"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def test_plain_stream():
    usage = {"prompt_tokens": 1, "completion_tokens": 2}
    chunks = [
        chunk({"role": "assistant", "content": "", "refusal": None}, usage=None),
        chunk({"content": "Hel"}, obfuscation="x"),
        chunk({"content": "lo"}),
        STOP,
        chunk(usage=usage),
    ]
    events = events_of(*chunks)
    assert bare(events) == [
        Start("r1", "m1", created=1_790_000_000),
        TextDelta("Hel"),
        TextDelta("lo"),
        UsageUpdate(decode(body({}, usage=usage)).usage),
        PartDone(Text("Hello")),
        Finish("stop", "stop"),
    ]
    raws = [event.raw for event in events if event.raw is not None]
    assert raws == [json.dumps(chunks[n]).encode() for n in (0, 1, 2, 4)]


def test_start_comes_once_and_again_for_news_only():
    events = events_of(
        chunk(id="", model="", created=0, prompt_filter_results=[{"a": 1}]),
        chunk({"content": "a"}),
        chunk({"content": "b"}, service_tier="flex"),
        chunk({}, finish="stop", service_tier="flex", id="r2"),
    )
    starts = [event for event in bare(events) if isinstance(event, Start)]
    assert starts == [Start("r1", "m1", created=1_790_000_000), Start(service_tier="flex")]
    assert isinstance(events[0], OpaqueEvent)
    assert fold(events).extra == {"prompt_filter_results": [{"a": 1}]}


def test_a_stream_without_ids_starts_too():
    events, _ = read(sse({"choices": [{"delta": {"content": "a"}, "finish_reason": "stop"}]}))
    assert bare(events) == [Start(), TextDelta("a"), PartDone(Text("a")), Finish("stop", "stop")]


@pytest.mark.parametrize(
    ("chunks", "events"),
    [
        ([chunk({"reasoning_content": "r"}), chunk({"content": "a"})],
            [ReasoningDelta("r"), TextDelta("a"), PartDone(Reasoning("r")), PartDone(Text("a"))]),
        ([chunk({"reasoning": "r", "content": ""}), chunk({"reasoning": "s", "content": "a"})],
            [ReasoningDelta("r"), ReasoningDelta("s"), TextDelta("a"), PartDone(Reasoning("rs")), PartDone(Text("a"))]),
        ([chunk({"reasoning": "r", "reasoning_content": "r"})], [ReasoningDelta("r"), PartDone(Reasoning("r"))]),
        ([chunk({"content": [{"type": "text", "text": "a"}]}), chunk({"content": "b"})],
            [TextDelta("a"), TextDelta("b"), PartDone(Text("ab"))]),
        ([chunk({"content": "a", "tool_calls": None}), chunk({"content": "b", "tool_calls": []})],
            [TextDelta("a"), TextDelta("b"), PartDone(Text("ab"))]),
        ([chunk({"content": "a"}, finish="")], [TextDelta("a"), PartDone(Text("a"))]),
        ([chunk({"content": None}), chunk({"content": "a"}, choice={"logprobs": None})], [TextDelta("a"), PartDone(Text("a"))]),
        # Perplexity: a cumulative message beside the delta.
        ([chunk({"content": "a"}, choice={"message": {"content": "a"}}), chunk({"content": "b"}, choice={"message": {"content": "ab"}})],
            [TextDelta("a"), TextDelta("b"), PartDone(Text("ab"))]),
    ],
)  # fmt: skip
def test_text_and_reasoning(chunks, events):
    assert bare(events_of(chunk({"role": "assistant"}), *chunks, STOP))[1:-1] == events


def test_the_whole_reply_as_one_event():
    events = events_of(body({"role": "assistant", "content": "a", "tool_calls": [begin() | {"index": None}]}))
    assert fold(events) == fold(events_of(chunk({"content": "a", "tool_calls": [begin()]}, finish="stop")))
    assert fold(events).text == "a"


def test_refusal():
    events = events_of(chunk({"refusal": "n"}), chunk({"refusal": "o"}), STOP)
    assert [event.text for event in events if isinstance(event, RefusalDelta)] == ["n", "o"]
    assert fold(events).refusal == "no"


# --- tool calls -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("deltas", "calls"),
    [
        # as the protocol says
        ([[begin()], [piece(0, '{"a"')], [piece(0, ":1}")]], [("c1", "t", '{"a":1}')]),
        ([[begin(0)], [begin(1, "c2", "u")], [piece(1, "2")], [piece(0, "1")]], [("c1", "t", "1"), ("c2", "u", "2")]),
        ([[begin(0, arguments="1"), begin(1, "c2", "u", "2")]], [("c1", "t", "1"), ("c2", "u", "2")]),
        # ids and names repeated, null or empty on later pieces
        ([[begin()], [begin(0, "", "", "1")], [piece(0, "2", id=None, type="function")]], [("c1", "t", "12")]),
        ([[begin()], [begin(0, "c1", "t", "1")], [begin(0, "c1", "t", "2")]], [("c1", "t", "12")]),
        ([[begin()], [{"index": 0, "function": {"name": None, "arguments": "1"}}]], [("c1", "t", "1")]),
        # no index: by id, else the last
        ([[{"id": "c1", "function": {"name": "t", "arguments": "1"}}, {"id": "c2", "function": {"name": "u", "arguments": "2"}}]],
            [("c1", "t", "1"), ("c2", "u", "2")]),
        ([[{"id": "c1", "function": {"name": "t", "arguments": "1"}}], [{"id": "c2", "function": {"name": "u"}}],
            [{"id": "c1", "function": {"arguments": "2"}}], [{"function": {"arguments": "3"}}]], [("c1", "t", "12"), ("c2", "u", "3")]),
        # one index for all
        ([[begin(0, "c1", "t", "1")], [begin(0, "c2", "u", "2")]], [("c1", "t", "1"), ("c2", "u", "2")]),
        # arguments as the object that they are
        ([[begin(0, arguments={"a": 1})]], [("c1", "t", '{"a":1}')]),
        ([[begin(0, arguments=None)]], [("c1", "t", "")]),
    ],
)  # fmt: skip
def test_tool_calls(deltas, calls):
    events = events_of(chunk({"role": "assistant"}), *[chunk({"tool_calls": delta}) for delta in deltas], STOP)
    parts = [event.part for event in events if isinstance(event, PartDone)]
    assert [(part.id, part.name, part.raw_arguments) for part in parts] == calls
    assert (events[-1].reason, events[-1].raw_reason) == ("tool_calls", "stop")
    told: dict[int, list[str]] = {}
    for event in events:
        if isinstance(event, ToolCallDelta):
            one = told.setdefault(event.index, ["", "", ""])
            one[0], one[1], one[2] = event.id or one[0], event.name or one[1], one[2] + event.arguments
    assert [tuple(one) for one in told.values()] == calls


def test_calls_without_ids_are_told_apart():
    delta = {"tool_calls": [{"type": "function", "id": "", "function": {"name": name, "arguments": "{}"}} for name in "ab"]}
    events = events_of(chunk(delta, finish="stop"))
    calls = fold(events).tool_calls
    assert [call.name for call in calls] == ["a", "b"]
    assert len({call.id for call in calls}) == 2
    assert [event.id for event in events if isinstance(event, ToolCallDelta)] == [call.id for call in calls]


def test_legacy_function_call_and_custom_call():
    events = events_of(
        chunk({"function_call": {"name": "t", "arguments": ""}}),
        chunk({"function_call": {"arguments": "{}"}}),
        chunk({}, finish="x"),
    )
    assert [(call.name, call.raw_arguments) for call in fold(events).tool_calls] == [("t", "{}")]
    first = {"index": 0, "id": "c", "type": "custom", "custom": {"name": "t", "input": "a"}}
    events = events_of(chunk({"tool_calls": [first]}), chunk({"tool_calls": [{"index": 0, "custom": {"input": "b"}}]}), STOP)
    assert fold(events).tool_calls == (ToolCall("c", "t", "ab", "custom"),)


# --- others -----------------------------------------------------------------------------------------------------------


def test_citations_sound_pictures_and_notes():
    sound = base64.b64encode(b"sound!").decode()
    events = events_of(
        chunk({"content": "a", "annotations": [{"type": "url_citation", "url_citation": {"url": "https://x"}}]}),
        chunk({"annotations": [{"type": "url_citation", "url_citation": {"url": "https://x"}}]}),
        chunk({"audio": {"id": "a1", "transcript": "hi"}}),
        chunk({"audio": {"data": sound[:3]}}),
        chunk({"audio": {"data": sound[3:], "expires_at": 5}}),
        chunk({"images": [{"image_url": {"url": "https://y"}}]}),
        STOP,
    )
    assert [event.citation.url for event in events if isinstance(event, CitationDelta)] == ["https://x"]
    assert b"".join(event.data for event in events if isinstance(event, AudioDelta)) == b"sound!"
    text, audio, image = fold(events).parts
    assert (audio.source.data, audio.transcript, audio.id, audio.expires_at) == (b"sound!", "hi", "a1", 5)
    assert [one.url for one in text.citations] == ["https://x"]
    assert image.source.url == "https://y"


def test_reasoning_details_grow():
    details = [
        {"type": "reasoning.text", "text": "wh", "format": "x", "index": 0},
        {"type": "reasoning.text", "text": "y", "index": 0},
        {"type": "reasoning.text", "signature": "s", "index": 0},
        {"type": "reasoning.encrypted", "data": "d1", "id": "e1", "index": 1},
        {"type": "reasoning.summary", "summary": "in ", "index": 2},
        {"type": "reasoning.summary", "summary": "short", "index": 2},
    ]
    part = fold(events_of(*[chunk({"content": "", "reasoning_details": [detail]}) for detail in details], STOP)).parts[0]
    assert isinstance(part, Reasoning)
    assert part.text == "whyin short"
    assert msgspec.json.decode(part.state.data) == {"reasoning_details": [
        {"type": "reasoning.text", "text": "why", "format": "x", "index": 0, "signature": "s"},
        {"type": "reasoning.encrypted", "data": "d1", "id": "e1", "index": 1},
        {"type": "reasoning.summary", "summary": "in short", "index": 2},
    ]}  # fmt: skip


def test_thinking_parts_grow():
    def thought(text, **fields):
        return {"type": "thinking", "thinking": [{"type": "text", "text": text}]} | fields

    chunks = [chunk({"content": [thought("w")]}), chunk({"content": [thought("hy", closed=True)]}), chunk({"content": "a"}), STOP]
    whole = decode(body({"content": [thought("why", closed=True), {"type": "text", "text": "a"}]}))
    assert fold(events_of(*chunks)).message == whole.message


def test_choices_interleave():
    events = events_of(
        chunk({"content": "a"}), chunk({"content": "x"}, index=1), chunk({"content": "b"}), chunk({"content": "y"}, index=1),
        chunk({}, finish="length", index=1), STOP,
    )  # fmt: skip
    response = fold(events)
    assert (response.text, response.finish_reason, response.partial) == ("ab", "stop", False)
    assert [(one.message.text, one.finish_reason) for one in response.alternatives] == [("xy", "length")]


def test_finish_twice_and_usage_everywhere():
    first, last = {"prompt_tokens": 1}, {"prompt_tokens": 1, "completion_tokens": 5}
    events = events_of(
        chunk({"content": "a"}, usage=first),
        chunk({"content": ""}, finish="stop", usage=first),
        chunk({"content": ""}, finish="stop", usage=last),
        chunk(x_groq={"usage": last}),
        chunk({}, choice={"usage": last}),
    )
    assert [event.usage.raw for event in events if isinstance(event, UsageUpdate)] == [first, last]
    assert [type(event) for event in events].count(Finish) == 1


def test_usage_by_quirk():
    usage = {"prompt_tokens": 9, "completion_tokens": 4, "completion_tokens_details": {"reasoning_tokens": 10}}
    events, _ = read(
        sse(chunk({"content": "a"}), STOP, chunk(usage=usage)),
        context(target(Quirks(output_excludes_reasoning=True)), stream=True),
    )
    assert fold(events).usage.output_tokens == 14


def test_logprobs():
    tokens = {"content": [{"token": "a", "logprob": -1.0, "bytes": None, "top_logprobs": []}], "refusal": None}
    refused = {"content": None, "refusal": [{"token": "n", "logprob": -2.0, "bytes": None, "top_logprobs": []}]}
    response = fold(events_of(
        chunk({"content": "a"}, choice={"logprobs": tokens}), chunk({"content": ""}, choice={"logprobs": tokens}),
        chunk({}, choice={"logprobs": refused}), STOP,
    ))  # fmt: skip
    assert [one.token for one in response.logprobs] == ["a", "a", "n"]
    assert response.parts == (Text("a"),)


def test_unknown_fields_stay_reachable():
    events = events_of(
        chunk({"content": "a"}, provider="P"),
        chunk({"content": "b", "channel": "final"}, finish="stop", choice={"native_finish_reason": "end"}),
        chunk(moderation={"flagged": False}),
    )
    assert fold(events).extra == {
        "provider": "P",
        "moderation": {"flagged": False},
        "choice": {"native_finish_reason": "end"},
        "message": {"channel": "final"},
    }
    opaque = [event for event in events if isinstance(event, OpaqueEvent)]
    assert [(event.kind, json.loads(event.data)["moderation"]) for event in opaque] == [("moderation", {"flagged": False})]


# --- the end ----------------------------------------------------------------------------------------------------------


def test_done_is_the_last_word():
    decoder = DIALECT.event_decoder(context(stream=True))
    frames = [Frame(json.dumps(item).encode()) for item in (chunk({"content": "a"}), chunk({"content": "late"}))]
    assert not decoder.done
    events = decoder.feed([frames[0], Frame(b"[DONE]"), frames[1]])
    assert decoder.done
    assert fold(events).text == "a"
    assert decoder.feed([frames[1]]) == []
    assert decoder.finish() == []
    assert decoder.error is None


def test_done_without_a_reason_is_an_end():
    response = fold(events_of(chunk({"content": "a"})))
    assert (response.finish_reason, response.raw_finish_reason, response.partial) == ("other", None, False)
    assert fold(events_of()).partial is False


def test_a_reason_and_a_clean_end_is_an_end():
    response = fold(events_of(chunk({"content": "a"}), STOP, done=False))
    assert (response.text, response.finish_reason, response.partial) == ("a", "stop", False)


def test_usage_that_was_asked_for_and_has_not_come_is_not_known():
    asked = {"stream": True, "include_usage": True}
    events, decoder = read(sse(chunk({"content": "a"}), STOP, done=False), context(**asked))
    assert decoder.error is None
    assert (fold(events).text, fold(events).usage.input_tokens) == ("a", None)


@pytest.mark.parametrize(
    "chunks",
    [
        [],
        [chunk({"content": "a"})],
        [chunk({"content": "a"}), chunk({"content": "b"}, index=1), STOP],
        [chunk(usage={"prompt_tokens": 1})],
    ],
)
def test_a_mere_end_of_bytes_is_none(chunks):
    events, decoder = read(sse(*chunks, done=False))
    assert isinstance(decoder.error, StreamInterruptedError)
    assert decoder.error.provider == "openai"
    assert decoder.done
    assert fold(events).partial


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        (b'data: {"error":{"message":"m","type":"server_error","code":null}}', ServerError),
        (b'data: {"error":{"message":"m","type":"invalid_request_error","code":"tool_use_failed"}}', InvalidRequestError),
        (b'event: error\ndata: {"message":"m","type":"rate_limit_error"}', RateLimitError),
        (b"event: error\ndata: overloaded, no JSON", ServerError),
        (b'data: {"object":"error","message":"m","code":503}', OverloadedError),
        (b'data: {"error":"text"}', ServerError),
        (b'data: {"error":{"code":502,"message":"m","metadata":{"error_type":"provider_unavailable"}},"choices":[]}', OverloadedError),
        (b'data: {"error":{"code":429,"message":"m"},"choices":[{"delta":{},"finish_reason":"error"}]}', RateLimitError),
        (b'data: {"choices":[{"index":0,"delta":{},"error":{"code":429,"message":"m"}}]}', RateLimitError),
    ],
)  # fmt: skip
def test_errors_inside_a_stream(frame, kind):
    events, decoder = read(sse(chunk({"content": "a"}), done=False) + frame + b"\n\n" + sse(chunk({"content": "late"})))
    assert type(decoder.error) is kind
    assert (decoder.error.status, decoder.error.provider) == (None, "openai")
    assert decoder.done
    assert fold(events).text == "a"


@pytest.mark.parametrize("place", ["chunk", "choice"])
def test_what_a_chunk_says_beside_its_error_is_kept(place):
    error = {"error": {"code": 502, "message": "Upstream closed", "metadata": {"error_type": "provider_unavailable"}}}
    said = {"choice": error} if place == "choice" else error
    events, decoder = read(sse(chunk({"content": "a"}), chunk({"content": "b"}, finish="error", **said), done=False))
    assert type(decoder.error) is OverloadedError
    assert fold(events).text == "ab"
    _, decoder = read(sse({**error, "choices": [{"index": 0, "delta": {"content": 42}}]}))
    assert type(decoder.error) is OverloadedError


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (b"<html>secret</html>", "$"),
        (b'{"choices":', "$"),
        (b"[1]", "$"),
        (b"[" * 5000, "$"),
        (b'{"choices":' * 5000, "$"),
        (b'{"choices":"secret"}', "$.choices"),
        (b'{"choices":["secret"]}', "$.choices[0]"),
        (b'{"choices":[{"delta":"secret"}]}', "$.choices[0].delta"),
        (b'{"choices":[{"delta":{"content":42}}]}', "$.choices[0].delta.content"),
        (b'{"choices":[{"delta":{"tool_calls":[42]}}]}', "$.choices[0].delta.tool_calls[]"),
    ],
)
def test_what_breaks_the_protocol_names_the_place_only(data, path):
    events, decoder = read(sse(chunk({"content": "a"}), data))
    assert isinstance(decoder.error, MalformedResponseError)
    assert decoder.error.path == path
    assert "secret" not in str(decoder.error)
    assert fold(events).text == "a"


def test_lenient_json():
    wide = b'{"choices":[{"index":0,"delta":{"content":"' + b"x" * 10_000_000 + b'"}}]}'
    data = sse(
        chunk({"role": "assistant"}), b'{"choices":[{"index":0,"delta":{"content":"caf\xe9 \\ud800"}}]}',
        b'{"choices":[{"index":0,"delta":{"content":"a"}}],"x":NaN}', b'{"choices":[{"index":0,"delta":{"content":"b","content":"c"}}]}',
        b"  ", wide, STOP,
    )  # fmt: skip
    events, decoder = read(data)
    assert decoder.error is None
    assert fold(events).text == "caf\ufffd \ufffdac" + "x" * 10_000_000


def test_a_million_events():
    decoder = DIALECT.event_decoder(context(stream=True))
    decoder.feed([Frame(json.dumps(chunk({"role": "assistant"})).encode())])
    frame = Frame(json.dumps(chunk({"content": "a"})).encode())
    count = sum(len(decoder.feed([frame] * 10_000)) for _ in range(100))
    assert count == 1_000_000


NAMES = st.sampled_from([
    "choices", "delta", "content", "tool_calls", "function", "arguments", "id", "index", "usage", "error", "type", "text", "logprobs",
    "audio", "data", "annotations", "reasoning_details", "reasoning", "images", "finish_reason", "created", "thinking", "model",
])  # fmt: skip
SHAPES = st.recursive(
    json_values, lambda inner: st.dictionaries(NAMES, inner, max_size=6) | st.lists(inner, max_size=3), max_leaves=20
)


@given(st.lists(st.tuples(SHAPES, st.booleans()), max_size=5))
def test_whatever_the_json_events_or_an_error_of_ours(values):
    events, decoder = read(sse(*[chunk(value) if inside and value is not None else value for value, inside in values]))
    assert decoder.error is None or isinstance(decoder.error, ProviderError)
    msgspec.json.encode(fold(events).message)


@given(st.binary(max_size=100))
def test_whatever_the_bytes_events_or_an_error_of_ours(data):
    for frame in (data, b'{"choices":[{"index":0,"delta":{"content":"' + data + b'"}}]}'):
        decoder = DIALECT.event_decoder(context(stream=True))
        decoder.feed([Frame(json.dumps(chunk({"role": "assistant"})).encode()), Frame(frame)])
        decoder.finish()
        assert decoder.error is None or isinstance(decoder.error, ProviderError)
