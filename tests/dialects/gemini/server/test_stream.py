"""Streams in this protocol's words (gemini §8), in both forms."""

from __future__ import annotations

import json

import pytest

from tests.dialects.gemini.server.said import parts_of, pieces, served, stream_of, streamed_again, watched
from trunkline.dialects.gemini import DIALECT
from trunkline.dialects.gemini.server import stand_in
from trunkline.values.errors import AllTargetsFailedError, OverloadedError, ServerError
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
from trunkline.values.media import Data
from trunkline.values.message import Audio, Citation, HostedToolCall, Image, Opaque, ProviderState, Reasoning, Text, ToolCall
from trunkline.values.response import TokenLogprob, Usage

START = Start("r1", "gemini-x")
END = [UsageUpdate(Usage(10, 4)), Finish("stop")]


def state(**fields):
    return ProviderState("gemini", json.dumps(fields).encode())


def test_each_piece_is_a_reply_and_the_last_has_reason_and_usage():
    data, warnings = stream_of([START, TextDelta("Hel"), TextDelta("lo"), *END])
    assert data == (
        b'data: {"candidates":[{"content":{"parts":[{"text":"Hel"}],"role":"model"},"index":0}],"modelVersion":"gemini-x","responseId":"r1"}\r\n\r\n'
        b'data: {"candidates":[{"content":{"parts":[{"text":"lo"}],"role":"model"},"index":0}],"modelVersion":"gemini-x","responseId":"r1"}\r\n\r\n'
        b'data: {"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":10,'
        b'"candidatesTokenCount":4,"totalTokenCount":14},"modelVersion":"gemini-x","responseId":"r1"}\r\n\r\n'
    )
    assert warnings == []


def test_the_same_as_an_array():
    encoder = watched(served(array=True))
    said = [encoder.push(event) for event in (START, TextDelta("Hel"), TextDelta("lo"))]
    assert said[0] == b"" and said[1].startswith(b'[{"cand') and said[2].startswith(b'\n,\r\n{"cand')
    last = encoder.finish()
    assert last.endswith(b"}\n]\n")
    assert [piece["candidates"][0]["content"]["parts"][0]["text"] for piece in json.loads(b"".join(said) + last)] == [
        "Hel",
        "lo",
        "",
    ]


@pytest.mark.parametrize("events", [[], [START], [TextDelta("")]])
@pytest.mark.parametrize("array", [False, True])
def test_a_stream_that_says_nothing_ends_all_the_same(events, array):
    data, _ = stream_of(events, served(array=array))
    (piece,) = pieces(data, array=array)
    assert piece["candidates"][0]["finishReason"] == "STOP"
    if array:
        assert len(json.loads(data)) == 1


def test_headers_say_which_form_it_is():
    assert dict(DIALECT.stream_headers(served()))["content-type"] == "text/event-stream"
    assert dict(DIALECT.stream_headers(served(array=True, request_id="r")))["x-goog-request-id"] == "r"
    assert dict(DIALECT.stream_headers(served(array=True)))["content-type"].startswith("application/json")


def test_words_are_said_as_they_come():
    encoder = watched()
    for event, part in (
        (ReasoningDelta("Let me see"), {"text": "Let me see", "thought": True}),
        (TextDelta("Yes"), {"text": "Yes"}),
        (RefusalDelta("No"), {"text": "No"}),
    ):
        (piece,) = pieces(encoder.push(event))
        assert piece["candidates"][0]["content"]["parts"] == [part]
    assert pieces(encoder.finish())[0]["candidates"][0]["finishReason"] == "SAFETY"
    assert [warning.field for warning in encoder.warnings] == ["message.refusal"]


def test_a_call_is_said_whole_and_what_follows_waits():
    encoder = watched()
    assert encoder.push(ToolCallDelta(0, "a", "f", '{"x"')) == b""
    assert encoder.push(TextDelta("after")) == encoder.push(ToolCallDelta(1, "b", "g", "{}")) == b""
    assert encoder.push(ToolCallDelta(0, None, None, ":1}")) == b""
    data = encoder.push(PartDone(ToolCall("a", "f", '{"x":1}'), 0))
    assert parts_of(data) == [
        {"functionCall": {"name": "f", "args": {"x": 1}, "id": "a"}, "thoughtSignature": stand_in.SIGNATURE},
        {"text": "after"},
    ]
    (last,) = pieces(encoder.finish())
    assert last["candidates"][0]["content"]["parts"] == [{"functionCall": {"name": "g", "args": {}, "id": "b"}}]


