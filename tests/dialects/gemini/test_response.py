"""Whole replies: every kind of part, every reason to end, tokens in our convention, and the list of models."""

from __future__ import annotations

import json

import pytest

from tests.dialects.gemini.judge import context, decode, reply, target
from trunkline.dialects.gemini import DIALECT
from trunkline.values.errors import AuthenticationError, MalformedResponseError, OverloadedError
from trunkline.values.headers import Headers
from trunkline.values.media import Data, FileId, Url
from trunkline.values.message import (
    Audio,
    File,
    HostedToolCall,
    HostedToolResult,
    Image,
    Opaque,
    ProviderState,
    Reasoning,
    Scope,
    Text,
    ToolCall,
    Video,
)
from trunkline.wire.http import HttpReply

MINE = Scope("g", "gemini-3.5-flash", "k1")
SIGNED = b'{"thoughtSignature":"c2ln"}'


def test_the_reply_of_the_sheet():
    call = {"functionCall": {"id": "f1", "name": "weather", "args": {"city": "Oslo"}}, "thoughtSignature": "c2ln"}
    usage = {"promptTokenCount": 30, "candidatesTokenCount": 9, "thoughtsTokenCount": 25, "totalTokenCount": 64}
    response = decode(reply(call, usageMetadata=usage), target=target(return_reasoning=True))
    state = ProviderState("gemini", SIGNED, MINE, must_return=True)
    assert response.parts == (ToolCall("f1", "weather", '{"city":"Oslo"}', state=state),)
    assert (response.finish_reason, response.raw_finish_reason) == ("tool_calls", "STOP")
    assert (response.usage.input_tokens, response.usage.output_tokens, response.usage.reasoning_tokens) == (30, 34, 25)
    assert response.usage.raw == usage
    assert (response.id, response.model) == ("r1", "gemini-3.5-flash")


def test_parts():
    body = reply(
        {"text": "hm", "thought": True},
        {"text": "Hel"},
        {"text": "lo"},
        {"text": "", "thoughtSignature": "c2ln"},
        {"thoughtSignature": "c2ln"},
        {"text": ""},
        {},
        {"inlineData": {"mimeType": "image/png", "data": "aWI="}, "thoughtSignature": "c2ln"},
        {"inlineData": {"mimeType": "image/png", "data": "aWI="}, "thought": True},
        {"inlineData": {"mimeType": "application/pdf", "data": "aWI=", "displayName": "a.pdf"}},
        {"fileData": {"mimeType": "video/mp4", "fileUri": "gs://b/v.mp4"}, "videoMetadata": {"fps": 1}},
        {"fileData": {"mimeType": "audio/mp3", "fileUri": "files/x"}},
        {"executableCode": {"language": "PYTHON", "code": "1+1", "id": "c1"}},
        {"codeExecutionResult": {"outcome": "OUTCOME_FAILED", "output": "2"}, "thoughtSignature": "c2ln"},
        {"toolCall": {"toolType": "GOOGLE_SEARCH", "args": {"queries": ["x"]}}},
        {"toolResponse": {"toolType": "GOOGLE_SEARCH", "response": {}}},
        {"newThing": {"a": 1}},
    )
    state = ProviderState("gemini", SIGNED, MINE)
    parts = decode(body).parts
    assert parts == (
        Reasoning("hm"),
        Text("Hello"),
        Text("", state=state),
        Text("", state=state),
        Image(Data(b"ib", "image/png"), state=state),
        Opaque("inlineData", ProviderState("gemini", b'{"inlineData":{"mimeType":"image/png","data":"aWI="},"thought":true}', Scope("g"))),
        File(Data(b"ib", "application/pdf"), filename="a.pdf"),
        Video(Url("gs://b/v.mp4", "video/mp4"), state=ProviderState("gemini", b'{"videoMetadata":{"fps":1}}', Scope("g"))),
        Audio(FileId("files/x"), state=ProviderState("gemini", b'{"fileData":{"mimeType":"audio/mp3"}}', Scope("g"))),
        HostedToolCall("c1", "executableCode", '{"language":"PYTHON","code":"1+1","id":"c1"}'),
        HostedToolResult("c1", "codeExecutionResult", b'{"outcome":"OUTCOME_FAILED","output":"2"}', is_error=True, state=state),
        HostedToolCall("gemini_call_r1_hosted_11", "toolCall", '{"toolType":"GOOGLE_SEARCH","args":{"queries":["x"]}}'),
        HostedToolResult("gemini_call_r1_hosted_11", "toolResponse", b'{"toolType":"GOOGLE_SEARCH","response":{}}'),
        Opaque("newThing", ProviderState("gemini", b'{"newThing":{"a":1}}', Scope("g"))),
    )  # fmt: skip


