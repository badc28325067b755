"""Whole replies and streams: what each block, event and figure becomes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.dialects.bedrock_converse.judge import context, encode, target
from tests.dialects.bedrock_converse.reading import begun, call, delta, end, folded, framed, read, start, stop, text, thought
from trunkline.dialects.bedrock_converse import DIALECT
from trunkline.values.errors import MalformedResponseError, StreamInterruptedError
from trunkline.values.events import (
    CitationDelta,
    Finish,
    OpaqueEvent,
    PartDone,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    UsageUpdate,
)
from trunkline.values.headers import Headers
from trunkline.values.media import Data
from trunkline.values.message import HostedToolCall, HostedToolResult, Image, Opaque, Reasoning, Text, ToolCall
from trunkline.values.response import Response
from trunkline.wire.http import HttpReply
from trunkline.wire.sse import Frame


def whole(*blocks: Any, reason: str = "end_turn", usage: Any = None, where: Any = None, **more: Any) -> Response:
    body = {
        "output": {"message": {"role": "assistant", "content": list(blocks)}},
        "stopReason": reason,
        "usage": usage or {},
        **more,
    }
    return DIALECT.decode_response(
        HttpReply(200, Headers({"x-amzn-RequestId": "r-1"}.items()), json.dumps(body).encode()), where or context()
    )


def test_blocks():
    found = whole(
        {"text": "a"},
        {"reasoningContent": {"reasoningText": {"text": "t", "signature": "s"}}},
        {"reasoningContent": {"redactedContent": "QQ=="}},
        {"toolUse": {"toolUseId": "i", "name": "n", "input": {"x": 1}, "type": "tool_use"}},
        {"toolUse": {"toolUseId": "j", "name": "g", "input": {}, "type": "server_tool_use"}},
        {"toolResult": {"toolUseId": "j", "type": "g_result", "status": "error", "content": [{"text": "r"}]}},
        {"image": {"format": "png", "source": {"bytes": "QUJD"}}},
        {"later": {"x": 1}},
        {"SDK_UNKNOWN_MEMBER": None, "text": "b"},
    )
    said, thought_, hidden, called, hosted, result, image, later, last = found.parts
    assert (said, last) == (Text("a"), Text("b"))
    assert isinstance(thought_, Reasoning) and thought_.text == "t" and thought_.state is not None and thought_.state.must_return
    assert isinstance(hidden, Reasoning) and hidden.redacted and hidden.text == ""
    assert called == ToolCall("i", "n", '{"x": 1}')
    assert isinstance(hosted, HostedToolCall) and (hosted.id, hosted.name) == ("j", "g")
    assert isinstance(result, HostedToolResult) and (result.kind, result.is_error, result.data) == (
        "g_result",
        True,
        b'[{"text": "r"}]',
    )
    assert image == Image(Data(b"ABC", "image/png"))
    assert isinstance(later, Opaque) and later.kind == "later"
    assert (found.request_id, found.finish_reason, found.raw_finish_reason) == ("r-1", "tool_calls", "end_turn")


def test_citations():
    place = {"documentPage": {"documentIndex": 2, "start": 1, "end": 3}}
    cited = {"title": "T", "sourceContent": [{"text": "a"}, {"text": "b"}], "location": place}
    (part,) = whole({"citationsContent": {"content": [{"text": "said"}], "citations": [cited]}}).parts
    assert isinstance(part, Text) and part.text == "said"
    (citation,) = part.citations
    assert (citation.kind, citation.document, citation.start, citation.end) == ("page", 2, 1, 3)
    assert (citation.title, citation.cited_text) == ("T", "ab")
    web = {"citationsContent": {"citations": [{"location": {"web": {"url": "https://x", "domain": "x"}}}]}}
    (part,) = whole(web).parts
    assert isinstance(part, Text) and (part.text, part.citations[0].kind, part.citations[0].url) == ("", "web", "https://x")


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("end_turn", "stop"), ("stop_sequence", "stop"), ("tool_use", "tool_calls"), ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"), ("guardrail_intervened", "content_filter"), ("content_filtered", "content_filter"),
        ("malformed_model_output", "error"), ("malformed_tool_use", "error"), ("later", "other"), ("", "other"),
    ],
)  # fmt: skip
def test_reasons(raw, reason):
    assert (whole(reason=raw).finish_reason, whole(reason=raw).raw_finish_reason) == (reason, raw or None)
    assert folded(framed(start(), *end(raw))).finish_reason == reason


def test_usage_in_both_spellings():
    new = {"inputTokens": 10, "outputTokens": 4, "cacheReadInputTokens": 5, "cacheWriteInputTokens": 7}
    new["cacheDetails"] = [{"ttl": "1h", "inputTokens": 3}, {"ttl": "5m", "inputTokens": 4}]
    usage = whole(usage=new).usage
    assert (usage.input_tokens, usage.output_tokens, usage.cache_read_tokens, usage.cache_write_tokens) == (22, 4, 5, 7)
    assert usage.cache_write_1h_tokens == 3
    old = {"inputTokens": 10, "outputTokens": 4, "cacheReadInputTokenCount": 5}
    assert (whole(usage=old).usage.input_tokens, whole(usage=old).usage.cache_read_tokens) == (15, 5)
    assert whole().usage.input_tokens is None


def test_what_stands_beside_the_message():
    more = {
        "metrics": {"latencyMs": 5}, "additionalModelResponseFields": {"stop_sequence": "END"}, "serviceTier": {"type": "flex"},
        "trace": {"promptRouter": {"invokedModelId": "arn:m"}, "guardrail": {"actionReason": "x"}},
    }  # fmt: skip
    found = whole(**more)
    assert (found.stop_sequence, found.service_tier, found.model, found.extra) == ("END", "flex", "arn:m", more)
    at_stop = {"stopReason": "end_turn", "additionalModelResponseFields": more.pop("additionalModelResponseFields")}
    told = folded(framed(start(), ("messageStop", at_stop), ("metadata", {"usage": {}, **more})))
    assert (told.stop_sequence, told.service_tier, told.model, told.extra) == ("END", "flex", "arn:m", found.extra)


def test_a_stream():
    body = framed(
        start(), *thought(0, "Let", " me"), *text(1, "Hel", "", "lo"), *call(2, "i", "n", '{"x"', ":1}"), *end("tool_use")
    )
    events, error = read(body)
    assert error is None
    deltas = [event for event in events if isinstance(event, (TextDelta, ReasoningDelta, ToolCallDelta))]
    assert [event.text for event in deltas if not isinstance(event, ToolCallDelta)] == ["Let", " me", "Hel", "", "lo"]
    assert [(e.index, e.id, e.name, e.arguments) for e in deltas if isinstance(e, ToolCallDelta)] == [
        (0, "i", "n", ""), (0, None, None, '{"x"'), (0, None, None, ":1}"),
    ]  # fmt: skip
    parts = [(event.part, event.index) for event in events if isinstance(event, PartDone)]
    assert parts[1:] == [(Text("Hello"), None), (ToolCall("i", "n", '{"x":1}'), 0)]
    assert isinstance(events[-2], UsageUpdate) and events[-2].usage.input_tokens == 40
    assert isinstance(events[-1], Finish) and (events[-1].reason, events[-1].raw_reason) == ("tool_calls", "tool_use")
    assert folded(body).extra == {"metrics": {"latencyMs": 900}}


def test_a_server_s_tool_and_citations_in_a_stream():
    place = {"location": {"web": {"url": "https://x", "domain": "x"}}}
    body = framed(
        start(), *call(0, "i", "g", '{"q":1}', type="server_tool_use"),
        begun(1, toolResult={"toolUseId": "i", "type": "g_result", "status": "success"}),
        delta(1, toolResult=[{"text": "a"}]), delta(1, toolResult=[{"text": "b"}, {"json": {}}]), stop(1),
        *text(2, "said"), delta(3, citation=place), stop(3), *end(),
    )  # fmt: skip
    events, _ = read(body)
    called, result, said, cited = folded(body).parts
    assert isinstance(called, HostedToolCall) and called.raw_arguments == '{"q":1}'
    assert isinstance(result, HostedToolResult) and json.loads(result.data) == [{"text": "ab"}, {"json": {}}]
    assert (said, len([event for event in events if isinstance(event, CitationDelta)])) == (Text("said"), 1)
    assert isinstance(cited, Text) and cited.citations[0].url == "https://x"
    assert folded(body).finish_reason == "stop"
    back, _ = encode("q", folded(body).message, "and?")
    assert back["messages"][1]["content"] == [
        {"toolUse": {"type": "server_tool_use", "toolUseId": "i", "name": "g", "input": {"q": 1}}},
        {"toolResult": {"type": "g_result", "status": "success", "toolUseId": "i", "content": [{"text": "ab"}, {"json": {}}]}},
        {"text": "said"},
        {"citationsContent": {"citations": [place]}},
    ]


def test_the_end_of_a_stream():
    events, error = read(framed(start(), *text(0, "a"), end()[0]))
    assert error is None and isinstance(events[-1], Finish), "the bytes end after messageStop: no figures, but a proper end"
    events, error = read(framed(start(), *text(0, "a"), *end(), ("!throttlingException", {"message": "late"})))
    assert error is None, "metadata is the last word"
    _, error = read(framed(start(), *text(0, "a")))
    assert isinstance(error, StreamInterruptedError)
    assert folded(framed(start(), *text(0, "a")[:-1], *end())).text == "a", "what was left open is closed"


def test_what_strays():
    assert folded(framed(start(), ("later", {"x": 1}), *text(0, "a"), *end())).text == "a"
    events, _ = read(framed(start(), ("later", {"x": 1}), delta(0, later=1), stop(0), *end()))
    assert [event.kind for event in events if isinstance(event, OpaqueEvent)] == [
        "later",
        "contentBlockDelta",
        "contentBlockStop",
    ]
    assert folded(framed(start(), delta(0, text="a"), delta(0, toolUse={"input": "{}"}), stop(0), *end())).text == "a"
    bare = [Frame(json.dumps({name: fields}).encode()) for name, fields in (start(), *text(0, "a"), *end())]
    decoder = DIALECT.event_decoder(context())
    assert [event.text for event in decoder.feed(bare) if event.text] == ["a"], "frames without headers name the event within"
    assert decoder.done
    loose = Frame(b'{"contentBlockIndex":0.0,"delta":{"text":"a","toolUse":null}}', "contentBlockDelta")
    assert [event.text for event in DIALECT.event_decoder(context()).feed([loose])] == ["a"]
    broken = DIALECT.event_decoder(context())
    broken.feed([Frame(b'{"contentBlockIndex":"x","delta":{}}', "contentBlockDelta")])
    assert isinstance(broken.error, MalformedResponseError) and broken.error.path == "$.contentBlockIndex"


def test_a_picture_in_pieces():
    body = framed(start(), begun(0, image={"format": "png"}), delta(0, image={"source": {"bytes": "QUI="}}),
                  delta(0, image={"source": {"bytes": "Qw=="}}), stop(0), *end())  # fmt: skip
    assert folded(body).parts == (Image(Data(b"ABC", "image/png")),)


def test_state_goes_back_to_its_model_only():
    reply = whole({"reasoningContent": {"reasoningText": {"text": "t", "signature": "s"}}}, {"text": "a"}).message
    body, encoded = encode("q", reply, "and?")
    assert body["messages"][1]["content"][0] == {"reasoningContent": {"reasoningText": {"text": "t", "signature": "s"}}}
    assert encoded.warnings == ()
    for other in (target(model="other.model"), target(provider="another")):
        body, encoded = encode("q", reply, "and?", aim=other)
        assert body["messages"][1]["content"] == [{"text": "a"}]
        assert [(w.kind, w.field) for w in encoded.warnings] == [("dropped", "messages.reasoning")]


def test_tools_with_plain_input_and_renamed_ones_come_back_as_ours():
    where = context(tool_names={"a_b": "a.b"}, custom_tools=("a_b",))
    (part,) = whole({"toolUse": {"toolUseId": "i", "name": "a_b", "input": {"input": "text"}}}, where=where).parts
    assert part == ToolCall("i", "a.b", "text", "custom")
    body = framed(start(), *call(0, "i", "a_b", '{"input":"te', 'xt"}'), *end("tool_use"))
    events, _ = read(body, where)
    assert [event.arguments for event in events if isinstance(event, ToolCallDelta)] == ["", "text"]


def test_models():
    page = {"modelSummaries": [{"modelId": "a"}, {"modelId": "b"}, {}]}
    assert DIALECT.decode_models(HttpReply(200, body=json.dumps(page).encode())) == (("a", "b"), None)
    profiles = {"inferenceProfileSummaries": [{"inferenceProfileId": "us.a"}], "nextToken": "t"}
    assert DIALECT.decode_models(HttpReply(200, body=json.dumps(profiles).encode())) == (("us.a",), "t")
    with pytest.raises(MalformedResponseError):
        DIALECT.decode_models(HttpReply(200, body=b"{}"))
    assert DIALECT.models_request().path == "/foundation-models"
