"""Whole replies in this protocol's words (gemini §7)."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from google.genai import types

from tests.dialects.gemini.server.said import answered, read_again, served
from trunkline.dialects.dialect import Context, RateLimits, ServedModel
from trunkline.dialects.gemini import DIALECT
from trunkline.dialects.gemini.server import stand_in
from trunkline.values.media import Data, FileId, Url
from trunkline.values.message import (
    Audio,
    Citation,
    File,
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
    Video,
)
from trunkline.values.response import Alternative, Response, TokenLogprob, Usage
from trunkline.wire.http import HttpReply


def reply(*parts, reason="stop", **facts):
    return Response(message=Message("assistant", parts), finish_reason=reason, **facts)


def state(dialect="gemini", **fields):
    return ProviderState(dialect, json.dumps(fields).encode())


def parts_of(*parts):
    body, warnings = answered(reply(*parts))
    return body["candidates"][0]["content"].get("parts", []), [f"{warning.kind} {warning.field}" for warning in warnings]


def test_a_reply_is_what_the_sdk_types():
    body, warnings = answered(
        reply(Text("Hi"), usage=Usage(10, 7, 4, reasoning_tokens=3), id="r1", model="gemini-x", service_tier="flex")
    )
    assert body == {
        "candidates": [{"content": {"parts": [{"text": "Hi"}], "role": "model"}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {
            "promptTokenCount": 10, "cachedContentTokenCount": 4, "candidatesTokenCount": 4, "thoughtsTokenCount": 3,
            "totalTokenCount": 17, "serviceTier": "flex",
        },
        "modelVersion": "gemini-x",
        "responseId": "r1",
    }  # fmt: skip
    assert warnings == ()
    del body["usageMetadata"]["serviceTier"]  # which the SDK does not type
    types.GenerateContentResponse.model_validate(body)


def test_what_the_server_says_where_the_reply_does_not():
    body, _ = answered(reply(Text("Hi")), served(reply_id="made", request_id="req_1"))
    assert (body["responseId"], body["modelVersion"]) == ("made", "gemini-test")
    assert "usageMetadata" not in body
    assert answered(reply(Text("Hi")))[0]["responseId"] == stand_in.RESPONSE_ID
    head = DIALECT.encode_response(reply(Text("Hi")), served(request_id="req_1\n")).headers
    assert head["x-goog-request-id"] == "req_1_"
    assert head["content-type"] == "application/json; charset=UTF-8"


def test_calls_end_with_stop_and_the_first_is_signed():
    call, other = ToolCall("a", "f", '{"x": 1.50}'), ToolCall("gemini_call_r1_1", "g", "")
    parts, warnings = parts_of(Text("I look."), call, other)
    assert parts == [
        {"text": "I look."},
        {"functionCall": {"name": "f", "args": {"x": 1.5}, "id": "a"}, "thoughtSignature": stand_in.SIGNATURE},
        {"functionCall": {"name": "g", "args": {}}},
    ]
    assert warnings == []
    assert answered(reply(call, reason="tool_calls"))[0]["candidates"][0]["finishReason"] == "STOP"
    assert b'"args":{"x": 1.50}' in DIALECT.encode_response(reply(call), served()).body


def test_state_is_said_as_it_came():
    parts, warnings = parts_of(
        Reasoning("t", state=state(thoughtSignature="c2ln", partMetadata={"a": 1})),
        Text("", state=state(thoughtSignature="c2ln")),
        ToolCall("a", "f", "{}", state=state(thoughtSignature="c2ln", functionCall={"later": 1, "name": "old"})),
        Opaque("later", state(later={"x": 1})),
        HostedToolCall("h", "executableCode", '{"code":"1"}', state=state(thoughtSignature="c2ln")),
        HostedToolResult("h", "codeExecutionResult", b'{"outcome":"OUTCOME_OK"}'),
    )
    assert parts == [
        {"text": "t", "thought": True, "thoughtSignature": "c2ln", "partMetadata": {"a": 1}},
        {"text": "", "thoughtSignature": "c2ln"},
        {"functionCall": {"later": 1, "name": "f", "args": {}, "id": "a"}, "thoughtSignature": "c2ln"},
        {"later": {"x": 1}},
        {"executableCode": {"code": "1"}, "thoughtSignature": "c2ln"},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK"}},
    ]
    assert warnings == []


@pytest.mark.parametrize(
    "part,told",
    [
        (Reasoning("t", state=state("anthropic-messages", signature="s")), "dropped message.reasoning.state"),
        (Text("t", state=ProviderState("gemini", b"{")), "dropped message.text.state"),
        (Reasoning("", redacted=True), "dropped message.reasoning"),
        (Opaque("x", state("openai-chat", x=1)), "dropped message.x.state"),
        (HostedToolCall("h", "web_search", "{}"), "dropped message.hosted_tool"),
        (HostedToolResult("h", "codeExecutionResult", b"1"), "dropped message.hosted_tool"),
        (Refusal("No."), "approximated message.refusal"),
        (ToolCall("a", "f", "not json"), "approximated message.tool_call.arguments"),
        (ToolCall("a", "f", "plain", "custom"), "approximated message.tool_call"),
        (ToolCall("a", "", "{}"), "approximated message.tool_call.name"),
        (Text("\ud800"), "approximated message.text"),
        (Audio(None, "spoken"), "approximated message.audio.transcript"),
        (Audio(None, id="a"), "dropped message.audio"),
        (Text("t", (Citation("page", document=1, start=1, end=2),)), "dropped message.citations"),
    ],
)
def test_what_cannot_be_said_is_told(part, told):
    assert parts_of(part)[1] == [told]


def test_arguments_that_are_no_object_stand_in_one():
    assert parts_of(ToolCall("a", "f", "[1]"))[0][0]["functionCall"]["args"] == {"INVALID_JSON": "[1]"}
    assert parts_of(ToolCall("a", "f", "x", "custom"))[0][0]["functionCall"]["args"] == {"input": "x"}


def test_texts_that_say_nothing_are_left_out():
    assert parts_of(Text(""), Reasoning("")) == ([], [])


def test_media():
    data = Data(b"ABC", "image/png")
    parts, warnings = parts_of(
        Image(data), Video(Url("gs://b/v", "video/mp4")), File(FileId("files/1"), "a.pdf"), Audio(Data(b"ABC", "audio/wav"))
    )
    assert parts == [
        {"inlineData": {"mimeType": "image/png", "data": "QUJD"}},
        {"fileData": {"fileUri": "gs://b/v", "mimeType": "video/mp4"}},
        {"fileData": {"fileUri": "files/1", "displayName": "a.pdf"}},
        {"inlineData": {"mimeType": "audio/wav", "data": "QUJD"}},
    ]
    assert warnings == []


@pytest.mark.parametrize(
    "reason,raw,word",
    [
        ("stop", None, "STOP"), ("length", None, "MAX_TOKENS"), ("content_filter", None, "SAFETY"), ("error", None, "MALFORMED_RESPONSE"),
        ("other", None, "OTHER"), ("tool_calls", "STOP", "STOP"), ("content_filter", "RECITATION", "RECITATION"),
        ("length", "max_tokens", "MAX_TOKENS"), ("other", "LATER_REASON", "LATER_REASON"),
    ],
)  # fmt: skip
def test_reasons(reason, raw, word):
    body, warnings = answered(reply(Text("a"), reason=reason, raw_finish_reason=raw))
    assert (body["candidates"][0]["finishReason"], warnings) == (word, ())


def test_a_refusal_and_a_pause_and_a_sequence():
    assert answered(reply(Refusal("No.")))[0]["candidates"][0]["finishReason"] == "SAFETY"
    body, warnings = answered(reply(Text("a"), reason="pause", stop_sequence="END", reported_cost=Decimal(1)))
    assert body["candidates"][0]["finishReason"] == "OTHER"
    assert [warning.field for warning in warnings] == ["finish_reason", "stop_sequence", "reported_cost"]


def test_several_candidates():
    other = Alternative(index=1, message=Message.assistant("b", ToolCall("c", "f")), finish_reason="tool_calls")
    body, _ = answered(reply(Text("a"), alternatives=(other,)))
    types.GenerateContentResponse.model_validate(body)
    assert [candidate["index"] for candidate in body["candidates"]] == [0, 1]
    assert body["candidates"][1]["content"]["parts"][1]["thoughtSignature"] == stand_in.SIGNATURE
    assert read_again(reply(Text("a"), alternatives=(other,))).alternatives[0].message.text == "b"


def test_a_blocked_prompt_has_no_candidates():
    blocked = reply(reason="content_filter", extra={"promptFeedback": {"blockReason": "SAFETY"}})
    assert answered(blocked)[0].keys() == {"promptFeedback", "modelVersion", "responseId"}
    assert read_again(blocked).finish_reason == "content_filter"


def test_fields_that_only_this_protocol_knows_have_their_places():
    extra = {
        "safetyRatings": [{"category": "c"}],
        "createTime": "2026-08-19T14:38:24Z",
        "groundingMetadata": {"webSearchQueries": ["q"]},
    }
    cited = Text("a", (Citation("web", url="https://x.test"),))
    body, warnings = answered(reply(cited, extra=extra | {"usageMetadata": 1, "finishReason": 2}))
    assert body["createTime"] == extra["createTime"]
    assert body["candidates"][0]["safetyRatings"] == extra["safetyRatings"]
    assert body["candidates"][0]["groundingMetadata"] == extra["groundingMetadata"]
    assert "usageMetadata" not in body and body["candidates"][0]["finishReason"] == "STOP"
    assert warnings == ()


def test_citations_of_others_become_grounding():
    cited = (
        Citation("web", title="T", url="https://x.test", text_start=3, text_end=5),
        Citation("web", title="T", url="https://x.test"),
        Citation("search_result", cited_text="c", title="D", source="s", text_start=0, text_end=2),
        Citation("url", url="https://y.test", text_start=0, text_end=2),
    )
    body, warnings = answered(reply(Text("é  °C.", cited)))
    types.GenerateContentResponse.model_validate(body)
    candidate = body["candidates"][0]
    assert candidate["groundingMetadata"] == {
        "groundingChunks": [
            {"web": {"uri": "https://x.test", "title": "T"}},
            {"retrievedContext": {"text": "c", "title": "D", "documentName": "s"}},
        ],
        "groundingSupports": [
            {"segment": {"startIndex": 4, "endIndex": 7, "text": "°C"}, "groundingChunkIndices": [0]},
            {"segment": {}, "groundingChunkIndices": [0]},
            {"segment": {"startIndex": 0, "endIndex": 3, "text": "é "}, "groundingChunkIndices": [1]},
        ],
    }
    assert candidate["citationMetadata"] == {"citations": [{"startIndex": 0, "endIndex": 3, "uri": "https://y.test"}]}
    assert warnings == ()
    assert set(read_again(reply(Text("é  °C.", cited))).parts[0].citations) == set(cited)


def test_log_probabilities():
    logprobs = (TokenLogprob("a", -0.5, (97,), (TokenLogprob("a", -0.5), TokenLogprob("b", -1.5))), TokenLogprob("c", -0.1))
    body, _ = answered(reply(Text("ac"), logprobs=logprobs))
    types.GenerateContentResponse.model_validate(body)
    assert body["candidates"][0]["logprobsResult"] == {
        "chosenCandidates": [{"token": "a", "logProbability": -0.5}, {"token": "c", "logProbability": -0.1}],
        "topCandidates": [
            {"candidates": [{"token": "a", "logProbability": -0.5}, {"token": "b", "logProbability": -1.5}]}, {"candidates": []},
        ],
    }  # fmt: skip


@pytest.mark.parametrize(
    "usage,said,told",
    [
        (Usage(10, 5), {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15}, []),
        (Usage(10), {"promptTokenCount": 10, "candidatesTokenCount": 0, "totalTokenCount": 10}, ["usage.output_tokens"]),
        (Usage(1, 2, reasoning_tokens=3), {"promptTokenCount": 1, "candidatesTokenCount": 0, "thoughtsTokenCount": 2, "totalTokenCount": 3},
         ["usage.reasoning_tokens"]),
        (Usage(1, 2, cache_write_tokens=1), {"promptTokenCount": 1, "candidatesTokenCount": 2, "totalTokenCount": 3},
         ["usage.cache_write_tokens"]),
        (Usage(raw={"promptTokenCount": "x", "trafficType": "ON_DEMAND"}), {"promptTokenCount": "x", "trafficType": "ON_DEMAND"}, []),
    ],
)  # fmt: skip
def test_usage(usage, said, told):
    body, warnings = answered(reply(Text("a"), usage=usage))
    assert (body["usageMetadata"], [warning.field for warning in warnings]) == (said, told)


def test_modalities_of_tokens():
    body, _ = answered(reply(Text("a"), usage=Usage(10, 5, input_audio_tokens=3, input_image_tokens=2, output_image_tokens=5)))
    assert body["usageMetadata"]["promptTokensDetails"] == [
        {"modality": "TEXT", "tokenCount": 5}, {"modality": "AUDIO", "tokenCount": 3}, {"modality": "IMAGE", "tokenCount": 2},
    ]  # fmt: skip
    assert body["usageMetadata"]["candidatesTokensDetails"] == [
        {"modality": "TEXT", "tokenCount": 0}, {"modality": "IMAGE", "tokenCount": 5},
    ]  # fmt: skip


def test_lists_and_counts():
    models = (ServedModel("one"), ServedModel("org/two"), ServedModel("models/three"), ServedModel("tunedModels/t"))
    page = json.loads(DIALECT.encode_models(models, served()).body)
    names = [model["name"] for model in page["models"]]
    assert names == ["models/one", "models/org/two", "models/three", "tunedModels/t"]
    assert page["models"][0]["supportedGenerationMethods"] == ["generateContent", "streamGenerateContent", "countTokens"]
    assert DIALECT.decode_models(DIALECT.encode_models(models, served())) == (("one", "org/two", "three", "tunedModels/t"), None)
    assert json.loads(DIALECT.encode_models((), served()).body) == {"models": []}
    assert json.loads(DIALECT.encode_model(models[0], served()).body) == page["models"][0]
    assert json.loads(DIALECT.encode_token_count(5, served()).body) == {"totalTokens": 5}
    assert DIALECT.limit_headers(RateLimits(now=0.0)) == ()
    vertex = Context(target=served().target, model="", version="publishers")
    listed = DIALECT.encode_models(models[:1], vertex)
    assert json.loads(listed.body) == {"publisherModels": [{"name": "publishers/google/models/one"}]}
    assert DIALECT.decode_models(HttpReply(200, body=listed.body)) == (("one",), None)