def test_calls_without_an_id_get_one_that_is_the_same_every_time():
    calls = [{"functionCall": {"name": "f"}}, {"functionCall": {"name": "f", "args": {"a": 1}}}]
    ids = [call.id for call in decode(reply(*calls)).tool_calls]
    assert ids == ["gemini_call_r1_0", "gemini_call_r1_1"]
    bodies = [reply(*calls, responseId=None), reply({"functionCall": {"name": "g"}}, responseId=None)]
    nameless = [call.id for body in bodies for call in decode(body).tool_calls]
    assert len({*nameless}) == 3
    assert nameless == [call.id for body in bodies for call in decode(body).tool_calls]


def test_arguments_that_are_text_are_taken_as_they_are():
    (call,) = decode(reply({"functionCall": {"name": "f", "args": '{"a":1}'}})).tool_calls
    assert call.arguments == {"a": 1}


def test_tools_with_plain_input_and_renamed_ones_get_back_what_was_theirs():
    calls = [{"functionCall": {"name": "grep", "args": {"input": "x|y"}}}, {"functionCall": {"name": "a_b", "args": {}}}]
    found = decode(reply(*calls), custom_tools=("grep",), tool_names={"a_b": "a b"}).tool_calls
    assert [(call.name, call.kind, call.raw_arguments) for call in found] == [
        ("grep", "custom", "x|y"),
        ("a b", "function", "{}"),
    ]


@pytest.mark.parametrize(
    ("raw", "said", "expected"),
    [
        ("STOP", "STOP", "stop"),
        (1, "STOP", "stop"),
        ("MAX_TOKENS", "MAX_TOKENS", "length"),
        (2, "MAX_TOKENS", "length"),
        ("SAFETY", "SAFETY", "content_filter"),
        ("RECITATION", "RECITATION", "content_filter"),
        ("MODEL_ARMOR", "MODEL_ARMOR", "content_filter"),
        ("IMAGE_SAFETY", "IMAGE_SAFETY", "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "MALFORMED_FUNCTION_CALL", "error"),
        ("MISSING_THOUGHT_SIGNATURE", "MISSING_THOUGHT_SIGNATURE", "error"),
        ("OTHER", "OTHER", "other"),
        ("CONTINUATION", "CONTINUATION", "other"),
        ("FINISH_REASON_UNSPECIFIED", None, "other"),
        (0, None, "other"),
        (99, "99", "other"),
        (None, None, "other"),
    ],
)
def test_reasons(raw, said, expected):
    response = decode(reply({"text": "x"}, finish=raw))
    assert (response.raw_finish_reason, response.finish_reason) == (said, expected)


@pytest.mark.parametrize("content", [{}, {"role": "model"}, {"parts": []}, None])
def test_content_may_lack_everything(content):
    body = {"candidates": [{"content": content, "finishReason": "MAX_TOKENS", "finishMessage": "cut"}]}
    response = decode(body)
    assert (response.parts, response.finish_reason, response.extra) == ((), "length", {"finishMessage": "cut"})


def test_a_blocked_prompt_is_an_empty_reply():
    feedback = {"blockReason": "SAFETY", "safetyRatings": [{"category": "c", "probability": "HIGH", "blocked": True}]}
    response = decode({"promptFeedback": feedback, "usageMetadata": {"promptTokenCount": 9, "totalTokenCount": 9}})
    assert (response.finish_reason, response.raw_finish_reason, response.parts) == ("content_filter", "SAFETY", ())
    assert response.extra == {"promptFeedback": feedback}
    assert (response.usage.input_tokens, response.usage.output_tokens) == (9, 0)


def test_tokens():
    raw = {
        "promptTokenCount": 100, "cachedContentTokenCount": 60, "toolUsePromptTokenCount": 7, "totalTokenCount": "115",
        "candidatesTokenCount": 8, "serviceTier": "flex",
        "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 30}, {"modality": 2, "tokenCount": "5"}, {"modality": "TEXT"}],
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 6}, {"modality": 4, "tokenCount": 2}],
    }  # fmt: skip
    response = decode(reply({"text": "x"}, usageMetadata=raw))
    usage = response.usage
    assert (usage.input_tokens, usage.output_tokens, usage.cache_read_tokens, usage.reasoning_tokens) == (107, 8, 60, None)
    assert (usage.input_audio_tokens, usage.input_image_tokens) == (30, 5)
    assert (usage.output_audio_tokens, usage.output_image_tokens) == (2, 6)
    assert response.service_tier == "flex"


def test_the_total_says_what_the_prompt_was_where_nothing_else_does():
    """Record 33159341d419d1d0: a document by its address."""
    raw = {"candidatesTokenCount": 1, "totalTokenCount": 672, "thoughtsTokenCount": 96}
    usage = decode(reply({"text": "x"}, usageMetadata=raw)).usage
    assert (usage.input_tokens, usage.output_tokens) == (575, 97)