def test_a_call_that_never_ends_is_said_at_the_end():
    data, warnings = stream_of([ToolCallDelta(0, "a", "f", '{"x'), Finish("length", "MAX_TOKENS")])
    assert parts_of(data)[0]["functionCall"] == {"name": "f", "args": {"INVALID_JSON": '{"x'}, "id": "a"}
    assert pieces(data)[-1]["candidates"][0]["finishReason"] == "MAX_TOKENS"
    assert [warning.field for warning in warnings] == ["message.tool_call.arguments"]


def test_signatures():
    """That of a call stands with it; that of words comes on an empty text, with the last piece."""
    signed = state(thoughtSignature="c2ln")
    data, _ = stream_of([
        TextDelta("Hel"), TextDelta("lo"), ToolCallDelta(0, "a", "f", "{}"), PartDone(Text("Hello", state=signed)),
        PartDone(ToolCall("a", "f", "{}", state=signed), 0), *END,
    ])  # fmt: skip
    assert parts_of(data) == [
        {"text": "Hel"},
        {"text": "lo"},
        {"functionCall": {"name": "f", "args": {}, "id": "a"}, "thoughtSignature": "c2ln"},
        {"text": "", "thoughtSignature": "c2ln"},
        {"text": ""},
    ]
    alone, _ = stream_of([TextDelta("Hello"), PartDone(Text("Hello", state=signed)), *END])
    assert pieces(alone)[-1]["candidates"][0]["content"]["parts"] == [{"text": "", "thoughtSignature": "c2ln"}]


def test_a_part_says_what_its_pieces_have_not_said():
    data, warnings = stream_of([
        PartDone(Reasoning("whole", state=state(thoughtSignature="c2ln"))), TextDelta("He"), PartDone(Text("Hello")),
        TextDelta("x"), PartDone(Text("other")), *END,
    ])  # fmt: skip
    assert [part["text"] for part in parts_of(data)] == ["whole", "He", "llo", "x", ""]
    assert [str(warning) for warning in warnings] == [
        "message.text was approximated: what was said in pieces is not what the part says"
    ]


def test_parts_that_come_all_at_the_end_find_their_words():
    """As our own decoder of this protocol gives them."""
    events = [
        TextDelta("ab"),
        ReasoningDelta("t"),
        TextDelta("c"),
        PartDone(Text("ab")),
        PartDone(Reasoning("t")),
        PartDone(Text("c")),
    ]
    data, warnings = stream_of([*events, *END])
    assert parts_of(data) == [{"text": "ab"}, {"text": "t", "thought": True}, {"text": "c"}, {"text": ""}]
    assert warnings == []


def test_what_only_this_protocol_knows_goes_out_as_it_came_and_once():
    code = {"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": "c2ln"}
    encoder = watched()
    event = OpaqueEvent("executableCode", json.dumps(code).encode())
    assert parts_of(encoder.push(event)) == [code]
    part = HostedToolCall("h", "executableCode", json.dumps(code["executableCode"]), state=state(thoughtSignature="c2ln"))
    assert encoder.push(PartDone(part)) == b""
    assert parts_of(encoder.push(PartDone(Opaque("later", state(later=1))))) == [{"later": 1}]
    assert encoder.push(OpaqueEvent("ping", b'{"type":"ping"}')) == b""
    encoder.finish()
    assert [warning.field for warning in encoder.warnings] == ["event 'ping'"]