def test_figures_that_were_not_told_are_not_known():
    assert decode(reply({"text": "x"})).usage.input_tokens is None
    assert decode(reply({"text": "x"}, usageMetadata={"trafficType": "ON_DEMAND"})).usage.output_tokens is None


def test_further_candidates():
    body = reply({"text": "a"}, candidate={"index": 0, "avgLogprobs": -0.5})
    body["candidates"] += [
        {"content": {"parts": [{"text": "b"}]}, "finishReason": "SAFETY", "index": 1},
        {"finishReason": "STOP"},
    ]
    response = decode(body)
    assert response.text == "a"
    assert response.extra == {"avgLogprobs": -0.5}
    assert [(one.index, one.message.text, one.finish_reason) for one in response.alternatives] == [
        (1, "b", "content_filter"), (2, "", "stop"),
    ]  # fmt: skip


def test_citations_of_a_recitation_and_of_a_store():
    metadata = {"citations": [{"startIndex": 2, "endIndex": 4, "uri": "https://a", "title": "A"}, {"uri": "https://b"}]}
    chunks = [{"retrievedContext": {"title": "T", "text": "words", "fileSearchStore": "stores/1"}}]
    body = reply({"text": "abcdef"}, candidate={"citationMetadata": metadata, "groundingMetadata": {"groundingChunks": chunks}})
    response = decode(body)
    (part,) = response.parts
    assert [(note.kind, note.url, note.title, note.cited_text, note.source, note.text_start, note.text_end) for note in part.citations] == [
        ("search_result", None, "T", "words", "stores/1", None, None),
        ("url", "https://a", "A", None, None, 2, 4),
        ("url", "https://b", None, None, None, None, None),
    ]  # fmt: skip
    assert response.extra == {"citationMetadata": metadata, "groundingMetadata": {"groundingChunks": chunks}}


def test_log_probabilities():
    result = {
        "chosenCandidates": [{"token": "a", "logProbability": -0.5, "tokenId": 1}, {"token": "b"}],
        "topCandidates": [{"candidates": [{"token": "a", "logProbability": -0.5}, {"token": "c", "logProbability": -2}]}],
    }
    first, second = decode(reply({"text": "ab"}, candidate={"logprobsResult": result})).logprobs
    assert (first.token, first.logprob, [(one.token, one.logprob) for one in first.top]) == (
        "a",
        -0.5,
        [("a", -0.5), ("c", -2.0)],
    )
    assert (second.token, second.logprob) == ("b", 0.0)


def test_fields_that_nobody_named_stay_reachable_and_the_time_is_read():
    body = reply({"text": "x"}, createTime="2026-08-19T14:35:38.123456789Z", modelStatus={"modelStage": "STABLE"}, later=1)
    response = decode(body)
    assert response.created == 1_787_150_138
    assert response.extra == {"createTime": body["createTime"], "modelStatus": {"modelStage": "STABLE"}, "later": 1}


def test_the_array_of_a_stream_is_a_reply_too():
    usage = {"promptTokenCount": 1, "candidatesTokenCount": 2}
    response = decode([reply({"text": "a"}, finish=None), reply({"text": "b"}, usageMetadata=usage)])
    assert (response.text, response.finish_reason, response.usage.output_tokens) == ("ab", "stop", 2)


@pytest.mark.parametrize("wrap", [lambda body: body, lambda body: [body]])
def test_an_error_in_a_reply_that_began_well_is_that_error(wrap):
    body = wrap({"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}})
    with pytest.raises(OverloadedError) as found:
        DIALECT.decode_response(HttpReply(200, Headers((("x-goog-request-id", "q1"),)), json.dumps(body).encode()), context())
    assert (found.value.status, found.value.request_id) == (None, "q1")


def models(body: object, status: int = 200) -> tuple[tuple[str, ...], str | None]:
    return DIALECT.decode_models(HttpReply(status, body=json.dumps(body).encode()))


def test_models():
    page = {"models": [{"name": "models/gemini-3.5-flash"}, {"name": "tunedModels/mine"}, {}, 3], "nextPageToken": "t"}
    assert models(page) == (("gemini-3.5-flash", "tunedModels/mine"), "t")
    assert models({"publisherModels": [{"name": "publishers/google/models/gemini-3.5-flash"}]}) == (("gemini-3.5-flash",), None)
    assert models({}) == ((), None)
    assert DIALECT.decode_models(HttpReply(200)) == ((), None)
    assert DIALECT.models_request("t").query == (("pageSize", "1000"), ("pageToken", "t"))
    for broken in ([], {"models": {"a": 1}}, "x"):
        with pytest.raises(MalformedResponseError):
            models(broken)
    with pytest.raises(AuthenticationError):
        models({"error": {"code": 401, "status": "UNAUTHENTICATED", "message": "no"}})