def test_media():
    data, warnings = stream_of([
        AudioDelta(b"A"), AudioDelta(b"BC"), PartDone(Audio(Data(b"ABC", "audio/L16"))),
        PartDone(Image(Data(b"ABC", "image/png"))), AudioDelta(b"x"), *END,
    ])  # fmt: skip
    assert [part["inlineData"] for part in parts_of(data)] == [
        {"mimeType": "audio/L16", "data": "QUJD"},
        {"mimeType": "image/png", "data": "QUJD"},
        {"mimeType": "application/octet-stream", "data": "eA=="},
    ]
    assert [warning.field for warning in warnings] == ["message.audio"]


def test_several_candidates_end_together():
    events = [TextDelta("a"), TextDelta("b", 1), Finish("stop", choice=1), Finish("length")]
    data, _ = stream_of(events)
    *said, last = pieces(data)
    assert [(piece["candidates"][0]["index"], piece["candidates"][0]["content"]["parts"]) for piece in said] == [
        (0, [{"text": "a"}]), (1, [{"text": "b"}]),
    ]  # fmt: skip
    assert [(item["index"], item["finishReason"]) for item in last["candidates"]] == [(0, "MAX_TOKENS"), (1, "STOP")]
    again = streamed_again(events)
    assert (again.text, again.finish_reason, again.alternatives[0].message.text) == ("a", "length", "b")


def test_citations_and_fields_of_its_own_come_last():
    cited = Citation("web", title="T", url="https://x.test", text_start=0, text_end=2)
    data, _ = stream_of(
        [
            TextDelta("ab"),
            CitationDelta(cited),
            PartDone(Text("ab", (cited,))),
            Finish("stop", extra={"createTime": "t", "avgLogprobs": -1}),
        ]
    )
    last = pieces(data)[-1]
    assert last["createTime"] == "t"
    assert last["candidates"][0]["avgLogprobs"] == -1
    assert last["candidates"][0]["groundingMetadata"]["groundingSupports"][0]["segment"]["text"] == "ab"
    assert len(last["candidates"][0]["groundingMetadata"]["groundingSupports"]) == 1


def test_log_probabilities_come_with_their_words():
    data, _ = stream_of(
        [TextDelta("a", logprobs=(TokenLogprob("a", -0.5),)), TextDelta("", logprobs=(TokenLogprob("b", -0.5),)), *END]
    )
    chosen = [piece["candidates"][0].get("logprobsResult") for piece in pieces(data)]
    assert [item and item["chosenCandidates"][0]["token"] for item in chosen] == ["a", "b", None]


def test_a_blocked_prompt():
    data, _ = stream_of([START, Finish("content_filter", "SAFETY", extra={"promptFeedback": {"blockReason": "SAFETY"}})])
    assert pieces(data) == [{"promptFeedback": {"blockReason": "SAFETY"}, "modelVersion": "gemini-x", "responseId": "r1"}]


def test_a_head_that_is_known_late_changes_nothing():
    data, _ = stream_of([TextDelta("a"), START, TextDelta("b"), *END])
    assert {(piece["responseId"], piece["modelVersion"]) for piece in pieces(data)} == {(stand_in.RESPONSE_ID, "gemini-test")}


@pytest.mark.parametrize("array", [False, True])
@pytest.mark.parametrize("said", [[], [TextDelta("a")]])
def test_errors_are_the_last_word(array, said):
    error = AllTargetsFailedError(errors=[ServerError("first"), OverloadedError("no room", status=529, retry_after=2)])
    data, _ = stream_of(said, served(array=array), error)
    *_, last = pieces(data, array=array)
    assert last == {
        "error": {
            "code": 529, "message": "no room", "status": "UNAVAILABLE",
            "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "2s"}],
        }
    }  # fmt: skip
    if array:
        assert len(json.loads(data)) == len(said) + 1


@pytest.mark.parametrize("array", [False, True])
def test_a_sign_of_life_is_an_empty_line(array):
    """The vendor's reader takes a comment for the beginning of an error in JSON, and fails."""
    encoder = watched(served(array=array))
    data = encoder.ping() + encoder.push(TextDelta("a")) + encoder.ping() + encoder.finish()
    assert data.startswith(b"\r\n") and b":\r\n" not in data
    assert len(pieces(data, array=array)) == 2
    assert encoder.ping() == b""
    if array:
        json.loads(data)
